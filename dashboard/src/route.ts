// Where the reader is: everything stands behind the # of the address, so that any proxy's prefix will do.
import { Store } from "./service/store";

export interface Route {
  page: string;
  symbol: string | null;
  words: URLSearchParams;
}

function read(): Route {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page = "", symbol] = path.split("/");
  return { page, symbol: symbol ? decode(symbol) : null, words: new URLSearchParams(query) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const route = new Store<Route>(read());
addEventListener("hashchange", () => route.set(read()));

export function toOverview(): string {
  return "#/";
}

export function toMarket(): string {
  return "#/market";
}

export function toOperations(): string {
  return "#/operations";
}

export function toSymbol(symbol: string): string {
  return `#/symbol/${encodeURIComponent(symbol)}`;
}

/** The page of a symbol's strategies; words carry legs and what else was chosen. */
export function toStrategy(symbol: string | null, words?: URLSearchParams): string {
  const query = words?.toString();
  return `#/strategy${symbol ? `/${encodeURIComponent(symbol)}` : ""}${query ? `?${query}` : ""}`;
}

export function go(link: string): void {
  location.hash = link;
}

/** Put words behind the ? of the address, without a step in the history; null takes one away, a list repeats it. */
export function remember(words: Record<string, string | string[] | null>): void {
  const { page, symbol, words: before } = route.value;
  const after = new URLSearchParams(before);
  for (const [name, value] of Object.entries(words)) {
    after.delete(name);
    for (const each of value === null ? [] : [value].flat()) after.append(name, each);
  }
  const query = after.toString();
  const path = symbol ? `${page}/${encodeURIComponent(symbol)}` : page;
  history.replaceState(null, "", `${location.pathname}${location.search}#/${path}${query ? `?${query}` : ""}`);
  route.set({ page, symbol, words: after });
}
