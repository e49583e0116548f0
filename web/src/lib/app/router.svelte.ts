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
  /** Names the step of the browser's history that is shown; going back comes to the same one again. */
  step = 0;
  /** Told before another step is shown. */
  leaving: () => void = () => {};

  start(): void {
    this.#arrive(); // a token may have left the address since
    addEventListener("hashchange", () => this.#arrive());
  }

  go(address: string): void {
    location.hash = address;
  }

  /** Changes the query without a step in the history, as filters do while one types. */
  replaceQuery(query: URLSearchParams): void {
    const text = query.toString();
    history.replaceState(history.state, "", `#${this.current.path}${text && `?${text}`}`);
    this.current = read();
  }

  #arrive(): void {
    this.leaving();
    const known = (history.state as { step?: number } | null)?.step;
    // Steps outlive the page, so their names must not come again after it is loaded anew.
    this.step = known ?? Math.max(this.step + 1, Date.now());
    if (known === undefined) history.replaceState({ step: this.step }, "");
    this.current = read();
  }
}

export const router = new Router();
