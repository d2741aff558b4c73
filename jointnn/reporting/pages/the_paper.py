"""The page that holds the paper's claims against our results: docs/results/the_paper.md.

The claims stand in docs/results/claims.yaml. Numbers are those of our pages of results, which are
versioned: a reader without a single run makes the same page.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jointnn.errors import UserError
from jointnn.io.files import read_bytes, read_table
from jointnn.parameters.rows import printed
from jointnn.reporting.pages.claims import compare, overall
from jointnn.reporting.pages.claims_schema import Claim, Claims, Read, TaskClaims, Verdict, read_claims
from jointnn.reporting.pages.page import IMAGES, NUMBERS, PAGES, filled
from jointnn.reporting.pages.page_tables import Cell, PageTable, tables_of
from jointnn.reporting.tables import AVERAGE

NAME = "the_paper"
CLAIMS = PAGES / "claims.yaml"
MARK = f"<!-- Made by python -m jointnn page --docs {NAME}: edit claims.yaml, not here. -->"
TASK_I = "fine_grained"
EYE = "by eye"
HEAD = ["claim of the paper", "in the paper", "what we find", "where", "verdict"]
SUMMARY = [
    ("Borne out by every run that can tell", Verdict.HOLDS.value),
    ("Borne out by one run and not by another", "holds in one run and not in another"),
    ("Not borne out by any run that can tell", Verdict.FAILS.value),
    ("Not told apart from noise", Verdict.NOISE.value),
    ("Cannot be held here", Verdict.UNTESTED.value),
]


@dataclass(frozen=True)
class Line:
    """Finding of one page, with a link to it."""

    page: str
    found: str
    where: str
    verdict: Verdict


def page_of_the_paper() -> str:
    """Return the text of the page on the paper's claims.

    Raises:
        UserError: claims.yaml is wrong, or names what no page of results holds.
    """
    claims, numbers = read_claims(CLAIMS), read_table(NUMBERS)
    count = itertools.count(1)
    numbered = [(task, [(next(count), claim) for claim in task.claims]) for task in claims.tasks]
    lines = {number: _lines(claim) for _, own in numbered for number, claim in own}
    verdicts = {number: overall(_counted(found, claims)) for number, found in lines.items()}
    tasks = []
    for task, own in numbered:
        rows = [HEAD]
        for number, claim in own:
            said = f"{number}. {claim.claim}"
            rows += _rows(said, _cited(task, claim, numbers, claims), lines[number], claims)
        tasks.append((task.title, rows))
    summary = [(said, [number for number, one in verdicts.items() if one == key]) for said, key in SUMMARY]
    return filled(
        "the_paper.md",
        mark=MARK,
        name=NAME,
        tasks=tasks,
        summary=[(said, found) for said, found in summary if found],
        total=len(lines),
        eye=EYE,
        planted=[_link(page) for page in claims.planted],
        numbers=_numbers(numbers, claims.columns),
        sources=list(dict.fromkeys(numbers.source)),
        was_run=_path(TASK_I).exists(),
    )


def _lines(claim: Claim) -> list[Line]:
    """Return the lines on a claim: numbers first, then readings, at last why nothing can be said.

    Raises:
        UserError: a page does not hold what the claim names; names the claim.
    """
    lines = []
    try:
        for page, wanted in claim.compared:
            found = compare(wanted, _table(page, wanted.measure))
            lines.append(Line(page, found.text, _link(page), found.verdict))
        lines += [
            Line(one.page, f"{one.finding} (*{EYE}*)", _place(one), one.verdict) for one in claim.read
        ]
    except UserError as error:
        raise UserError(f"{CLAIMS.as_posix()}, {claim.claim!r}: {error}") from None
    return lines + ([Line("", claim.untested, "", Verdict.UNTESTED)] if claim.untested else [])


def _counted(lines: Sequence[Line], claims: Claims) -> list[Verdict]:
    """Return the verdicts of the runs that count, which are not on planted groups."""
    return [line.verdict for line in lines if line.page not in claims.planted]


def _rows(said: str, place: str, lines: Sequence[Line], claims: Claims) -> list[list[str]]:
    """Return a row of the table for every line. The claim and its place stand in the first."""
    rows: list[list[str]] = []
    for line in lines:
        where = line.where + (" (planted)" if line.page in claims.planted else "")
        rows.append([*((said, place) if not rows else ("", "")), line.found, where, line.verdict.value])
    return rows


def _table(page: str, measure: str | None) -> PageTable:
    """Return the table of a measure, or of the page's first one. Of several, it has the most seeds."""
    tables = tables_of(_text(page))
    wanted = measure or (tables[0].measure if tables else "")
    own = [table for table in tables if table.measure == wanted]
    if not own:
        raise UserError(f"{_path(page).as_posix()} has no table of {wanted or 'results'!r}.")
    return max(own, key=lambda table: table.seeds)


def _place(one: Read) -> str:
    """Return the links to a page and its picture, after checking that both are there."""
    text = " ".join(_text(one.page).split())
    if one.words and " ".join(one.words.split()) not in text:
        raise UserError(
            f"{_path(one.page).as_posix()} does not say any more: {one.words!r}. Read it again and mend "
            "the finding."
        )
    if one.figure is None:
        return _link(one.page)
    if not (IMAGES / f"{one.figure}.svg").exists():
        raise UserError(f"{(IMAGES / one.figure).as_posix()}.svg is missing.")
    return f"{_link(one.page)}, [picture](../images/{one.figure}.svg)"


def _path(page: str) -> Path:
    """Return the file of a page of results or, with ../, of another page of the documentation."""
    return PAGES.parent / f"{page[3:]}.md" if page.startswith("../") else PAGES / f"{page}.md"


def _text(page: str) -> str:
    path = _path(page)
    if not path.exists():
        raise UserError(f"{path.as_posix()} is missing.")
    return read_bytes(path).decode("utf-8")


def _link(page: str) -> str:
    return f"[{page.removeprefix('../')}]({page}.md)"


def _cited(task: TaskClaims, claim: Claim, numbers: pd.DataFrame, claims: Claims) -> str:
    """Return where the paper makes a claim, and the finding of its own numbers where it prints some."""
    if task.beside is None or claim.holds_if is None:
        return claim.place
    table = of_the_paper(numbers[numbers.experiment == task.beside], claims.columns)
    return f"{claim.place}: {compare(claim.holds_if, table).text}"


def of_the_paper(numbers: pd.DataFrame, columns: dict[str, str]) -> PageTable:
    """Return the paper's numbers of an experiment as a table of one run each, without deviations.

    Args:
        numbers: rows of paper.csv.
        columns: names of datasets on our pages.
    """
    decimals = max(len(str(value).partition(".")[2]) for value in numbers.value)
    cells = {
        (printed(row["method"]), columns.get(row["dataset"], row["dataset"])): Cell(
            float(row["value"]), None, 1, decimals
        )
        for row in numbers.to_dict("records")
    }
    return PageTable("Accuracy", "per cent", "higher", 1, cells)


def _numbers(numbers: pd.DataFrame, columns: dict[str, str]) -> list[list[str]]:
    """Return the paper's numbers of Task I as a table, methods by datasets."""
    table = of_the_paper(numbers[numbers.experiment == TASK_I], columns)
    cells, heads = table.cells, [*table.datasets, AVERAGE]
    methods = dict.fromkeys(name for name, _ in cells)
    lines = [
        [name, *(f"{cells[name, head].mean:.{cells[name, head].decimals}f}" for head in heads)]
        for name in methods
    ]
    return [["method", *heads], *lines]
