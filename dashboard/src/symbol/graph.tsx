// The graph behind the forecast: as a drawing and as a matrix.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { decimal, percent, shortDay } from "../format";
import { toSymbol } from "../route";
import type { Graph } from "../service/answers";
import { useWidth } from "../width";
import { type Place, layOut } from "./layout";

export function GraphPanel({ graph }: { graph: Graph }) {
  const [under, setUnder] = useState<string | null>(null);
  return (
    <section class="panel" aria-labelledby="graph-title">
      <div class="panel-head">
        <h2 id="graph-title">The graph behind the forecast</h2>
        <p class="muted">
          Correlations of daily log returns over 60 sessions to {shortDay(graph.as_of)}. An edge has at least{" "}
          {decimal(graph.threshold, 1)}.
        </p>
      </div>
      <div class="graph-and-matrix">
        <Drawing graph={graph} under={under} setUnder={setUnder} />
        <Matrix graph={graph} under={under} setUnder={setUnder} />
      </div>
    </section>
  );
}

interface Part {
  graph: Graph;
  under: string | null;
  setUnder: (symbol: string | null) => void;
}

const OTHER = "Other";
const WIDEST = 560;

function Drawing({ graph, under, setUnder }: Part) {
  const box = useRef<HTMLElement>(null);
  const width = Math.max(260, Math.min(WIDEST, useWidth(box, WIDEST)));
  const height = Math.round(0.8 * width);
  const places = useMemo(() => layOut(graph, width, height), [graph, width]);
  const at = new Map<string, Place>(places.map((place) => [place.symbol, place]));
  const looked = under ?? graph.symbol;
  const sectors = useMemo(() => [...new Set(graph.nodes.map((node) => node.sector ?? OTHER))], [graph]);
  const colour = (sector: string | null | undefined) => (sector ? `sector-${Math.min(sectors.indexOf(sector), 6)}` : "sector-7");
  useEffect(() => setUnder(null), [graph]);
  return (
    <figure class="graph" ref={box}>
      <svg viewBox={`0 0 ${width} ${height}`} role="group" aria-label={`Graph of ${graph.symbol} and its peers`}>
        <g aria-hidden="true">
          {graph.edges.map(({ source, target, correlation }) => {
            const [one, other] = [at.get(source), at.get(target)];
            if (!one || !other) return null;
            const near = source === looked || target === looked;
            return (
              <line
                key={`${source} ${target}`}
                class={`${correlation < 0 ? "negative" : "positive"}${near ? " near" : ""}`}
                x1={one.x}
                y1={one.y}
                x2={other.x}
                y2={other.y}
                stroke-width={1 + 5 * Math.max(0, Math.abs(correlation) - graph.threshold)}
              />
            );
          })}
        </g>
        {places.map(({ symbol, x, y }) => {
          const node = graph.nodes.find((each) => each.symbol === symbol);
          const weight = graph.attention_of_target[symbol];
          return (
            <a
              key={symbol}
              href={toSymbol(symbol)}
              class={`node ${colour(node?.sector)}${symbol === graph.symbol ? " target" : ""}${node?.present ? "" : " absent"}${symbol === under ? " under" : ""}`}
              aria-label={`${symbol}, ${percent(weight)} of the attention${node?.present ? "" : ", without complete prices"}`}
              onPointerEnter={() => setUnder(symbol)}
              onPointerLeave={() => setUnder(null)}
              onFocus={() => setUnder(symbol)}
              onBlur={() => setUnder(null)}
            >
              <circle cx={x} cy={y} r={symbol === graph.symbol ? 28 : 18 + 16 * Math.sqrt(weight ?? 0)} />
              <text x={x} y={y} dy="0.35em" text-anchor="middle">
                {symbol}
              </text>
            </a>
          );
        })}
      </svg>
      <ul class="key" aria-hidden="true">
        {sectors.map((sector) => (
          <li key={sector}>
            <span class={`swatch sector ${sector === OTHER ? "sector-7" : colour(sector)}`} />
            {sector}
          </li>
        ))}
      </ul>
      <figcaption aria-live="polite">
        <Caption graph={graph} under={under} />
      </figcaption>
    </figure>
  );
}

function Caption({ graph, under }: { graph: Graph; under: string | null }) {
  if (under === null || under === graph.symbol) {
    return (
      <>
        <strong>{graph.symbol}</strong> gives {percent(graph.attention_of_target[graph.symbol])} of its attention to itself. A
        peer is the larger, the more of it the peer gets.
      </>
    );
  }
  const index = graph.nodes.findIndex((node) => node.symbol === under);
  const node = graph.nodes[index];
  return (
    <>
      <strong>{under}</strong>{node.sector ? `, ${node.sector.toLowerCase()},` : ""} gets {percent(graph.attention_of_target[under])} of the attention; correlation with {graph.symbol}{" "}
      {decimal(graph.correlations[0][index], 2)}; volatility a day {percent(node.volatility, 2)}.
    </>
  );
}

function Matrix({ graph, under, setUnder }: Part) {
  const names = graph.nodes.map((node) => node.symbol);
  return (
    <div class="matrix-box" tabIndex={0} role="region" aria-label="Matrix of correlations">
      <table class="matrix" onPointerLeave={() => setUnder(null)}>
        <caption class="visually-hidden">Correlations of {graph.symbol} and its peers</caption>
        <thead>
          <tr>
            <td />
            {names.map((name) => (
              <th key={name} scope="col" class={name === under ? "under" : undefined}>
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((name, row) => (
            <tr key={name} class={name === under ? "under" : undefined}>
              <th scope="row">{name}</th>
              {graph.correlations[row].map((correlation, column) => (
                <td
                  key={names[column]}
                  class={shade(correlation)}
                  onPointerEnter={() => setUnder(row === 0 ? names[column] : name)}
                >
                  {row === column ? "" : decimal(correlation, 2).replace("0.", ".")}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A class of a style sheet: the page's policy allows no styles of elements. */
function shade(correlation: number): string {
  const step = Math.min(9, Math.floor(10 * Math.abs(correlation)));
  return `${correlation < 0 ? "minus" : "plus"}-${step}`;
}
