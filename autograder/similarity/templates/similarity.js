"use strict";
(() => {
  const table = document.querySelector("#pairs");
  if (!table) return;
  const body = table.tBodies[0];
  const collator = new Intl.Collator("en", { numeric: true });
  let data = null;

  const make = (tag, name, ...children) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    node.append(...children.filter((child) => child !== null && child !== ""));
    return node;
  };

  // A region is [file, first, last] on the left and the same on the right: side 0 and side 3.
  const marks = (pair, side, file) => {
    const found = new Map();
    const paint = (spans, kind) => {
      spans.forEach((span) => {
        if (span[side] !== file) return;
        for (let at = span[side + 1]; at <= span[side + 2]; at++) {
          const old = found.get(at);
          const region = old ? old.region : pair.regions.indexOf(span);
          found.set(at, { kind, region });
        }
      });
    };
    paint(pair.regions, "between");
    paint(pair.exact, "exact");
    return found;
  };

  const link = (index, region, side, text, label) => {
    const node = make("a", "", text);
    node.href = `#p${index}-${region}-${side}`;
    node.dataset.region = region;
    node.dataset.side = side;
    node.setAttribute("aria-label", label);
    return node;
  };

  const file = (index, pair, side, [name, lines], at) => {
    const marked = marks(pair, side, at);
    const box = make("div", "code");
    const other = side ? 0 : 3;
    let last = -1;
    lines.forEach((text, before) => {
      const mark = marked.get(before + 1);
      const row = make("div", mark ? mark.kind : "");
      const jump = make("span", "ref");
      if (mark && mark.region !== last) {
        row.id = `p${index}-${mark.region}-${side}`;
        jump.append(link(index, mark.region, other, side ? `←${mark.region + 1}` : `${mark.region + 1}→`, `Stretch ${mark.region + 1}: show it on the other side`));
      }
      if (mark) row.dataset.region = mark.region;
      last = mark ? mark.region : -1;
      row.append(make("span", "no", String(before + 1)), jump, make("span", "text", text));
      box.append(row);
    });
    return [make("p", "file", name), box];
  };

  const side = (index, pair, which) => {
    const work = data.works[which ? pair.right : pair.left];
    const pane = make("div", "pane", ...work.files.flatMap((each, at) => file(index, pair, which, each, at)));
    pane.tabIndex = 0;
    pane.dataset.side = which;
    pane.setAttribute("role", "region");
    pane.setAttribute("aria-label", `Files of ${work.name}`);
    return make("div", "side", make("h3", "", work.name), pane);
  };

  const draw = (index) => {
    data ??= JSON.parse(document.getElementById("data").textContent);
    const pair = data.pairs[index];
    const named = (which, at) => data.works[which].files[at][0];
    const stretches = pair.regions.map(([at, first, last, there, low, high], region) => {
      const [one, other] = [named(pair.left, at), named(pair.right, there)];
      const lines = `${region + 1}: ${one} ${first}–${last} and ${one === other ? "" : `${other} `}${low}–${high}`;
      return make("li", "", link(index, region, 0, lines, `Show stretch ${lines}`));
    });
    return make(
      "div",
      "inside",
      make("ul", "stretches", ...stretches),
      make("div", "sides", side(index, pair, 0), side(index, pair, 3)),
    );
  };

  // Bring both ends of a stretch to the top of their panes.
  const show = (inside, index, region) => {
    for (const row of inside.querySelectorAll(".lit")) row.classList.remove("lit");
    for (const row of inside.querySelectorAll(`[data-region="${region}"].exact`)) row.classList.add("lit");
    for (const pane of inside.querySelectorAll(".pane")) {
      const row = document.getElementById(`p${index}-${region}-${pane.dataset.side}`);
      const first = row && row.firstElementChild;
      if (first) pane.scrollTop += first.getBoundingClientRect().top - pane.getBoundingClientRect().top - 40;
    }
  };

  const toggle = (row, open) => {
    const button = row.querySelector("button.open");
    const wanted = open ?? button.getAttribute("aria-expanded") !== "true";
    let below = document.getElementById(`detail-${row.dataset.i}`);
    if (wanted && !below) {
      const cell = make("td", "", draw(Number(row.dataset.i)));
      cell.colSpan = row.cells.length;
      below = make("tr", "detail", cell);
      below.id = `detail-${row.dataset.i}`;
      button.setAttribute("aria-controls", below.id);
      row.after(below);
      if (data.pairs[row.dataset.i].regions.length) show(below, row.dataset.i, 0);
    }
    if (below) below.hidden = !wanted;
    button.setAttribute("aria-expanded", String(wanted));
    row.classList.toggle("opened", wanted);
  };

  body.addEventListener("click", (event) => {
    const jump = event.target.closest("a[data-region]");
    if (jump) {
      event.preventDefault();
      const detail = jump.closest("tr.detail");
      show(detail, detail.id.slice("detail-".length), jump.dataset.region);
      return;
    }
    const row = event.target.closest("tr.twosome");
    if (row && !String(getSelection())) toggle(row);
  });

  const value = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) return;
    const number = head.classList.contains("number");
    const now = head.getAttribute("aria-sort");
    const down = now === "none" ? number : now === "ascending";
    for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.querySelectorAll("tr.twosome")];
    rows.sort((a, b) => {
      const [x, y] = [value(a, head.cellIndex), value(b, head.cellIndex)];
      return (down ? -1 : 1) * (number ? Number(x) - Number(y) : collator.compare(x, y));
    });
    for (const row of rows) {
      const below = document.getElementById(`detail-${row.dataset.i}`);
      body.append(row, ...(below ? [below] : []));
    }
  });

  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const total = shown.textContent;
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    let many = 0;
    for (const row of body.querySelectorAll("tr.twosome")) {
      const names = `${value(row, 0)}\n${value(row, 1)}`.toLowerCase();
      row.hidden = !names.includes(wanted);
      const below = document.getElementById(`detail-${row.dataset.i}`);
      if (below) below.hidden = row.hidden || !row.classList.contains("opened");
      many += row.hidden ? 0 : 1;
    }
    shown.textContent = wanted ? `${many} of ${total}` : total;
  });
})();
