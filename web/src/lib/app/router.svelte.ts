// Routes live in the fragment, `#/jobs?state=failed`, so the console works under any base path.

export interface Route {
  path: string;
  query: URLSearchParams;
}

function read(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#/, "").split("?", 2);
  return { path: path.startsWith("/") ? path : "/", query: new URLSearchParams(query) };
}

class Router {
  current = $state.raw<Route>(read());

  start(): void {
    this.current = read(); // a token may have left the address since
    addEventListener("hashchange", () => (this.current = read()));
  }

  go(address: string): void {
    location.hash = address;
  }

  /** Changes the query without a step in the history, as filters do while one types. */
  replaceQuery(query: URLSearchParams): void {
    const text = query.toString();
    history.replaceState(null, "", `#${this.current.path}${text && `?${text}`}`);
    this.current = read();
  }
}

export const router = new Router();
