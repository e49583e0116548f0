// The token: comes in the fragment or is typed in, is kept for this browser tab's origin, and leaves the address bar at once.

const KEY = "windlass.token";

/** Moves `#token=…` out of the address bar; a path after it (`#token=…&/jobs`) stays. */
export function takeTokenFromAddress(): void {
  const match = /^#token=([^&]+)(?:&(.*))?$/.exec(location.hash);
  if (!match) return;
  keepToken(decodeURIComponent(match[1]!));
  history.replaceState(null, "", `${location.pathname}${location.search}#${match[2] ?? "/"}`);
}

export function keptToken(): string | null {
  return localStorage.getItem(KEY);
}

export function keepToken(token: string): void {
  localStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  localStorage.removeItem(KEY);
}
