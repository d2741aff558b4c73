"""What a person sees of a job that trains: a bar in a terminal, plain lines in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jointnn.training import Trainer


def line_of(trainer: Trainer) -> str:
    """The last record in words: step 300 of 1000: training loss 0.512, validation accuracy 0.734."""
    last = [row for row in trainer.history if row[0] == trainer.step]

    def mean(split: str, metric: str) -> float:
        values = [row[4] for row in last if row[1] == split and row[3] == metric]
        return sum(values) / len(values)

    measure = trainer.task.measure
    return (
        f"step {trainer.step} of {trainer.settings.steps}: training loss {mean('train', 'loss'):.3f}, "
        f"validation {measure} {mean('validation', measure):.3f}"
    )


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
