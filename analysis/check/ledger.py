"""Counts what agrees and what differs, by kind of number."""

from collections import Counter

# So many differences of one kind are listed; all are counted.
MOST_LISTED = 40


class Ledger:
    """What was compared."""

    def __init__(self):
        self.agreed = Counter()
        self.differing = {}

    def note(self, kind, where, ours, theirs, is_same):
        """Notes one comparison: `ours` was computed here, `theirs` was generated."""
        if is_same:
            self.agreed[kind] += 1
        else:
            self.differing.setdefault(kind, []).append((str(where), str(ours), str(theirs)))

    def differ_count(self):
        return sum(len(places) for places in self.differing.values())

    def report(self):
        """The table of counts, and every difference with both values."""
        kinds = sorted(set(self.agreed) | set(self.differing))
        width = max(map(len, kinds), default=0)
        lines = [f"{'compared':<{width}}  agree  differ"]
        for kind in kinds:
            count = len(self.differing.get(kind, []))
            lines.append(f"{kind:<{width}}  {self.agreed[kind]:>5}  {count:>6}")
        for kind in sorted(self.differing):
            lines.append(f"\n{kind}:")
            places = self.differing[kind]
            for where, ours, theirs in places[:MOST_LISTED]:
                lines.append(f"  {where}\n    computed here  {ours}\n    generated      {theirs}")
            if len(places) > MOST_LISTED:
                lines.append(f"  and {len(places) - MOST_LISTED} more")
        return "\n".join(lines)
