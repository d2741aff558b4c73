"""The view of a job that trains: a bar in a terminal, plain lines in a log."""

import sys
from collections.abc import Iterator

from jointnn.training.setup import Setup
from jointnn.training.state import State


def line_of(state: State, setup: Setup) -> str:
    """Return the last record in words: step 300 of 1000: training loss 0.5, validation loss 0.8."""
    last = [row for row in state.history if row[0] == state.step and row[2] in setup.names]

    def means(split: str) -> str:
        metrics = dict.fromkeys(row[3] for row in last if row[1] == split)
        values = {name: [row[4] for row in last if row[1] == split and row[3] == name] for name in metrics}
        return ", ".join(f"{name} {sum(of) / len(of):.4g}" for name, of in values.items())

    # Where a phase ends between two records of all methods, nothing was measured on validation.
    said = {"training": means("train"), "validation": means("validation")}
    told = ", ".join(f"{split} {values}" for split, values in said.items() if values)
    return f"step {state.step} of {setup.settings.steps}: {told}"


def printed(records: Iterator[None], state: State, setup: Setup) -> Iterator[None]:
    """Yield the records of a training, and show each once it has been dealt with."""
    if not sys.stdout.isatty():
        for _ in records:
            yield
            print(line_of(state, setup), flush=True)  # noqa: T201
        return
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task(setup.label, total=setup.settings.steps, completed=state.step)
        for _ in records:
            yield
            bar.update(task, completed=state.step, description=line_of(state, setup))
