"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const PROSE = new Set(["Looks like", "Try"]);
  const collator = new Intl.Collator("en", { numeric: true });
  const body = document.querySelector("#students tbody");
  let data = null;

  const make = (tag, name, ...children) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    node.append(...children.filter((child) => child !== null && child !== ""));
    return node;
  };

  const icon = (shape) => {
    const svg = document.createElementNS(SVG, "svg");
    const use = document.createElementNS(SVG, "use");
    svg.setAttribute("class", `icon ${shape}`);
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `#i-${shape}`);
    svg.append(use);
    return svg;
  };

  const list = (title, items, name) =>
    items.length ? make("div", name, make("h4", "", title), make("ul", "", ...items.map((text) => make("li", "", text)))) : null;

  const message = (lines) => {
    const box = make("dl", "message");
    for (const [label, text] of lines) {
      const kind = PROSE.has(label) ? "prose" : "value";
      box.append(make("dt", "", label), make("dd", label === "Looks like" ? "prose looks" : kind, text));
    }
    return box;
  };

  const failed = ([at, status, lines = [], flags = []]) => {
    const [, title, kind] = data.tests[at];
    const [shape, word, sentence] = data.words[status];
    const head = make("p", "title", icon(shape), make("span", "", title), make("span", "kind", `${kind} · ${word}`));
    const silent = lines.length ? null : make("p", "quiet", sentence);
    return make("div", "test", head, silent, lines.length ? message(lines) : null, list("Flags", flags, "flags"));
  };

  const quiet = (results, word) => {
    if (!results.length) return null;
    const noun = results.length === 1 ? "test" : "tests";
    const items = results.map(([at]) => make("li", "", data.tests[at][1], make("span", "kind", data.tests[at][2])));
    return make("details", "", make("summary", "", `${results.length} ${noun} ${word}`), make("ul", "", ...items));
  };

  const part = ([name, score, shape, word, reason, results]) => {
    const passed = results.filter((result) => result[1] === "passed" && !(result[3] || []).length);
    const skipped = results.filter((result) => result[1] === "skipped");
    const rest = results.filter((result) => !passed.includes(result) && !skipped.includes(result));
    const head = make("h3", "", icon(shape), make("code", "", name), make("span", "points", score), make("span", "kind", word));
    const why = shape === "pass" ? null : make("p", "reason", reason);
    return make("section", `result ${shape}`, head, why, ...rest.map(failed), quiet(passed, "passed"), quiet(skipped, "skipped"));
  };

  const draw = (index) => {
    data ??= JSON.parse(document.getElementById("data").textContent);
    const student = data.students[index];
    const output = student.output
      ? make("div", "output", make("h4", "", "Output"), make("pre", "", student.output))
      : null;
    return make(
      "div",
      "inside",
      list("To look at", student.flags, "flags"),
      list("Notes", student.notes, "notes"),
      ...student.parts.map(part),
      output,
    );
  };

  const detail = (row) => {
    const next = row.nextElementSibling;
    return next && next.classList.contains("detail") ? next : null;
  };

  const toggle = (row, open) => {
    const button = row.querySelector("button.open");
    const wanted = open ?? button.getAttribute("aria-expanded") !== "true";
    let below = detail(row);
    if (wanted && !below) {
      const cell = make("td", "", draw(Number(row.dataset.i)));
      cell.colSpan = row.cells.length;
      below = make("tr", "detail", cell);
      below.id = `detail-${row.dataset.i}`;
      button.setAttribute("aria-controls", below.id);
      row.after(below);
    }
    if (below) below.hidden = !wanted;
    button.setAttribute("aria-expanded", String(wanted));
    row.classList.toggle("opened", wanted);
  };

  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr.student");
    if (row && !String(getSelection())) toggle(row);
  });

  for (const link of document.querySelectorAll("button[data-open]")) {
    link.addEventListener("click", () => {
      const row = body.querySelector(`tr.student[data-i="${link.dataset.open}"]`);
      search.value = "";
      filter();
      toggle(row, true);
      row.scrollIntoView({ block: "start" });
      row.querySelector("button.open").focus({ preventScroll: true });
    });
  }

  // Sorting: stable, empty values last, an opened row keeps its student.
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v ?? cell.textContent.trim();
  };

  const sort = (table, column, kind, direction) => {
    const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("detail"));
    const keyed = rows.map((row) => [value(row, column), row, detail(row)]);
    keyed.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      return direction * (kind === "text" ? collator.compare(a, b) : Number(a) - Number(b));
    });
    table.tBodies[0].append(...keyed.flatMap(([, row, below]) => (below ? [row, below] : [row])));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-sort]");
      if (!button) return;
      const head = button.closest("th");
      const kind = button.dataset.sort;
      const now = head.getAttribute("aria-sort");
      const first = kind === "text" ? "ascending" : "descending";
      const next = now === "none" ? first : now === "ascending" ? "descending" : "ascending";
      for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", next);
      sort(table, head.cellIndex, kind, next === "ascending" ? 1 : -1);
    });
  }

  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const total = shown.textContent;
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    let many = 0;
    for (const row of body.querySelectorAll("tr.student")) {
      const button = row.querySelector("button.open");
      const match = button.textContent.toLowerCase().includes(wanted);
      const below = detail(row);
      row.hidden = !match;
      if (below) below.hidden = !match || button.getAttribute("aria-expanded") !== "true";
      many += match;
    }
    shown.textContent = wanted ? `${many} of ${total}` : total;
  };
  search.addEventListener("input", filter);
})();
