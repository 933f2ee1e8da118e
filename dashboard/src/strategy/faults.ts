// Which field of a strategy the service's problem is about.
import type { Problem } from "../service/answers";

const FIELD = /legs\.\d+\.(?:kind|side|quantity|strike|expiry|premium)|\b(?:on|volatility|rate|dividend_yield|price)\b/;
const LEADING = new RegExp(`^(?:body\\.)?(${FIELD.source})`);

/** What is wrong, by field such as `legs.0.strike`; what names no field stands under "". */
export function faultsOf(problem: Problem | null): Map<string, string> {
  const found = new Map<string, string>();
  if (!problem || problem.status !== 422) return found;
  const said = problem.errors?.map(({ where, problem: text }) => ({ where, text })) ?? [{ where: "", text: problem.detail }];
  for (const { where, text } of said) {
    const field = LEADING.exec(where)?.[1] ?? LEADING.exec(text)?.[1] ?? /legs\.\d+\.\w+/.exec(text)?.[0] ?? "";
    if (!found.has(field)) found.set(field, readable(text, field));
  }
  return found;
}

/** Beside the field its name need not be said as the service spells it. */
function readable(text: string, field: string): string {
  const name = field.split(".").pop() ?? "";
  const plain = field ? text.replaceAll(field, name.replace("_", " ")) : text;
  return `${plain.charAt(0).toUpperCase()}${plain.slice(1)}`;
}
