// A price that keys move along a picture, and the round prices along its axis.
import { roundStep, roundTo } from "./symbol/curve";

/** Where a key takes a price: a step, ten steps, or to an end; null for a key that moves nothing. */
export function movedByKey(event: KeyboardEvent, price: number, step: number, [first, last]: readonly [number, number]): number | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const next = {
    ArrowRight: price + step,
    ArrowUp: price + step,
    ArrowLeft: price - step,
    ArrowDown: price - step,
    PageUp: price + 10 * step,
    PageDown: price - 10 * step,
    Home: first,
    End: last,
  }[event.key];
  if (next === undefined) return null;
  event.preventDefault();
  return Math.max(first, Math.min(last, roundTo(next, step)));
}

/** Round prices along an axis so wide, about so far apart, none nearer than `edge` to its ends. */
export function roundTicks(first: number, last: number, width: number, apart: number, edge: number): number[] {
  const step = roundStep((last - first) / Math.max(2, width / apart));
  const found = [];
  for (let tick = Math.ceil(first / step) * step; tick <= last; tick += step) {
    const rounded = roundTo(tick, step) || 0; // no minus in front of zero
    const place = ((rounded - first) / (last - first)) * width;
    if (place >= edge && place <= width - edge) found.push(rounded);
  }
  return found;
}
