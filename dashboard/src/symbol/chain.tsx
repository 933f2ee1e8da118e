// The chain of options as a heat map over strikes and expiries, with the market's quotes beside the forecast.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { counted, dollars, percent, shortDay, signedPercent, weekday } from "../format";
import { remember } from "../route";
import type { Chain, ChainExpiry, Fan, FanSession, Problem } from "../service/answers";
import { ServiceError, give } from "../service/ask";
import { Failed, Loading, NotRenewed } from "../states";
import { roundStep, roundTo } from "./curve";
import { QuotesForm } from "./quotes_form";

interface Measure {
  name: string;
  title: string;
  values: (expiry: ChainExpiry) => (number | null)[] | null;
  /** From which value to which the colours go. */
  span: [number, number];
  show: (value: number) => string;
}

const MEASURES: Measure[] = [
  { name: "above", title: "Above", values: (expiry) => expiry.probability_above, span: [0, 1], show: percent },
  { name: "touch", title: "Touched", values: (expiry) => expiry.probability_touched, span: [0, 1], show: percent },
  { name: "market", title: "Market: above", values: (expiry) => expiry.risk_neutral_above, span: [0, 1], show: percent },
  { name: "difference", title: "Difference", values: (expiry) => expiry.difference, span: [0, 0.2], show: (value) => signedPercent(value, 1) },
  { name: "implied", title: "Implied volatility", values: (expiry) => expiry.implied_volatilities, span: [0, 1], show: percent },
  { name: "call", title: "Call value", values: (expiry) => expiry.call_values, span: [0, 0], show: dollars },
  { name: "put", title: "Put value", values: (expiry) => expiry.put_values, span: [0, 0], show: dollars },
];

const STRIKES = 20;
const EXPIRIES = 10;

interface Props {
  fan: Fan;
  session: FanSession;
  strike: number;
}

export function ChainPanel({ fan, session, strike }: Props) {
  const [file, setFile] = useState<string | null>(null);
  const [rate, setRate] = useState("0");
  const { chain, problem, retry } = useChain(fan, file, Number(rate) || 0);
  const [wanted, setWanted] = useState("above");
  const there = useMemo(() => MEASURES.filter((measure) => chain?.expiries.some((expiry) => measure.values(expiry))), [chain]);
  const measure = there.find((each) => each.name === wanted) ?? there[0];
  useEffect(() => setWanted(file === null ? "above" : "difference"), [file]);
  return (
    <section class="panel" aria-labelledby="chain-title">
      <div class="panel-head">
        <h2 id="chain-title">Options: every strike and expiry</h2>
        <div class="choices" role="group" aria-label="What the chain shows">
          {there.map(({ name, title }) => (
            <button key={name} type="button" aria-pressed={measure?.name === name} onClick={() => setWanted(name)}>
              {title}
            </button>
          ))}
        </div>
      </div>
      {problem && (!chain || file !== null) ? (
        <Failed problem={problem} retry={retry}>
          {file !== null && (
            <p>
              <button type="button" onClick={() => setFile(null)}>
                Back to the forecast alone
              </button>
            </p>
          )}
        </Failed>
      ) : chain && measure ? (
        <>
          {problem && <NotRenewed problem={problem} retry={retry} />}
          <p class="muted">{explained(measure.name)}</p>
          <HeatMap chain={chain} measure={measure} session={session} strike={strike} />
          <ChainNotes chain={chain} quoted={file !== null} />
        </>
      ) : (
        <Loading what="the chain" tall />
      )}
      <QuotesForm symbol={fan.symbol} path={fan.path} quoted={file !== null} rate={rate} setRate={setRate} use={setFile} />
    </section>
  );
}

function explained(name: string): string {
  return {
    above: "Probability by the forecast that the close of the expiry is above the strike. A cell takes its strike and expiry up above.",
    touch: "Probability by the forecast that a day's high, or low, gets to the strike by the expiry.",
    market: "Risk-neutral probability of a close above the strike, from the implied volatility: N(d₂).",
    difference: "The forecast's probability of a close above the strike, less the market's. Blue: the forecast thinks it likelier.",
    implied: "Annualised; that of your quotes, or of their mid prices.",
    call: "Dollars; fair value of a call under the forecast's distribution, centred on the forward.",
    put: "Dollars; fair value of a put under the forecast's distribution, centred on the forward.",
  }[name] as string;
}

function ChainNotes({ chain, quoted }: { chain: Chain; quoted: boolean }) {
  const notes = quoted ? chain.notes.filter((note) => /left out|usable|no volatility|mid price/.test(note)) : [];
  if (!notes.length) return null;
  return (
    <ul class="muted chain-notes">
      {notes.map((note) => (
        <li key={note}>{note.charAt(0).toUpperCase() + note.slice(1)}.</li>
      ))}
    </ul>
  );
}

/** The chain of a file's quotes, or that of round strikes on the Fridays ahead. */
function useChain(fan: Fan, file: string | null, rate: number): { chain: Chain | null; problem: Problem | null; retry: () => void } {
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
      setProblem(error instanceof ServiceError ? error.problem : { type: "", title: "The answer cannot be read", status: 0, detail: String(error) });
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

interface HeatMapProps {
  chain: Chain;
  measure: Measure;
  session: FanSession;
  strike: number;
}

function HeatMap({ chain, measure, session, strike }: HeatMapProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const strikes = useMemo(() => [...new Set(chain.expiries.flatMap((expiry) => expiry.strikes))].sort((one, other) => other - one), [chain]);
  const columns = chain.expiries.map((expiry) => {
    const values = measure.values(expiry);
    return { expiry, at: new Map(expiry.strikes.map((level, index) => [level, values?.[index] ?? null])) };
  });
  const largest = Math.max(...columns.flatMap(({ at }) => [...at.values()].map((value) => Math.abs(value ?? 0))), 1e-9);
  const span = measure.span[1] || largest;
  const nearest = strikes.reduce((best, level) => (Math.abs(level - chain.price) < Math.abs(best - chain.price) ? level : best), strikes[0]);
  const chosenColumn = columns.findIndex(({ expiry }) => expiry.expiry === session.expiry);
  const [focus, setFocus] = useState<[number, number]>([strikes.indexOf(nearest), 0]);
  const row = Math.min(focus[0], strikes.length - 1);
  const column = Math.min(focus[1], columns.length - 1);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      PageUp: [-10, 0],
      PageDown: [10, 0],
      Home: [0, -columns.length],
      End: [0, columns.length],
    }[event.key];
    if (!step) return;
    event.preventDefault();
    const next: [number, number] = [
      Math.max(0, Math.min(strikes.length - 1, row + step[0])),
      Math.max(0, Math.min(columns.length - 1, column + step[1])),
    ];
    setFocus(next);
    body.current?.querySelectorAll("tr")[next[0]]?.querySelectorAll("button")[next[1]]?.focus();
  };
  return (
    <div class="chain-box">
      <table class="chain">
        <caption class="visually-hidden">
          {measure.title} by strike and expiry. Arrow keys move; Enter takes a cell's strike and expiry.
        </caption>
        <thead>
          <tr>
            <th scope="col">Strike</th>
            {columns.map(({ expiry }, index) => (
              <th key={expiry.expiry} scope="col" class={index === chosenColumn ? "chosen" : undefined}>
                {shortDay(expiry.expiry).replace(/ \d{4}$/, "")}
                <small>{counted(expiry.sessions, "session")}</small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={onKeyDown}>
          {strikes.map((level, down) => (
            <tr key={level} class={level === nearest ? "at-the-money" : undefined}>
              <th scope="row">{dollars(level)}</th>
              {columns.map(({ expiry, at }, across) => {
                const value = at.get(level);
                const shown = value == null ? "–" : measure.show(value);
                return (
                  <td key={expiry.expiry} class={value == null ? undefined : shade(value, span)}>
                    <button
                      type="button"
                      tabIndex={down === row && across === column ? 0 : -1}
                      aria-pressed={level === strike && across === chosenColumn}
                      aria-label={`${shown}, strike ${dollars(level)}, ${shortDay(expiry.expiry)}`}
                      onFocus={() => setFocus([down, across])}
                      onClick={() => remember({ strike: String(level), expiry: expiry.expiry })}
                    >
                      {shown}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function shade(value: number, span: number): string {
  const step = Math.min(9, Math.floor((10 * Math.abs(value)) / span));
  return `${value < 0 ? "minus" : "plus"}-${step}`;
}
