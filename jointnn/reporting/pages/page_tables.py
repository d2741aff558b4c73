"""Numbers of a results page, read back from its tables: what a page says, another page can compare.

The tables are those of `reporting.tables.markdown`: a sentence of what is measured, a row per method, below
it the paired differences. Older pages, without the table of each dataset by itself, are read as well.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from jointnn.reporting.tables import AVERAGE

HEADER = re.compile(
    r"(?P<measure>[^|]+?) on the test split in (?P<unit>.+?) \((?P<better>.+?) is better\), "
    r"(?:mean ± standard deviation over )?(?P<seeds>\d+) seeds? \("
)
PAIRED = re.compile(r"Paired: the average of `(?P<ours>\w+)` minus that of each method")
BY_DATASET = re.compile(r"Each dataset by itself: `(?P<ours>\w+)` minus `(?P<other>\w+)`")
NOTE = re.compile(r"<sup>(?P<letter>\w)</sup> (?:over (?P<seeds>\d+) of \d+ seeds)?")
NUMBER = re.compile(
    r"\**(?P<mean>[+−-]?\d+(?:\.(?P<decimals>\d+))?)(?: ± (?P<deviation>[\d.]+))?\**"
    r"(?:<sup>(?P<letter>\w)</sup>)?"
)
CORNER = re.compile(r"(?P<name>.+) \(= (?P<corner>.+)\)")


@dataclass(frozen=True)
class Cell:
    """A mean over seeds, as it is printed.

    Attributes:
        deviation: over seeds (n - 1); None of a single seed.
        decimals: with which it is printed.
    """

    mean: float
    deviation: float | None
    seeds: int
    decimals: int


@dataclass(frozen=True)
class Difference:
    """One row of a table minus another one.

    Attributes:
        deviation: of the paired differences; without pairs, the root of the sum of both variances.
        error: the standard error of `mean`; None if a row has a single seed.
        freedom: degrees of freedom of `error`; Welch's without pairs.
    """

    mean: float
    deviation: float | None
    error: float | None
    freedom: float
    seeds: int
    decimals: int

    def reversed(self) -> "Difference":
        """Return the difference of the rows in the other order."""
        return replace(self, mean=-self.mean)


@dataclass(frozen=True)
class PageTable:
    """A table of one measure.

    Attributes:
        better: `higher` or `lower`; or words, where neither is.
        cells: (row, dataset or `average`) -> what is printed; nothing where X is.
        differences: (row, other row, dataset or `average`) -> the paired one.
        corners: rows that are another method, and which.
    """

    measure: str
    unit: str
    better: str
    seeds: int
    cells: Mapping[tuple[str, str], Cell]
    differences: Mapping[tuple[str, str, str], Difference] = field(default_factory=dict)
    corners: Mapping[str, str] = field(default_factory=dict)

    @property
    def datasets(self) -> list[str]:
        """Return the columns besides the average, in their order."""
        return [name for name in dict.fromkeys(column for _, column in self.cells) if name != AVERAGE]

    def difference(self, row: str, other: str, column: str) -> Difference | None:
        """Return `row` minus `other`: paired if the page has that, else of means; None if one lacks."""
        if found := self.differences.get((row, other, column)):
            return found
        if found := self.differences.get((other, row, column)):
            return found.reversed()
        one, two = self.cells.get((row, column)), self.cells.get((other, column))
        return None if one is None or two is None else _unpaired(one, two)


def _unpaired(one: Cell, two: Cell) -> Difference:
    """Return the difference of two means without pairs, by Welch's test."""
    mean, decimals = one.mean - two.mean, max(one.decimals, two.decimals)
    seeds = min(one.seeds, two.seeds)
    if one.deviation is None or two.deviation is None:
        return Difference(mean, None, None, 0, seeds, decimals)
    variances = [one.deviation**2 / one.seeds, two.deviation**2 / two.seeds]
    parts = variances[0] ** 2 / (one.seeds - 1) + variances[1] ** 2 / (two.seeds - 1)
    freedom = sum(variances) ** 2 / parts if parts else seeds - 1
    deviation = math.hypot(one.deviation, two.deviation)
    return Difference(mean, deviation, math.sqrt(sum(variances)), freedom, seeds, decimals)


@dataclass
class _Parts:
    """A table while its page is read: footnotes stand below the cells that they are of."""

    header: re.Match[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    differences: dict[tuple[str, str, str], Difference] = field(default_factory=dict)

    def take(self, said: str, lines: list[list[str]]) -> None:
        """Take the rows of a table, which are what the sentence above says; others are left out."""
        if HEADER.match(said):
            self.rows = self.rows or lines
        elif match := PAIRED.match(said):
            for name, difference in _differences(lines):
                self.differences[match["ours"], _row(name), AVERAGE] = difference
        elif match := BY_DATASET.match(said):
            for name, difference in _differences(lines):
                self.differences[match["ours"], match["other"], name] = difference

    def table(self) -> PageTable:
        """Return the table that was read."""
        seeds, cells = int(self.header["seeds"]), {}
        columns, *lines = self.rows
        for name, *texts in lines:
            for column, text in zip(columns[1:], texts, strict=True):
                if match := NUMBER.fullmatch(text):
                    count = self.notes.get(match["letter"] or "", seeds)
                    cells[_row(name), column] = _cell(match, count)
        corners = {
            match["name"]: match["corner"] for name, *_ in lines if (match := CORNER.fullmatch(name))
        }
        return PageTable(
            self.header["measure"], self.header["unit"], self.header["better"], seeds, cells,
            self.differences, corners,
        )  # fmt: skip


def tables_of(page: str) -> list[PageTable]:
    """Return the tables of results on a page, in their order. Other tables are left out."""
    found: list[_Parts] = []
    said = ""
    for block in re.split(r"\n(?:[ \t]*\n)+", page):
        text = block.strip()
        if match := HEADER.match(text):
            found.append(_Parts(match))
        elif found and text.startswith("|"):
            found[-1].take(said, _lines(text))
        elif found and (match := NOTE.match(text)):
            found[-1].notes |= {match["letter"]: int(match["seeds"])} if match["seeds"] else {}
            continue  # a footnote is no sentence over a table
        said = text
    return [parts.table() for parts in found if parts.rows]


def _lines(text: str) -> list[list[str]]:
    """Return the cells of a Markdown table, its head first."""
    lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines()]
    return [lines[0], *(line for line in lines[2:] if set(line[0]) != {"─"})]


def _row(name: str) -> str:
    """Return the name of a row without the corner that it is."""
    match = CORNER.fullmatch(name)
    return match["name"] if match else name


def _cell(match: re.Match[str], seeds: int) -> Cell:
    mean = float(match["mean"].replace("−", "-"))
    deviation = None if match["deviation"] is None else float(match["deviation"])
    return Cell(mean, deviation, seeds, len(match["decimals"] or ""))


def _differences(lines: list[list[str]]) -> Iterator[tuple[str, Difference]]:
    """Yield each row's name and paired difference, the first number; the last cell counts seeds."""
    for name, text, *_, won in lines[1:]:
        counted = re.fullmatch(r"\d+ of (\d+)", won)
        if (match := NUMBER.fullmatch(text)) and counted:
            cell = _cell(match, int(counted[1]))
            error = None if cell.deviation is None else cell.deviation / math.sqrt(cell.seeds)
            yield (
                name,
                Difference(cell.mean, cell.deviation, error, cell.seeds - 1, cell.seeds, cell.decimals),
            )
