"use strict";
(() => {
  const data = (id) => JSON.parse(document.getElementById(id).textContent);
  const el = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  // ---- plots
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const small = matchMedia("(max-width: 40rem)");
  const light = { "--ink": "#1b1f24", "--soft": "#59626d", "--line": "#dfe3e8", "--grid": "#e9ecef", "--raised": "#ffffff" };
  let printing = false;

  const themed = (layout, width) => {
    const pick = (name) => (printing ? light[name] : colour(name));
    const result = structuredClone(layout);
    result.font = { family: "system-ui, sans-serif", size: small.matches && !printing ? 11 : 12.5, color: pick("--ink") };
    result.paper_bgcolor = result.plot_bgcolor = "rgba(0,0,0,0)";
    result.hoverlabel = { bgcolor: pick("--raised"), bordercolor: pick("--line"), font: { color: pick("--ink") } };
    result.modebar = { bgcolor: "rgba(0,0,0,0)", color: pick("--soft"), activecolor: pick("--ink") };
    for (const key of Object.keys(result)) {
      if (!/^[xy]axis/.test(key)) continue;
      Object.assign(result[key], {
        gridcolor: pick("--grid"), linecolor: pick("--line"), zerolinecolor: pick("--soft"), automargin: true,
      });
    }
    if (width) { result.width = width; result.autosize = false; }
    return result;
  };

  class Figure {
    constructor(id, variants) {
      this.variants = variants;
      this.div = document.getElementById(`${id}-plot`);
      this.legend = document.getElementById(`${id}-legend`);
      this.name = Object.keys(variants)[0];
      this.hidden = new Set();
      for (const { data: traces } of Object.values(variants))
        for (const trace of traces) if (trace.visible === "legendonly") this.hidden.add(trace.meta.series);
      const choice = document.getElementById(`${id}-choice`);
      choice?.addEventListener("change", () => { this.name = choice.value; this.draw(); this.list(); });
      this.draw();
      this.list();
    }

    series() {
      const found = new Map();
      for (const trace of this.variants[this.name].data)
        if (trace.meta?.series && !found.has(trace.meta.series)) found.set(trace.meta.series, trace.meta);
      return found;
    }

    draw(width) {
      const { data: traces, layout } = this.variants[this.name];
      const shown = traces.map((trace) => ({ ...trace, visible: !this.hidden.has(trace.meta?.series) }));
      return Plotly.react(this.div, shown, themed(layout, width), {
        responsive: true, displaylogo: false, modeBarButtons: [["toImage"]],
        displayModeBar: !small.matches,
      });
    }

    list() {
      const buttons = [...this.series()].map(([name, meta]) => {
        const button = el("button", { type: "button", title: "Show or hide; double-click for this one alone" });
        button.setAttribute("aria-pressed", String(!this.hidden.has(name)));
        button.append(swatch(meta), name);
        button.addEventListener("click", () => {
          this.hidden.has(name) ? this.hidden.delete(name) : this.hidden.add(name);
          this.update();
        });
        button.addEventListener("dblclick", () => {
          this.hidden = new Set([...this.series().keys()].filter((other) => other !== name));
          this.update();
        });
        button.dataset.series = name;
        return button;
      });
      this.legend.replaceChildren(...buttons);
    }

    update() {
      for (const button of this.legend.children)
        button.setAttribute("aria-pressed", String(!this.hidden.has(button.dataset.series)));
      this.draw();
    }
  }

  const swatch = (meta) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const set = (node, values) => Object.entries(values).forEach(([k, v]) => node.setAttribute(k, v));
    set(svg, { width: 22, height: 10, "aria-hidden": "true" });
    const dashes = { dash: "6 3", dot: "2 3" }[meta.dash] ?? "none";
    set(line, { x1: 0, y1: 5, x2: 22, y2: 5, stroke: meta.color, "stroke-width": 3, "stroke-dasharray": dashes });
    svg.append(line);
    return svg;
  };

  const figures = Object.entries(data("plots")).map(([id, variants]) => new Figure(id, variants));
  const redraw = (width) => figures.forEach((figure) => figure.draw(width));
  dark.addEventListener("change", () => redraw());
  small.addEventListener("change", () => redraw());
  addEventListener("beforeprint", () => { printing = true; redraw(660); });
  addEventListener("afterprint", () => { printing = false; redraw(); });

  // ---- one switch a kind, for all plots
  const bar = document.getElementById("kinds");
  const kinds = new Map();
  for (const figure of figures)
    for (const [name, meta] of figure.series())
      if (meta.kind) kinds.set(meta.kind, (kinds.get(meta.kind) ?? new Set()).add(name));
  if (kinds.size > 1) {
    bar.append(el("span", { textContent: "In all plots:" }));
    const switches = [["models", ["model"]], ["models and ablations", ["model", "ablation"]], ["all forecasters", [...kinds.keys()]]];
    for (const [text, wanted] of switches) {
      if (!wanted.every((kind) => kinds.has(kind))) continue;
      const button = el("button", { type: "button", textContent: text });
      button.addEventListener("click", () => {
        for (const figure of figures) {
          for (const [name, meta] of figure.series())
            if (meta.kind) wanted.includes(meta.kind) ? figure.hidden.delete(name) : figure.hidden.add(name);
          figure.update();
        }
      });
      bar.append(button);
    }
    bar.hidden = false;
  }

  // ---- tables: sorting, and rows by choice
  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
      const up = head.classList.contains("number") ? head.getAttribute("aria-sort") === "descending" : head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      sort(table, column, up, head.classList.contains("number"));
    }));
  };
  const sort = (table, column, up, numeric) => {
    const key = (row) => {
      const cell = row.cells[column];
      if (!numeric) return cell.textContent.trim();
      return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
    };
    const order = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === null || y === null) return (x === null) - (y === null); // a dash is last either way
      const sign = numeric ? x - y : x.localeCompare(y);
      return up ? sign : -sign;
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
  };
  document.querySelectorAll("table").forEach(sortable);

  for (const [id, { rows: variants, marks }] of Object.entries(data("tables"))) {
    const table = document.querySelector(`#${id} table`);
    const choice = document.getElementById(`${id}-choice`);
    const heads = [...table.tHead.rows[0].cells];
    const cell = ([text, value = null, note = "", place = null], column) => {
      const mark = place === null ? null : marks[place];
      const made = el(column ? "td" : "th", { textContent: text });
      if (!column) made.scope = "row";
      if (heads[column].classList.contains("number")) made.className = mark ? `number marked ${mark[0]}` : "number";
      if (value !== null) made.dataset.value = value;
      if (note) made.append(el("small", { textContent: note }));
      if (mark) {
        const shown = el("span", { textContent: mark[1] });
        shown.setAttribute("aria-hidden", "true");
        made.append(el("small", { className: "mark", title: mark[2] }, shown, el("span", { className: "unseen", textContent: mark[2] })));
      }
      return made;
    };
    choice.addEventListener("change", () => {
      table.tBodies[0].replaceChildren(...variants[choice.value].map((row) => el("tr", {}, ...row.map(cell))));
      const sorted = heads.findIndex((head) => head.hasAttribute("aria-sort"));
      if (sorted >= 0) sort(table, sorted, heads[sorted].getAttribute("aria-sort") === "ascending", heads[sorted].classList.contains("number"));
    });
  }
})();
