"""Whether the tables of a results page bear a claim of the paper out: verdicts by one rule.

A claim that numbers can hold is a comparison: on every (or on any) dataset named, a row is better than each
of others by more than a bound. Its chances come from t-tests on the printed means and deviations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jointnn.errors import UserError
from jointnn.reporting.pages.claims_schema import EACH, Comparison, Verdict
from jointnn.reporting.pages.page_tables import Difference, PageTable
from jointnn.reporting.tables import AVERAGE
from jointnn.reporting.tables.results import LEAST_SEEDS, NOISE

SHOWN = 3
"""More differences than these are not told one by one: the deciding one is."""


@dataclass(frozen=True)
class Part:
    """One difference of a comparison, and its chances.

    Attributes:
        holds: the chance of such a difference if the part does not hold.
        fails: the chance of such a difference if it holds.
        gain: how far above 0 the difference lies, on the side that the comparison asks for.
    """

    row: str
    other: str
    column: str
    difference: Difference
    holds: float
    fails: float
    gain: float

    @property
    def hardness(self) -> tuple[float, float, float]:
        """Return the key that orders parts. The part with the largest key least bears the claim out."""
        return self.holds, -self.fails, -self.gain


@dataclass(frozen=True)
class Finding:
    """Answer of one page to a comparison."""

    parts: Sequence[Part]
    decides: Part
    verdict: Verdict
    unit: str
    among: str
    corner: str = ""

    @property
    def text(self) -> str:
        """Return the differences in words; of many, only the one that decides.

        That is the hardest one, or that of the best column.
        """
        if len(self.parts) > SHOWN:
            told = f"{_told(self.decides, self.unit)} ({self.among})"
        else:
            told = "; ".join(_told(part, self.unit) for part in self.parts)
        return told + self.corner


def compare(comparison: Comparison, table: PageTable) -> Finding:
    """Return the finding of a table on a comparison.

    Every difference is tested one-sided, from its printed mean, deviation and number of seeds. That all of
    several hold has the largest of their chances, that one of them fails the smallest times their number
    (Bonferroni); for `any_of` columns it is the other way round.

    Raises:
        UserError: the table has no such row or column, or its measure has no better side.
    """
    if table.better not in ("higher", "lower"):
        raise UserError(f"{table.measure!r} is {table.better!r}: neither higher nor lower is better there.")
    sign = (1 if table.better == "higher" else -1) * (1 if comparison.is_ == "better" else -1)
    columns = [name for one in comparison.on for name in (table.datasets if one == EACH else [one])]
    by_column = [
        [_part(comparison, table, other, name, sign) for other in comparison.than] for name in columns
    ]
    holds = [max(part.holds for part in parts) for parts in by_column]
    fails = [_one_of([part.fails for part in parts]) for parts in by_column]
    if comparison.any_of:
        verdict = _verdict(_one_of(holds), max(fails))
    else:
        verdict = _verdict(max(holds), _one_of(fails))
    hardest = [max(parts, key=lambda part: part.hardness) for parts in by_column]
    decides = (min if comparison.any_of else max)(hardest, key=lambda part: part.hardness)
    parts = [part for one in by_column for part in one]
    corner = table.corners.get(comparison.row, "")
    return Finding(
        parts,
        decides,
        verdict,
        unit="points" if table.unit == "per cent" else table.unit,
        among=f"the best of {len(columns)}" if comparison.any_of else f"the hardest of {len(parts)}",
        corner=f"; `{comparison.row}` is `{corner}` here" if corner else "",
    )


def _part(comparison: Comparison, table: PageTable, other: str, column: str, sign: int) -> Part:
    difference = table.difference(comparison.row, other, column)
    if difference is None:
        raise UserError(
            f"{comparison.row!r} minus {other!r} on {column!r} is not in the table of {table.measure!r}, "
            f"whose rows are {', '.join(dict.fromkeys(row for row, _ in table.cells))}."
        )
    if (near := comparison.within) is not None:
        holds = max(_above(difference, -near, 1), _above(difference, near, -1))
        fails = _one_of([_above(difference, near, 1), _above(difference, -near, -1)])
    else:
        holds = _above(difference, sign * comparison.by, sign)
        fails = _above(difference, sign * comparison.by, -sign)
    return Part(comparison.row, other, column, difference, holds, fails, sign * difference.mean)


def _above(difference: Difference, bound: float, sign: int) -> float:
    """Return the chance of a difference as far above a bound (below, with sign -1) if it lies at it.

    It is 1 for fewer than three seeds, which tell nothing.
    """
    if difference.error is None or difference.seeds < LEAST_SEEDS:
        return 1.0
    distance = sign * (difference.mean - bound)
    if difference.error == 0:  # no noise at all, and no test either
        return 0.0 if distance > 0 else 1.0
    from scipy.stats import t

    return float(t.sf(distance / difference.error, difference.freedom))


def _one_of(chances: Sequence[float]) -> float:
    """Return the chance that stands for the smallest of several (Bonferroni)."""
    return min(1.0, len(chances) * min(chances))


def _verdict(holds: float, fails: float) -> Verdict:
    if holds < NOISE:
        return Verdict.HOLDS
    return Verdict.FAILS if fails < NOISE else Verdict.NOISE


def _told(part: Part, unit: str) -> str:
    """Return a difference with its deviation in words, as pages print it."""
    difference = part.difference
    where = "" if part.column == AVERAGE else f" on {part.column}"
    digits = difference.decimals
    mean = f"{round(difference.mean, digits) + 0.0:+.{digits}f}".replace("-", "−")  # no −0.0
    spread = "" if difference.deviation is None else f" ± {difference.deviation:.{digits}f}"
    return f"{part.row} − {part.other}{where} {mean}{spread} {unit}"


def overall(verdicts: Sequence[Verdict]) -> str:
    """Return the verdict on a claim in words, after all runs that bear on it."""
    if Verdict.HOLDS in verdicts and Verdict.FAILS in verdicts:
        return "holds in one run and not in another"
    for decided in (Verdict.HOLDS, Verdict.FAILS, Verdict.NOISE):
        if decided in verdicts:
            return decided.value
    return Verdict.UNTESTED.value
