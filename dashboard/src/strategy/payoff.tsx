// Profit over the close and how likely each close is, in one picture, with a close to read off.
import { useMemo, useRef, useState } from "preact/hooks";
import { dollars, money, percent, signedMoney, signedPercent } from "../format";
import type { Curve, Distribution, Probability, Strategy } from "../service/answers";
import { useResource } from "../service/resource";
import { useSettled } from "../settled";
import { movedByKey, roundTicks } from "../slide";
import { below, roundStep, roundTo } from "../symbol/curve";
import { useWidth } from "../width";

const HEIGHT = 380;
const TOP = 44;
const FOOT = 46;
const LEFT = 64;
const RIGHT = 14;
const MARKED = [0.05, 0.25, 0.5, 0.75, 0.95];
const DENSITY = 0.5; // of the height, at its peak

interface Props {
  answer: Strategy;
  /** The same legs at their first expiry, where the profit is of an earlier day. */
  settled: Strategy | null;
  /** Of the close on that day. */
  curve: Curve | null;
  distribution: Distribution | null;
}

export function Payoff({ answer, settled, curve, distribution }: Props) {
  const box = useRef<SVGSVGElement>(null);
  const width = Math.max(280, useWidth(box, 900));
  const [chosen, setChosen] = useState<number | null>(null);
  const dragging = useRef(false);

  const { prices, densities } = answer.curve;
  const [first, last] = useMemo(() => reach(answer, curve), [answer, curve]);
  const line = useMemo(() => within(corners(answer), first, last), [answer, first, last]);
  const later = useMemo(() => (settled ? within(corners(settled), first, last) : null), [settled, first, last]);
  const likely = within(prices.map((price, index): Point => [price, densities[index]]), first, last);
  const step = roundStep((last - first) / 200);
  const close = Math.max(first, Math.min(last, chosen ?? answer.price));
  const profits = [...line, ...(later ?? [])].map(([, profit]) => profit);
  const [least, most] = padded(Math.min(0, ...profits), Math.max(0, ...profits));
  const x = (price: number) => LEFT + ((price - first) / (last - first)) * (width - LEFT - RIGHT);
  const y = (profit: number) => TOP + ((most - profit) / (most - least)) * (HEIGHT - TOP - FOOT);
  const zero = y(0);
  const ground = HEIGHT - FOOT;
  const peak = Math.max(...densities);
  const high = (density: number) => ground - (density / peak) * DENSITY * (ground - TOP);
  const drawn = (points: Point[]) => points.map(([price, profit]) => `${round(x(price))} ${round(y(profit))}`).join("L");
  const profit = read(line, close);
  const share = useShareBelow(answer, curve, close);
  const marks = distribution?.quantiles.filter(({ probability, close: at }) => MARKED.includes(probability) && at > first && at < last) ?? [];

  const at = (event: PointerEvent): number => {
    const bounds = box.current?.getBoundingClientRect();
    if (!bounds) return close;
    const place = ((event.clientX - bounds.left) / bounds.width) * width;
    const price = first + ((place - LEFT) / (width - LEFT - RIGHT)) * (last - first);
    return Math.max(first, Math.min(last, roundTo(price, step)));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") setChosen(null);
    const next = movedByKey(event, close, step, [first, last]);
    if (next !== null) setChosen(next);
  };
  const grip = Math.max(LEFT + 35, Math.min(width - RIGHT - 35, x(close)));
  return (
    <>
      <p class="reading" aria-live="polite">
        <strong>At {dollars(close)}</strong>
        <span>{signedPercent(close / answer.price - 1)} from the price</span>
        <span>
          profit <b class={profit > 0 ? "up" : profit < 0 ? "down" : ""}>{signedMoney(profit)}</b>
        </span>
        {share !== null && <span>a lower close: {percent(share)}</span>}
      </p>
      <svg
        ref={box}
        class="payoff"
        viewBox={`0 0 ${width} ${HEIGHT}`}
        role="group"
        aria-label="Profit and probability of each close"
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          box.current?.setPointerCapture(event.pointerId);
          dragging.current = true;
          setChosen(at(event));
        }}
        onPointerMove={(event) => dragging.current && setChosen(at(event))}
        onPointerUp={() => (dragging.current = false)}
        onPointerCancel={() => (dragging.current = false)}
      >
        <g aria-hidden="true">
          <clipPath id="payoff-gain">
            <rect x={LEFT} y={TOP} width={width - LEFT - RIGHT} height={Math.max(0, zero - TOP)} />
          </clipPath>
          <clipPath id="payoff-loss">
            <rect x={LEFT} y={zero} width={width - LEFT - RIGHT} height={Math.max(0, ground - zero)} />
          </clipPath>
          {roundTicks(least, most, HEIGHT - TOP - FOOT, 58, 0).map((tick) => (
            <g key={tick}>
              <line class="grid" x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} />
              <text x={LEFT - 8} y={y(tick) + 4} text-anchor="end">
                {money(tick)}
              </text>
            </g>
          ))}
          <path class="density" d={`M${x(first)} ${ground}L${likely.map(([price, density]) => `${round(x(price))} ${round(high(density))}`).join("L")}L${x(last)} ${ground}Z`} />
          <path class="gain" clip-path="url(#payoff-gain)" d={`M${x(first)} ${zero}L${drawn(line)}L${x(last)} ${zero}Z`} />
          <path class="loss" clip-path="url(#payoff-loss)" d={`M${x(first)} ${zero}L${drawn(line)}L${x(last)} ${zero}Z`} />
          <line class="zero" x1={LEFT} x2={width - RIGHT} y1={zero} y2={zero} />
          {later && <path class="later" d={`M${drawn(later)}`} />}
          <path class="line gain" clip-path="url(#payoff-gain)" d={`M${drawn(line)}`} />
          <path class="line loss" clip-path="url(#payoff-loss)" d={`M${drawn(line)}`} />
          {apart(marks, ({ close: mark }) => x(mark), 34).map(({ one: { probability, close: mark }, labelled }) => (
            <g key={probability} class="quantile">
              <line x1={x(mark)} x2={x(mark)} y1={high(read(likely, mark))} y2={ground} />
              {labelled && (
                <text x={x(mark)} y={ground + 15} text-anchor="middle">
                  {percent(probability, 0)}
                </text>
              )}
            </g>
          ))}
          <line class="axis" x1={LEFT} x2={width - RIGHT} y1={ground} y2={ground} />
          {roundTicks(first, last, width - LEFT - RIGHT, 56, 10).map((tick) => (
            <text key={tick} class="tick" x={x(tick)} y={HEIGHT - 8} text-anchor="middle">
              {tick.toLocaleString("en-US")}
            </text>
          ))}
          {answer.price > first && answer.price < last && <line class="now" x1={x(answer.price)} x2={x(answer.price)} y1={TOP - 6} y2={ground} />}
          {apart(answer.break_evens.filter((price) => price > first && price < last), x, 58).map(({ one: price, labelled }) => (
            <g key={price} class="even">
              <circle cx={x(price)} cy={zero} r="5" />
              {labelled && <EvenLabel price={price} at={x(price)} y={zero - 11} handle={x(close)} width={width} />}
            </g>
          ))}
        </g>
        <g
          class="handle"
          role="slider"
          tabindex={0} // in lower case: SVG knows no other
          aria-label="Close to read off"
          aria-valuemin={roundTo(first, 0.01)}
          aria-valuemax={roundTo(last, 0.01)}
          aria-valuenow={roundTo(close, 0.01)}
          aria-valuetext={`${dollars(close)} dollars, profit ${signedMoney(profit)}${share === null ? "" : `, ${percent(share)} below`}`}
          onKeyDown={onKeyDown}
        >
          <line x1={x(close)} x2={x(close)} y1={24} y2={ground} />
          <circle cx={x(close)} cy={y(profit)} r="4.5" />
          <rect class="target" x={x(close) - 22} y={0} width="44" height={ground} />
          <rect class="grip" x={grip - 35} y="1" width="70" height="22" rx="11" />
          <text x={grip} y="16" text-anchor="middle">
            {dollars(close)}
          </text>
        </g>
      </svg>
      <ul class="key" aria-hidden="true">
        <li>
          <span class="swatch gain" />
          Profit
        </li>
        <li>
          <span class="swatch loss" />
          Loss
        </li>
        {later && (
          <li>
            <span class="swatch later" />
            At the first expiry
          </li>
        )}
        <li>
          <span class="swatch density" />
          How likely each close is; marks say how many closes lie below
        </li>
        <li>
          <span class="swatch dot" />
          Break-even
        </li>
        <li>
          <span class="swatch now" />
          Price now
        </li>
      </ul>
    </>
  );
}

/** Probability of a lower close: while the close moves, read off the curve; once it rests, the service's own. */
function useShareBelow(answer: Strategy, curve: Curve | null, close: number): number | null {
  const rests = useSettled(close);
  const price = answer.price_source === "request" ? `&price=${answer.price}` : "";
  const path = `forecast/${encodeURIComponent(answer.symbol)}/probability?strike=${rests}&expiry=${answer.on}${price}`;
  const { data } = useResource<Probability>(path, `${path} ${answer.as_of} ${answer.trained_at}`, () => false);
  if (data && rests === close) return data.probability_below;
  return curve && below(curve, close);
}

/** Above its mark, or beside the line of the close that is read off, where that is near. */
function EvenLabel({ price, at, y, handle, width }: { price: number; at: number; y: number; handle: number; width: number }) {
  const near = Math.abs(at - handle) < 34;
  const place = near ? handle + (at < handle ? -7 : 7) : Math.max(LEFT + 22, Math.min(width - RIGHT - 22, at));
  return (
    <text x={place} y={y} text-anchor={!near ? "middle" : at < handle ? "end" : "start"}>
      {dollars(price)}
    </text>
  );
}

/** Closes that are worth a place: nearly all of them, today's price, the strikes and the break-evens, with some room. */
function reach({ curve: { prices }, price, legs, break_evens }: Strategy, curve: Curve | null): [number, number] {
  const [first, last] = [prices[0], prices[prices.length - 1]];
  if (!curve) return [first, last];
  const at = (share: number) => curve.closes[curve.below.findIndex((each) => each >= share)] ?? curve.closes[curve.closes.length - 1];
  const near = [...legs.flatMap((leg) => leg.strike ?? []), ...break_evens].filter((each) => each >= first && each <= last);
  const wanted = [Math.max(first, at(0.003)), Math.min(last, at(0.997)), price, ...near];
  const room = 0.04 * (Math.max(...wanted) - Math.min(...wanted));
  return [Math.max(first, Math.min(...wanted) - room), Math.min(last, Math.max(...wanted) + room)];
}

type Point = [price: number, profit: number];

/** The points of the curve, and those between them that are known exactly: break-evens, and corners at the strikes. */
function corners(answer: Strategy): Point[] {
  const { prices, profits } = answer.curve;
  const points: Point[] = prices.map((price, index) => [price, profits[index]]);
  const [first, last] = [prices[0], prices[prices.length - 1]];
  const step = prices[1] - prices[0];
  if (answer.legs.every((leg) => leg.volatility === null)) {
    const strikes = [...new Set(answer.legs.flatMap((leg) => leg.strike ?? []))].filter((strike) => strike > first && strike < last);
    for (const strike of strikes) {
      const at = Math.min(prices.length - 2, Math.floor((strike - first) / step));
      // The profit is straight up to a strike, so its corner lies on the line of the two points before it.
      if (at < 1 || strikes.some((other) => other !== strike && other > prices[at - 1] && other < prices[at + 1])) continue;
      const slope = (profits[at] - profits[at - 1]) / step;
      points.push([strike, profits[at] + slope * (strike - prices[at])]);
    }
  }
  for (const price of answer.break_evens) if (price > first && price < last) points.push([price, 0]);
  return points.sort(([one], [other]) => one - other);
}

/** Linear between two points of a curve. */
function read(points: Point[], price: number): number {
  const next = points.findIndex(([at]) => at >= price);
  if (next <= 0) return points[next < 0 ? points.length - 1 : 0][1];
  const [[before, low], [after, high]] = [points[next - 1], points[next]];
  return low + ((high - low) * (price - before)) / (after - before || 1);
}

/** The part of a curve between two prices, with both ends on it. */
function within(points: Point[], first: number, last: number): Point[] {
  return [[first, read(points, first)], ...points.filter(([price]) => price > first && price < last), [last, read(points, last)]];
}

function padded(least: number, most: number): [number, number] {
  const room = 0.08 * (most - least) || 1;
  return [least - room, most + room];
}

/** Of marks that lie near to each other the first one is labelled. */
function apart<T>(marks: T[], x: (mark: T) => number, room: number): { one: T; labelled: boolean }[] {
  let before = Number.NEGATIVE_INFINITY;
  return marks.map((one) => {
    const labelled = x(one) - before > room;
    if (labelled) before = x(one);
    return { one, labelled };
  });
}

const round = (value: number) => Math.round(10 * value) / 10;
