// Candles of the past sessions, and the fan of the sessions ahead.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { dollars, longDay, percent, shortDay } from "../format";
import type { Fan, FanSession, Prices } from "../service/answers";
import { useStore } from "../service/store";
import { colourOf, repaint } from "../theme_switch";

const RANGES = [
  { sessions: 63, text: "3 months" },
  { sessions: 126, text: "6 months" },
  { sessions: 252, text: "1 year" },
  { sessions: 520, text: "2 years" },
];

interface Props {
  prices: Prices;
  fan: Fan;
  at: number;
  choose: (index: number) => void;
}

export function PriceChart({ prices, fan, at, choose }: Props) {
  const [range, setRange] = useState(126);
  const [under, setUnder] = useState<number | null>(null);
  const past = useMemo(() => lastSessions(prices, fan.as_of, range), [prices, fan, range]);
  const length = past.sessions.length;
  const session = fan.path[at];
  return (
    <section class="panel chart-panel" aria-labelledby="prices-title">
      <div class="panel-head">
        <h2 id="prices-title">Prices and the fan ahead</h2>
        <div class="choices" role="group" aria-label="How much of the past is shown">
          {RANGES.map(({ sessions, text }) => (
            <button key={sessions} type="button" aria-pressed={range === sessions} onClick={() => setRange(sessions)}>
              {text}
            </button>
          ))}
        </div>
      </div>
      <p class="reading" aria-live="polite">
        {under === null ? <Ahead fan={fan} session={session} /> : under < length ? <Candle past={past} at={under} /> : <Ahead fan={fan} session={fan.path[under - length]} />}
      </p>
      <Drawing past={past} fan={fan} at={at} choose={choose} setUnder={setUnder} label={described(past, fan, session)} />
      <ul class="key" aria-hidden="true">
        {fan.levels.map((level, index) => (
          <li key={level}>
            <span class={`swatch band-${index}`} />
            {percent(level, 0)} of closes
          </li>
        ))}
        <li>
          <span class="swatch line" />
          Median
        </li>
      </ul>
    </section>
  );
}

function described(past: Past, fan: Fan, session: FanSession): string {
  const [lower, upper] = ends(fan, session, 0.8);
  return (
    `Daily prices from ${shortDay(past.sessions[0])} to ${shortDay(past.sessions.at(-1))}, and the fan of forecasts to ` +
    `${shortDay(fan.path.at(-1)?.expiry)}. On ${shortDay(session.expiry)} the close lies between ${dollars(lower)} and ` +
    `${dollars(upper)} dollars with 80 percent. Arrow keys read single sessions; Enter takes one ahead as the expiry.`
  );
}

function ends(fan: Fan, session: FanSession, level: number): [number, number] {
  const index = fan.levels.indexOf(level);
  return [session.lower[index], session.upper[index]];
}

function Candle({ past, at }: { past: Past; at: number }) {
  const open = past.open[at];
  return (
    <>
      <strong>{longDay(past.sessions[at])}</strong>
      {open !== null && (
        <span>
          open {dollars(open)}, high {dollars(past.high[at])}, low {dollars(past.low[at])}
        </span>
      )}
      <span>close {dollars(past.close[at])}</span>
    </>
  );
}

function Ahead({ fan, session }: { fan: Fan; session: FanSession }) {
  return (
    <>
      <strong>{longDay(session.expiry)}</strong>
      <span>median {dollars(session.median)}</span>
      {fan.levels.slice(1).map((level) => {
        const [lower, upper] = ends(fan, session, level);
        return (
          <span key={level}>
            {percent(level, 0)} {dollars(lower)} – {dollars(upper)}
          </span>
        );
      })}
      <span>expected move ±{dollars(session.expected_move)}</span>
      <span>volatility {percent(session.volatility)}</span>
    </>
  );
}

interface Past {
  sessions: string[];
  open: (number | null)[];
  high: (number | null)[];
  low: (number | null)[];
  close: (number | null)[];
}

function lastSessions(prices: Prices, asOf: string, count: number): Past {
  const end = prices.sessions.filter((day) => day <= asOf).length;
  const start = Math.max(0, end - count);
  const cut = <T,>(values: T[]) => values.slice(start, end);
  return {
    sessions: cut(prices.sessions),
    open: cut(prices.open),
    high: cut(prices.high),
    low: cut(prices.low),
    close: cut(prices.close),
  };
}

interface DrawingProps extends Omit<Props, "prices"> {
  past: Past;
  label: string;
  setUnder: (index: number | null) => void;
}

function Drawing({ past, fan, at, choose, setUnder, label }: DrawingProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const chosen = useRef(at);
  chosen.current = at;
  const painted = useStore(repaint);
  const length = past.sessions.length;

  useEffect(() => {
    const element = holder.current;
    if (!element) return;
    const made = new uPlot(options(past, fan, chosen, element, setUnder), series(past, fan), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize(size(element)));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [past, fan, painted]);

  useEffect(() => plot.current?.redraw(false), [at]);

  const onKeyDown = (event: KeyboardEvent) => {
    const made = plot.current;
    if (!made || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = length + fan.path.length - 1;
    const now = made.cursor.idx ?? length + at;
    const next = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now + 10, PageDown: now - 10, Home: 0, End: last }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      const index = Math.max(0, Math.min(next, last));
      const value = index < length ? past.close[index] : fan.path[index - length].median;
      made.setCursor({ left: made.valToPos(index, "x"), top: made.valToPos(value ?? fan.price, "y") });
    }
    if (event.key === "Enter" && now >= length) {
      event.preventDefault();
      choose(now - length);
    }
    if (event.key === "Escape") made.setCursor({ left: -10, top: -10 });
  };
  const onClick = () => {
    const index = plot.current?.cursor.idx;
    if (index != null && index >= length) choose(index - length);
  };
  return (
    <div
      class="drawing"
      ref={holder}
      tabIndex={0}
      role="application"
      aria-roledescription="chart"
      aria-label={label}
      onKeyDown={onKeyDown}
      onClick={onClick}
      onBlur={() => plot.current?.setCursor({ left: -10, top: -10 })}
    />
  );
}

function size(element: HTMLElement): { width: number; height: number } {
  const width = element.clientWidth;
  return { width, height: Math.round(Math.max(260, Math.min(420, 0.5 * width))) };
}

/** Columns by session: its number, the close, then of each interval the lower and the upper end, then the median. */
function series(past: Past, fan: Fan): uPlot.AlignedData {
  const length = past.sessions.length;
  const all = length + fan.path.length;
  const ahead = (value: (session: FanSession) => number): (number | null)[] => [
    ...Array<null>(Math.max(0, length - 1)).fill(null),
    ...(length ? [fan.price] : []), // the fan opens from the price that the forecast starts from
    ...fan.path.map(value),
  ];
  return [
    Array.from({ length: all }, (_, index) => index),
    [...past.close, ...Array<null>(fan.path.length).fill(null)],
    ...fan.levels.flatMap((_, level) => [ahead((session) => session.lower[level]), ahead((session) => session.upper[level])]),
    ahead((session) => session.median),
  ];
}

function options(
  past: Past,
  fan: Fan,
  chosen: { current: number },
  element: HTMLElement,
  setUnder: (index: number | null) => void,
): uPlot.Options {
  const colours = new Map<string, string>();
  const colour = (name: string) => {
    const known = colours.get(name) ?? colourOf(name, element);
    colours.set(name, known);
    return known;
  };
  const length = past.sessions.length;
  const days = [...past.sessions, ...fan.path.map((session) => session.expiry)];
  const none = { stroke: "transparent", width: 0, points: { show: false } };
  const axis = {
    stroke: colour("muted"),
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { show: false },
    font: `12px ${getComputedStyle(element).fontFamily}`,
  };
  const bands = fan.levels.map((_, level) => ({
    series: [2 * level + 3, 2 * level + 2] as [number, number],
    fill: colour(`band-${level}`),
  }));
  return {
    ...size(element),
    legend: { show: false },
    padding: [8, 8, 0, 0],
    scales: {
      x: { time: false, range: [-0.5, days.length - 0.5] },
      y: { range: () => extent(past, fan) },
    },
    axes: [
      { ...axis, size: 30, space: 76, splits: (made) => monthStarts(days, made.width), values: (_, at) => at.map((index) => month(days[index])) },
      { ...axis, side: 1, size: 62, values: (_, at) => at.map((value) => (value >= 1_000 ? value.toLocaleString("en-US") : String(value))) },
    ],
    series: [
      {},
      none,
      ...fan.levels.flatMap(() => [none, none]),
      { stroke: colour("accent"), width: 1.5, dash: [4, 3], points: { show: false } },
    ],
    bands: bands.reverse(), // the widest first
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    hooks: {
      draw: [
        (made) => drawCandles(made, past, colour),
        (made) => drawExpiry(made, length + chosen.current, colour("text")),
      ],
      setCursor: [(made) => setUnder(made.cursor.idx ?? null)],
    },
  };
}

function extent(past: Past, fan: Fan): [number, number] {
  const values = [...past.low, ...past.high, ...past.close, ...fan.path.flatMap((session) => [session.lower.at(-1), session.upper.at(-1)])];
  const known = values.filter((value): value is number => value != null);
  const low = Math.min(...known);
  const high = Math.max(...known);
  const margin = 0.04 * (high - low || high);
  return [Math.max(0, low - margin), high + margin];
}

/** The first session of each month, or of every other one where there is little room. */
function monthStarts(days: string[], width: number): number[] {
  const starts = days.flatMap((day, index) => (index && day.slice(0, 7) !== days[index - 1].slice(0, 7) ? [index] : []));
  const step = Math.max(1, Math.ceil((starts.length * 76) / Math.max(width, 76)));
  return starts.filter((_, index) => (starts.length - 1 - index) % step === 0);
}

const monthFormat = new Intl.DateTimeFormat("en-GB", { month: "short", year: "2-digit", timeZone: "UTC" });
const month = (day: string | undefined) => (day ? monthFormat.format(new Date(`${day}T00:00:00Z`)) : "");

function drawCandles(made: uPlot, past: Past, colour: (name: string) => string): void {
  const { ctx } = made;
  const step = made.valToPos(1, "x", true) - made.valToPos(0, "x", true);
  const width = Math.max(1, Math.min(0.7 * step, 14 * devicePixelRatio));
  const y = (value: number) => made.valToPos(value, "y", true);
  ctx.save();
  ctx.setLineDash([]);
  past.close.forEach((close, index) => {
    if (close === null) return;
    const open = past.open[index] ?? past.close[index - 1] ?? close;
    const x = made.valToPos(index, "x", true);
    ctx.fillStyle = ctx.strokeStyle = colour(close >= open ? "up" : "down");
    ctx.lineWidth = Math.max(1, devicePixelRatio);
    ctx.beginPath();
    ctx.moveTo(x, y(past.high[index] ?? Math.max(open, close)));
    ctx.lineTo(x, y(past.low[index] ?? Math.min(open, close)));
    ctx.stroke();
    const [top, bottom] = [y(Math.max(open, close)), y(Math.min(open, close))];
    ctx.fillRect(x - width / 2, top, width, Math.max(bottom - top, devicePixelRatio));
  });
  ctx.restore();
}

function drawExpiry(made: uPlot, index: number, colour: string): void {
  const { ctx, bbox } = made;
  const x = Math.round(made.valToPos(index, "x", true));
  ctx.save();
  ctx.setLineDash([]);
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}
