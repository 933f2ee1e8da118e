// The chain that a page shows: of a file's quotes, or of round strikes on the Fridays ahead.
import { useEffect, useState } from "preact/hooks";
import { weekday } from "../format";
import type { Chain, Fan, Problem } from "../service/answers";
import { ServiceError, give } from "../service/ask";
import { unforeseen } from "../service/resource";
import { roundStep, roundTo } from "./curve";

const STRIKES = 20;
const EXPIRIES = 10;

/** The chain of a file's quotes, or that of round strikes on the Fridays ahead. */
export function useChain(fan: Fan, file: string | null, rate: number): { chain: Chain | null; problem: Problem | null; retry: () => void } {
  const [chain, setChain] = useState<Chain | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    const path = `forecast/${encodeURIComponent(fan.symbol)}/chain`;
    const price = fan.price_source === "request" ? fan.price : null;
    const answer =
      file === null
        ? give<Chain>(path, JSON.stringify({ expiries: expiriesOf(fan), strikes: strikesOf(fan), price, rate, values: true }), "application/json", control.signal)
        : give<Chain>(`${path}/file?rate=${rate}${price === null ? "" : `&price=${price}`}`, file, "text/csv", control.signal);
    setProblem(null);
    answer.then(setChain, (error: unknown) => {
      if (control.signal.aborted) return;
      setProblem(error instanceof ServiceError ? error.problem : unforeseen(error));
    });
    return () => control.abort();
  }, [fan, file, rate, turn]);
  return { chain, problem, retry: () => setTurn((before) => before + 1) };
}

/** The Fridays ahead, or the sessions where there are few; thinned to what fits. */
function expiriesOf({ path }: Fan): string[] {
  const days = path.map((session) => session.expiry);
  const weekly = days.filter((day, index) => weekday(day) === 5 || (weekday(day) === 4 && days[index + 1] && weekday(days[index + 1]) < 4));
  const shown = weekly.length > 1 ? weekly : days;
  return shown.filter((_, index) => index < 6 || (shown.length - 1 - index) % Math.ceil((shown.length - 6) / (EXPIRIES - 6)) === 0);
}

/** Round strikes over the 95 % interval of the last expiry. */
function strikesOf({ path }: Fan): number[] {
  const last = path[path.length - 1];
  const [lower, upper] = [last.lower[last.lower.length - 1], last.upper[last.upper.length - 1]];
  const step = roundStep((upper - lower) / (STRIKES - 1));
  const first = Math.max(step, Math.ceil(lower / step) * step);
  const strikes = [];
  for (let strike = first; strike <= upper; strike += step) strikes.push(roundTo(strike, step));
  return strikes.length ? strikes : [roundTo(last.median, 0.01)];
}
