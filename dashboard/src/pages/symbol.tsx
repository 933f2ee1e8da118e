// One symbol: its prices, where they may go, and what the forecast comes from.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { counted, dollars, shortDay, signedPercent } from "../format";
import { remember, toOverview, toStrategy, toSymbol } from "../route";
import type { Fan, FanSession, Graph, Known, Prices, Problem, Reliability } from "../service/answers";
import type { Event } from "../service/events";
import { useResource } from "../service/resource";
import { Badge, Failed, Loading, NotRenewed, Notice } from "../states";
import { ChainPanel } from "../symbol/chain";
import { DistributionPanel } from "../symbol/distribution";
import { ExpiryChoice } from "../symbol/expiry";
import { GraphPanel } from "../symbol/graph";
import { ModelPanel } from "../symbol/model";
import { PriceChart } from "../symbol/price_chart";
import { ReliabilityPanel } from "../symbol/reliability";

const DEFAULT_SESSIONS = 21;
const NONE: FanSession[] = [];

export function SymbolPage({ name, words }: { name: string; words: URLSearchParams }) {
  const place = encodeURIComponent(name);
  const today = useRef(name); // the name that the service has for it, which a former name leads to
  const concerns = (event: Event) =>
    event.kind === "anew" || (event.kind === "changed" && event.symbols.has(today.current));
  const price = readPrice(words.get("price"));
  const query = price ? `?price=${price}` : "";
  const fan = useResource<Fan>(`forecast/${place}/fan${query}`, `fan of ${name}`, concerns);
  today.current = fan.data?.symbol ?? name;
  const prices = useResource<Prices>(`symbols/${place}/prices?sessions=520`, `prices of ${name}`, concerns);
  const graph = useResource<Graph>(fan.data?.model === "gnn" ? `symbols/${place}/graph` : null, `graph of ${name}`, concerns);
  const past = useResource<Reliability>(fan.data ? `symbols/${place}/reliability` : null, `past of ${name}`, concerns);
  const known = useResource<Known>(
    `symbols/${place}`,
    `metadata of ${name}`,
    (event) => concerns(event) || (event.kind === "job" && event.job.symbol === today.current),
  );

  useEffect(() => {
    document.title = `${name} – tickgraph`;
  }, [name]);

  const path = fan.data?.path ?? NONE;
  const expiry = words.get("expiry");
  const at = useMemo(() => {
    const chosen = path.findIndex((session) => session.expiry === expiry);
    return chosen >= 0 ? chosen : Math.min(DEFAULT_SESSIONS, path.length) - 1;
  }, [path, expiry]);

  if (!fan.data && fan.problem) return <NoForecast name={name} problem={fan.problem} retry={fan.reload} known={known.data} />;
  const choose = (index: number) => remember({ expiry: path[index]?.expiry ?? null });
  return (
    <>
      <div class="head">
        <p class="crumbs">
          <a href={toOverview()}>Overview</a>
        </p>
        <h1>{fan.data?.symbol ?? name}</h1>
        {fan.data ? <Facts fan={fan.data} prices={prices.data} sector={known.data?.sector ?? null} /> : null}
        {fan.data && (
          <a class="to-strategy" href={toStrategy(fan.data.symbol, kept(words))}>
            Build a strategy
          </a>
        )}
      </div>
      {fan.data ? (
        <>
          {fan.problem && <NotRenewed problem={fan.problem} retry={fan.reload} />}
          <Notes fan={fan.data} known={known.data} />
          <div class="controls panel">
            <ExpiryChoice path={path} at={at} choose={choose} />
            <PriceChoice fan={fan.data} price={price} />
          </div>
          {prices.data && prices.problem && <NotRenewed problem={prices.problem} retry={prices.reload} />}
          {prices.data ? (
            <PriceChart prices={prices.data} fan={fan.data} at={at} choose={choose} />
          ) : prices.problem ? (
            <Failed problem={prices.problem} retry={prices.reload} />
          ) : (
            <Loading what="prices" tall />
          )}
          <DistributionPanel fan={fan.data} session={path[at]} strike={words.get("strike")} query={query} />
          <ChainPanel fan={fan.data} session={path[at]} strike={Number(words.get("strike"))} words={words} />
        </>
      ) : (
        <Loading what={`the forecast of ${name}`} tall />
      )}
      {graph.data && graph.problem && <NotRenewed problem={graph.problem} retry={graph.reload} />}
      {graph.data ? (
        <GraphPanel graph={graph.data} />
      ) : graph.problem ? (
        <Failed problem={graph.problem} retry={graph.reload} />
      ) : fan.data?.model === "gnn" ? (
        <Loading what="the graph" tall />
      ) : null}
      {fan.data && (
        <ReliabilityPanel
          symbol={fan.data.symbol}
          data={past.data}
          problem={past.problem}
          retry={past.reload}
          live={known.data?.live ?? null}
          outOfBand={known.data?.out_of_band ?? null}
        />
      )}
      {known.data && known.problem && <NotRenewed problem={known.problem} retry={known.reload} />}
      {known.data ? (
        <ModelPanel known={known.data} />
      ) : known.problem ? (
        <Failed problem={known.problem} retry={known.reload} />
      ) : (
        <Loading what="the model" />
      )}
    </>
  );
}

function Facts({ fan, prices, sector }: { fan: Fan; prices: Prices | null; sector: string | null }) {
  const closes = prices?.close ?? [];
  const [before, last] = closes.slice(-2);
  const change = before && last ? last / before - 1 : null;
  return (
    <p class="facts">
      <span class="close">{dollars(fan.last_close)}</span>
      {change !== null && <span class={change > 0 ? "up" : change < 0 ? "down" : ""}>{signedPercent(change)}</span>}
      <span class="muted">close of {shortDay(fan.as_of)}</span>
      {sector && <span class="muted">{sector}</span>}
      <Badge kind={fan.model === "momentum" ? "plain" : "model"}>{fan.model === "momentum" ? "Momentum" : "Model"}</Badge>
      {fan.stale && <Badge kind="warn">{counted(fan.sessions_behind, "session")} behind</Badge>}
      {fan.model_stale && <Badge kind="warn">Old model</Badge>}
    </p>
  );
}

function Notes({ fan, known }: { fan: Fan; known: Known | null }) {
  const notes = [...new Set([...fan.notes, ...(known?.refused ? [`a newer model is not used: ${known.refused}`] : [])])];
  if (!notes.length) return null;
  return (
    <Notice kind={fan.stale || fan.model_stale || known?.refused ? "warn" : "info"}>
      <ul>
        {notes.map((note) => (
          <li key={note}>{note.charAt(0).toUpperCase() + note.slice(1)}.</li>
        ))}
      </ul>
    </Notice>
  );
}

/** What the strategy's page is to know of this one. */
function kept(words: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...words].filter(([name]) => ["leg", "expiry", "price"].includes(name)));
}

function readPrice(text: string | null): number | null {
  const price = Number(text);
  return text && Number.isFinite(price) && price > 0 && price <= 1e7 ? price : null;
}

/** The price that the forecast starts from: the last close, or the one that the reader knows by now. */
function PriceChoice({ fan, price }: { fan: Fan; price: number | null }) {
  const [text, setText] = useState("");
  const [fault, setFault] = useState(false);
  useEffect(() => {
    setText(price === null ? "" : String(price));
    setFault(false);
  }, [price]);
  const use = (event: SubmitEvent) => {
    event.preventDefault();
    const given = text.trim().replace(/[$,]/g, "");
    const read = readPrice(given);
    setFault(Boolean(given) && read === null);
    if (!given || read !== null) remember({ price: read === null ? null : String(read) });
  };
  return (
    <form class="price-choice" onSubmit={use as never}>
      <label>
        <span>Price now, in dollars</span>
        <input
          inputMode="decimal"
          autocomplete="off"
          value={text}
          placeholder={dollars(fan.last_close)}
          onInput={(event) => setText(event.currentTarget.value)}
          aria-invalid={fault}
          aria-describedby="price-fault"
        />
      </label>
      <button type="submit">Use</button>
      {price !== null && (
        <button type="button" onClick={() => remember({ price: null })}>
          Last close
        </button>
      )}
      <p id="price-fault" class="fault" role="alert">
        {fault && "Write a price such as 131.50."}
      </p>
    </form>
  );
}

function NoForecast({ name, problem, retry, known }: { name: string; problem: Problem; retry: () => void; known: Known | null }) {
  return (
    <>
      <div class="head">
        <p class="crumbs">
          <a href={toOverview()}>Overview</a>
        </p>
        <h1>{name}</h1>
      </div>
      <Failed problem={problem} retry={problem.status === 404 || problem.status === 422 ? undefined : retry}>
        {problem.suggestions?.length ? (
          <p>
            Did you mean{" "}
            {problem.suggestions.map((symbol) => (
              <a key={symbol} class="suggestion" href={toSymbol(symbol)}>
                {symbol}
              </a>
            ))}
            ?
          </p>
        ) : null}
      </Failed>
      {known && <ModelPanel known={known} />}
    </>
  );
}
