"""Compares the generated tables, table-NAME.tex and the overview in summary.txt, with what was
computed."""

import math
import re
import tomllib
from collections import Counter
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import NamedTuple

from scipy import stats

import layout
import model
from numbers_tex import development, expected_estimate, expected_ratio
from printed import SHOWN, Expected, is_p_printed_as, is_rounded, is_two_decimals, plain, value
from quantities import unit_of
from raw import Cell, cell_of

CELLS = re.compile(r"(?<!\\) & ")
HEADING = re.compile(r"^\\multicolumn\{\d+\}\{@\{\}l@\{\}\}\{\\textbf\{(.*)\}\} \\\\$")
ROW_END = " \\\\"
# A ratio that its interval does not decide says so.
MARK = "undecided"
# Where the load generator may have set the pace, a ratio by the clock says so.
LIMITED = "generator-limited"


def rows_of(text):
    """The titles of the columns, and the rows: (heading, [cells])."""
    titles, rows, heading, is_title = [], [], "", False
    for line in text.splitlines():
        found = HEADING.match(line)
        if found:
            heading = plain(found[1])
        elif line == "\\toprule":
            is_title = True
        elif line.startswith("\\multicolumn"):
            continue
        elif line.endswith(ROW_END):
            cells = [plain(cell) for cell in CELLS.split(line.removesuffix(ROW_END))]
            if is_title:
                titles, is_title = cells, False
            else:
                rows.append((heading, cells))
    return titles, rows


class Link(NamedTuple):
    """A factor between two subjects."""

    ratio: float
    interval: tuple | None
    n: int


def steps(rows):
    """Without the product and the whole at the end."""
    return rows[:-2]


class Tables:
    """The tables of one run."""

    def __init__(self, evidence, claims, ledger):
        self.evidence, self.claims, self.ledger = evidence, claims, ledger
        self.run = evidence.run
        self.settings = self._settings()
        self.model = model.Model(evidence)

    def compare(self, folder):
        """Every table-NAME.tex in the folder."""
        for path in sorted(folder.glob("table-*.tex")):
            name = path.stem.removeprefix("table-")
            titles, rows = rows_of(path.read_text())
            if name in layout.BY_SETTING:
                self._by_setting(name, titles, rows)
            elif name in layout.OTHERS:
                getattr(self, "_" + name.replace("-", "_"))(name, titles, rows)
            elif name not in layout.NO_RESULTS:
                self.ledger.note("tables: which", name, "no such table", "there", False)

    def _settings(self):
        """By kind: the headings, and which experiment, workload, parameter and architecture each
        stands for."""
        found = {}
        experiments = self.run.manifest["experiments"]
        kinds = [self.run.kind(name) for name in experiments]
        for trial in self.run.manifest["plan"]:
            experiment, cell = trial["experiment"], trial["cell"]
            kind = self.run.kind(experiment)
            words = layout.setting_words(cell["workload"], cell["parameter"])
            if kinds.count(kind) > 1:
                words = f"{experiment}: {words}" if words else experiment
            if cell["architecture"] != self.run.local:
                words += f" ({cell['architecture']})"
            place = (experiment, cell["workload"], cell["parameter"], cell["architecture"])
            found.setdefault(kind, {})[words.strip()] = place
        return found

    def _by_setting(self, name, titles, rows):
        kind, columns = layout.BY_SETTING[name]
        if not rows:
            return
        if len(titles) != len(columns) + 1:
            self.ledger.note("tables: columns", name, len(columns) + 1, titles, False)
            return
        for heading, (subject, *cells) in rows:
            # A mix says what it is made of.
            words = re.sub(r" \(of [^()]*\)", "", heading)
            place = self.settings.get(kind, {}).get(words)
            if place is None:
                # Emulated starts have their heading too, and no number.
                place = (kind, None, heading, None)
            for column, text in zip(columns, cells):
                self._cell(f"table {name}", Cell(*place, subject), column, text)

    def _cell(self, table, cell, column, text):
        """One column's text of one cell."""
        if column.how == "words":
            return
        ours, is_same = self._check(cell, column, text)
        where = f"{cell} {column.metric or column.how}"
        self.ledger.note(table, where, ours, text, is_same)

    def _check(self, cell, column, text):
        match column.how:
            case "value" | "point":
                ours = expected_estimate(self.evidence, cell, column.metric)
                if ours is None:
                    return "no number", not SHOWN.match(text)
                return ours, ours.is_printed_as(text, with_interval=column.how == "value")
            case "ratio" | "ratio by the clock":
                return self._ratio(cell, column.metric, text, column.how == "ratio by the clock")
            case "answers":
                return self._answers(cell, text)
            case "n":
                return self._n(cell, column.metric, text)
            case "development":
                words = development(self.evidence.paces.get(cell, {}))
                return words, words == text if words else not re.search(r"\d", text)
            case "steady_from":
                paces = self.evidence.paces.get(cell, {}).values()
                starts = [start + 1 for _, start, _ in paces if start is not None]
                ours = median(starts) if starts else None
                return ours, is_rounded(value(text), ours, 1) if starts else text == "--"
            case "wall":
                return self._wall(cell, text)
            case "failed starts":
                return self._failed_starts(cell, text)
            case "failed requests":
                return self._failed_requests(cell, text)
            case "foretold":
                return self._foretold(cell, column.metric, text)
            case "times":
                return self._times(cell, column.metric, text)
            case _:
                return "a column that this check does not know", False

    def _wall(self, cell, text):
        """The walls that the visits of a cell met."""
        raises = [of["raise"] for of in self.run.counted if cell_of(of) == cell and of.get("raise")]
        walls = Counter(raised["wall"] for raised in raises)
        words = [
            name if walls[wall] == len(raises) else f"{name} ({walls[wall]} of {len(raises)})"
            for wall, name in layout.WALLS.items()
            if walls[wall]
        ]
        ours = ", ".join(words)
        return ours, text == ours if ours else not re.search(r"\d", text)

    def _failed_starts(self, cell, text):
        """The tenants of all visits to a cell that gave no answer."""
        storms = [of["storm"] for of in self.run.counted if cell_of(of) == cell and of.get("storm")]
        tenants = [tenant for storm in storms for tenant in storm["tenants"]]
        failed = sum(1 for tenant in tenants if "failure" in tenant)
        ours = f"{failed} of {len(tenants)}"
        return ours, text == ours if tenants else not re.search(r"\d", text)

    def _failed_requests(self, cell, text):
        """The requests of all visits to a cell that failed during the attack."""
        counts = [
            (of["metrics"]["requests_failed"], of["metrics"]["requests_completed"])
            for of in self.run.counted
            if cell_of(of) == cell and "requests_completed" in of["metrics"]
        ]
        failed = sum(failed for failed, _ in counts)
        ours = f"{failed} of {failed + sum(completed for _, completed in counts)}"
        return ours, text == ours if counts else not re.search(r"\d", text)

    def _foretold(self, cell, field, text):
        """What the cost model says of a load."""
        found = self.model.foretell(cell)
        if found is None or getattr(found, field) is None:
            return "nothing", not SHOWN.match(text)
        if field == "starts":
            ours = Expected(found.starts, None, "count")
        else:
            point, interval = getattr(found, field)
            ours = Expected(point, interval, unit_of(layout.FORETOLD[field]))
        return ours, ours.is_printed_as(text)

    def _times(self, cell, field, text):
        """What was measured, times what the model says."""
        found = self.model.foretell(cell)
        measured = self.evidence.estimates.get((cell, layout.FORETOLD[field]))
        point = found and getattr(found, field).point
        if not point or measured is None:
            return "nothing", not SHOWN.match(text)
        ours = Expected(measured.point / point, None, "ratio")
        return ours, ours.is_printed_as(text)

    def _choices(self):
        """By the number of a load and what is compared: the model's choice."""
        found = {}
        for place in self.settings.get("replay", {}).values():
            subjects = self.run.manifest["experiments"][place[0]]["subjects"]
            cells = [Cell(*place, subject) for subject in subjects]
            for by in ("CPU time", "memory"):
                number = place[2].partition("=")[2]
                found[number, by] = model.choose(self.model, cells, by == "memory")
        return found

    def _replay_choices(self, name, _titles, rows):
        choices = self._choices()
        for _, (load, by, taken, least, times, says) in rows:
            ours = choices[load.partition(":")[0], by]
            is_same = [taken, least, says] == [
                ", ".join(ours.taken) or "--",
                ours.least or "--",
                ours.says,
            ]
            expected = ours.times and Expected(ours.times, None, "ratio")
            is_same &= expected.is_printed_as(times) if expected else not SHOWN.match(times)
            theirs = f"{taken} {least} {times} {says}"
            self.ledger.note(f"table {name}", f"{load} {by}", ours, theirs, is_same)

    def _replay_score(self, name, _titles, rows):
        choices = self._choices()
        for _, (by, *counts, share) in rows:
            says = Counter(choice.says for (_, of), choice in choices.items() if of == by)
            ours = [says[word] for word in ("right", "wrong", "open", "not judged")]
            is_same = counts == [str(count) for count in ours]
            decided = ours[0] + ours[1]
            if decided:
                ends = stats.binomtest(ours[0], decided).proportion_ci(method="wilson")
                percent = ends.low * 100, ends.high * 100
                expected = Expected(ours[0] / decided * 100, percent, "count")
                is_same &= expected.is_printed_as(share)
            else:
                is_same &= not SHOWN.match(share)
            self.ledger.note(f"table {name}", by, ours, f"{counts} {share}", is_same)

    def _answers(self, cell, text):
        """The fewest that one window held."""
        counts = [
            of["metrics"]["requests_completed"]
            for of in self.run.counted
            if cell_of(of) == cell and "requests_completed" in of["metrics"]
        ]
        ours = min(counts, default=None)
        return ours, text == str(ours) if counts else not re.search(r"\d", text)

    def _ratio(self, cell, metric, text, is_by_clock=False):
        baseline = self.run.manifest["experiments"].get(cell.experiment, {}).get("baseline")
        if (cell, metric) not in self.evidence.estimates:
            return "no number", not SHOWN.match(text)
        if cell.subject == baseline:
            return "1", text == "1"
        ours = expected_ratio(self.evidence, cell, metric)
        comparison = self.evidence.comparisons.get((cell, metric))
        if ours is None:
            return "no ratio", not SHOWN.match(text)
        pair = {cell, cell._replace(subject=baseline)}
        mark = None
        if comparison.doubt in ("chance", "below_floor"):
            mark = MARK
        elif is_by_clock and pair & self.evidence.limited:
            mark = LIMITED
        found = SHOWN.match(text)
        is_marked = found is not None and found[5] == mark
        return f"{ours} {mark or ''}", ours.is_printed_as(text) and is_marked

    def _n(self, cell, metric, text):
        estimate = self.evidence.estimates.get((cell, metric))
        if estimate:
            ours = estimate.n
        else:
            visits = self.run.machines.get(cell, {})
            ours = len(visits)
        found = re.match(r"\d+", text)
        return ours, found is not None and int(found[0]) == ours

    def _comparisons(self, name, _titles, rows):
        seen = Counter()
        for heading, (subject, shown, a12, p, says) in rows:
            place, metric = self._asked(heading.rsplit(": ", 1)[0])
            # Headings do not say the instruction set: the machine's own comes first.
            architecture = self._architectures_of(place)[seen[heading, subject]]
            seen[heading, subject] += 1
            cell = Cell(*place, subject)._replace(architecture=architecture)
            comparison = self.evidence.comparisons.get((cell, metric))
            where = f"{cell} {metric}"
            if comparison is None:
                self.ledger.note(f"table {name}", where, "nothing", shown, False)
                continue
            ours = expected_ratio(self.evidence, cell, metric)
            is_same = ours.is_printed_as(shown) if ours else shown == "undefined"
            if comparison.p is not None:
                is_same &= is_two_decimals(a12, comparison.a12)
                is_same &= is_p_printed_as(p, comparison.p_adjusted)
            is_same &= self._says(cell, metric, comparison, says)
            mine = f"{ours} A12 {comparison.a12} p {comparison.p_adjusted} {comparison.effect}"
            self.ledger.note(f"table {name}", where, mine, f"{shown} {a12} {p} {says}", is_same)

    def _architectures_of(self, place):
        """The instruction sets under which a setting was planned, the machine's own first."""
        places = [of for settings in self.settings.values() for of in settings.values()]
        found = {of[3] for of in places if of[:3] == place[:3]}
        return sorted(found, key=lambda name: (name != self.run.local, name)) or [self.run.local]

    def _says(self, cell, metric, comparison, words):
        """Whether the last column has the right effect, and the right number where the doubt has one."""
        words, _, first = words.partition("; without repeated visits ")
        effect, _, doubt = words.partition(": ")
        numbers = re.findall(r"\d+\.\d+", doubt)
        if comparison.doubt == "chance":
            is_right = len(numbers) == 1 and is_rounded(
                value(numbers[0]), comparison.p_adjusted, 0.001
            )
        elif comparison.doubt == "below_floor":
            floor = self.evidence.floor(cell, metric)
            is_right = len(numbers) == 1 and is_rounded(value(numbers[0]), floor, 0.1)
        else:
            is_right = not numbers
        if comparison.without_repeats is None:
            is_right &= not first
        else:
            expected = Expected(comparison.without_repeats, None, "ratio")
            is_right &= expected.is_printed_as(first)
        return effect == comparison.effect and is_right

    def _asked(self, words):
        """The setting and the headline quantity that `EXPERIMENT, SETTING` stands for."""
        for kind, settings in self.settings.items():
            for place in settings.values():
                experiment, workload, parameter, architecture = place
                setting = layout.setting_words(workload, parameter)
                if words == ", ".join(word for word in (experiment, setting) if word):
                    if architecture == self.run.local or len(settings) == 1:
                        return place, layout.HEADLINES[kind]
        return (words, None, "-", self.run.local), "?"

    def _ladder(self, name, _titles, rows):
        cold = [place for place in self.settings.get("cold-start", {}).values() if place[2] == "-"]
        for heading, (words, shown, n) in rows:
            subject = heading.split(": ")[-1]
            if words in layout.STAGES:
                first = self.run.manifest["experiments"][cold[0][0]]["workloads"][0]
                place = next(p for p in cold if p[1] == first)
                metric = "stage_" + layout.STAGES[words]
            elif words.startswith("(instance"):
                place = next(iter(self.settings["instantiation"].values()))
                metric = "instantiation"
            else:
                self.ledger.note(
                    f"table {name}",
                    f"{subject} {words}",
                    "no number",
                    shown,
                    not SHOWN.match(shown),
                )
                continue
            cell = Cell(*place, subject)
            self._cell(f"table {name}", cell, layout.value(metric), shown)
            self._cell(f"table {name}", cell, layout.n(metric), n)

    def _memory_marginal(self, name, _titles, rows):
        columns = [
            layout.value("marginal_pss"),
            layout.ratio("marginal_pss"),
            layout.value("marginal_uss"),
            layout.point("shim_pss"),
            layout.point("engine_pss"),
            layout.n("marginal_pss"),
        ]
        for heading, (subject, *cells) in rows:
            workload = heading.split(",")[0]
            places = self.settings["memory"].values()
            experiment, architecture = next((p[0], p[3]) for p in places if p[1] == workload)
            cell = Cell(experiment, workload, "-", architecture, subject)
            for column, text in zip(columns, cells):
                beside = column.metric in ("shim_pss", "engine_pss")
                of = cell._replace(parameter="idle") if beside else cell
                if column.how == "n" and (cell, column.metric) not in self.evidence.estimates:
                    continue
                self._cell(f"table {name}", of, column, text)

    def _density_levels(self, name, _titles, rows):
        columns = [
            layout.value("packing_pss"),
            layout.value("tenant_start"),
            layout.value("invocation_latency_p50"),
            layout.value("invocation_latency_p99"),
            layout.n("packing_pss"),
        ]
        for heading, (subject, *cells) in rows:
            workload, _, level = heading.partition(", ")
            places = self.settings["density"].values()
            experiment, architecture = next((p[0], p[3]) for p in places if p[1] == workload)
            parameter = f"tenants={level.split()[0]}"
            cell = Cell(experiment, workload, parameter, architecture, subject)
            for column, text in zip(columns, cells):
                self._cell(f"table {name}", cell, column, text)

    def _growth_exponents(self, name, _titles, rows):
        places = list(self.settings.get("growth", {}).values())
        for heading, (subject, shown, _work, grows, n) in rows:
            experiment, architecture = next(
                (place[0], place[3]) for place in places if place[0] == heading.split(":")[0]
            )
            cell = Cell(experiment, None, "-", architecture, subject)
            if (cell, "growth_exponent") not in self.evidence.estimates:
                self.ledger.note(
                    f"table {name}", subject, "no number", shown, not SHOWN.match(shown)
                )
                continue
            self._cell(f"table {name}", cell, layout.value("growth_exponent"), shown)
            self._cell(f"table {name}", cell, layout.n("growth_exponent"), n)
            low, high = self.evidence.estimates[cell, "growth_exponent"].interval or (None, None)
            work = 1 if self.run.growth_of(experiment) else 0
            ours = ""
            if low is not None:
                ours = "as its work"
                if low > work + 1e-4:
                    ours = "faster than its work"
                if high < work - 1e-4:
                    ours = "more slowly than its work"
            is_same = ours == grows or not ours
            self.ledger.note(f"table {name}", f"{subject} grows", ours, grows, is_same)
    def _operations_factor(self, name, _titles, rows):
        """For each whole request the steps, their product and the whole; and again as it serves."""
        places = {
            layout.parameter_words(place[2]): place
            for settings in self.settings.values()
            for place in settings.values()
        }
        for heading, group in groupby(rows, key=lambda row: row[0]):
            place, rows_of_it = places[heading], [cells for _, cells in group]
            ends = [at + 2 for at, cells in enumerate(rows_of_it) if cells[0].startswith("product")]
            inside, served = rows_of_it[: ends[0]], rows_of_it[ends[0] :]
            links = [self._link(place, "operation_cpu", *cells[:2]) for cells in steps(inside)]
            so_far, whole = self._conclude(name, place, inside, links, 1.0)
            if served:
                self._served(name, place, served, so_far, whole)

    def _served(self, name, place, rows, so_far, whole):
        """The setting of the closed loop under which most steps were measured."""
        workload, metric = place[2].partition("=")[2], "requests_per_cpu_second"
        subjects = [cells[0] for cells in steps(rows)]
        found = []
        for of in self.settings.get("throughput", {}).values():
            baseline = self.run.manifest["experiments"][of[0]]["baseline"]
            if (of[1], of[3]) == (workload, place[3]):
                pairs = zip(subjects, [baseline, *subjects])
                links = [self._link(of, metric, *pair) for pair in pairs]
                number = int(of[2].partition("=")[2])
                found.append((sum(link is not None for link in links), number, of, links))
        _, _, of, (first, *links) = max(found, key=lambda one: one[:2])
        ends = None
        if first.interval and whole.interval:
            ends = first.interval[0] / whole.interval[1], first.interval[1] / whole.interval[0]
        beside = Link(first.ratio / whole.ratio, ends, min(first.n, whole.n))
        self._conclude(name, of, rows, [beside, *links], so_far, metric)

    def _conclude(self, name, place, rows, links, before, metric="operation_cpu"):
        """Compares steps, product and whole with what is printed."""
        *of_steps, product, whole = rows
        measured = self._link(place, metric, *whole[:2])
        for link, cells in zip([*links, measured], [*of_steps, whole], strict=True):
            ours = link and Expected(link.ratio, link.interval, "ratio")
            is_same = link is not None and ours.is_printed_as(cells[2]) and cells[3] == str(link.n)
            where = f"{place} {cells[0]} / {cells[1]}"
            self.ledger.note(f"table {name}", where, ours, cells[2], is_same)
        multiplied = before * math.prod(link.ratio for link in links)
        ours = Expected(multiplied, None, "ratio")
        low, high = measured.interval or (None, None)
        says = "too few" if low is None else "within the interval"
        if low is not None and not low <= multiplied <= high:
            says = f"{abs(multiplied / measured.ratio - 1) * 100:.1f} %"
        is_same = ours.is_printed_as(product[2]) and product[4].startswith(says)
        theirs = f"{product[2]} {product[4]}"
        self.ledger.note(f"table {name}", f"{place} product", f"{ours} {says}", theirs, is_same)
        return multiplied, measured

    def _link(self, place, metric, subject, versus):
        """One subject beside another; of a rate the time for each."""
        cell = Cell(*place, subject)
        of = self.evidence.compare_one(cell, metric, versus)
        if of is None or of.ratio is None:
            return None
        both = (cell, cell._replace(subject=versus))
        count = min(len(self.evidence.numbers[key, metric]) for key in both)
        if metric == "operation_cpu":
            return Link(of.ratio, of.interval, count)
        ends = of.interval and (1 / of.interval[1], 1 / of.interval[0])
        return Link(1 / of.ratio, ends, count)

    def _guest_languages(self, name, _titles, rows):
        places = list(self.settings.get("guest-languages", {}).values())
        metric = "time_to_first_response"
        for _, (subject, component, compiled, shown, ratio, n, _compiler) in rows:
            prepared = self.run.manifest["subjects"][subject].get("prepared")
            for words, text, size in [
                ("component", component, prepared and component_bytes(prepared)),
                ("compiled", compiled, prepared and prepared["size_bytes"]),
            ]:
                ours = size and Expected(float(size), (size, size), "bytes", is_exact=True)
                is_same = ours.is_printed_as(text) if ours else not SHOWN.match(text)
                self.ledger.note(f"table {name}", f"{subject} {words}", ours, text, is_same)
            if not places:
                continue
            cell = Cell(*places[0], subject)
            self._cell(f"table {name}", cell, layout.value(metric), shown)
            self._cell(f"table {name}", cell, layout.ratio(metric), ratio)
            if (cell, metric) in self.evidence.estimates:
                self._cell(f"table {name}", cell, layout.n(metric), n)

    def _architectures(self, name, titles, rows):
        for heading, (subject, *cells) in rows:
            place, metric = self._asked(re.sub(r" \(and .*\)", "", heading.rsplit(": ", 1)[0]))
            cell = Cell(*place, subject)._replace(architecture=self.run.local)
            self._cell(f"table {name}", cell, layout.value(metric), cells[0])
            self._cell(f"table {name}", cell, layout.ratio(metric), cells[1])
            for at in range(2, len(cells), 3):
                other = cell._replace(architecture=titles[at + 1])
                self._cell(f"table {name}", other, layout.value(metric), cells[at])
                self._cell(f"table {name}", other, layout.ratio(metric), cells[at + 1])
                self._interaction(name, cell, other, metric, cells[at + 2])

    _architectures_instructions = _architectures

    def _interaction(self, name, cell, other, metric, text):
        """The ratio of the two ratios to the baseline; the interval of a sampled one is drawn, and
        the value alone is compared."""
        ours = [self.evidence.comparisons.get((key, metric)) for key in (other, cell)]
        if None in ours or None in (ours[0].ratio, ours[1].ratio):
            self.ledger.note(
                f"table {name}", f"{other} {metric} overhead", "none", text, not SHOWN.match(text)
            )
            return
        ratio = ours[0].ratio / ours[1].ratio
        is_exact = all(of.p is None for of in ours)
        found = SHOWN.match(text)
        expected = Expected(ratio, (ratio, ratio) if is_exact else None, "ratio")
        is_same = found is not None and (
            expected.is_printed_as(text) if is_exact or not found[3] else is_near(found, ratio)
        )
        self.ledger.note(f"table {name}", f"{other} {metric} overhead", expected, text, is_same)

    def _claims(self, name, _titles, rows):
        for (_, cells), claim in zip(rows, self.claims, strict=True):
            _sentence, shown, wanted, says, corrected = cells
            judged = self.evidence.judged[claim["name"]]
            ratio = judged.ratio
            ours = ratio is not None and Expected(ratio, judged.interval, "ratio")
            is_same = ours.is_printed_as(shown) if ours else not SHOWN.match(shown)
            is_same &= says.split(":")[0] == judged.verdict.replace("_", " ")
            sign = "<" if claim["relation"] == "less" else ">"
            is_same &= wanted == f"{sign} {claim['factor']:g}×"
            found = re.match(r"^([a-z ]+) \(p (.*)\)$", corrected)
            if judged.corrected is not None:
                is_same &= found is not None and found[1] == judged.corrected.replace("_", " ")
                is_same &= found is not None and is_p_printed_as(found[2], judged.p_adjusted)
            else:
                is_same &= found is None
                is_same &= judged.is_confirmatory != (corrected == "exploratory")
            theirs = f"{shown} {wanted} {says} {corrected}"
            self.ledger.note(f"table {name}", claim["name"], f"{ours} {judged}", theirs, is_same)

    def _conditions(self, name, _titles, rows):
        for _, (_when, claim, shown, says, take) in rows:
            judged = self.evidence.judged[claim]
            ours = judged.ratio is not None and Expected(judged.ratio, judged.interval, "ratio")
            is_same = ours.is_printed_as(shown) if ours else not SHOWN.match(shown)
            is_same &= says == judged.verdict.replace("_", " ")
            is_same &= (judged.verdict == "undecided") == take.startswith("either: this run")
            self.ledger.note(f"table {name}", claim, f"{ours} {judged}", f"{shown} {says}", is_same)

    def _published_answers(self, name, _titles, rows):
        answers = tomllib.loads((Path(__file__).parent / "../answers.toml").read_text())["answer"]
        pairs = [(answer, pair) for answer in answers for pair in self._pairs(answer)]
        for (_, cells), (answer, pair) in zip(rows, pairs, strict=True):
            *_, shown, says = cells
            ours = self._quotient(pair) if pair else None
            is_same = ours.is_printed_as(shown) if ours else not SHOWN.match(shown)
            if ours:
                is_same &= says == self._stands(ours, answer["published"])
            theirs = f"{shown} {says}"
            self.ledger.note(f"table {name}", answer["says"], ours, theirs, is_same)

    def _pitfalls(self, name, _titles, rows):
        pitfalls = tomllib.loads((Path(__file__).parent / "../pitfalls.toml").read_text())
        for (_, cells), pitfall in zip(rows, pitfalls["pitfall"], strict=True):
            _, _, tempting, _, careful, off_by = cells
            factors = []
            for text, side in [(tempting, "tempting"), (careful, "careful")]:
                ours = self._quotient(pitfall[side])
                is_same = ours.is_printed_as(text) if ours else not SHOWN.match(text)
                self.ledger.note(f"table {name}", pitfall["choice"], ours, text, is_same)
                factors.append(ours)
            if None in factors:
                self.ledger.note(
                    f"table {name}", pitfall["choice"], None, off_by, not SHOWN.match(off_by)
                )
                continue
            times = factors[0].point / factors[1].point
            ours = Expected(max(times, 1 / times), None, "ratio")
            is_same = ours.is_printed_as(off_by)
            self.ledger.note(f"table {name}", pitfall["choice"], ours, off_by, is_same)

    def _pairs(self, answer):
        """Those of a row; None alone where it says why none of them is measured."""
        pairs = answer.get("pairs", [])
        is_measured = any(self._quotient(pair) for pair in pairs)
        return pairs if is_measured or "not_here" not in answer else [None]

    def _quotient(self, pair):
        """One median by another, between the quotients of the far ends of their intervals."""
        both = [self._estimate(pair[side]) for side in ("of", "versus")]
        if None in both:
            return None
        of, versus = both
        if of.point <= 0 or versus.point <= 0:
            return None
        ends = None
        if of.interval is not None and versus.interval is not None:
            if 0 in versus.interval:
                return None
            ends = (of.interval[0] / versus.interval[1], of.interval[1] / versus.interval[0])
        return Expected(of.point / versus.point, ends, "ratio")

    def _estimate(self, key):
        experiment, workload, parameter, subject, metric = key.split("/")
        workload = None if workload == "-" else workload
        cell = Cell(experiment, workload, parameter, self.run.local, subject)
        return self.evidence.estimates.get((cell, metric))

    @staticmethod
    def _stands(ours, published):
        least, most = published
        low, high = ours.interval or (ours.point, ours.point)
        if low <= most * 1.5 and high >= least / 1.5:
            return "of one size"
        if (least >= 1 < most and high < 1) or (most <= 1 and least < 1 < low):
            return "the other way round"
        times = ours.point / (most if ours.point > most else least)
        return f"{times:.1f} times that" if times >= 1 else f"{times:.2f} of that"

    def _equal_things(self, name, _titles, rows):
        twins = self.evidence.twins
        for heading, (workload, count, apart, largest, floor, power) in rows:
            experiment = heading.partition(":")[0]
            metric = layout.HEADLINES[self.run.kind(experiment)]
            pairs = {
                cell: of
                for (cell, of_metric), of in twins.comparisons.items()
                if (cell.experiment, of_metric) == (experiment, metric)
                and (cell.workload or "-") == workload
            }
            found = [of for of in pairs.values() if of.interval]
            outside = sum(of.interval[0] > 1 or of.interval[1] < 1 for of in found)
            effects = [abs(of.ratio - 1) * 100 for of in pairs.values() if of.ratio is not None]
            ours = (
                len(pairs),
                outside,
                max(effects, default=None),
                pairs and twins.floor(next(iter(pairs)), metric),
                twins.power(experiment, metric),
            )
            is_same = [count, apart] == [str(number) for number in ours[:2]]
            for text, percent in zip((largest, floor, power), ours[2:]):
                number = re.match(r"[\d.]+", text)
                # What nobody can compute, as a power without a comparison, is printed as a dash.
                if percent is None or number is None:
                    is_same &= percent is None and number is None
                else:
                    is_same &= is_rounded(float(number[0]), percent, 0.1)
            theirs = f"{count} {apart} {largest} {floor} {power}"
            self.ledger.note(f"table {name}", f"{experiment} {workload}", ours, theirs, is_same)


def component_bytes(prepared):
    """The component that the module was compiled from."""
    made_of = (file for file in prepared["made_of"] if file["file"].endswith(".wasm"))
    return next((file["size_bytes"] for file in made_of), None)


def is_near(found, ratio):
    """Whether a printed value is `ratio` to its last printed digit."""
    digits = len(found[1].partition(".")[2])
    return is_rounded(value(found[1]), ratio, 10.0**-digits)
