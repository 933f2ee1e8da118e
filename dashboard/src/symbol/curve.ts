// What a cumulative distribution says of a strike.
import type { Curve } from "../service/answers";

/** Probability that the close lies at or below a strike. */
export function below(curve: Curve, strike: number): number {
  return between(curve.closes, curve.below, strike);
}

/** Probability that the price gets to a strike by the expiry. */
export function touched(curve: Curve, strike: number): number {
  return strike === curve.price ? 1 : between(curve.closes, curve.touched, strike);
}

/** Linear between the points of a curve, and at its ends beyond them. */
function between(closes: number[], shares: number[], strike: number): number {
  const last = closes.length - 1;
  if (strike <= closes[0]) return shares[0];
  if (strike >= closes[last]) return shares[last];
  const step = (closes[last] - closes[0]) / last;
  const at = Math.min(last - 1, Math.floor((strike - closes[0]) / step));
  const part = (strike - closes[at]) / (closes[at + 1] - closes[at]);
  return shares[at] + part * (shares[at + 1] - shares[at]);
}

/** Whether a strike lies outside the curve, so that its probability is only known to be small. */
export function isOutside({ closes }: Curve, strike: number): boolean {
  return strike < closes[0] || strike > closes[closes.length - 1];
}

export interface Bin {
  from: number;
  to: number;
  share: number;
}

/** Probability that the close falls into each of so many intervals of equal width. */
export function bins(curve: Curve, count: number): Bin[] {
  const [first, last] = [curve.closes[0], curve.closes[curve.closes.length - 1]];
  const edges = Array.from({ length: count + 1 }, (_, index) => first + ((last - first) * index) / count);
  return edges.slice(1).map((to, index) => ({
    from: edges[index],
    to,
    share: below(curve, to) - below(curve, edges[index]),
  }));
}

/** A round step in dollars: about a two-hundredth of the range. */
export function stepOf({ closes }: Curve): number {
  return roundStep((closes[closes.length - 1] - closes[0]) / 200);
}

/** The next larger of 0.01, 0.02, 0.05, 0.1 and so on. */
export function roundStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  return Math.max(0.01, power * ([1, 2, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9)) ?? 10));
}

export function roundTo(value: number, step: number): number {
  return Number((Math.round(value / step) * step).toFixed(6));
}
