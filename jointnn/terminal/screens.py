"""Where a run is shown: a live table in a terminal, plain lines elsewhere."""

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from jointnn.terminal.forecast import Work
from jointnn.terminal.progress import Progress
from jointnn.terminal.words import exactly, label, several

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

WIDTH = 44
"""Columns for a job in a plain line."""
AROUND = 7
"""Lines of a terminal that the rows of the table leave free."""
NAMED = 2
"""How many running jobs of a kind are named."""

FAILED, RUNNING, TO_COME, DONE = "failed", "running", "to come", "done"
ORDER = (FAILED, RUNNING, TO_COME, DONE)
"""Which kinds of jobs are shown first where there is no room for all."""
STYLE = {FAILED: "red", RUNNING: "", TO_COME: "dim", DONE: "green"}


def label_of(work: Work) -> str:
    """Return the label of a job, on one line."""
    return label(work.experiment, work.kind, work.which)


class Screen(Protocol):
    """A place where a run is shown."""

    def say(self, text: str, style: str = "") -> None:
        """Show lines that stay."""

    def begin(self, progress: Progress) -> None:
        """Begin to show a run."""

    def finished(self, progress: Progress, work: Work, seconds: float) -> None:
        """Show that a job is done."""

    def end(self) -> None:
        """Show no more of a run."""


class Lines:
    """One line for each job that is done, for a log or a pipe."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def begin(self, progress: Progress) -> None:
        """Show nothing yet."""

    def end(self) -> None:
        """Show nothing more."""

    def say(self, text: str, style: str = "") -> None:  # noqa: ARG002, a pipe has no colours
        """Write lines."""
        self.stream.write(f"{text}\n")
        self.stream.flush()

    def finished(self, progress: Progress, work: Work, seconds: float) -> None:
        """Write a line: when, how many are done, which job it was, how long it took, how long is left."""
        whole = str(len(progress.works))
        count = f"{len(progress.done):>{len(whole)}}/{whole}"
        line = f"{time.strftime('%H:%M:%S')}  {count}  {label_of(work):<{WIDTH}}  {exactly(seconds):>10}"
        self.say(f"{line}   {progress.left()}".rstrip())


class Table:
    """A row for each kind of job, drawn anew twice a second."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self.console = Console(file=stream, highlight=False)
        self.live: Live | None = None

    def finished(self, progress: Progress, work: Work, seconds: float) -> None:
        """Leave it to the table."""

    def say(self, text: str, style: str = "") -> None:
        """Print lines above the table."""
        self.console.print(text, style=style or None, markup=False, soft_wrap=True)

    def begin(self, progress: Progress) -> None:
        """Draw the table until the end."""
        from rich.live import Live

        self.live = Live(
            get_renderable=lambda: drawn(progress, self.console.height - AROUND),
            console=self.console,
            refresh_per_second=2,
        )
        self.live.start()

    def end(self) -> None:
        """Leave the table as it is."""
        if self.live is not None:
            self.live.stop()
            self.live = None


def drawn(progress: Progress, rows: int) -> "RenderableType":
    """Return the table of a run in at most `rows` rows: kinds that run first, then those to come."""
    from rich import box
    from rich.console import Group
    from rich.table import Table as RichTable
    from rich.text import Text

    kinds: dict[tuple[str, str], list[Work]] = defaultdict(list)
    for work in progress.run.works:
        kinds[work.experiment, work.kind].append(work)
    states = {kind: _state(progress, works) for kind, works in kinds.items()}
    shown = set(sorted(kinds, key=lambda kind: ORDER.index(states[kind]))[: max(rows, 3)])
    table = RichTable(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    table.add_column("job", no_wrap=True)
    table.add_column("done", justify="right")
    table.add_column("now", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("each takes", justify="right", no_wrap=True)
    for kind in filter(shown.__contains__, kinds):
        experiment = kind[0] if len(progress.run.experiments) > 1 else ""
        works, taken = kinds[kind], progress.forecast.taken(*kind)
        table.add_row(
            label(experiment, kind[1], ""),
            f"{sum(work.number in progress.done for work in works)}/{len(works)}",
            _now(progress, [work for work in works if work.number in progress.running]),
            "" if taken is None else exactly(taken),
            style=STYLE[states[kind]],
        )
    if hidden := [states[kind] for kind in kinds if kind not in shown]:
        done = hidden.count(DONE)
        table.add_row(f"and {done} kinds done, {len(hidden) - done} to come", "", "", "", style="dim")
    # Last a short line: a terminal that shows ^C there must not begin a new one.
    return Group(table, Text(_summary(progress), style="bold"))


def _state(progress: Progress, works: Sequence[Work]) -> str:
    """Return the state of the jobs of a kind."""
    numbers = {work.number for work in works}
    if numbers & progress.failed:
        return FAILED
    if numbers & progress.running.keys():
        return RUNNING
    return DONE if numbers <= progress.done.keys() else TO_COME


def _summary(progress: Progress) -> str:
    names = ", ".join(progress.run.experiments) or "data"
    count = f"{len(progress.done)} of {several(len(progress.works), 'job')} done"
    failed = f"{len(progress.failed)} failed" if progress.failed else ""
    told = [count, failed, f"{exactly(progress.seconds)} so far", progress.left()]
    return f"{names}: {', '.join(filter(None, told))}"


def _now(progress: Progress, works: Sequence[Work]) -> str:
    """Return the running jobs of a kind, in words: `seed 0: step 300 of 1,000`."""
    told = []
    for work in works[:NAMED]:
        step = progress.at_step(work.number)
        where = step or exactly(progress.since(work.number))
        told.append(f"{work.which}: {where}" if work.which else where)
    if len(works) > NAMED:
        told.append(f"and {len(works) - NAMED} more")
    return "; ".join(told)
