"""The content of claims.yaml: statements of the paper, their places, and what of ours bears on each."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from jointnn.errors import UserError
from jointnn.io.yaml import read_yaml
from jointnn.reporting.tables import AVERAGE
from jointnn.schema import Number, Positive, Strict

EACH = "each"
"""In `on`: every dataset of the page."""
Text = Annotated[str, Field(min_length=1)]
PaperPlace = Annotated[str, Field(pattern=r"^(Abstract|Section \d|Figure \d|Table \d)")]
PageName = Annotated[str, Field(pattern=r"^(\.\./)?[a-z0-9_]+$")]


class Verdict(StrEnum):
    """Answer to a claim after one run."""

    HOLDS = "holds"
    FAILS = "does not hold"
    NOISE = "not told apart from noise"
    UNTESTED = "cannot be held here"


class Comparison(Strict):
    """Condition on numbers under which a claim holds."""

    row: Text = "joint"
    """Row of the table, as it is printed."""
    than: list[Text] = Field(min_length=1)
    """Rows that it is compared with: with each of them."""
    on: list[Text] = Field(default=[AVERAGE], min_length=1)
    """Columns of the table, or `each` dataset."""
    measure: Text | None = None
    """Title of the measure; without it the first of the page."""
    is_: Literal["better", "worse"] = Field(default="better", alias="is")
    """The side on which it must lie."""
    by: Number = 0
    """By more than this, in units of the measure; below 0 it may be as much on the wrong side."""
    within: Positive | None = None
    """Instead: nearer to each other than this."""
    any_of: bool = False
    """Whether one of the columns is enough."""


class Read(Strict):
    """Finding that a person read in a page's text or in a picture of it."""

    page: PageName
    finding: Text
    """The finding in few words."""
    verdict: Verdict
    words: Text | None = None
    """Words of the page that say so: while they stand there, so does the finding."""
    figure: Text | None = None
    """The picture in docs/images, without .svg."""

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.words is None and self.figure is None:
            raise ValueError("names neither words of the page nor a figure")
        return self


class Claim(Strict):
    """A statement of the paper, and what of ours bears on it."""

    claim: Text
    """In our words."""
    place: PaperPlace
    """Where the paper says so."""
    holds_if: Comparison | None = None
    pages: list[PageName] = Field(default_factory=list)
    """Whose numbers are compared."""
    read: list[Read] = Field(default_factory=list)
    untested: Text | None = None
    """Why no run here can hold it."""

    @model_validator(mode="after")
    def _is_held_by_something(self) -> Self:
        if bool(self.pages) != bool(self.holds_if):
            raise ValueError("`holds_if` and `pages` go together")
        if not (self.pages or self.read or self.untested):
            raise ValueError("names nothing that bears on it: pages, read, or untested")
        return self

    @property
    def compared(self) -> list[tuple[str, Comparison]]:
        """Return each page whose numbers are compared, with the comparison."""
        return [(page, self.holds_if) for page in self.pages] if self.holds_if else []


class TaskClaims(Strict):
    """Claims that belong together, under a heading."""

    title: Text
    beside: Text | None = None
    """The experiment in paper.csv whose numbers, the paper's own, are told beside its claims."""
    claims: list[Claim] = Field(min_length=1)


class Claims(Strict):
    """Content of claims.yaml."""

    columns: dict[Text, Text] = Field(default_factory=dict)
    """Datasets of paper.csv by the names that they have on our pages."""
    planted: list[PageName] = Field(default_factory=list)
    """Pages of problems made for the method: told, and not counted where all runs are put together."""
    tasks: list[TaskClaims] = Field(min_length=1)


def read_claims(path: Path) -> Claims:
    """Return the claims of a file.

    Raises:
        UserError: it is missing or wrong; names the entry.
    """
    try:
        return Claims.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{path.as_posix()}: {place}: {first['msg']}.") from None
