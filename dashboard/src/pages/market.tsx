// How all symbols move together.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { counted, decimal, shortDay } from "../format";
import { type Ink, Network } from "../market/network";
import { go, toSymbol } from "../route";
import type { Market, MarketSymbol } from "../service/answers";
import { useResource } from "../service/resource";
import { useStore } from "../service/store";
import { Failed, Loading, NotRenewed } from "../states";
import { colourOf, repaint } from "../theme_switch";

export function MarketPage() {
  const { data, problem, reload } = useResource<Market>("market", "market", (event) => event.kind !== "job");
  useEffect(() => {
    document.title = "Market – tickgraph";
  }, []);
  return (
    <>
      <div class="head">
        <h1>Market</h1>
        {data && (
          <p class="summary">
            {counted(data.symbols.length, "symbol")}, correlations over 60 sessions to {shortDay(data.as_of)}
          </p>
        )}
      </div>
      {problem && data && <NotRenewed problem={problem} retry={reload} />}
      {data ? <Together market={data} /> : problem ? <Failed problem={problem} retry={reload} /> : <Loading what="the market" tall />}
    </>
  );
}

export interface Cluster {
  number: number;
  members: MarketSymbol[];
  /** The member that moves most as all symbols do. */
  centre: MarketSymbol;
  sector: string | null;
}

function clustersOf({ symbols }: Market): Cluster[] {
  const members = Map.groupBy(symbols, (one) => one.cluster);
  return [...members.entries()]
    .sort(([one], [other]) => one - other)
    .map(([number, own]) => {
      const sectors = Map.groupBy(own.filter((one) => one.sector), (one) => one.sector);
      const [sector, most] = [...sectors.entries()].sort(([, one], [, other]) => other.length - one.length)[0] ?? [null, []];
      return {
        number,
        members: own,
        centre: own.reduce((best, one) => (one.mean_correlation > best.mean_correlation ? one : best)),
        sector: most.length * 2 > own.length ? sector : null,
      };
    });
}

function Together({ market }: { market: Market }) {
  const [symbol, setSymbol] = useState<string | null>(null);
  const [cluster, setCluster] = useState<number | null>(null);
  const clusters = useMemo(() => clustersOf(market), [market]);
  const change = market.mean_correlation - market.mean_correlation_before;
  return (
    <>
      <section class="panel" aria-labelledby="network-title">
        <div class="panel-head">
          <h2 id="network-title">The network</h2>
          <Find market={market} find={setSymbol} />
        </div>
        <Picture market={market} symbol={symbol} cluster={cluster} look={setSymbol} />
        <p class="under" aria-live="polite">
          {symbol ? <About market={market} symbol={symbol} /> : "Each symbol is tied to the four that it moves most closely with."}
        </p>
      </section>
      <div class="market-lists">
        <section class="panel" aria-labelledby="clusters-title">
          <h2 id="clusters-title">Clusters</h2>
          <ul class="clusters">
            {clusters.map((one) => (
              <li key={one.number}>
                <button type="button" aria-pressed={cluster === one.number} onClick={() => setCluster(cluster === one.number ? null : one.number)}>
                  <span class={`swatch sector sector-${one.number % COLOURS}`} aria-hidden="true" />
                  Around {one.centre.symbol}
                  {one.sector ? `, ${one.sector}` : ""}
                </button>
                <small>{counted(one.members.length, "symbol")}</small>
                <p>
                  {one.members.map((member) => (
                    <a key={member.symbol} href={toSymbol(member.symbol)}>
                      {member.symbol}
                    </a>
                  ))}
                </p>
              </li>
            ))}
          </ul>
        </section>
        <section class="panel" aria-labelledby="changes-title">
          <h2 id="changes-title">What changed since {shortDay(market.before)}</h2>
          <p class="muted">
            The mean correlation of all pairs is {decimal(market.mean_correlation, 2)}, {change < 0 ? "down" : "up"} from{" "}
            {decimal(market.mean_correlation_before, 2)}. These pairs changed most.
          </p>
          <table class="figures-table changes">
            <thead>
              <tr>
                <th scope="col">Pair</th>
                <th scope="col">Before</th>
                <th scope="col">Now</th>
                <th scope="col">Change</th>
              </tr>
            </thead>
            <tbody>
              {market.changes.map((pair) => (
                <tr key={`${pair.source} ${pair.target}`}>
                  <th scope="row">
                    <a href={toSymbol(pair.source)}>{pair.source}</a> <a href={toSymbol(pair.target)}>{pair.target}</a>
                  </th>
                  <td>{decimal(pair.before, 2)}</td>
                  <td>{decimal(pair.now, 2)}</td>
                  <td class={pair.now > pair.before ? "up" : "down"}>
                    {pair.now > pair.before ? "+" : ""}
                    {decimal(pair.now - pair.before, 2)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {market.left_out.length > 0 && (
            <details class="left-out">
              <summary>{counted(market.left_out.length, "symbol")} left out</summary>
              <p class="muted">Their prices have gaps in these sessions, do not move, or come from another source: {market.left_out.join(", ")}.</p>
            </details>
          )}
        </section>
      </div>
    </>
  );
}

function Find({ market, find }: { market: Market; find: (symbol: string | null) => void }) {
  const [text, setText] = useState("");
  const wanted = text.trim().toUpperCase();
  const known = market.symbols.some((one) => one.symbol === wanted);
  return (
    <form class="find" role="search" aria-label="Symbols of the network" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span>Find in the network</span>
        <input
          type="search"
          value={text}
          maxLength={24}
          autocomplete="off"
          aria-invalid={wanted !== "" && !known}
          onInput={(event) => {
            setText(event.currentTarget.value);
            const name = event.currentTarget.value.trim().toUpperCase();
            find(market.symbols.some((one) => one.symbol === name) ? name : null);
          }}
        />
      </label>
    </form>
  );
}

function About({ market, symbol }: { market: Market; symbol: string }) {
  const index = market.symbols.findIndex((one) => one.symbol === symbol);
  const own = market.symbols[index];
  const ties = market.edges
    .filter((edge) => edge.source === index || edge.target === index)
    .sort((one, other) => Math.abs(other.correlation) - Math.abs(one.correlation))
    .slice(0, 6);
  return (
    <>
      <a href={toSymbol(symbol)}>{symbol}</a>
      {own.sector ? `, ${own.sector}` : ""}: mean correlation {decimal(own.mean_correlation, 2)}
      {ties.length > 0 && "; most with "}
      {ties.map((edge) => `${market.symbols[edge.source === index ? edge.target : edge.source].symbol} ${decimal(edge.correlation, 2)}`).join(", ")}
    </>
  );
}

const COLOURS = 7;

function inkOf(element: HTMLElement): Ink {
  const clusters = Array.from({ length: COLOURS }, (_, index) => {
    const probe = document.createElement("span");
    probe.className = `sector-${index}`;
    element.append(probe);
    const colour = colourOf("sector", probe);
    probe.remove();
    return colour;
  });
  return { text: colourOf("text", element), ground: colourOf("surface", element), edge: colourOf("control", element), near: colourOf("accent", element), clusters };
}

interface PictureProps {
  market: Market;
  symbol: string | null;
  cluster: number | null;
  look: (symbol: string | null) => void;
}

function Picture({ market, symbol, cluster, look }: PictureProps) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const network = useRef<Network | null>(null);
  const pointers = useRef(new Map<number, [number, number]>());
  const travelled = useRef(0);
  const painted = useStore(repaint);

  useEffect(() => {
    if (!canvas.current || !box.current) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const made = new Network(market, canvas.current, inkOf(box.current), !calm);
    network.current = made;
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(canvas.current);
    const wheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas.current) return; // the page scrolls
      event.preventDefault();
      made.zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
    };
    const element = canvas.current;
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      element.removeEventListener("wheel", wheel);
      observer.disconnect();
      made.stop();
    };
  }, [market]);
  useEffect(() => {
    if (box.current) network.current?.repaint(inkOf(box.current));
  }, [painted]);
  useEffect(() => network.current?.look(symbol, cluster), [market, symbol, cluster]);

  const down = (event: PointerEvent) => {
    canvas.current?.setPointerCapture(event.pointerId);
    pointers.current.set(event.pointerId, [event.offsetX, event.offsetY]);
    travelled.current = 0;
  };
  const drag = (event: PointerEvent) => {
    const here: [number, number] = [event.offsetX, event.offsetY];
    const before = pointers.current.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") look(network.current?.at(...here) ?? null);
      return;
    }
    const [dx, dy] = [here[0] - before[0], here[1] - before[1]];
    travelled.current += Math.abs(dx) + Math.abs(dy);
    const other = [...pointers.current.entries()].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const distance = (point: [number, number]) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      network.current?.zoom(distance(here) / Math.max(1, distance(before)), (here[0] + other[0]) / 2, (here[1] + other[1]) / 2);
    } else {
      network.current?.pan(dx, dy);
    }
    pointers.current.set(event.pointerId, here);
  };
  const up = (event: PointerEvent) => {
    pointers.current.delete(event.pointerId);
    if (travelled.current > 6 || event.type === "pointercancel") return;
    const hit = network.current?.at(event.offsetX, event.offsetY) ?? null;
    if (hit && hit === symbol) go(toSymbol(hit));
    else look(hit);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts: Record<string, () => void> = {
      ArrowLeft: () => network.current?.pan(40, 0),
      ArrowRight: () => network.current?.pan(-40, 0),
      ArrowUp: () => network.current?.pan(0, 40),
      ArrowDown: () => network.current?.pan(0, -40),
      "+": () => network.current?.zoom(1.3),
      "=": () => network.current?.zoom(1.3),
      "-": () => network.current?.zoom(1 / 1.3),
      "0": () => network.current?.fitAgain(),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  };
  return (
    <div class="network" ref={box}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-roledescription="network"
        aria-label={`Network of ${counted(market.symbols.length, "symbol")}. Arrow keys move it, plus and minus zoom, 0 shows all. The lists below have the same clusters.`}
        onPointerDown={down}
        onPointerMove={drag}
        onPointerUp={up}
        onPointerCancel={up}
        onPointerLeave={() => pointers.current.size || look(null)}
        onKeyDown={onKeyDown}
      />
      <div class="zoom" role="group" aria-label="Zoom">
        <button type="button" aria-label="Zoom in" onClick={() => network.current?.zoom(1.4)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => network.current?.zoom(1 / 1.4)}>
          −
        </button>
        <button type="button" onClick={() => network.current?.fitAgain()}>
          All
        </button>
      </div>
    </div>
  );
}
