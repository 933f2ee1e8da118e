// The distribution as a histogram, with a strike to drag.
import { useMemo, useRef } from "preact/hooks";
import { dollars, percent } from "../format";
import type { Curve } from "../service/answers";
import { movedByKey, roundTicks } from "../slide";
import { useWidth } from "../width";
import { below, bins, roundTo, stepOf } from "./curve";

const BINS = 48;
const HEIGHT = 240;
const FOOT = 26;
const TOP = 28;

interface Props {
  curve: Curve;
  strike: number;
  /** While it is dragged. */
  move: (strike: number) => void;
  /** When it is let go. */
  settle: (strike: number) => void;
}

export function Histogram({ curve, strike, move, settle }: Props) {
  const box = useRef<SVGSVGElement>(null);
  const width = Math.max(200, useWidth(box, 600));
  const dragged = useRef<number | null>(null);
  const bars = useMemo(() => bins(curve, BINS), [curve]);
  const step = stepOf(curve);
  const [first, last] = [curve.closes[0], curve.closes[curve.closes.length - 1]];
  const scale = (close: number) => ((close - first) / (last - first)) * width;
  const highest = Math.max(...bars.map((bar) => bar.share));
  const top = (share: number) => HEIGHT - FOOT - (share / highest) * (HEIGHT - FOOT - TOP);
  const shown = Math.max(first, Math.min(last, strike));
  const x = scale(shown);

  const at = (event: PointerEvent): number => {
    const bounds = box.current?.getBoundingClientRect();
    if (!bounds) return strike;
    const close = first + ((event.clientX - bounds.left) / bounds.width) * (last - first);
    return Math.max(first, Math.min(last, roundTo(close, step)));
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    box.current?.setPointerCapture(event.pointerId);
    dragged.current = at(event);
    move(dragged.current);
  };
  const drag = (event: PointerEvent) => {
    if (dragged.current === null) return;
    dragged.current = at(event);
    move(dragged.current);
  };
  const up = () => {
    if (dragged.current !== null) settle(dragged.current);
    dragged.current = null;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const value = movedByKey(event, strike, step, [first, last]);
    if (value === null) return;
    move(value);
    settle(value);
  };
  const share = below(curve, strike);
  return (
    <svg
      ref={box}
      class="histogram"
      viewBox={`0 0 ${width} ${HEIGHT}`}
      onPointerDown={down}
      onPointerMove={drag}
      onPointerUp={up}
      onPointerCancel={up}
      role="group"
      aria-label="Probability of each close, and the strike"
    >
      <g aria-hidden="true">
        {bars.map((bar) => {
          const [left, right] = [scale(bar.from), scale(bar.to)];
          const cut = Math.max(left, Math.min(right, x));
          const y = top(bar.share);
          return (
            <g key={bar.from}>
              {cut > left && <rect class="below" x={left} y={y} width={Math.max(0, cut - left - 0.5)} height={HEIGHT - FOOT - y} />}
              {cut < right && <rect class="above" x={cut} y={y} width={Math.max(0, right - cut - 0.5)} height={HEIGHT - FOOT - y} />}
            </g>
          );
        })}
        <line class="axis" x1="0" x2={width} y1={HEIGHT - FOOT} y2={HEIGHT - FOOT} />
        {roundTicks(first, last, width, 90, 22).map((tick) => (
          <text key={tick} x={scale(tick)} y={HEIGHT - 8} text-anchor="middle">
            {tick.toLocaleString("en-US")}
          </text>
        ))}
        <line class="price" x1={scale(curve.price)} x2={scale(curve.price)} y1={TOP} y2={HEIGHT - FOOT} />
      </g>
      <g
        class="handle"
        role="slider"
        tabindex={0} // in lower case: SVG knows no other
        aria-label="Strike"
        aria-valuemin={roundTo(first, 0.01)}
        aria-valuemax={roundTo(last, 0.01)}
        aria-valuenow={roundTo(shown, 0.01)}
        aria-valuetext={`${dollars(strike)} dollars, ${percent(share)} below, ${percent(1 - share)} above`}
        onKeyDown={onKeyDown}
      >
        <line x1={x} x2={x} y1={TOP - 6} y2={HEIGHT - FOOT} />
        <rect class="target" x={x - 22} y={0} width="44" height={HEIGHT - FOOT} />
        <rect class="grip" x={Math.max(1, Math.min(width - 71, x - 35))} y="1" width="70" height="22" rx="11" />
        <text x={Math.max(36, Math.min(width - 36, x))} y="16" text-anchor="middle">
          {dollars(strike)}
        </text>
      </g>
    </svg>
  );
}
