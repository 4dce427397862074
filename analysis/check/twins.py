"""Equal things compared: subjects beside their twins, and the smallest effect that counts by it."""

from collections import defaultdict

import definitions as by
from quantities import EXACT, is_compared

# With fewer comparisons under a workload, those of all workloads are taken together.
LEAST_COMPARISONS = 5


class Twins:
    """The twins of a run, and what they seem to differ by."""

    def __init__(self, evidence, of_calibration):
        self.evidence, self.of_calibration = evidence, of_calibration
        subjects = evidence.run.manifest["subjects"]
        twin_of = {name: of["definition"].get("twin_of") for name, of in subjects.items()}
        self.originals = {twin: original for twin, original in twin_of.items() if original}
        self.comparisons = {}
        for cell, metric in evidence.estimates:
            original = self.originals.get(cell.subject)
            kind = evidence.run.kind(cell.experiment)
            is_level = cell.parameter.startswith("tenants=")
            if original is None or metric in EXACT or is_level or not is_compared(kind, metric):
                continue
            found = evidence.compare_one(cell, metric, original)
            if found is not None:
                self.comparisons[cell, metric] = found
        self.effects = defaultdict(list)
        for (cell, metric), found in self.comparisons.items():
            if found.ratio is not None:
                effect = abs(found.ratio - 1) * 100
                self.effects[cell.experiment, metric].append((cell.workload, effect))

    def floor(self, cell, metric):
        """The smallest effect in percent; None where nobody knows."""
        if metric in EXACT:
            return None
        of_all = self.effects.get((cell.experiment, metric))
        if not of_all:
            return self.of_calibration.get((cell.experiment, metric))
        under = [effect for workload, effect in of_all if workload == cell.workload]
        return max(under if len(under) >= LEAST_COMPARISONS else [effect for _, effect in of_all])

    def power(self, experiment, metric):
        """The median, over the comparisons, of the smallest difference that could be seen,
        percent."""
        found = []
        for (cell, of), comparison in self.evidence.comparisons.items():
            if (cell.experiment, of) == (experiment, metric) and metric not in EXACT:
                other = cell._replace(subject=comparison.versus)
                machines = self.evidence.pairs(cell, other, metric)
                pairs = [pair for pairs in machines for pair in pairs]
                found.append(by.smallest_difference_percent(pairs))
        known = [percent for percent in found if percent is not None]
        return by.median(known) if known else None
