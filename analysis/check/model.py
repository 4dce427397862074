"""The cost model of METHODOLOGY.md, "Cost", from its formulas, and what it says of loads that were
replayed."""

import math
import tomllib
from typing import NamedTuple

import definitions as by
from raw import Cell, cell_of

# Where fewer of the requests meet a start, nothing is ever ended; and a start is in the p99 where
# so many do.
NEVER_ENDS, STARTS_IN_P99 = 0.001, 0.02
NS = 1e9


class Estimate(NamedTuple):
    """A median with its interval, None where there is none."""

    point: float
    interval: tuple | None

    def ends(self):
        """The lower end, the median and the upper end."""
        low, high = self.interval or (None, None)
        return low, self.point, high

    def mapped(self, of):
        ends = self.interval and tuple(of(end) for end in self.interval)
        return Estimate(of(self.point), ends)


class Foretold(NamedTuple):
    """What the model says of a load in a packing: nanoseconds and bytes."""

    cpu: Estimate
    memory: Estimate
    peak: Estimate
    p99: Estimate
    starts: float | None
    started_share: float


class Model:
    """The parameters of a run, and its replayed loads."""

    def __init__(self, evidence):
        self.evidence, self.run = evidence, evidence.run
        self.first = {}
        for name in sorted(self.run.manifest["experiments"]):
            self.first.setdefault(self.run.kind(name), name)

    def load(self, cell):
        """The load of a cell, as its definition has it."""
        text = self.run.manifest["experiments"][cell.experiment]["definition_toml"]
        loads = tomllib.loads(text)["method"]["replay"]["loads"]
        return loads[int(cell.parameter.partition("=")[2]) - 1]

    def foretell(self, cell):
        """None where a parameter lacks, or nothing came."""
        load, offered = self.load(cell), self._offered(cell)
        values = offered and self._parameters(cell, load)
        if not values:
            return None
        # Nothing falls when a parameter rises: the ends of all are the ends of everything.
        corners = [self._used(corner, load, offered) for corner in zip(*values, strict=True)]
        low, point, high = corners

        def estimate(name):
            ends = (low[name], high[name]) if low and high else None
            return Estimate(point[name], ends)

        started = point["started"] if "idle_timeout_ms" in load else None
        count = offered[0] * offered[1] * load["tenants"]
        return Foretold(
            *(estimate(name) for name in ("cpu", "memory", "peak", "p99")),
            None if started is None else started * count,
            point["started"],
        )

    @staticmethod
    def _used(corner, load, offered):
        """All that a load takes at one value of every parameter; None where one has none."""
        if None in corner:
            return None
        once, tenant, idle, request_s, start_cpu_s, start_s = corner
        rate, window_s = offered
        timeout_s = load.get("idle_timeout_ms", 0) / 1000
        is_ended = "idle_timeout_ms" in load
        started = math.exp(-rate * timeout_s) if is_ended else 0.0
        first_s = start_s + request_s
        up = 1 - started + started * min(1.0, rate * first_s) if is_ended else 1.0
        cores = load["tenants"] * (rate * (request_s + started * start_cpu_s) + up * idle)
        return {
            "cpu": cores * window_s * NS,
            "memory": once + load["tenants"] * up * tenant,
            "peak": once + load["tenants"] * tenant,
            "p99": (first_s if started >= STARTS_IN_P99 else request_s) * NS,
            "started": started,
        }

    def _offered(self, cell):
        """Requests per second to each tenant, and the length of a window in seconds, over all
        subjects that were asked."""
        visits = [
            of["metrics"]
            for of in self.run.counted
            if cell_of(of)._replace(subject="") == cell._replace(subject="")
            and {"requests_completed", "requests_failed", "measured_ns"} <= of["metrics"].keys()
        ]
        count = sum(of["requests_completed"] + of["requests_failed"] for of in visits)
        window_ns = sum(of["measured_ns"] for of in visits)
        if not count or not window_ns:
            return None
        tenants = self.load(cell)["tenants"]
        return count * NS / window_ns / tenants, window_ns / NS / len(visits)

    def _parameters(self, cell, load):
        """(low, median, high) of each; None where one lacks."""
        subject = cell.subject
        found = [self._once(subject), self._tenant(subject), self._idle(subject)]
        found.append(self._request_s(subject, cell.workload))
        if "idle_timeout_ms" in load:
            found += [self._start(subject, name) for name in ("start_cpu", "storm_last_answer")]
        else:
            found += [Estimate(0.0, (0.0, 0.0))] * 2
        return None if None in found else [estimate.ends() for estimate in found]

    def _cell(self, kind, subject, parameter="-"):
        name = self.first.get(kind)
        if name is None:
            return None
        workload = self.run.manifest["experiments"][name]["workloads"][0]
        return Cell(name, workload, parameter, self.run.local, subject)

    def _estimate(self, cell, metric):
        found = self.evidence.estimates.get((cell, metric))
        return found and Estimate(found.point, found.interval)

    def _tenant(self, subject):
        found = self._estimate(self._cell("density", subject), "tenant_pss")
        return found and found.mapped(lambda value: max(value, 0.0))

    def _once(self, subject):
        """What stands with one tenant, less what each takes, within each raise."""
        numbers = self.evidence.numbers
        first = numbers.get((self._cell("density", subject, "tenants=1"), "packing_pss"), {})
        slopes = numbers.get((self._cell("density", subject), "tenant_pss"), {})
        both = sorted(first.keys() & slopes.keys())
        return self._of_blocks([max(first[block] - slopes[block], 0.0) for block in both])

    def _idle(self, subject):
        """The instance's and its shim's, in CPU seconds per second."""
        numbers, cell = self.evidence.numbers, self._cell("idle", subject)
        own = numbers.get((cell, "idle_cpu_per_hour"), {})
        shims = numbers.get((cell, "idle_shim_cpu_per_hour"))
        blocks = own.keys() if shims is None else own.keys() & shims.keys()
        sums = [own[block] + (shims[block] if shims else 0.0) for block in sorted(blocks)]
        return self._of_blocks([value / (3600 * NS) for value in sums])

    def _start(self, subject, metric):
        found = self._estimate(self._cell("storm", subject, "starts=1"), metric)
        return found and found.mapped(lambda value: value / NS)

    def _request_s(self, subject, workload):
        """CPU seconds of a request: the baseline's under the most connections, times the factor."""
        name = self.first.get("throughput")
        if name is None:
            return None
        baseline = self.run.manifest["experiments"][name]["baseline"]
        metric = "requests_per_cpu_second"
        cells = [
            cell
            for cell, of in self.evidence.estimates
            if (cell.experiment, cell.workload, cell.subject, of)
            == (name, workload, baseline, metric)
            and cell.architecture == self.run.local
        ]
        if not cells:
            return None
        cell = max(cells, key=lambda cell: int(cell.parameter.partition("=")[2]))
        baseline_s = 1 / self.evidence.estimates[cell, metric].point
        if subject == baseline:
            return Estimate(baseline_s, (baseline_s, baseline_s))
        found = self.evidence.comparisons.get((cell._replace(subject=subject), metric))
        if found is None or not found.ratio:
            return None
        ends = found.interval and (1 / found.interval[1], 1 / found.interval[0])
        return Estimate(1 / found.ratio, ends).mapped(lambda factor: factor * baseline_s)

    @staticmethod
    def _of_blocks(values):
        return Estimate(by.median(values), by.median_interval(values)) if values else None


class Choice(NamedTuple):
    """What the model takes of a load, and what took the least."""

    taken: list
    least: str | None
    times: float | None
    says: str


NOT_JUDGED = Choice([], None, None, "not judged")


def choose(model, cells, by_memory):
    """The choice between the packings of which the model says something and something was
    measured."""
    metric = "packing_pss" if by_memory else "packing_cpu"
    found = []
    for cell in cells:
        foretold, measured = model.foretell(cell), model.evidence.estimates.get((cell, metric))
        if foretold and measured:
            costs = foretold.memory if by_memory else foretold.cpu
            found.append((costs, cell.subject, measured.point, foretold.started_share))
    if len(found) < 2:
        return NOT_JUDGED
    is_ended = "idle_timeout_ms" in model.load(cells[0])
    able = [one for one in found if not (is_ended and one[3] < NEVER_ENDS)]
    if not able:
        return NOT_JUDGED
    best, *others = sorted(able, key=lambda one: one[0].point)
    ends = best[0].interval
    open_to = [
        one[1]
        for one in others
        if ends is None or one[0].interval is None or not ends[1] < one[0].interval[0]
    ]
    least = min(found, key=lambda one: one[2])
    says = "open" if open_to else "right" if best[1] == least[1] else "wrong"
    return Choice([best[1], *open_to], least[1], best[2] / least[2], says)
