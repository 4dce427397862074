// The page's behaviour: contents, filters, sorting, and numbers that open. The page is whole
// without it.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);

const make = (tag, words, attributes = {}) => {
  const element = document.createElement(tag);
  if (words !== undefined) element.textContent = words;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

// As the analysis prints numbers: the unit by size, three digits.
const UNITS = {
  ns: [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]],
  bytes: [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]],
  per_second: [[1, "/s"]],
  count: [[1, ""]],
};
function shown(value, unit) {
  const steps = UNITS[unit];
  const [divisor, symbol] = steps.find(([size]) => Math.abs(value) >= size) ?? steps.at(-1);
  const scaled = value / divisor;
  const digits = Math.abs(scaled) >= 1000 ? Math.round(scaled) : Number(scaled.toPrecision(4));
  return `${digits}${symbol === "/s" || symbol === "" ? "" : " "}${symbol}`;
}

// Contents: a link opens its section, and the section at the top of the window is marked.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target?.tagName === "DETAILS") target.open = true;
  target?.scrollIntoView();
}
function followContents() {
  const links = new Map();
  for (const link of document.querySelectorAll("nav a")) links.set(link.hash.slice(1), link);
  addEventListener("hashchange", openTarget);
  // The same link a second time changes no hash, and must open a section that was folded since.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#']");
    const target = link && document.getElementById(link.hash.slice(1));
    if (target?.tagName === "DETAILS") target.open = true;
  });
  if (location.hash) openTarget();
  const sections = [...links.keys()].map((id) => document.getElementById(id));
  const mark = () => {
    const passed = sections.filter((section) => section.getBoundingClientRect().top < 120);
    const current = (passed.at(-1) ?? sections[0]).id;
    for (const [id, link] of links) {
      if (id === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
  const folding = document.querySelector(".folding");
  folding.hidden = false;
  folding.addEventListener("click", (event) => {
    const wanted = event.target.dataset?.fold;
    if (wanted === undefined) return;
    for (const section of document.querySelectorAll("details.section")) {
      section.open = wanted !== "";
    }
  });
  addEventListener("beforeprint", () => {
    for (const section of document.querySelectorAll("details")) section.open = true;
  });
}

// Filters: a row that says nothing about a subject, workload or architecture stays.
function filterRows() {
  const form = document.getElementById("filters");
  form.hidden = false;
  const apply = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const misses = (row) =>
      Object.entries(wanted).some(([name, value]) => {
        const has = row.dataset[name];
        return value !== "" && has !== undefined && has !== value;
      });
    let hiddenCount = 0;
    for (const body of document.querySelectorAll("main tbody")) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
      for (const row of rows) {
        row.hidden = misses(row);
        hiddenCount += Number(row.hidden);
      }
      const heading = body.querySelector("tr.group");
      if (heading) heading.hidden = rows.length > 0 && rows.every((row) => row.hidden);
    }
    const words = hiddenCount > 0 ? `${hiddenCount} rows are hidden` : "";
    form.querySelector("output").textContent = words;
  };
  form.addEventListener("change", apply);
  // The fields are empty only after the event.
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
}

// What a cell is sorted by: the number itself where there is one, never its rounded text.
function sortKey(cell) {
  const button = cell.querySelector("button[data-number]");
  const number = button && data.numbers[button.dataset.number];
  if (number) return "ratio" in button.dataset ? number.ratio : number.point;
  const text = cell.textContent.trim();
  const plain = Number.parseFloat(text.replace(/[\s\u202f]/g, ""));
  if (cell.classList.contains("number")) return Number.isNaN(plain) ? null : plain;
  return text;
}
function compareKeys(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
function sortTable(table, column) {
  const headers = [...table.tHead.rows[0].cells];
  const now = headers[column].getAttribute("aria-sort");
  const next = now === "ascending" ? "descending" : now === "descending" ? null : "ascending";
  for (const header of headers) header.removeAttribute("aria-sort");
  if (next) headers[column].setAttribute("aria-sort", next);
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    if (rows.some((row) => row.cells.length !== headers.length)) continue;
    const first = (row) => Number(row.dataset.place);
    const keyed = rows.map((row) => ({ row, key: sortKey(row.cells[column]) }));
    keyed.sort((a, b) => {
      if (!next) return first(a.row) - first(b.row);
      // What has no number stands last either way.
      if (a.key === null || b.key === null) {
        return Number(a.key === null) - Number(b.key === null) || first(a.row) - first(b.row);
      }
      const order = compareKeys(a.key, b.key) * (next === "ascending" ? 1 : -1);
      return order || first(a.row) - first(b.row);
    });
    for (const { row } of keyed) body.append(row);
  }
}
function makeSortable() {
  for (const table of document.querySelectorAll("main table[data-name]")) {
    [...table.querySelectorAll("tbody tr")].forEach((row, place) => (row.dataset.place = place));
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = make("button", header.textContent, { type: "button", title: "sort" });
      header.replaceChildren(button);
      button.addEventListener("click", () => sortTable(table, column));
    });
    addExport(table);
  }
}

// A table as comma-separated values, with the numbers as they are and not as they are shown.
function csvOf(table) {
  const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;
  const headers = [...table.tHead.rows[0].cells].map((header) => header.textContent);
  const lines = [["group", ...headers, "keys"].map(quoted).join(",")];
  for (const body of table.tBodies) {
    const group = body.querySelector("tr.group")?.textContent.trim() ?? "";
    for (const row of body.querySelectorAll("tr:not(.group)")) {
      const buttons = [...row.querySelectorAll("button[data-number]")];
      const keys = new Set(buttons.map((button) => data.numbers[button.dataset.number]?.key));
      const cells = [...row.cells].map((cell) =>
        cell.querySelector("button[data-number]") ? sortKey(cell) : cell.textContent.trim(),
      );
      lines.push([group, ...cells, [...keys].join(" ")].map(quoted).join(","));
    }
  }
  return `${lines.join("\r\n")}\r\n`;
}
function addExport(table) {
  const tools = make("p", undefined, { class: "tools" });
  const button = make("button", "save as CSV", { type: "button" });
  button.addEventListener("click", () => {
    const link = make("a", undefined, { download: `${data.run}-${table.dataset.name}.csv` });
    link.href = URL.createObjectURL(new Blob([csvOf(table)], { type: "text/csv" }));
    link.click();
    URL.revokeObjectURL(link.href);
  });
  tools.append(button);
  table.parentElement.after(tools);
}

// The line that measures a cell again, from the parts of its key.
function againLine(number) {
  const [experiment, workload, , subject] = number.key.split("/");
  const names = [subject.split("@")[0], number.versus].filter(Boolean).join(",");
  const about = workload === "-" ? "" : ` --workload ${workload}`;
  const run = `--profile ${data.profile} --seed ${data.seed}`;
  return `cargo xtask run ${experiment} --subject ${names}${about} ${run}`;
}
const COUNTS = ["", "disturbed", "does not count"];
function visitRows(number, onChoose) {
  const table = make("table");
  const head = table.createTHead().insertRow();
  const titles = ["raw log", "block", "visit", "value"];
  if (number.versus) titles.push(number.versus, "ratio");
  for (const title of [...titles, ""]) head.append(make("th", title, { scope: "col" }));
  const body = table.createTBody();
  for (const [line, block, visit, value, divisor, counts] of number.visits) {
    const row = body.insertRow();
    const place = row.appendChild(make("th", undefined, { scope: "row" }));
    if (line === null) {
      place.textContent = "derived from several cells";
    } else {
      const button = make("button", `observations.jsonl:${line}`, { type: "button" });
      button.addEventListener("click", () => onChoose(row, line));
      place.append(button);
    }
    const cells = [block, visit, shown(value, number.unit)];
    if (number.versus) {
      const known = divisor !== null;
      cells.push(known ? shown(divisor, number.unit) : "–");
      cells.push(known && divisor !== 0 ? `${Number((value / divisor).toPrecision(3))}×` : "–");
    }
    for (const words of cells) row.append(make("td", words, { class: "number" }));
    row.append(make("td", COUNTS[counts]));
  }
  return table;
}
function openNumber(number) {
  const dialog = document.getElementById("number");
  const close = make("button", "close", { type: "button", class: "close" });
  close.addEventListener("click", () => dialog.close());
  const raw = make("pre", `cargo xtask explain '${number.key}' --run ${data.run}`);
  const choose = (row, line) => {
    for (const other of dialog.querySelectorAll("tr.chosen")) other.classList.remove("chosen");
    row.classList.add("chosen");
    raw.textContent = `sed -n ${line}p ${data.folder}/observations.jsonl`;
  };
  const values = [`median ${number.shown}, n = ${number.n}`];
  if (number.ratio_shown) {
    values.push(`ratio ${number.ratio_shown} to ${number.versus}: ${number.says}`);
  }
  const scroll = make("div", undefined, { class: "scroll", tabindex: "0", role: "region" });
  scroll.setAttribute("aria-label", "Visits");
  scroll.append(visitRows(number, choose));
  dialog.replaceChildren(
    close,
    make("h2", number.key, { id: "number-key" }),
    make("p", number.title),
    ...values.map((words) => make("p", words, { class: "value" })),
    make("p", data.formulas[number.formula], { class: "again" }),
    scroll,
    raw,
    make("p", `To measure it again: ${againLine(number)}`, { class: "again" }),
  );
  dialog.showModal();
}
function openNumbers() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-number]");
    const number = button && data.numbers[button.dataset.number];
    if (number) openNumber(number);
    // A click beside the dialog closes it, as Escape does.
    if (event.target.id === "number") event.target.close();
  });
}

followContents();
filterRows();
makeSortable();
openNumbers();
