// How the service stands, for whoever runs it.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { bytes, count, counted, decimal, duration, percent, shortDay, time } from "../format";
import { Pair } from "../pair";
import { toSymbol } from "../route";
import type { HorizonFigures, Latency, LiveFigures, LiveQuality, Operations, Run } from "../service/answers";
import { useResource } from "../service/resource";
import { Badge, Failed, Loading, NotRenewed } from "../states";

const RENEW_MS = 30_000;

export function OperationsPage() {
  const { data, problem, loading, reload } = useResource<Operations>("operations", "operations", () => true);
  useEffect(() => {
    document.title = "Operations – tickgraph";
  }, []);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), RENEW_MS); // no event tells of a disk that hangs
    return () => clearInterval(timer);
  }, [reload]);
  return (
    <>
      <div class="head">
        <h1>Operations</h1>
        {data && (
          <p class="summary">
            As of {time(data.at)}, tickgraph {data.version}, up since {time(data.started_at)}
          </p>
        )}
        <button type="button" class="renew" disabled={loading} onClick={reload}>
          Look again
        </button>
      </div>
      {problem && data && <NotRenewed problem={problem} retry={reload} />}
      {data ? <Standing now={data} /> : problem ? <Failed problem={problem} retry={reload} /> : <Loading what="how the service stands" tall />}
    </>
  );
}

function Standing({ now }: { now: Operations }) {
  return (
    <>
      <Problems problems={now.problems} />
      <div class="cards">
        <Models now={now} />
        <Requests now={now} />
        <Freshness now={now} />
      </div>
      <LatencyTable latency={now.latency} />
      <Runs runs={now.runs} />
      <Quality quality={now.quality} />
    </>
  );
}

function Problems({ problems }: { problems: string[] }) {
  if (!problems.length) {
    return (
      <div class="notice good" role="status">
        <p>
          <strong>Nothing is known to be wrong.</strong>
        </p>
      </div>
    );
  }
  return (
    <div class="panel failed" role="alert">
      <h2>{counted(problems.length, "problem")}</h2>
      <ul class="problems">
        {problems.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
    </div>
  );
}

function Card({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="panel">
      <h2>{title}</h2>
      <dl class="pairs">{children}</dl>
    </section>
  );
}

function Models({ now }: { now: Operations }) {
  const asked = now.cache_hits + now.cache_misses;
  return (
    <Card title="Models and memory">
      <Pair name="Models on disk">{count(now.models)}</Pair>
      <Pair name="In memory">
        {count(now.models_in_memory)} <small>{bytes(now.model_bytes)}</small>
      </Pair>
      <Pair name="Found in memory">
        {asked ? percent(now.cache_hits / asked) : "–"} <small>of {counted(asked, "look-up")}</small>
      </Pair>
      <Pair name="Older than seven days">{count(now.old_models)}</Pair>
      <Pair name="Memory of the service">{bytes(now.memory_bytes)}</Pair>
      <Pair name="Trainings">
        {count(now.jobs_waiting)} waiting <small>{count(now.jobs.done ?? 0)} done, {count(now.jobs.failed ?? 0)} failed</small>
      </Pair>
    </Card>
  );
}

const KINDS: Record<string, string> = {
  "2xx": "Answered",
  "3xx": "Sent elsewhere",
  "4xx": "Wrong request",
  "5xx": "Not answered",
};

function Requests({ now }: { now: Operations }) {
  return (
    <Card title="Requests">
      {Object.entries(now.requests).map(([kind, number]) => (
        <Pair key={kind} name={KINDS[kind] ?? kind}>
          {count(number)} <small>{kind}</small>
        </Pair>
      ))}
      <Pair name="Refused">
        {count(now.refused.overload ?? 0)} too many, {count(now.refused.timeout ?? 0)} too slow
      </Pair>
      <Pair name="In work">
        {count(now.in_flight)} <small>{count(now.waiting)} wait for a thread</small>
      </Pair>
      <Pair name="Open pages">{count(now.streams)}</Pair>
    </Card>
  );
}

function Freshness({ now }: { now: Operations }) {
  return (
    <Card title="Prices in memory">
      {now.sources.length ? (
        now.sources.map((one) => (
          <Pair key={one.source} name={one.source}>
            {shortDay(one.last_session)} <small>{counted(one.symbols, "symbol")}</small>{" "}
            {one.sessions_behind > 0 && <Badge kind="warn">{counted(one.sessions_behind, "session")} behind</Badge>}
          </Pair>
        ))
      ) : (
        <Pair name="Prices">none yet: the first forecast reads them</Pair>
      )}
    </Card>
  );
}

function LatencyTable({ latency }: { latency: Latency[] }) {
  return (
    <section class="panel scrolls" aria-labelledby="latency-title" tabIndex={0}>
      <h2 id="latency-title">How long forecasts take</h2>
      <table class="figures-table">
        <thead>
          <tr>
            <th scope="col">Forecasts</th>
            <th scope="col">How many</th>
            <th scope="col">Median</th>
            <th scope="col">95 % within</th>
            <th scope="col">99 % within</th>
          </tr>
        </thead>
        <tbody>
          {latency.map((one) => (
            <tr key={String(one.cached)}>
              <th scope="row">{one.cached ? "From memory" : "Read or computed"}</th>
              <td>{count(one.count)}</td>
              <td>{duration(one.median)}</td>
              <td>{duration(one.p95)}</td>
              <td>{duration(one.p99)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const STATES: Record<Run["state"], string> = { running: "Running", done: "Done", failed: "Failed", interrupted: "Interrupted" };

function Runs({ runs }: { runs: Run[] }) {
  return (
    <section class="panel scrolls" aria-labelledby="runs-title" tabIndex={0}>
      <h2 id="runs-title">Refresh</h2>
      {runs.length ? (
        <table class="figures-table runs">
          <thead>
            <tr>
              <th scope="col">Began</th>
              <th scope="col">Kind</th>
              <th scope="col">State</th>
              <th scope="col">Took</th>
              <th scope="col">New prices</th>
              <th scope="col">Correlations</th>
              <th scope="col">Trained</th>
              <th scope="col">Failed</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <tr key={run.started_at}>
                <th scope="row">{time(run.started_at)}</th>
                <td>{run.kind}</td>
                <td>
                  <Badge kind={run.state === "done" || run.state === "running" ? "plain" : "warn"}>{STATES[run.state]}</Badge>
                </td>
                <td>{duration(run.seconds)}</td>
                <td>{count((run.symbols.updated ?? 0) + (run.symbols.restated ?? 0) + (run.symbols.switched ?? 0))}</td>
                <td>{count(run.symbols.published ?? 0)}</td>
                <td>{count(run.symbols.retrained ?? 0)}</td>
                <td>{count(run.symbols.failed ?? 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p class="muted">
          No refresh has run yet. Run <code>tickgraph refresh</code> once, or <code>tickgraph schedule</code> for every morning.
        </p>
      )}
    </section>
  );
}

function Quality({ quality }: { quality: LiveQuality | null }) {
  return (
    <section class="panel scrolls" aria-labelledby="quality-title" tabIndex={0}>
      <div class="panel-head">
        <h2 id="quality-title">Live forecasts against what happened</h2>
        {quality && (
          <p class="muted">
            {counted(quality.window, "session")} to {shortDay(quality.as_of)}
          </p>
        )}
      </div>
      {quality ? (
        <>
          <LiveList figures={quality.panel} />
          <Horizons horizons={quality.horizons} />
          <Flagged flagged={quality.flagged} />
        </>
      ) : (
        <p class="muted">No forecast has been scored yet. A refresh scores those whose sessions are over.</p>
      )}
    </section>
  );
}

/** Figures of one symbol's live forecasts, or of all symbols together. */
export function LiveList({ figures }: { figures: LiveFigures }) {
  return (
    <dl class="tiles">
      <Pair name="Forecasts scored">{count(figures.forecasts)}</Pair>
      {Object.entries(figures.coverage).map(([level, share]) => (
        <Pair key={level} name={`${percent(Number(level), 0)} interval held`}>
          {percent(share)}
        </Pair>
      ))}
      <Pair name="Sign right">{percent(figures.hit_rate)}</Pair>
      <Pair name="Information coefficient">{decimal(figures.ic)}</Pair>
      <Pair name="Errors, 1 is as promised">{decimal(figures.error_ratio, 2)}</Pair>
      <Pair name="R² against no move">{decimal(figures.r2_vs_zero, 4)}</Pair>
    </dl>
  );
}

function Horizons({ horizons }: { horizons: Record<string, HorizonFigures> }) {
  const rows = Object.entries(horizons);
  if (!rows.length) return null;
  const levels = [...new Set(rows.flatMap(([, figures]) => Object.keys(figures.coverage)))].sort();
  return (
    <table class="figures-table">
      <caption class="visually-hidden">Coverage by sessions ahead</caption>
      <thead>
        <tr>
          <th scope="col">Sessions ahead</th>
          <th scope="col">Forecasts</th>
          <th scope="col">Independent stretches</th>
          {levels.map((level) => (
            <th key={level} scope="col">
              {percent(Number(level), 0)} interval held
            </th>
          ))}
          <th scope="col">QLIKE</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([ahead, figures]) => (
          <tr key={ahead}>
            <th scope="row">{ahead}</th>
            <td>{count(figures.forecasts)}</td>
            <td>{decimal(figures.stretches, 1)}</td>
            {levels.map((level) => (
              <td key={level}>
                {percent(figures.coverage[level])} {figures.out_of_band[level] && <Badge kind="warn">Out of band</Badge>}
                {figures.usual[level] && (
                  <small class="usual">
                    usual {percent(figures.usual[level][0], 0)} – {percent(figures.usual[level][1], 0)}
                  </small>
                )}
              </td>
            ))}
            <td>{decimal(figures.qlike)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Flagged({ flagged }: { flagged: Record<string, string> }) {
  const symbols = Object.entries(flagged);
  if (!symbols.length) return null;
  return (
    <>
      <h3>Out of their band</h3>
      <ul class="problems">
        {symbols.map(([symbol, why]) => (
          <li key={symbol}>
            <a href={toSymbol(symbol)}>{symbol}</a>: {why}
          </li>
        ))}
      </ul>
    </>
  );
}
