"""Counts of the files that a source holds and does not give, by kind and reason: nothing is silent."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jointnn.errors import short, shown

MOST_SHOWN = 400
"""Letters of a path that are kept."""
MOST = 8
"""Kinds that a sentence names; the manifest has all."""


@dataclass
class LeftOut:
    """Counts of what is left out.

    Attributes:
        counts: how many there are of each (kind, reason), such as (".txt", "not an ending of images").
        first: the path of the first one of each.
    """

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    first: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, kind: str, reason: str, place: str, count: int = 1) -> None:
        """Count what lies at `place`, or `count` of which that is the first.

        Names are kept as they can be written: one that is not UTF-8 is no reason to fail, since nothing is
        read from there.
        """
        key = short(shown(kind)), reason
        self.counts[key] = self.counts.get(key, 0) + count
        self.first.setdefault(key, short(shown(place), MOST_SHOWN))

    def update(self, others: "LeftOut") -> None:
        """Add what is counted elsewhere."""
        for (kind, reason), count in others.counts.items():
            self.add(kind, reason, others.first[kind, reason], count)

    def __bool__(self) -> bool:
        return bool(self.counts)

    def entries(self) -> list[dict[str, Any]]:
        """Return an entry for each kind and reason, as in the manifest. The most frequent is first."""
        ordered = sorted(self.counts, key=lambda key: (-self.counts[key], key))
        return [
            {"kind": key[0], "reason": key[1], "count": self.counts[key], "first": self.first[key]}
            for key in ordered
        ]

    def __str__(self) -> str:
        """Return the counts in words: "4 .heic (read where ...), 2 .txt (not an ending of images)"."""
        return in_words(self.entries())


def in_words(entries: Iterable[dict[str, Any]]) -> str:
    """Return entries of a manifest in words, a few kinds at most."""
    said = [f"{entry['count']} {entry['kind']} ({entry['reason']})" for entry in entries]
    more = [f"and {len(said) - MOST} kinds more"] if len(said) > MOST else []
    return ", ".join([*said[:MOST], *more])
