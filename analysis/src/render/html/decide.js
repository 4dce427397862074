// What a load costs in every packing: the formulas of analysis/src/decide once more, for the form
// of this page. analysis/tests/decide_page.rs compares the two.
"use strict";
const costModel = (() => {
  const HOURS_PER_MONTH = 730;
  const STARTS_IN_P99 = 0.02;
  const NEVER_ENDS = 0.001;
  const GIB_BYTES = 2 ** 30;
  const [ON, ZERO, PER_REQUEST] = ["always on", "scale to zero", "instance per request"];

  const startedShare = (policy, load) =>
    policy === ZERO ? Math.exp(-load.rate_per_s * load.idle_timeout_s) : 0;

  // An estimate at its median, or at an end of its interval; null where it has none.
  const at = (estimate, end) =>
    end === "point" ? estimate.point : (estimate.interval?.[end] ?? null);

  // `held` for what is held while a tenant is up, `done` for what a start and a request take.
  function valuesOf(parameters, held, done) {
    const { start } = parameters;
    const values = {
      once_bytes: at(parameters.once_bytes, held),
      tenant_bytes: at(parameters.tenant_bytes, held),
      idle_cores: at(parameters.idle_cores, held),
      cpu_factor: at(parameters.cpu_factor, done),
      start_cpu_s: start ? at(start.cpu_s, done) : 0,
      start_latency_s: start ? at(start.latency_s, done) : 0,
    };
    return Object.values(values).includes(null) ? null : values;
  }

  function usedAt(values, policy, load, prices) {
    const requestS = load.cpu_per_request_s * values.cpu_factor;
    const started = startedShare(policy, load);
    const firstS = values.start_latency_s + requestS;
    const up = policy === ZERO ? 1 - started + started * Math.min(1, load.rate_per_s * firstS) : 1;
    const coresPerTenant =
      load.rate_per_s * (requestS + started * values.start_cpu_s) + up * values.idle_cores;
    const cores = load.tenants_count * coresPerTenant;
    const memoryBytes = values.once_bytes + load.tenants_count * up * values.tenant_bytes;
    const perHour = cores * prices.vcpu_hour + (memoryBytes / GIB_BYTES) * prices.gib_hour;
    return {
      cost_per_month: perHour * HOURS_PER_MONTH,
      memory_bytes: memoryBytes,
      cores,
      p99_least_s: started >= STARTS_IN_P99 ? firstS : requestS,
    };
  }

  // The parameters of a packing under a policy, or what lacks. `Ok` and `Err` are the analysis's.
  function parametersOf(packing, policy, workload) {
    const lacking = [];
    const take = (known) => {
      if (known?.Ok) return known.Ok;
      lacking.push(known?.Err ?? { what: "CPU time of a request", why: "not measured", command: "" });
      return null;
    };
    const parameters = {
      once_bytes: take(packing.once_bytes),
      tenant_bytes: take(packing.tenant_bytes),
      idle_cores: take(packing.idle_cores),
      cpu_factor: take(packing.cpu_factors[workload]),
      start: null,
    };
    if (policy === ZERO) {
      const [cpu_s, latency_s] = [take(packing.start_cpu_s), take(packing.start_latency_s)];
      parameters.start = { cpu_s, latency_s };
    }
    return { parameters, lacking };
  }

  function fitOf(p99, boundS) {
    if (boundS === null) return "possible";
    if (p99.interval && p99.interval.high <= boundS) return "possible";
    return p99.interval && p99.interval.low > boundS ? "above" : "open";
  }

  function rowOf(packing, policy, parameters, { load, prices }) {
    const used = (end) => {
      const values = valuesOf(parameters, end, end);
      return values && usedAt(values, policy, load, prices);
    };
    const [point, low, high] = [used("point"), used("low"), used("high")];
    const estimate = (key) => ({
      point: point[key],
      interval: low && high ? { low: low[key], high: high[key] } : null,
    });
    const row = { packing: packing.subject, policy, parameters };
    row.started_share = startedShare(policy, load);
    for (const key of Object.keys(point)) row[key] = estimate(key);
    row.fit = fitOf(row.p99_least_s, load.bound_s);
    row.never_ends = policy === ZERO && row.started_share < NEVER_ENDS;
    return row;
  }

  function isCertainlyCheaper(row, other, { load, prices }) {
    if (row.packing === other.packing) {
      const { parameters } = row.parameters.start ? row : other;
      return [["low", "high"], ["high", "low"]].every(([held, done]) => {
        const values = valuesOf(parameters, held, done);
        const cost = (policy) => usedAt(values, policy, load, prices).cost_per_month;
        return values !== null && cost(row.policy) < cost(other.policy);
      });
    }
    const [ours, theirs] = [row.cost_per_month.interval, other.cost_per_month.interval];
    return ours !== null && theirs !== null && ours.high < theirs.low;
  }

  // Of rows in the order of their costs.
  function answerOf(rows, asked) {
    const able = rows.filter((row) => row.fit !== "above" && !row.never_ends);
    if (able.length === 0) return { is: rows.length === 0 ? "not measured" : "all above", rows: [] };
    const [best, ...others] = able;
    const open = [best, ...others.filter((row) => !isCertainlyCheaper(best, row, asked))];
    const fallback = best.fit === "open" && others.find((row) => row.fit === "possible");
    if (fallback && !open.includes(fallback)) open.push(fallback);
    return { is: open.length === 1 && best.fit === "possible" ? "take" : "open", rows: open };
  }

  function nearestWorkload(model, cpuPerRequestS) {
    const apart = (one) => Math.abs(Math.log(one.baseline_cpu_s / cpuPerRequestS));
    let nearest = null;
    for (const one of model.workloads) {
      if (nearest === null || apart(one) < apart(nearest)) nearest = one;
    }
    return nearest?.name ?? "thumbnail";
  }

  // `asked` is a load, prices and a workload.
  function decide(model, asked) {
    const [rows, notMeasured] = [[], []];
    for (const packing of model.packings) {
      for (const policy of [packing.is_shared ? PER_REQUEST : ON, ZERO]) {
        const { parameters, lacking } = parametersOf(packing, policy, asked.workload);
        if (lacking.length > 0) notMeasured.push({ packing: packing.subject, policy, lacking });
        else rows.push(rowOf(packing, policy, parameters, asked));
      }
    }
    rows.sort((a, b) => a.cost_per_month.point - b.cost_per_month.point);
    return { rows, notMeasured, answer: answerOf(rows, asked) };
  }

  return { decide, nearestWorkload };
})();

// The form: it asks, and shows what `decide` of the command line shows, but what would change it.
function openDecision() {
  const form = document.getElementById("decide");
  if (!form) return;
  const model = JSON.parse(document.getElementById("cost-model").textContent);
  const target = document.getElementById("decision");
  const words = (row) => `${row.packing}, ${row.policy}`;
  const digits = (value) => String(Number(value.toPrecision(3)));
  const whole = ({ point, interval }, words) =>
    interval ? `${words(point)} [${words(interval.low)}, ${words(interval.high)}]` : words(point);
  const remarks = { above: "above the bound", open: "open whether above the bound", possible: "" };

  function ask() {
    const value = (name) => form.elements[name].valueAsNumber;
    const bound = value("bound");
    const load = {
      rate_per_s: value("rate") / 60,
      cpu_per_request_s: value("cpu") / 1e3,
      tenants_count: value("tenants"),
      bound_s: Number.isNaN(bound) ? null : bound / 1e3,
      idle_timeout_s: value("tau"),
    };
    const prices = { vcpu_hour: value("vcpu"), gib_hour: value("gib") };
    const chosen = form.elements.workload.value;
    const workload = chosen || costModel.nearestWorkload(model, load.cpu_per_request_s);
    return { load, prices, workload };
  }
  function tableOf(rows) {
    const table = make("table");
    const head = table.createTHead().insertRow();
    const titles = ["packing", "policy", "cost a month", "memory", "cores", "meet a start"];
    for (const title of [...titles, "p99 at least", ""]) head.append(make("th", title, { scope: "col" }));
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      line.append(make("th", row.packing, { scope: "row" }), make("td", row.policy));
      const isEnded = row.policy === "scale to zero";
      const cells = [
        whole(row.cost_per_month, digits),
        whole(row.memory_bytes, (bytes) => shown(bytes, "bytes")),
        whole(row.cores, digits),
        isEnded ? `${digits(row.started_share * 100)} %` : "–",
        whole(row.p99_least_s, (s) => shown(s * 1e9, "ns")),
      ];
      for (const cell of cells) line.append(make("td", cell, { class: "number" }));
      line.append(make("td", row.never_ends ? "as good as never ended" : remarks[row.fit]));
    }
    return table;
  }
  function show() {
    if (!form.checkValidity()) {
      target.replaceChildren(make("p", "Some of this cannot be asked for: see the marked field."));
      return;
    }
    const asked = ask();
    const { rows, notMeasured, answer } = costModel.decide(model, asked);
    const names = answer.rows.map(words).join("; ");
    const says = {
      take: `Take ${names}.`,
      open: answer.rows.length > 1
        ? `Open: the intervals do not decide between ${names}.`
        : `Open: ${names}, if it keeps to the bound.`,
      "all above": "None: every packing that was measured is above the bound.",
      "not measured": "None: no packing was measured as far as the model needs it.",
    };
    const scroll = make("div", undefined, { class: "scroll", tabindex: "0", role: "region" });
    scroll.setAttribute("aria-label", "What the load costs");
    scroll.append(tableOf(rows));
    const by = `CPU time compared by ${asked.workload}.`;
    const lacks = notMeasured.map((row) => {
      const what = row.lacking.map((one) => `${one.what}: ${one.why}`).join("; ");
      return make("li", `${words(row)}: not measured: ${what}`);
    });
    const list = make("ul");
    list.append(...lacks);
    target.replaceChildren(make("p", says[answer.is], { class: "lead" }), make("p", by), scroll, list);
  }
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
if (typeof document === "undefined") module.exports = costModel;
else openDecision();
