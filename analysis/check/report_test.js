// Last script of a page under test: uses it as a reader does, and tells the frame around it what it found.
"use strict";
(async () => {
  const found = { failures: [], number: null };
  const check = (holds, words) => holds || found.failures.push(words);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
  const isSeen = (element) => element.getClientRects().length > 0;

  const contents = () => {
    const links = all("nav a");
    check(links.length > 5, "the list of contents is short");
    for (const link of links) {
      check(document.getElementById(link.hash.slice(1)), `${link.hash} leads nowhere`);
    }
    check(links[0].hash === "#claims", "the verdicts are not first");
    const latency = document.getElementById("latency");
    check(!latency.open, "latency is open before anybody asks");
    links.find((link) => link.hash === "#latency").click();
    check(latency.open, "a link of the contents does not open its section");
  };

  const filter = async () => {
    const form = document.getElementById("filters");
    const rows = () => all("main tbody tr:not(.group)");
    for (const name of ["subject", "workload", "architecture"]) {
      const field = form.elements[name];
      const values = [...field.options].map((option) => option.value).filter(Boolean);
      const value = values.find((one) => rows().some((row) => row.dataset[name] === one));
      field.value = value;
      field.dispatchEvent(new Event("change", { bubbles: true }));
      const of = rows().filter((row) => row.dataset[name] !== undefined);
      const isRight = (row) => row.hidden === (row.dataset[name] !== value);
      check(of.length > 0 && of.every(isRight), `the filter by ${name} shows the wrong rows`);
      form.querySelector("[type=reset]").click();
      await pause();
      check(rows().every((row) => !row.hidden), `rows stay hidden after the filter by ${name}`);
    }
  };

  const sort = () => {
    const table = document.querySelector("table[data-name=cold-start]");
    const header = table.tHead.rows[0].cells[1];
    const groups = () => [...table.tBodies].map((body) => all("tr:not(.group)", body));
    const before = groups().flat();
    const numbers = (rows) => {
      const buttons = rows.map((row) => row.cells[1].querySelector("button[data-number]"));
      return buttons.filter(Boolean).map((button) => data.numbers[button.dataset.number].point);
    };
    for (const [wanted, sign] of [["ascending", 1], ["descending", -1]]) {
      header.querySelector("button").click();
      check(header.getAttribute("aria-sort") === wanted, `aria-sort is not ${wanted}`);
      const inOrder = (values) =>
        values.every((value, index) => index === 0 || sign * (value - values[index - 1]) >= 0);
      check(groups().every((rows) => inOrder(numbers(rows))), `the rows are not ${wanted}`);
    }
    header.querySelector("button").click();
    const after = groups().flat();
    check(before.every((row, index) => row === after[index]), "the first order does not come back");
  };

  const drillDown = () => {
    const button = document.querySelector("table[data-name=cold-start] td button[data-number]");
    const number = data.numbers[button.dataset.number];
    button.click();
    const dialog = document.getElementById("number");
    check(dialog.open, "a number does not open");
    check(dialog.querySelector("h2")?.textContent === number.key, "the number's key is not shown");
    const rows = all("tbody tr", dialog);
    check(rows.length === number.visits.length && rows.length > 0, "visits are missing");
    const [line, , , value] = number.visits[0];
    dialog.querySelector("tbody th button")?.click();
    const shown = dialog.querySelector("pre")?.textContent ?? "";
    check(shown.startsWith(`sed -n ${line}p `), `the row leads to \`${shown}\``);
    found.number = { key: number.key, line, value };
    dialog.querySelector(".close").click();
    check(!dialog.open, "the number does not close");
  };

  const decision = () => {
    const form = document.getElementById("decide");
    // A run without tenants has no form, and says why.
    if (!form) {
      const says = document.getElementById("conditions").textContent;
      check(says.includes("Not drawn: "), "there is no form, and no reason for it");
      return;
    }
    const cost = () => document.querySelector("#decision tbody td.number")?.textContent;
    check(document.querySelector("#decision .lead"), "no load is answered");
    const before = cost();
    form.elements.tenants.value = "20000";
    form.dispatchEvent(new Event("input", { bubbles: true }));
    check(cost() && cost() !== before, "more tenants cost the same");
  };

  const layout = async () => {
    document.querySelector("[data-fold=open]").click();
    await pause();
    check(all("#cold-start .uplot").length > 0, "cold starts are not drawn");
    check(all("#latency .uplot").length > 0, "latencies are not drawn");
    const root = document.documentElement;
    check(root.scrollWidth <= innerWidth, `the page is ${root.scrollWidth} px wide`);
    for (const verdict of all("#claims .verdict")) {
      const { left, right } = verdict.getBoundingClientRect();
      check(left >= 0 && right <= innerWidth, "a verdict is outside of the window");
    }
    for (const scroll of all(".scroll").filter(isSeen)) {
      const { left, right } = scroll.getBoundingClientRect();
      check(left >= 0 && right <= innerWidth, "a table is outside of the window");
      scroll.scrollLeft = scroll.scrollWidth;
      const name = scroll.querySelector("tbody tr:not(.group) th[scope=row]");
      if (name && isSeen(name)) {
        const stays = name.getBoundingClientRect().left - scroll.getBoundingClientRect().left < 2;
        check(stays, "a row's name scrolls away");
      }
      scroll.scrollLeft = 0;
    }
    found.height = root.scrollHeight;
  };

  try {
    found.folded = document.documentElement.scrollHeight;
    contents();
    await filter();
    sort();
    drillDown();
    decision();
    await layout();
  } catch (error) {
    found.failures.push(`the test stopped: ${error.stack}`);
  }
  found.failures.push(...window.reportErrors);
  parent.postMessage(found, "*");
})();
