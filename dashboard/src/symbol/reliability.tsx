// Past forecasts against what happened: how often the close was where it was said to be.
import { useRef, useState } from "preact/hooks";
import { count, counted, decimal, percent, shortDay } from "../format";
import { LiveList } from "../pages/operations";
import type { HorizonReliability, LiveFigures, Observed, Problem, Reliability } from "../service/answers";
import { Failed, Loading, NotRenewed, Notice } from "../states";
import { useWidth } from "../width";

interface Props {
  symbol: string;
  data: Reliability | null;
  problem: Problem | null;
  retry: () => void;
  /** Of the next session, as the last refresh scored it. */
  live: LiveFigures | null;
  outOfBand: string | null;
}

export function ReliabilityPanel({ symbol, data, problem, retry, live, outOfBand }: Props) {
  return (
    <section class="panel" aria-labelledby="past-title">
      <div class="panel-head">
        <h2 id="past-title">Past forecasts against what happened</h2>
      </div>
      {outOfBand && <Notice kind="warn">{outOfBand}</Notice>}
      {data ? (
        <>
          {problem && <NotRenewed problem={problem} retry={retry} />}
          {data.live.length || data.evaluated ? <Found data={data} /> : <NoneYet symbol={symbol} />}
        </>
      ) : problem ? (
        <Failed problem={problem} retry={retry} />
      ) : (
        <Loading what="past forecasts" />
      )}
      {live && live.forecasts > 0 && (
        <>
          <h3 class="scored">The next session, as the last refresh scored it</h3>
          <LiveList figures={live} />
        </>
      )}
    </section>
  );
}

function NoneYet({ symbol }: { symbol: string }) {
  return (
    <div class="none-yet">
      <p>
        <strong>No forecast of {symbol} can be judged yet.</strong>
      </p>
      <ul>
        <li>
          Every forecast that this service computes is written down at once. It is judged here when its last session has closed and
          its price is stored: one for the next session after a day, one for a month after 21 sessions.
        </li>
        <li>
          <code>tickgraph refresh</code> brings prices up to date, and <code>tickgraph schedule</code> does so every evening.
        </li>
        <li>
          <code>tickgraph evaluate</code> need not wait. It makes forecasts of past years, each by models that were trained on what
          came before, and records how they did.
        </li>
      </ul>
    </div>
  );
}

function Found({ data: { live, evaluated } }: { data: Reliability }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const shown = live.find((horizon) => horizon.sessions === chosen) ?? live[0];
  return (
    <>
      <div class="reliability">
        {shown && (
          <div>
            <h3>What was said, and what came</h3>
            <div class="choices" role="group" aria-label="Sessions ahead">
              {live.map(({ sessions }) => (
                <button key={sessions} type="button" aria-pressed={shown.sessions === sessions} onClick={() => setChosen(sessions)}>
                  {sessions}
                </button>
              ))}
              <span class="muted unit">sessions ahead</span>
            </div>
            <Curve horizon={shown} />
            <p class="muted under">
              {counted(shown.forecasts, "forecast")} for {shortDay(shown.first)} to {shortDay(shown.last)}
              {shown.sessions > 1 && `, which overlap: worth ${decimal(shown.independent, 0)} that do not`}. On the diagonal, what was
              said came as often. Bars are 95 % intervals.
            </p>
          </div>
        )}
        <div>
          <h3>How many closes the intervals held, by sessions ahead</h3>
          <Coverage live={live} evaluated={evaluated?.horizons ?? []} />
          <ul class="key" aria-hidden="true">
            {live.length > 0 && (
              <li>
                <span class="swatch mark live" />
                This service's own forecasts
              </li>
            )}
            {evaluated && (
              <li>
                <span class="swatch mark evaluated" />
                Out of sample
              </li>
            )}
            <li>
              <span class="swatch line" />
              What they promise
            </li>
          </ul>
        </div>
      </div>
      {live.length > 0 && <Table horizons={live} title="This service's own forecasts" />}
      {evaluated && (
        <>
          <Table horizons={evaluated.horizons} title={`Out of sample, ${shortDay(evaluated.first_session)} to ${shortDay(evaluated.last_session)}`} />
          <p class="muted under">
            Forecasts of the method “{evaluated.forecaster}” on {counted(evaluated.symbols, "symbol")}, each by a model that was trained on what came
            before. {evaluated.survivorship}
          </p>
        </>
      )}
      {!live.length && (
        <p class="muted under">No forecast that this service gave is over yet. Each is judged when its last session has closed.</p>
      )}
    </>
  );
}

const SIDE = 268;
const ROOM = 40;

/** The reliability diagram: stated probabilities of a close below, and shares that came. */
function Curve({ horizon }: { horizon: HorizonReliability }) {
  const at = (share: number) => ROOM + share * (SIDE - ROOM - 8);
  const up = (share: number) => SIDE - ROOM + 6 - share * (SIDE - ROOM - 8);
  const said = horizon.below.map(({ probability, share }) => `${percent(share)} of closes lay below what was said with ${percent(probability)}`);
  return (
    <svg class="reliability-curve" viewBox={`0 0 ${SIDE} ${SIDE}`} role="img" aria-label={`Reliability: ${said.join("; ")}.`}>
      {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
        <g key={tick}>
          <line class="grid" x1={at(0)} x2={at(1)} y1={up(tick)} y2={up(tick)} />
          <line class="grid" x1={at(tick)} x2={at(tick)} y1={up(0)} y2={up(1)} />
          <text x={at(0) - 6} y={up(tick) + 4} text-anchor="end">
            {percent(tick, 0).replace(" ", "\u00a0")}
          </text>
          <text x={at(tick)} y={up(0) + 16} text-anchor={tick === 1 ? "end" : "middle"}>
            {percent(tick, 0).replace(" ", "\u00a0")}
          </text>
        </g>
      ))}
      <line class="promised" x1={at(0)} x2={at(1)} y1={up(0)} y2={up(1)} />
      <path class="live" d={`M${horizon.below.map(({ probability, share }) => `${at(probability)} ${up(share)}`).join("L")}`} />
      {horizon.below.map((one) => (
        <Bar key={one.probability} one={one} x={at(one.probability)} y={up} kind="live" />
      ))}
    </svg>
  );
}

function Bar({ one, x, y, kind }: { one: Observed; x: number; y: (share: number) => number; kind: string }) {
  return (
    <g class={`observed ${kind}`}>
      <line x1={x} x2={x} y1={y(one.low)} y2={y(one.high)} />
      <line x1={x - 4} x2={x + 4} y1={y(one.low)} y2={y(one.low)} />
      <line x1={x - 4} x2={x + 4} y1={y(one.high)} y2={y(one.high)} />
      <circle cx={x} cy={y(one.share)} r="4.5" />
    </g>
  );
}

const HEIGHT = 300;
const LEFT = 48;
const FOOT = 24;

function Coverage({ live, evaluated }: { live: HorizonReliability[]; evaluated: HorizonReliability[] }) {
  const box = useRef<SVGSVGElement>(null);
  const width = Math.max(240, useWidth(box, 560));
  const sessions = [...new Set([...live, ...evaluated].map((horizon) => horizon.sessions))].sort((one, other) => one - other);
  const levels = [...new Set([...live, ...evaluated].flatMap((horizon) => horizon.inside.map((one) => one.probability)))].sort();
  const lowest = Math.min(...[...live, ...evaluated].flatMap((horizon) => horizon.inside.map((one) => one.low)), ...levels);
  const floor = Math.max(0, Math.floor(lowest * 10 - 0.2) / 10);
  const slot = (width - LEFT - 4) / sessions.length;
  const x = (horizon: number, level: number, kind: number) =>
    LEFT + (sessions.indexOf(horizon) + 0.5) * slot + (levels.indexOf(level) - (levels.length - 1) / 2) * Math.min(26, slot / 3) + (kind - 0.5) * (live.length && evaluated.length ? 9 : 0);
  const y = (share: number) => 10 + ((1 - share) / (1 - floor)) * (HEIGHT - FOOT - 10);
  const ticks = [];
  for (let tick = Math.ceil(floor * 5) / 5; tick <= 1.0001; tick += 0.2) if (!levels.some((level) => Math.abs(level - tick) < 0.04)) ticks.push(Number(tick.toFixed(1)));
  return (
    <svg ref={box} class="coverage" viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label="Share of closes inside the intervals by sessions ahead; the table has the numbers.">
      {ticks.map((tick) => (
        <g key={tick}>
          <line class="grid" x1={LEFT} x2={width} y1={y(tick)} y2={y(tick)} />
          <text x={LEFT - 6} y={y(tick) + 4} text-anchor="end">
            {percent(tick, 0)}
          </text>
        </g>
      ))}
      {levels.map((level, index) => (
        <g key={level}>
          <line class={`promised level-${index}`} x1={LEFT} x2={width} y1={y(level)} y2={y(level)} />
          <text class="level" x={LEFT - 6} y={y(level) + 4} text-anchor="end">
            {percent(level, 0)}
          </text>
        </g>
      ))}
      {[live, evaluated].flatMap((horizons, kind) =>
        horizons.flatMap((horizon) =>
          horizon.inside.map((one) => (
            <Bar key={`${kind} ${horizon.sessions} ${one.probability}`} one={one} x={x(horizon.sessions, one.probability, kind)} y={y} kind={`${kind ? "evaluated" : "live"} level-${levels.indexOf(one.probability)}`} />
          )),
        ),
      )}
      {sessions.map((horizon) => (
        <text key={horizon} x={LEFT + (sessions.indexOf(horizon) + 0.5) * slot} y={HEIGHT - 6} text-anchor="middle">
          {horizon}
        </text>
      ))}
    </svg>
  );
}

function Table({ horizons, title }: { horizons: HorizonReliability[]; title: string }) {
  const levels = horizons[0]?.inside.map((one) => one.probability) ?? [];
  return (
    <div class="scrolls" tabIndex={0} role="region" aria-label={title}>
      <table class="figures-table past">
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col">Sessions ahead</th>
            <th scope="col">Forecasts</th>
            <th scope="col">Worth, without overlap</th>
            {levels.map((level) => (
              <th key={level} scope="col">
                {percent(level, 0)} interval held
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {horizons.map((horizon) => (
            <tr key={horizon.sessions}>
              <th scope="row">{horizon.sessions}</th>
              <td>{count(horizon.forecasts)}</td>
              <td>{decimal(horizon.independent, horizon.independent < 10 ? 1 : 0)}</td>
              {horizon.inside.map((one) => (
                <td key={one.probability}>
                  {percent(one.share)}{" "}
                  <small>
                    {percent(one.low, 0)} – {percent(one.high, 0)}
                  </small>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
