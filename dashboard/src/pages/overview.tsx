// Every symbol at a glance.
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { cents, count, counted, dollars, percent, shortDay, signedPercent } from "../format";
import { memo } from "../memo";
import { remember, toSymbol } from "../route";
import type { Entry, Move, Overview, Problem } from "../service/answers";
import { useResource } from "../service/resource";
import { Sparkline } from "../sparkline";
import { Badge, Failed, Loading, NotRenewed, Notice } from "../states";
import { type Column, type Order, byColumn, readOrder } from "./order";

export function OverviewPage({ words }: { words: URLSearchParams }) {
  const { data, problem, loading, reload } = useResource<Overview>("overview", "overview", (event) => event.kind !== "job");
  useEffect(() => {
    document.title = "Overview – tickgraph";
  }, []);
  return (
    <>
      <div class="head">
        <h1>Overview</h1>
        {data && <Summary overview={data} />}
      </div>
      {problem && data && <NotRenewed problem={problem} retry={reload} />}
      {data ? (
        <Symbols overview={data} words={words} />
      ) : problem ? (
        <Failed problem={problem} retry={reload} />
      ) : (
        loading && <Loading what="all symbols" tall />
      )}
    </>
  );
}

function Summary({ overview: { symbols } }: { overview: Overview }) {
  if (!symbols.length) return null;
  const modelled = symbols.filter((entry) => entry.status !== "momentum").length;
  const newest = symbols.reduce((day, entry) => (entry.as_of > day ? entry.as_of : day), "");
  return (
    <p class="summary">
      {counted(symbols.length, "symbol")}, {counted(modelled, "model")}, prices to {shortDay(newest)}
    </p>
  );
}

const STATUSES = {
  all: "Every status",
  model: "With a model",
  momentum: "Momentum",
  stale: "Not fresh",
};
type Chosen = keyof typeof STATUSES;

function Symbols({ overview, words }: { overview: Overview; words: URLSearchParams }) {
  const { symbols, failures } = overview;
  const search = words.get("search") ?? "";
  const sector = words.get("sector") ?? "";
  const status = (words.get("status") ?? "all") as Chosen;
  const order = readOrder(words.get("order"));
  const sectors = useMemo(() => sectorsOf(symbols), [symbols]);
  const shown = useMemo(
    () => byColumn(symbols.filter((entry) => fits(entry, search, sector, status)), order),
    [symbols, search, sector, status, order.column, order.descending],
  );
  const changed = useChanged(symbols);

  if (!symbols.length && !Object.keys(failures).length) return <NoSymbols />;
  const clear = () => remember({ search: null, sector: null, status: null });
  return (
    <>
      <Staleness symbols={symbols} />
      <form class="filters" role="search" aria-label="Symbols of this page" onSubmit={(event) => event.preventDefault()}>
        <label>
          <span>Search</span>
          <input
            type="search"
            value={search}
            placeholder="Symbol or sector"
            maxLength={40}
            onInput={(event) => remember({ search: event.currentTarget.value || null })}
          />
        </label>
        <label>
          <span>Sector</span>
          <select value={sector} onChange={(event) => remember({ sector: event.currentTarget.value || null })}>
            <option value="">Every sector</option>
            {sectors.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          <span>Status</span>
          <select
            value={status}
            onChange={(event) => remember({ status: event.currentTarget.value === "all" ? null : event.currentTarget.value })}
          >
            {Object.entries(STATUSES).map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <p class="found" role="status">
          {shown.length === symbols.length
            ? counted(symbols.length, "symbol")
            : `${count(shown.length)} of ${counted(symbols.length, "symbol")}`}
        </p>
      </form>
      {shown.length ? (
        <Table entries={shown} order={order} changed={changed} />
      ) : (
        <div class="panel empty">
          <p>No symbol fits the search and the filters.</p>
          <button type="button" onClick={clear}>
            Show every symbol
          </button>
        </div>
      )}
      <Failures failures={failures} />
    </>
  );
}

function fits(entry: Entry, search: string, sector: string, status: Chosen): boolean {
  const text = search.trim().toLowerCase();
  if (text && !entry.symbol.toLowerCase().includes(text) && !entry.sector?.toLowerCase().includes(text)) return false;
  if (sector && entry.sector !== sector) return false;
  if (status === "model") return entry.status !== "momentum";
  if (status === "momentum") return entry.status === "momentum";
  if (status === "stale") return entry.stale || entry.model_stale;
  return true;
}

function sectorsOf(symbols: Entry[]): string[] {
  return [...new Set(symbols.flatMap((entry) => entry.sector ?? []))].sort();
}

/** Symbols whose numbers are other ones than a moment ago. */
function useChanged(symbols: Entry[]): Set<string> {
  const before = useRef<Entry[] | null>(null);
  const [changed, setChanged] = useState<Set<string>>(new Set());
  useEffect(() => {
    const known = new Map(before.current?.map((entry) => [entry.symbol, JSON.stringify(entry)]));
    before.current = symbols;
    if (!known.size) return;
    setChanged(new Set(symbols.filter((entry) => known.get(entry.symbol) !== JSON.stringify(entry)).map((entry) => entry.symbol)));
    const timer = setTimeout(() => setChanged(new Set()), 2_000);
    return () => clearTimeout(timer);
  }, [symbols]);
  return changed;
}

function Staleness({ symbols }: { symbols: Entry[] }) {
  const behind = symbols.filter((entry) => entry.stale);
  if (!behind.length) return null;
  const most = Math.max(...behind.map((entry) => entry.sessions_behind));
  return (
    <Notice kind="warn">
      <strong>Prices are not fresh.</strong> {counted(most, "completed session")}{" "}
      {most === 1 ? "is" : "are"} missing for {behind.length === symbols.length ? "every symbol" : counted(behind.length, "symbol")}
      . An operator can bring them up to date with <code>tickgraph refresh</code>.
    </Notice>
  );
}

const COLUMNS: { column: Column; title: string; class: string }[] = [
  { column: "symbol", title: "Symbol", class: "name" },
  { column: "close", title: "Close, change", class: "number close" },
  { column: "week", title: "Week", class: "number move" },
  { column: "month", title: "Month", class: "number move" },
  { column: "status", title: "Status", class: "status" },
];

const FIRST = 60;
const MORE = 40;

/** How many rows are drawn: those near to what is seen. More come before the reader gets to the last one. */
function useRows(entries: Entry[], order: Order): [number, { current: HTMLTableRowElement | null }, (least: number) => void] {
  const key = `${order.column} ${order.descending} ${entries.length}`;
  const [state, setState] = useState({ key, count: FIRST });
  const count = state.key === key ? state.count : FIRST;
  const last = useRef<HTMLTableRowElement>(null);
  const grow = (least: number) => setState({ key, count: Math.max(count, least) });
  useEffect(() => {
    if (!last.current) return;
    const observer = new IntersectionObserver(([seen]) => seen.isIntersecting && grow(count + MORE), { rootMargin: "1500px" });
    observer.observe(last.current);
    return () => observer.disconnect();
  }, [key, count]);
  return [Math.min(count, entries.length), last, grow];
}

function Table({ entries, order, changed }: { entries: Entry[]; order: Order; changed: Set<string> }) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [rows, last, grow] = useRows(entries, order);
  const wanted = useRef<number | null>(null);
  const focus = (row: number) => body.current?.querySelectorAll<HTMLElement>("th a")[row]?.focus();
  useEffect(() => {
    if (wanted.current !== null && wanted.current < rows) {
      focus(wanted.current);
      wanted.current = null;
    }
  }, [rows]);
  const onKeyDown = (event: KeyboardEvent) => {
    const links = [...(body.current?.querySelectorAll<HTMLElement>("th a") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const end = entries.length - 1;
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: end, PageDown: at + 10, PageUp: at - 10 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const row = Math.max(0, Math.min(next, end));
    if (row < rows) focus(row);
    else {
      wanted.current = row;
      grow(row + 1);
    }
  };
  const head = (index: number) => {
    const { column, title, class: kind } = COLUMNS[index];
    return (
      <Head key={column} column={column} order={order} kind={kind}>
        {title}
      </Head>
    );
  };
  return (
    <div class="panel table-panel">
      <table class="symbols" aria-rowcount={entries.length + 1}>
        <caption>
          Expected move: the mean absolute move of the close, with the 80&nbsp;% interval under it. A week has 5 sessions, a month
          21.
        </caption>
        <thead>
          <tr>
            {head(0)}
            <th scope="col" class="chart">
              Last quarter
            </th>
            {[1, 2, 3, 4].map(head)}
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={onKeyDown}>
          {entries.slice(0, rows).map((entry) => (
            <Row key={entry.symbol} entry={entry} fresh={changed.has(entry.symbol)} />
          ))}
          {rows < entries.length && <tr ref={last} class="more" />}
        </tbody>
      </table>
    </div>
  );
}

function Head({ column, order, kind, children }: { column: Column; order: Order; kind: string; children: ComponentChildren }) {
  const sorted = order.column === column;
  const choose = () => {
    const descending = sorted ? !order.descending : column !== "symbol";
    remember({ order: column === "symbol" && !descending ? null : `${descending ? "-" : ""}${column}` });
  };
  return (
    <th scope="col" class={kind} aria-sort={sorted ? (order.descending ? "descending" : "ascending") : undefined}>
      <button type="button" class="sort" onClick={choose}>
        {children}
        <span class="arrow" aria-hidden="true">
          {sorted ? (order.descending ? "▼" : "▲") : ""}
        </span>
      </button>
    </th>
  );
}

const Row = memo(function Row({ entry, fresh }: { entry: Entry; fresh: boolean }) {
  return (
    <tr class={fresh ? "fresh" : undefined}>
      <th scope="row" class="name">
        <a href={toSymbol(entry.symbol)}>{entry.symbol}</a>
        {entry.sector && <small>{entry.sector}</small>}
      </th>
      <td class="chart">
        <Sparkline closes={entry.closes} />
      </td>
      <td class="number close">
        {dollars(entry.last_close)}
        <small class={direction(entry.change)}>{signedPercent(entry.change)}</small>
      </td>
      <MoveCell move={entry.week} entry={entry} />
      <MoveCell move={entry.month} entry={entry} />
      <td class="status">
        <Badge kind={entry.status === "momentum" ? "plain" : "model"}>
          {entry.status === "momentum" ? "Momentum" : "Model"}
        </Badge>
        {entry.stale && <Badge kind="warn">{counted(entry.sessions_behind, "session")} behind</Badge>}
        {entry.model_stale && <Badge kind="warn">Old model</Badge>}
      </td>
    </tr>
  );
});

function MoveCell({ move, entry }: { move: Move | null; entry: Entry }) {
  if (!move) {
    return (
      <td class="number move none">
        <span aria-hidden="true">–</span>
        <span class="visually-hidden">not forecast</span>
      </td>
    );
  }
  return (
    <td class="number move">
      <span>
        ±{moved(move.expected_move, entry.last_close)} <span class="share">{percent(move.expected_move / entry.last_close)}</span>
      </span>
      <small>
        {dollars(move.lower)} – {dollars(move.upper)}
      </small>
    </td>
  );
}

/** Colour of a change; one that is shown as none has none. */
function direction(change: number | null): string | undefined {
  if (change === null || Math.abs(change) < 0.0005) return undefined;
  return change > 0 ? "up" : "down";
}

/** A move with as many decimals as its price has. */
function moved(move: number, close: number): string {
  return close < 1 ? dollars(move) : cents(move);
}

function Failures({ failures }: { failures: Record<string, Problem> }) {
  const failed = Object.entries(failures);
  if (!failed.length) return null;
  return (
    <details class="panel failures">
      <summary>{counted(failed.length, "symbol")} cannot be forecast</summary>
      <dl>
        {failed.map(([symbol, problem]) => (
          <div key={symbol}>
            <dt>{symbol}</dt>
            <dd>{problem.detail}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function NoSymbols() {
  return (
    <div class="panel empty">
      <h2>No symbol yet</h2>
      <p>
        This service has neither models nor prices. Train the bundled list with <code>tickgraph train --symbols TIER_1</code>. This
        page shows each model as soon as it is there.
      </p>
    </div>
  );
}
