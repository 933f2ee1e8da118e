// The drawing of the market's network: forces place the nodes, a canvas shows them, and pointers and keys move the view.
import { type Simulation, type SimulationNodeDatum, forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from "d3-force";
import type { Market } from "../service/answers";

interface Node extends SimulationNodeDatum {
  symbol: string;
  cluster: number;
}

export interface Ink {
  text: string;
  ground: string;
  edge: string;
  near: string;
  clusters: string[];
}

const BUDGET_MS = 9; // of a frame, for the forces
const SETTLED = 0.02;
const ZOOM = [0.3, 12] as const;
const RADIUS = 5;

export class Network {
  private nodes: Node[];
  private near: Map<number, Set<number>>;
  private forces: Simulation<Node, undefined>;
  private view = { x: 0, y: 0, scale: 1 };
  private moved = false;
  private frame = 0;
  private looked: number | null = null;
  private lit: number | null = null;

  constructor(
    private market: Market,
    private canvas: HTMLCanvasElement,
    private ink: Ink,
    private stepwise: boolean,
  ) {
    const clusters = Math.max(...market.symbols.map((one) => one.cluster)) + 1;
    // Clusters begin on a circle, so that the forces need not untangle them.
    this.nodes = market.symbols.map(({ symbol, cluster }, index) => {
      const angle = (2 * Math.PI * cluster) / clusters;
      const spread = 40 + (index % 7) * 9;
      return { symbol, cluster, x: 320 * Math.cos(angle) + spread * Math.cos(index), y: 320 * Math.sin(angle) + spread * Math.sin(index) };
    });
    this.near = new Map(this.nodes.map((_, index) => [index, new Set<number>()]));
    for (const { source, target } of market.edges) {
      this.near.get(source)?.add(target);
      this.near.get(target)?.add(source);
    }
    const links = market.edges.map(({ source, target, correlation }) => ({ source, target, strength: Math.abs(correlation) }));
    this.forces = forceSimulation(this.nodes)
      .force("charge", forceManyBody().strength(-70).distanceMax(420))
      .force("link", forceLink<Node, (typeof links)[number]>(links).distance((link) => 18 + 60 * (1 - link.strength)).strength((link) => 0.5 * link.strength))
      .force("x", forceX<Node>().strength(0.04))
      .force("y", forceY<Node>().strength(0.05))
      .force("collide", forceCollide<Node>(RADIUS + 3))
      .alphaDecay(0.03)
      .stop();
    this.run();
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
  }

  /** Put forces to work for a part of each frame until they have settled. */
  private run(): void {
    const until = performance.now() + BUDGET_MS;
    while (this.forces.alpha() > SETTLED && performance.now() < until) this.forces.tick();
    if (!this.moved) this.fit();
    const settled = this.forces.alpha() <= SETTLED;
    if (this.stepwise || settled) this.draw();
    this.canvas.dataset.settled = String(settled);
    if (!settled) this.frame = requestAnimationFrame(() => this.run());
  }

  resize(): void {
    const ratio = devicePixelRatio;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    if (!this.moved) this.fit();
    this.draw();
  }

  repaint(ink: Ink): void {
    this.ink = ink;
    this.draw();
  }

  /** Show all nodes. */
  fit(): void {
    const [xs, ys] = [this.nodes.map((node) => node.x ?? 0), this.nodes.map((node) => node.y ?? 0)];
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const scale = Math.min((width - 50) / (right - left || 1), (height - 50) / (bottom - top || 1), 4);
    this.view = { scale, x: width / 2 - (scale * (left + right)) / 2, y: height / 2 - (scale * (top + bottom)) / 2 };
  }

  fitAgain(): void {
    this.moved = false;
    this.fit();
    this.draw();
  }

  pan(x: number, y: number): void {
    this.moved = true;
    this.view.x += x;
    this.view.y += y;
    this.draw();
  }

  /** Zoom around a point of the canvas, or its middle. */
  zoom(factor: number, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2): void {
    const scale = Math.max(ZOOM[0], Math.min(ZOOM[1], this.view.scale * factor));
    const part = scale / this.view.scale;
    this.moved = true;
    this.view = { scale, x: x - part * (x - this.view.x), y: y - part * (y - this.view.y) };
    this.draw();
  }

  /** The symbol at a point of the canvas. */
  at(x: number, y: number): string | null {
    let [best, least] = [-1, 18 * 18];
    this.nodes.forEach((node, index) => {
      const [dx, dy] = [this.view.x + this.view.scale * (node.x ?? 0) - x, this.view.y + this.view.scale * (node.y ?? 0) - y];
      if (dx * dx + dy * dy < least) [best, least] = [index, dx * dx + dy * dy];
    });
    return best < 0 ? null : this.nodes[best].symbol;
  }

  /** Point a symbol out, with what it is tied to; or a cluster. */
  look(symbol: string | null, cluster: number | null): void {
    const index = symbol === null ? -1 : this.nodes.findIndex((node) => node.symbol === symbol);
    this.looked = index < 0 ? null : index;
    this.lit = cluster;
    this.draw();
  }

  private draw(): void {
    const context = this.canvas.getContext("2d");
    if (!context) return;
    const { x: left, y: top, scale } = this.view;
    const ratio = devicePixelRatio;
    const { looked, lit } = this;
    const near = looked === null ? null : this.near.get(looked);
    const shown = (index: number) =>
      near ? index === looked || near.has(index) : lit === null || this.nodes[index].cluster === lit;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    const place = (node: Node): [number, number] => [left + scale * (node.x ?? 0), top + scale * (node.y ?? 0)];
    for (const close of [false, true]) {
      context.beginPath();
      for (const { source, target } of this.market.edges) {
        const touches = looked !== null && (source === looked || target === looked);
        if (touches !== close) continue;
        context.moveTo(...place(this.nodes[source]));
        context.lineTo(...place(this.nodes[target]));
      }
      context.strokeStyle = close ? this.ink.near : this.ink.edge;
      context.lineWidth = close ? 1.5 : 0.7;
      context.globalAlpha = close ? 1 : looked !== null || lit !== null ? 0.25 : 0.7;
      context.stroke();
    }
    const radius = Math.max(3, Math.min(9, RADIUS * Math.sqrt(scale)));
    this.nodes.forEach((node, index) => {
      context.globalAlpha = shown(index) ? 1 : 0.18;
      context.beginPath();
      context.arc(...place(node), index === looked ? radius + 3 : radius, 0, 2 * Math.PI);
      context.fillStyle = this.ink.clusters[node.cluster % this.ink.clusters.length];
      context.fill();
    });
    this.drawNames(context, place, shown, radius);
    context.globalAlpha = 1;
  }

  /** Names where there is room for them: those that were asked for first. */
  private drawNames(context: CanvasRenderingContext2D, place: (node: Node) => [number, number], shown: (index: number) => boolean, radius: number): void {
    const taken = new Set<string>();
    const asked = this.looked !== null || this.lit !== null;
    const order = this.nodes.map((_, index) => index).sort((one, other) => Number(other === this.looked) - Number(one === this.looked) || (this.near.get(other)?.size ?? 0) - (this.near.get(one)?.size ?? 0));
    context.font = "600 11px system-ui, sans-serif";
    context.textAlign = "center";
    context.lineWidth = 3;
    context.lineJoin = "round";
    for (const index of order) {
      if (asked && !shown(index)) continue;
      const [x, y] = place(this.nodes[index]);
      if (x < 0 || y < 0 || x > this.canvas.clientWidth || y > this.canvas.clientHeight) continue;
      const cells = [-1, 0, 1].map((side) => `${Math.round((x + 22 * side) / 22)} ${Math.round(y / 15)}`);
      if (index !== this.looked && cells.some((cell) => taken.has(cell))) continue;
      for (const cell of cells) taken.add(cell);
      context.globalAlpha = 1;
      context.strokeStyle = this.ink.ground;
      context.fillStyle = this.ink.text;
      context.strokeText(this.nodes[index].symbol, x, y - radius - 3);
      context.fillText(this.nodes[index].symbol, x, y - radius - 3);
    }
  }
}
