// Where the nodes of a graph are drawn: near to each other where they are strongly correlated.
import { type SimulationNodeDatum, forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from "d3-force";
import type { Graph } from "../service/answers";

export interface Place {
  symbol: string;
  x: number;
  y: number;
}

interface Node extends SimulationNodeDatum {
  symbol: string;
}

const STEPS = 300;
const MARGIN = 42;

/** The same graph is drawn the same way each time: the forces begin from a circle, and d3 draws nothing at random. */
export function layOut(graph: Graph, width: number, height: number): Place[] {
  const nodes: Node[] = graph.nodes.map(({ symbol }, index) => {
    if (index === 0) return { symbol, x: 0, y: 0, fx: 0, fy: 0 };
    const angle = (2 * Math.PI * index) / (graph.nodes.length - 1);
    return { symbol, x: 150 * Math.cos(angle), y: 150 * Math.sin(angle) };
  });
  const links = graph.edges.map(({ source, target, correlation }) => ({ source, target, strength: Math.abs(correlation) }));
  forceSimulation(nodes)
    .force("charge", forceManyBody().strength(-900))
    .force(
      "link",
      forceLink<Node, (typeof links)[number]>(links)
        .id((node) => node.symbol)
        .distance((link) => 60 + 220 * (1 - link.strength))
        .strength((link) => 0.12 * link.strength),
    )
    .force("x", forceX<Node>().strength(0.05))
    .force("y", forceY<Node>().strength(0.09))
    .force("collide", forceCollide<Node>(38))
    .stop()
    .tick(STEPS);
  const [left, right] = ends(nodes.map((node) => node.x ?? 0));
  const [top, bottom] = ends(nodes.map((node) => node.y ?? 0));
  const scale = Math.min((width - 2 * MARGIN) / (right - left || 1), (height - 2 * MARGIN) / (bottom - top || 1), 1.6);
  return nodes.map(({ symbol, x = 0, y = 0 }) => ({
    symbol,
    x: width / 2 + scale * (x - (left + right) / 2),
    y: height / 2 + scale * (y - (top + bottom) / 2),
  }));
}

function ends(values: number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}
