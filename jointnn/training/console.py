"""What a person sees of a job that trains: a bar in a terminal, plain lines in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jointnn.training.state import Trainer


def line_of(trainer: Trainer) -> str:
    """The last record in words: step 300 of 1000: training loss 0.5, validation loss 0.8, accuracy 0.73."""
    last = [row for row in trainer.history if row[0] == trainer.step and row[2] in trainer.names]

    def means(split: str) -> str:
        metrics = dict.fromkeys(row[3] for row in last if row[1] == split)
        values = {name: [row[4] for row in last if row[1] == split and row[3] == name] for name in metrics}
        return ", ".join(f"{name} {sum(of) / len(of):.4g}" for name, of in values.items())

    done = f"step {trainer.step} of {trainer.settings.steps}"
    return f"{done}: training {means('train')}, validation {means('validation')}"


@contextmanager
def shown(trainer: Trainer) -> Iterator[Callable[[], None]]:
    """Gives what to call after each record."""
    if not sys.stdout.isatty():
        yield lambda: print(line_of(trainer), flush=True)  # noqa: T201
        return
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task(trainer.method, total=trainer.settings.steps, completed=trainer.step)
        yield lambda: bar.update(task, completed=trainer.step, description=line_of(trainer))
