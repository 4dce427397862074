"""Computes the numbers of a run again, from its raw log alone, and compares every one that was
generated.

    python3 check.py RUN GENERATED --claims claims.toml [--calibration calibration.json]

RUN is a run's folder, GENERATED the folder that `cargo xtask analyze` writes (summary.json,
numbers.tex, table-*.tex, summary.txt). Exit code: 0 everything agrees; 1 something differs, and is
listed with both values; 2 usage.
"""

import argparse
import json
import sys
import tomllib
from pathlib import Path

import full
import numbers_tex
import overview
from estimates import Evidence
from ledger import Ledger
from raw import Run
from tables import Tables


def options(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("generated", type=Path, help="what the analysis wrote for it")
    parser.add_argument("--claims", type=Path, required=True)
    parser.add_argument("--calibration", type=Path, help="the one that the analysis was given")
    return parser.parse_args(arguments)


def compare(evidence, generated, claims):
    """Everything that was generated, against what was computed here."""
    ledger = Ledger()
    summary = json.loads((generated / "summary.json").read_text())
    full.compare(evidence, summary, claims, ledger)
    numbers_tex.compare(evidence, (generated / "numbers.tex").read_text(), claims, ledger)
    Tables(evidence, claims, ledger).compare(generated)
    overview.compare(evidence, (generated / "summary.txt").read_text(), ledger)
    return ledger


def main(arguments):
    given = options(arguments)
    calibration = given.calibration and json.loads(given.calibration.read_text())
    claims = tomllib.loads(given.claims.read_text())["claim"]
    evidence = Evidence(Run(given.run), calibration, claims)
    ledger = compare(evidence, given.generated, claims)
    print(ledger.report())
    count = ledger.differ_count()
    agreed = sum(ledger.agreed.values())
    print(f"\n{agreed} numbers agree, {count} differ: {given.run.name}")
    return 0 if count == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
