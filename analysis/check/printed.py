"""Reads numbers as the paper prints them, and says whether they are what was computed, but for the
rounding.

The rule of rounding is METHODOLOGY.md's: two digits of the interval's width, and as many decimals
for the value and both ends; the value has two digits at least and five at most, and a lower end
above 0 is never printed as 0; three digits without an interval, four of a size that was read.
"""

import math
import re

THIN = "\u202f"
NUMBER = r"-?(?:\d{1,3}(?:\u202f\d{3})+|\d+)(?:\.\d+)?"
UNITS = {
    "ns": 1.0,
    "µs": 1e3,
    "ms": 1e6,
    "s": 1e9,
    "B": 1.0,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "/s": 1.0,
    "×": 1.0,
    "": 1.0,
}
OF_UNIT = {
    "ns": {"ns", "µs", "ms", "s"},
    "bytes": {"B", "KiB", "MiB", "GiB"},
    "count": {""},
    "per_second": {"/s"},
    "ratio": {"×"},
}
SHOWN = re.compile(
    rf"^({NUMBER})\u202f?(ns|µs|ms|s|KiB|MiB|GiB|B|/s|×|)"
    rf"(?: \[({NUMBER}), ({NUMBER})\])?(?: \((.*)\))?$"
)
LATEX = [
    (r"\,", THIN),
    (r"\ensuremath{\mu}", "µ"),
    (r"\ensuremath{\times}", "×"),
    (r"\textless{}", "<"),
    (r"\textgreater{}", ">"),
    (r"\allowbreak{}", ""),
    (r"\%", "%"),
    (r"\_", "_"),
    (r"\&", "&"),
    ("-{}-", "--"),
]
# Own sums and products in another order differ in the last digits of a float.
SAME_SHARE = 1e-9


def plain(latex):
    """A generated piece of LaTeX as text."""
    for command, text in LATEX:
        latex = latex.replace(command, text)
    return re.sub(r"\\text(?:it|bf|tt)\{([^{}]*)\}", r"\1", latex).strip()


def value(text):
    return float(text.replace(THIN, ""))


def magnitude(number):
    """The power of ten of the first digit."""
    return math.floor(math.log10(abs(number))) if number else 0


def decimals_of(point, interval, is_exact, is_whole):
    """How many decimals the rule gives; negative for tens and hundreds."""
    if is_exact:
        return 0 if is_whole else 3 - magnitude(point)
    if interval is None:
        return min(6, 2 - magnitude(point) if point else 0)
    low, high = interval
    width = high - low
    decimals = 1 - magnitude(width) if width > 0 else (2 - magnitude(point) if point else 0)
    least = 1 - magnitude(point) if point else 0
    if low > 0:
        least = max(least, -magnitude(low))
    most = 4 - magnitude(point) if point else 6
    return max(least, min(most, decimals))


def same(a, b):
    """Whether two numbers are the same but for the last digits of a float; None is the same as None
    only."""
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=SAME_SHARE, abs_tol=1e-12)


def same_interval(a, b):
    if a is None or b is None:
        return a is b
    return same(a[0], b[0]) and same(a[1], b[1])


class Expected:
    """What a printed number must say: a value with its interval, in the base unit `ns`, `bytes`,
    `count`, `per_second`, or `ratio`."""

    def __init__(self, point, interval, unit, is_exact=False):
        self.point, self.interval, self.unit, self.is_exact = point, interval, unit, is_exact
        is_bare = unit == "ratio" and interval is not None and not interval[0] < interval[1]
        self.shown = None if is_exact or is_bare else interval

    def __str__(self):
        ends = "" if self.shown is None else f" [{self.shown[0]:.6g}, {self.shown[1]:.6g}]"
        return f"{self.point:.6g}{ends} {self.unit}"

    def step(self, symbol):
        """What the last printed digit is worth."""
        scale = UNITS[symbol]
        interval = self.shown and tuple(end / scale for end in self.shown)
        is_whole = scale == 1 and self.unit in ("bytes", "count")
        decimals = decimals_of(self.point / scale, interval, self.is_exact, is_whole)
        return 10.0**-decimals * scale

    def is_printed_as(self, text, with_interval=True):
        """Whether `text` says this, rounded by the rule."""
        found = SHOWN.match(text)
        if not found or found[2] not in OF_UNIT[self.unit]:
            return False
        step, scale = self.step(found[2]), UNITS[found[2]]
        if not is_rounded(value(found[1]) * scale, self.point, step):
            return False
        wanted = self.shown if with_interval else None
        if wanted is None or found[3] is None:
            return wanted is None and found[3] is None
        ends = zip((found[3], found[4]), wanted, strict=True)
        return all(is_rounded(value(end) * scale, of, step) for end, of in ends)

    def is_end_printed_as(self, text, place):
        """Whether `text` is the lower (0) or upper (1) end, with or without a unit."""
        found = SHOWN.match(text)
        if not found or self.shown is None:
            return False
        symbol = found[2] if self.unit != "ratio" else "×"
        return is_rounded(value(found[1]) * UNITS[symbol], self.shown[place], self.step(symbol))

    def is_value_printed_as(self, text):
        """Whether `text` is the value, without its unit where it is a ratio."""
        if self.unit == "ratio":
            text += "×"
        return self.is_printed_as(text, with_interval=False)


def is_rounded(shown, number, step):
    """Whether `shown` is `number` to the nearest step, and a whole number of steps."""
    steps = shown / step
    is_whole = abs(steps - round(steps)) <= 1e-6 + abs(steps) * SAME_SHARE
    return is_whole and abs(shown - number) <= 0.5 * step * (1 + 1e-6) + abs(number) * SAME_SHARE


def is_p_printed_as(text, p):
    """`0.034`, or `< 0.001`."""
    if text.startswith("<"):
        return p < 0.001
    return p >= 0.001 and is_rounded(value(text), p, 0.001)


def is_two_decimals(text, number):
    return is_rounded(value(text), number, 0.01)
