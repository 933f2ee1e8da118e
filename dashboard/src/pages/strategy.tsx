// A strategy of options on one symbol: its legs, and what they may earn by a day.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { dollars, longDay, percent, shortDay, weekday } from "../format";
import { remember, toOverview, toStrategy, toSymbol } from "../route";
import type { Curve, Distribution, Fan, FanSession, Leg, Problem, Strategy, Symbols, Templates } from "../service/answers";
import type { Event } from "../service/events";
import { useQuestion } from "../service/question";
import { useResource } from "../service/resource";
import { Badge, Failed, Loading, NotRenewed, Notice } from "../states";
import { Assumptions, readAssumed } from "../strategy/assumptions";
import { faultsOf } from "../strategy/faults";
import { LegTable } from "../strategy/leg_table";
import { CONTRACT, MOST_LEGS, firstExpiry, readLegs, writeLeg } from "../strategy/legs";
import { Outcome, ProfitQuantiles } from "../strategy/outcome";
import { Payoff } from "../strategy/payoff";
import { TemplateCards } from "../strategy/template_cards";
import { ChainPanel } from "../symbol/chain";
import { ExpiryChoice } from "../symbol/expiry";

const DEFAULT_SESSIONS = 21;

export function StrategyPage({ name, words }: { name: string; words: URLSearchParams }) {
  const place = encodeURIComponent(name);
  const today = useRef(name);
  const concerns = (event: Event) => event.kind === "anew" || (event.kind === "changed" && event.symbols.has(today.current));
  const assumed = readAssumed(words);
  const usable = assumed.price !== null && assumed.price > 0 && assumed.price <= 1e7 ? assumed.price : null;
  const from = usable === null ? "" : `?price=${usable}`;
  const fan = useResource<Fan>(`forecast/${place}/fan${from}`, `fan of ${name}`, concerns);
  today.current = fan.data?.symbol ?? name;
  useEffect(() => {
    document.title = `Strategy on ${name} – tickgraph`;
  }, [name]);
  const { path } = fan.data ?? { path: [] };
  const expiry = words.get("expiry");
  const at = useMemo(() => {
    const chosen = path.findIndex((session) => session.expiry === expiry);
    return chosen >= 0 ? chosen : fridayNear(path, DEFAULT_SESSIONS);
  }, [path, expiry]);

  const head = (
    <div class="head">
      <p class="crumbs">
        <a href={toOverview()}>Overview</a> <span aria-hidden="true">/</span> <a href={toSymbol(name)}>{name}</a>
      </p>
      <h1>Strategy on {fan.data?.symbol ?? name}</h1>
      {fan.data && (
        <p class="facts">
          <span class="close">{dollars(fan.data.last_close)}</span>
          <span class="muted">close of {shortDay(fan.data.as_of)}</span>
          {fan.data.stale && <Badge kind="warn">Prices not fresh</Badge>}
          {fan.data.model_stale && <Badge kind="warn">Old model</Badge>}
        </p>
      )}
      <CopyLink />
    </div>
  );
  if (!fan.data) {
    return (
      <>
        {head}
        {fan.problem ? <Failed problem={fan.problem} retry={fan.problem.status === 404 || fan.problem.status === 422 ? undefined : fan.reload} /> : <Loading what={`the forecast of ${name}`} tall />}
      </>
    );
  }
  return (
    <>
      {head}
      {fan.problem && <NotRenewed problem={fan.problem} retry={fan.reload} />}
      <Builder fan={fan.data} words={words} at={at} from={from} />
    </>
  );
}

function Builder({ fan, words, at, from }: { fan: Fan; words: URLSearchParams; at: number; from: string }) {
  const place = `forecast/${encodeURIComponent(fan.symbol)}`;
  const version = `${fan.as_of} ${fan.trained_at} ${fan.price}`;
  const { legs, unreadable } = readLegs(words);
  const assumed = readAssumed(words);
  const [begins] = useState(legs.length === 0); // a link with legs shows what they earn, and templates on demand
  const session = fan.path[at];
  const first = firstExpiry(legs) ?? session.expiry;
  const never = () => false; // a newer fan brings a newer version
  const also = from.replace("?", "&");
  const templates = useResource<Templates>(`${place}/templates?expiry=${session.expiry}${also}`, `templates ${fan.symbol} ${version}`, never);
  const change = (after: Leg[]) => remember({ leg: after.map(writeLeg) });
  const add = (leg: Leg) => change([...legs, leg].slice(0, MOST_LEGS));

  const question = legs.length
    ? {
        legs: legs.map(({ premium, strike, expiry, ...leg }) => ({ ...leg, ...present({ premium, strike, expiry }) })),
        ...present({ volatility: assumed.volatility, dividend_yield: assumed.dividends, price: assumed.price }),
        rate: assumed.rate ?? 0,
      }
    : null;
  const on = assumed.on ?? (legs.some((leg) => leg.expiry) ? null : session.expiry);
  const asked = useQuestion<Strategy>(`${place}/strategy`, question && { ...question, ...present({ on }) }, version);
  const early = Boolean(assumed.on && legs.some((leg) => leg.expiry));
  const atExpiry = useQuestion<Strategy>(`${place}/strategy`, early ? question : null, version);
  const faults = useMemo(() => faultsOf(asked.problem), [asked.problem]);
  const answer = legs.length ? asked.data : null;
  const loose = asked.problem && faults.get("");
  const goesOn = answer?.legs.find((leg) => leg.volatility !== null);
  return (
    <>
      <details class="panel start" open={begins}>
        <summary>
          <h2>Start from a template</h2>
        </summary>
        <p class="muted">Strikes are round prices near the forecast's quantiles; every leg can be changed.</p>
        <div class="start-controls">
          <ExpiryChoice path={fan.path} at={at} choose={(index) => remember({ expiry: fan.path[index].expiry })} />
        </div>
        {templates.data ? (
          <TemplateCards
            templates={templates.data.templates}
            take={(template) => {
              remember({ leg: template.legs.map((leg) => writeLeg({ ...leg, premium: null })), on: null });
              document.getElementById("legs-title")?.scrollIntoView({ behavior: smooth(), block: "start" });
            }}
          />
        ) : templates.problem ? (
          <Failed problem={templates.problem} retry={templates.reload} />
        ) : (
          <Loading what="templates" />
        )}
      </details>
      <section class="panel" aria-labelledby="legs-title">
        <div class="panel-head">
          <h2 id="legs-title">Legs</h2>
          {legs.length > 0 && (
            <button type="button" class="quiet" onClick={() => remember({ leg: null, on: null })}>
              Remove all
            </button>
          )}
        </div>
        {unreadable > 0 && <Notice kind="warn">The link has legs that cannot be read; they are left out.</Notice>}
        {legs.length ? (
          <LegTable legs={legs} answer={answer} faults={faults} path={fan.path} expiry={session.expiry} price={fan.price} change={change} />
        ) : (
          <p class="muted">No leg yet. Take a template, click a cell of the chain below, or add one here.</p>
        )}
        <div class="add">
          <button type="button" disabled={legs.length >= MOST_LEGS} onClick={() => add(optionAt(fan, session.expiry))}>
            Add an option
          </button>
          <button type="button" disabled={legs.length >= MOST_LEGS} onClick={() => add({ kind: "stock", side: "buy", quantity: CONTRACT, strike: null, expiry: null, premium: null })}>
            Add stock
          </button>
        </div>
        <Assumptions assumed={assumed} path={fan.path} first={first} expires={firstExpiry(legs) !== null || !legs.length} lastClose={dollars(fan.last_close)} own={goesOn && assumed.volatility === null ? percent(goesOn.volatility) : null} faults={faults} />
        {loose && (
          <p class="fault" role="alert">
            {loose}
          </p>
        )}
      </section>
      {legs.length > 0 &&
        (answer ? (
          <Earned fan={fan} answer={answer} settled={early && !atExpiry.problem ? atExpiry.data : null} problem={asked.problem} retry={asked.reload} waits={asked.loading} version={version} />
        ) : asked.problem ? (
          asked.problem.status === 422 ? (
            <section class="panel empty">
              <h2>What it may earn</h2>
              <p class="muted">It stands here once the field that is marked above can be used.</p>
            </section>
          ) : (
            <Failed problem={asked.problem} retry={asked.reload} />
          )
        ) : (
          <Loading what="what the strategy may earn" tall />
        ))}
      <ChainPanel fan={fan} session={session} strike={Number.NaN} words={words} adding />
    </>
  );
}

interface EarnedProps {
  fan: Fan;
  answer: Strategy;
  settled: Strategy | null;
  /** Why the newest question has no answer, so that this one is of an earlier question. */
  problem: Problem | null;
  retry: () => void;
  waits: boolean;
  version: string;
}

function Earned({ fan, answer, settled, problem, retry, waits, version }: EarnedProps) {
  const place = `forecast/${encodeURIComponent(fan.symbol)}`;
  const price = answer.price_source === "request" ? `&price=${answer.price}` : "";
  const of = `${fan.symbol} ${answer.on} ${version} ${answer.price}`;
  const curve = useResource<Curve>(`${place}/curve?expiry=${answer.on}${price}`, of, () => false);
  const distribution = useResource<Distribution>(`${place}/distribution?expiry=${answer.on}${price}`, of, () => false);
  return (
    <section class={`panel earned${waits ? " waits" : ""}`} aria-labelledby="earned-title" aria-busy={waits}>
      <div class="panel-head">
        <h2 id="earned-title">Profit on {longDay(answer.on)}</h2>
        <p class="muted">Dollars for the whole quantity, before fees and taxes</p>
      </div>
      {problem?.status === 422 && (
        <Notice kind="warn">These figures are of the legs as they were before the last change, which cannot be used.</Notice>
      )}
      {problem && problem.status !== 422 && <NotRenewed problem={problem} retry={retry} />}
      <Outcome answer={answer} />
      <Payoff answer={answer} settled={settled} curve={curve.data} distribution={distribution.data} />
      <ProfitQuantiles answer={answer} />
      {answer.notes.length > 0 && (
        <ul class="muted notes">
          {answer.notes.map((note) => (
            <li key={note}>{note.charAt(0).toUpperCase() + note.slice(1)}.</li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Fields that have a value. */
function present(fields: Record<string, string | number | null>): Record<string, string | number> {
  return Object.fromEntries(Object.entries(fields).filter((pair): pair is [string, string | number] => pair[1] !== null));
}

function optionAt(fan: Fan, expiry: string): Leg {
  const strike = fan.price >= 20 ? Math.round(fan.price) : Math.max(0.5, Math.round(2 * fan.price) / 2);
  return { kind: "call", side: "buy", quantity: CONTRACT, strike, expiry, premium: null };
}

/** Most options expire on a Friday: the one nearest to so many sessions ahead, or the last session where there is none. */
function fridayNear(path: FanSession[], sessions: number): number {
  const away = (index: number) => (weekday(path[index].expiry) === 5 ? 0 : path.length) + Math.abs(path[index].sessions - sessions);
  return path.reduce((best, _, index) => (away(index) < away(best) ? index : best), 0);
}

function smooth(): ScrollBehavior {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
}

function CopyLink() {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(""), 4_000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      setSaid("The link is copied. It holds all that you see.");
    } catch {
      setSaid("The browser does not let a page copy. Copy its address: it holds all that you see.");
    }
  };
  return (
    <div class="copy">
      <button type="button" onClick={() => void copy()}>
        Copy link
      </button>
      <p class="muted" role="status">
        {said}
      </p>
    </div>
  );
}

/** The page without a symbol: those that have a model. */
export function ChooseSymbol() {
  const { data, problem, reload } = useResource<Symbols>("symbols", "symbols", (event) => event.kind !== "job");
  useEffect(() => {
    document.title = "Strategy – tickgraph";
  }, []);
  const names = data?.symbols.filter((entry) => entry.model === "gnn") ?? [];
  return (
    <>
      <div class="head">
        <h1>Strategy</h1>
        <p class="summary">What calls, puts and stock may earn together by a day</p>
      </div>
      {data ? (
        <section class="panel" aria-labelledby="of-title">
          <h2 id="of-title">{names.length ? "On which symbol?" : "No symbol has a model yet"}</h2>
          <p class="muted symbol-links">
            {names.map(({ symbol }) => (
              <a key={symbol} href={toStrategy(symbol)}>
                {symbol}
              </a>
            ))}
          </p>
        </section>
      ) : problem ? (
        <Failed problem={problem} retry={reload} />
      ) : (
        <Loading what="all symbols" />
      )}
    </>
  );
}
