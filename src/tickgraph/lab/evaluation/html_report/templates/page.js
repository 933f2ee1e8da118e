"use strict";
(() => {
  const data = (id) => JSON.parse(document.getElementById(id).textContent);
  const el = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  // ---- plots
  const plots = Object.entries(data("plots")).map(([id, variants]) => {
    const div = document.getElementById(`${id}-plot`);
    const choice = document.getElementById(`${id}-choice`);
    const draw = () => {
      const { data: traces, layout } = variants[choice?.value ?? Object.keys(variants)[0]];
      Plotly.react(div, traces, layout, { responsive: true, displaylogo: false, modeBarButtons: [["toImage"]] });
    };
    choice?.addEventListener("change", draw);
    draw();
    return div;
  });
  const resize = (size) => plots.forEach((div) => Plotly.relayout(div, size));
  addEventListener("beforeprint", () => resize({ width: 660 }));
  addEventListener("afterprint", () => resize({ width: null, autosize: true }));

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
