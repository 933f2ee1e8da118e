// In which order symbols are listed.
import type { Entry } from "../service/answers";

export type Column = "symbol" | "close" | "week" | "month" | "status";

export interface Order {
  column: Column;
  descending: boolean;
}

/** What a row is put in order by. */
const KEYS: Record<Column, (entry: Entry) => number | string | null> = {
  symbol: (entry) => entry.symbol,
  close: (entry) => entry.change,
  week: (entry) => entry.week && entry.week.expected_move / entry.last_close,
  month: (entry) => entry.month && entry.month.expected_move / entry.last_close,
  status: (entry) => (entry.status === "momentum" ? 0 : 1) + 2 * entry.sessions_behind + (entry.model_stale ? 0.5 : 0),
};

/** Read an order as an address has it, such as `-week`. */
export function readOrder(text: string | null): Order {
  const column = text?.replace(/^-/, "") as Column;
  return column in KEYS ? { column, descending: text?.startsWith("-") ?? false } : { column: "symbol", descending: false };
}

/** The entries in order; those without a value come last either way. */
export function byColumn(entries: Entry[], { column, descending }: Order): Entry[] {
  const key = KEYS[column];
  const sign = descending ? -1 : 1;
  return [...entries].sort((first, second) => {
    const [one, other] = [key(first), key(second)];
    if (one === null || other === null) return Number(one === null) - Number(other === null);
    if (one === other) return first.symbol < second.symbol ? -1 : 1;
    return one < other ? -sign : sign;
  });
}
