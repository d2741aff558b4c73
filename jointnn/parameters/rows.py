"""The rows of a table: which plan each trains by, under which preset, what it is called and how it looks.

A method is a plan (`jointnn.methods`). A row is a plan with a name in parameters. One plan has several
rows: they differ in a preset, in a network of their own (`architecture_of`) or in the layers that are tied.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from jointnn.methods.catalogue import IN_ROUNDS, REAL, method

Line = str | tuple[float, tuple[float, ...]]
"""A style of a line, as matplotlib has it."""


@dataclass(frozen=True)
class Look:
    """How a row is drawn, in every figure."""

    color: str
    line: Line = "-"
    marker: str = "o"
    width: float = 1.1


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        plan: the method that it trains by; empty for what is not trained.
        preset: a set of settings under `presets`, over those of the experiment; none without a name.
        label: its name in tables, legends and figures; "" for `name`.
        look: how figures draw it; None: in the order of the experiment's rows.
        reference: whether it is no competitor, so that tables show it below a rule.
        in_one_job: whether its rounds are one job, though its plan's are a job each.
    """

    plan: str
    preset: str = ""
    label: str = ""
    look: Look | None = None
    reference: bool = False
    in_one_job: bool = False


# Okabe and Ito's colours and an indigo: told apart by colour-blind readers. The family of l2reg is blue,
# dark for all layers and lighter for fewer; a reference is grey. The letter of the paper is a darker and
# broken relative of `joint`. Joint auto-encoders have Tol's muted colours.
ROWS = {
    "joint": Row("joint", look=Look("#D55E00", "-", "o", width=2.2)),
    "joint_paper": Row(  # by the letter of the paper
        "joint",
        "paper",
        "joint (paper)",
        Look("#8C3A0F", (0, (6, 1.5, 1.5, 1.5)), "p", width=1.5),
        in_one_job=True,
    ),
    "joint_auto": Row(  # with no search of its own
        "joint",
        "experimental_auto",
        "joint (auto, experimental)",
        Look("#F4A582", (0, (4, 1, 1, 1)), "*", width=1.8),
    ),
    "isolated": Row("isolated", look=Look("#000000", "-", "s")),
    "l2reg": Row("l2reg", look=Look("#5A4FCF", "-", "^")),
    "l2reg_50": Row("l2reg_50", look=Look("#0072B2", (0, (5, 1.5)), "v")),
    "l2reg_25": Row("l2reg_25", look=Look("#56B4E9", (0, (2, 1)), "<")),
    "shareall": Row("shareall", look=Look("#009E73", "-", "D")),
    "finetune": Row("finetune", look=Look("#E69F00", "-", "P")),
    "fedamp": Row("fedamp", look=Look("#CC79A7", (0, (8, 2)), "X")),
    # With a plain network of its own, of as many parameters.
    "pair": Row("isolated", look=Look("#882255", (0, (5, 1.5)), "h")),
    "jae": Row("jae", look=Look("#44AA99", "-", "d")),
    # Its tied layers are not chosen by hand: those that `joint` gave the largest weights.
    "jae_found": Row("jae", label="jae (found)", look=Look("#117733", (0, (6, 1.5, 1.5, 1.5)), "H")),
    "oracle": Row("oracle", look=Look("#808080", (0, (4, 1.5, 1, 1.5)), "*"), reference=True),
    REAL: Row("", label="real images", reference=True),
}


ALONE = "isolated"
"""The row that shows what every dataset has without joining."""
JOINING = ("joint", "joint_auto")
"""Rows of which the first that is there shows what joining does to every dataset."""


def row_of(name: str) -> Row:
    """Return the row of a name. A method without a row of its own is a row under its own name."""
    return ROWS.get(name) or Row(name)


def trained_rows() -> list[str]:
    """Return the names that the methods of an experiment may have, sorted."""
    return sorted({*method, *(name for name, row in ROWS.items() if row.plan)})


def rounds_are_jobs(name: str) -> bool:
    """Return whether the L2 start, sigma and each round of a row are jobs."""
    row = row_of(name)
    return row.plan in IN_ROUNDS and not row.in_one_job


def shown_in_rounds(methods: Iterable[str]) -> str | None:
    """Return the method whose weights and halves are shown: the first whose rounds are jobs, if any."""
    return next(filter(rounds_are_jobs, methods), None)


def printed(name: str) -> str:
    """Return the printed name of a row or a dataset."""
    return row_of(name).label or name
