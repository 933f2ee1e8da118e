// The caller's API key and admin token. They stay in this tab and are sent to this service only.
import { Store } from "./store";

export type Kind = "key" | "token";

/** What the page asks the person for: which secret, and whether the one that was sent is wrong. */
export interface Wanted {
  kind: Kind;
  wrong: boolean;
}

export const wanted = new Store<Wanted | null>(null);
/** Rises with each secret that is given, so that what failed without it is asked for again. */
export const given = new Store(0);

const name = (kind: Kind) => `tickgraph.${kind}`;

export function secret(kind: Kind): string | null {
  return sessionStorage.getItem(name(kind));
}

export function keep(kind: Kind, value: string): void {
  sessionStorage.setItem(name(kind), value);
  wanted.set(null);
  given.set(given.value + 1);
}

export function forget(kind: Kind): void {
  sessionStorage.removeItem(name(kind));
}

/** The service refused a request that carried this secret, or none: ask for one. */
export function refused(kind: Kind, sent: string | null): void {
  if (sent !== secret(kind)) return; // another was given meanwhile
  forget(kind);
  if (wanted.value?.kind !== kind || (sent && !wanted.value.wrong)) wanted.set({ kind, wrong: sent !== null });
}

/** What can be sent in a header. */
export function isSendable(value: string): boolean {
  return /^[!-~]([ -~]*[!-~])?$/.test(value);
}
