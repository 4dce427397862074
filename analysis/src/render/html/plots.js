// The drawings that need the page's data: distributions of cold starts and of latencies, and
// latency by rate.
"use strict";
const DARK = matchMedia("(prefers-color-scheme: dark)");
// Told apart by people with any colour vision (Okabe & Ito 2008, without the yellow); dashes tell
// the rounds apart.
const STROKES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#808080"];
const DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3]];

const partsOf = (key) => {
  const [experiment, workload, parameter, subject, quantity] = key.split("/");
  return { experiment, workload, parameter, subject, quantity };
};
const settingOf = ({ experiment, workload, parameter }) =>
  [experiment, workload, parameter].filter((part) => part !== "-").join(", ");

// The numbers of a section's tables with one of these quantities, each once.
function numbersOf(section, quantities) {
  const buttons = section.querySelectorAll("td button[data-number]");
  const all = new Set([...buttons].map((button) => data.numbers[button.dataset.number]));
  return [...all].filter((number) => number && quantities.includes(partsOf(number.key).quantity));
}
function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}

// The share of visits that took at most so long, by subject, for each setting.
function coldStarts(section) {
  const numbers = numbersOf(section, ["time_to_first_response"]);
  const groups = grouped(numbers, (number) => settingOf(partsOf(number.key)));
  const line = (number) => {
    const counted = number.visits.filter((visit) => visit[5] !== 2).map((visit) => visit[3]);
    counted.sort((a, b) => a - b);
    // Of equal times the last one has the share of all.
    const shares = new Map(counted.map((value, index) => [value, (index + 1) / counted.length]));
    return { name: partsOf(number.key).subject, x: [...shares.keys()], y: [...shares.values()] };
  };
  return {
    title: "Cold start: share of visits that took at most so long",
    settings: new Map([...groups].map(([name, of]) => [name, of.map(line)])),
    axes: [
      { label: "time to first response", unit: "ns", isLog: true },
      { label: "share of visits" },
    ],
    isStepped: true,
  };
}

// Latency by share of requests, of all visits of a cell together.
function latencies() {
  const keys = Object.keys(data.quantiles);
  const line = (key) => ({
    name: partsOf(key).subject,
    // Equal steps on the axis for 90 %, 99 % and 99.9 %.
    x: data.quantiles[key].map(([share]) => 1 / (1 - share)),
    y: data.quantiles[key].map(([, latency]) => latency),
  });
  const groups = grouped(keys, (key) => settingOf(partsOf(key)));
  const share = (value) => `${Number((100 * (1 - 1 / value)).toPrecision(4))} %`;
  return {
    title: "Latency by share of requests, those of all visits together",
    settings: new Map([...groups].map(([name, of]) => [name, of.map(line)])),
    axes: [
      { label: "share of requests", isLog: true, words: share },
      { label: "latency", unit: "ns", isLog: true },
    ],
  };
}

// Quantiles over the offered rate, where a workload has several rates.
function latencyByRate(section) {
  const numbers = numbersOf(section, ["latency_p50", "latency_p99"]);
  const name = ({ experiment, workload, quantity }) =>
    `${experiment}, ${workload}, ${quantity.replace("latency_", "")}`;
  const settings = new Map();
  for (const [setting, of] of grouped(numbers, (number) => name(partsOf(number.key)))) {
    const bySubject = grouped(of, (number) => partsOf(number.key).subject);
    const lines = [...bySubject].map(([subject, its]) => {
      const rate = (number) => Number(partsOf(number.key).parameter.replace("rate=", ""));
      its.sort((a, b) => rate(a) - rate(b));
      return { name: subject, x: its.map(rate), y: its.map((number) => number.point) };
    });
    const rates = new Set(lines.flatMap((line) => line.x));
    if (rates.size > 1) settings.set(setting, lines);
  }
  return {
    title: "Latency by offered rate: medians over invocations",
    settings,
    axes: [
      { label: "requests/s offered", isLog: true, unit: "count" },
      { label: "latency", unit: "ns", isLog: true },
    ],
    hasPoints: true,
  };
}

const words = (axis) => (value) => {
  if (value === null || value === undefined) return "–";
  if (axis.words) return axis.words(value);
  return axis.unit ? shown(value, axis.unit) : String(Number(value.toPrecision(3)));
};

// One drawing of one setting.
function draw(place, plot, lines) {
  const style = getComputedStyle(document.body);
  const grid = style.getPropertyValue("--line").trim();
  const axis = (of, size) => ({
    label: of.label,
    stroke: style.color,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 },
    size,
    // A logarithmic axis leaves most of its ticks without words.
    values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : words(of)(tick))),
  });
  const [x, y] = plot.axes;
  const scale = (of) => ({ time: false, distr: of.isLog ? 3 : 1 });
  const series = lines.map((line, index) => ({
    label: line.name,
    stroke: STROKES[index % STROKES.length],
    dash: DASHES[Math.floor(index / STROKES.length) % DASHES.length],
    width: 1.5,
    spanGaps: true,
    points: { show: plot.hasPoints === true },
    value: (_, value) => words(y)(value),
    ...(plot.isStepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
  }));
  const joined = uPlot.join(lines.map((line) => [line.x, line.y]));
  const options = {
    width: Math.max(320, Math.min(place.clientWidth, 1000)),
    height: 340,
    scales: { x: scale(x), y: scale(y) },
    axes: [axis(x, 50), axis(y, 70)],
    series: [{ label: x.label, value: (_, value) => words(x)(value) }, ...series],
    cursor: { focus: { prox: 24 } },
    focus: { alpha: 0.2 },
  };
  place.replaceChildren();
  const drawn = new uPlot(options, joined, place);
  const canvas = drawn.root.querySelector("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${plot.title}; the table below has the numbers`);
  for (const entry of drawn.root.querySelectorAll(".u-series th")) {
    entry.tabIndex = 0;
    entry.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      entry.click();
    });
  }
  return drawn;
}

// A drawing with the choice of its setting; drawn again for another window or theme.
function addPlot(place, plot) {
  if (plot.settings.size === 0) return;
  const figure = make("figure", undefined, { class: "plot" });
  const select = make("select", undefined, { "aria-label": `setting of: ${plot.title}` });
  for (const name of plot.settings.keys()) select.append(make("option", name));
  const canvas = make("div");
  const hint = "; a click on a name hides it, a drag enlarges, a double click shows all";
  figure.append(select, canvas, make("figcaption", plot.title + hint));
  place.append(figure);
  let drawn = null;
  const again = () => {
    drawn?.destroy();
    drawn = draw(canvas, plot, plot.settings.get(select.value));
  };
  again();
  select.addEventListener("change", again);
  DARK.addEventListener("change", again);
  let width = innerWidth;
  addEventListener("resize", () => {
    // A telephone's address bar changes the height alone.
    if (innerWidth !== width && figure.offsetParent !== null) again();
    width = innerWidth;
  });
}

// A folded section has no width: it is drawn when it opens first.
function addPlots(section, plots) {
  const place = section?.querySelector(".plots");
  if (!place) return;
  const add = () => {
    if (section.open && place.childElementCount === 0) {
      for (const plot of plots(section)) addPlot(place, plot);
    }
  };
  section.addEventListener("toggle", add);
  add();
}

for (const id of ["cold-start", "guest-languages"]) {
  addPlots(document.getElementById(id), (section) => [coldStarts(section)]);
}
addPlots(document.getElementById("latency"), (section) => [latencyByRate(section), latencies()]);
