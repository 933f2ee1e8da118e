// Legs of a strategy as the address carries them, which is how `tickgraph strategy --leg` reads them.
import { dollars, shortDay } from "../format";
import type { Leg } from "../service/answers";

export const MOST_LEGS = 20;
export const CONTRACT = 100;

const NUMBER = "(-?[0-9]+(?:\\.[0-9]+)?)";
const LEG = new RegExp(
  `^(buy|sell) +(?:(stock)|(call|put) +${NUMBER} +([0-9-]+))(?: +at +${NUMBER})?(?: +x *${NUMBER})?$`,
);

/** A leg as a person writes it: `sell put 120 2023-01-20 at 1.25 x 200`; null for a text that is none. */
export function readLeg(text: string): Leg | null {
  const found = LEG.exec(text.trim());
  if (!found) return null;
  const [, side, stock, kind, strike, expiry, premium, quantity] = found;
  return {
    side: side as Leg["side"],
    kind: (stock ?? kind) as Leg["kind"],
    strike: strike === undefined ? null : Number(strike),
    expiry: expiry ?? null,
    premium: premium === undefined ? null : Number(premium),
    quantity: quantity === undefined ? CONTRACT : Number(quantity),
  };
}

export function writeLeg({ side, kind, strike, expiry, premium, quantity }: Leg): string {
  const what = kind === "stock" ? "stock" : `${kind} ${plain(strike ?? 0)} ${expiry}`;
  return `${side} ${what}${premium === null ? "" : ` at ${plain(premium)}`}${quantity === CONTRACT ? "" : ` x ${plain(quantity)}`}`;
}

/** Without an exponent, as a leg's number is read. */
function plain(value: number): string {
  return String(value).includes("e") ? value.toFixed(6) : String(value);
}

/** The legs of an address, and how many of its words are none. */
export function readLegs(words: URLSearchParams): { legs: Leg[]; unreadable: number } {
  const found = words.getAll("leg").map(readLeg);
  const legs = found.filter((leg): leg is Leg => leg !== null);
  return { legs, unreadable: found.length - legs.length };
}

/** The session on which the first option expires; null where there is none. */
export function firstExpiry(legs: readonly { expiry: string | null }[]): string | null {
  return legs.reduce<string | null>((first, { expiry }) => (expiry && (!first || expiry < first) ? expiry : first), null);
}

/** Such as: buy call 130.00, 20 Jan 2023. */
export function described({ side, kind, strike, expiry }: Leg): string {
  return kind === "stock" ? `${side} stock` : `${side} ${kind} ${dollars(strike)}, ${shortDay(expiry)}`;
}
