"""Reads the raw log of a run: manifest.json, observations.jsonl, histograms/ and series/, and
nothing else."""

import base64
import json
import re
import struct
import tomllib
import zlib
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hdrh.histogram import HdrHistogram

from definitions import slope
from quantities import EXACT, name_of

# First words of an uncompressed and of a compressed histogram of version 2. The package reads the
# second form only.
PLAIN_V2 = 0x1C849313
COMPRESSED_V2 = 0x1C849314
# A line may end in the CRC-32 of what stands before it.
CHECK = re.compile(rb',"check":"([0-9a-f]{8})"\}$')


class Cell(NamedTuple):
    """Where a number belongs; workload is None where there is none."""

    experiment: str
    workload: str | None
    parameter: str
    architecture: str
    subject: str

    def __str__(self):
        return "/".join(part or "-" for part in self)


class Visit(NamedTuple):
    """One measured visit's number."""

    value: float
    is_disturbed: bool


class Run:
    """A run's raw readings by cell and quantity, one per invocation, and those of all visits."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.manifest = json.loads((self.folder / "manifest.json").read_text())
        self.observations = read_lines(self.folder / "observations.jsonl")
        self.local = self.manifest["fingerprint"]["architecture"]
        self.kinds = {
            name: kind_of(tomllib.loads(entry["definition_toml"]))
            for name, entry in self.manifest["experiments"].items()
        }
        self.counted = counted(self.observations)
        # Which repetition counts, by cell and invocation.
        self.counts = defaultdict(dict)
        # Numbers by cell and quantity, histograms by cell; both by (invocation, repetition).
        self.visits = defaultdict(dict)
        self.histograms = defaultdict(dict)
        # By cell and quantity what counts, one number per invocation.
        self.numbers = defaultdict(dict)
        self.series = defaultdict(dict)
        self.machines = defaultdict(dict)
        self.failed = defaultdict(int)
        for observation in self.observations:
            if is_measured(observation):
                self._take(observation)
            else:
                self.failed[cell_of(observation)] += 1
        for observation in self.counted:
            self._count(observation)
        for (cell, metric), visits in self.visits.items():
            found = {
                invocation: visits[invocation, repeat].value
                for invocation, repeat in self.counts[cell].items()
                if (invocation, repeat) in visits
            }
            if found:
                self.numbers[cell, metric] = found

    def _take(self, observation):
        """What a visit showed, whether it counts or not."""
        cell, emulated = cell_of(observation), self._is_emulated(observation)
        place = observation["trial"]["invocation"], observation["repeat"]
        is_disturbed = bool(observation["disturbed"])
        for of, metric, value in readings(observation):
            if metric in EXACT or not emulated:
                self.visits[of, metric][place] = Visit(value, is_disturbed)
        if not emulated and observation.get("histogram"):
            histogram = self._histogram(observation["histogram"])
            self.histograms[cell][place] = Visit(histogram, is_disturbed)

    def _count(self, observation):
        cell, invocation = cell_of(observation), observation["trial"]["invocation"]
        for of in [cell, *(level for level, _ in levels(observation))]:
            self.counts[of][invocation] = observation["repeat"]
            self.machines[of][invocation] = observation.get("machine")
        if not self._is_emulated(observation) and observation.get("series"):
            path = self.folder / observation["series"]["file"]
            self.series[cell][invocation] = json.loads(path.read_text())

    def _is_emulated(self, observation):
        """What is of another instruction set than its machine was emulated, whether it says so or
        not."""
        machine = observation.get("machine")
        machines = self.manifest.get("machines", {})
        fingerprint = machines.get(machine, self.manifest["fingerprint"])
        architecture = observation["trial"]["cell"]["architecture"]
        return observation["emulated"] or architecture != fingerprint["architecture"]

    def _histogram(self, entry):
        """The recorded values (the top of each bucket) with their counts, over all intervals of the
        file."""
        path = self.folder / entry["file"]
        counts = defaultdict(int)
        for line in path.read_text().splitlines():
            # Tagged intervals are those of the heavy requests of a mix, which are not the cell's.
            if line and not line.startswith(("#", '"StartTimestamp"', "Tag=")):
                for value, count in decode(line.rsplit(",", 1)[1]):
                    counts[value] += count
        total = sum(counts.values())
        if total != entry["samples_count"]:
            raise SystemExit(
                f"{path}: {total} samples, the log's line says {entry['samples_count']}"
            )
        return dict(counts)

    def kind(self, experiment):
        """The method's name; of guests in several languages `guest-languages`."""
        return self.kinds[experiment]

    def growth_of(self, experiment):
        """The sizes by workload of what grows in an experiment, empty where they are the
        connections; None where nothing grows."""
        definition = tomllib.loads(self.manifest["experiments"][experiment]["definition_toml"])
        growth = definition.get("growth")
        return None if growth is None else next(iter(growth.values())).get("sizes", {})


def read_lines(path):
    """The file's observations. What a crash leaves at its end is no observation: a line without its
    newline, blank lines, bytes that were never written and read as zero."""
    lines = path.read_bytes().rstrip(b"\0").split(b"\n")
    observations = []
    for number, line in enumerate(lines[:-1], start=1):
        stated = CHECK.search(line)
        if stated and f"{zlib.crc32(line[: stated.start()]):08x}" != stated[1].decode():
            raise SystemExit(f"{path}:{number}: changed since it was written: its check is another")
        if line:
            observations.append(json.loads(line))
    return observations


def kind_of(definition):
    return definition.get("table") or next(iter(definition["method"]))


def is_measured(observation):
    return observation["outcome"] == "ok"


def cell_of(observation):
    trial = observation["trial"]
    cell = trial["cell"]
    return Cell(
        trial["experiment"],
        cell["workload"],
        cell["parameter"],
        cell["architecture"],
        cell["subject"],
    )


def counted(observations):
    """Of the measured visits to each trial the last undisturbed one, or the last."""
    best = {}
    for observation in filter(is_measured, observations):
        trial = (cell_of(observation), observation["trial"]["invocation"])
        rank = (not observation["disturbed"], observation["repeat"])
        if trial not in best or rank > best[trial][0]:
            best[trial] = (rank, observation)
    return [observation for _, observation in best.values()]


def levels(observation):
    """The levels of a raise of tenants, each as a cell of its own, with its metrics."""
    for level in (observation.get("raise") or {}).get("levels", []):
        cell = cell_of(observation)
        yield cell._replace(parameter=f"tenants={level['tenants_count']}"), level["metrics"]


def per_tenant(observation):
    """What each additional tenant of a raise takes: slopes over its levels; and how many a GiB
    holds."""
    signs = {"packing_pss_bytes": ("tenant_pss", 1), "available_bytes": ("tenant_available", -1)}
    for key, (name, sign) in signs.items():
        of = [
            (int(cell.parameter.partition("=")[2]), metrics[key])
            for cell, metrics in levels(observation)
            if key in metrics
        ]
        found = slope(of) if of else None
        if found is None:
            continue
        yield name, sign * found
        if name == "tenant_pss" and found > 0:
            yield "tenants_per_gib", 2**30 / found


def readings(observation):
    """Metrics, stages, and what follows from them within one visit, each with its cell and by its
    name."""
    own = cell_of(observation)
    for cell, of_level in levels(observation):
        for key, value in of_level.items():
            yield cell, name_of(key), float(value)
    for metric, value in [*own_readings(observation), *per_tenant(observation)]:
        yield own, metric, value


def own_readings(observation):
    """Metrics, stages, and the rates that follow from metrics, by their names."""
    metrics = observation["metrics"]
    for key, value in metrics.items():
        yield name_of(key), float(value)
    for stage, value in observation["stages_ns"].items():
        yield f"stage_{stage}", float(value)
    last_ns = metrics.get("storm_last_answer_ns", 0)
    if last_ns > 0:
        yield "starts_per_second", metrics["starts_answered_count"] * 10**9 / last_ns
    for of in ("p50", "p99"):
        before, during = metrics.get(f"before_latency_{of}_ns"), metrics.get(f"latency_{of}_ns")
        if before and during is not None:
            yield f"{of}_times_before", during / before
    completed = metrics.get("requests_completed")
    if completed is None:
        return
    # Between n completions lie n - 1 gaps; an older log has the window's length alone.
    has_span = "completions_span_ns" in metrics
    wall = (completed - 1, "completions_span_ns") if has_span else (completed, "measured_ns")
    of = {"requests_per_second": wall, "requests_per_cpu_second": (completed, "server_cpu_ns")}
    for rate, (count, divisor) in of.items():
        if metrics.get(divisor, 0) > 0:
            # Whole numbers of nanoseconds: equal rates stay equal, and are ties of the rank test.
            yield rate, count * 10**9 / metrics[divisor]


def decode(text):
    """The recorded values of one interval with their counts."""
    plain = base64.b64decode(text)
    if struct.unpack(">I", plain[:4])[0] == PLAIN_V2:
        packed = zlib.compress(plain, 1)
        wrapped = struct.pack(">II", COMPRESSED_V2, len(packed)) + packed
        text = base64.b64encode(wrapped).decode()
    histogram = HdrHistogram.decode(text.encode())
    counts = np.ctypeslib.as_array(histogram.counts)
    # The package's own iterator visits every empty bucket of an hour, one by one.
    for place in np.flatnonzero(counts).tolist():
        value = histogram.get_value_from_index(place)
        yield histogram.get_highest_equivalent_value(value), int(counts[place])
