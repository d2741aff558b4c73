"""Repeated imports while runs train."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from jointnn.io import files
from jointnn.io.run_locks import are_at_work
from jointnn.reporting.tracking import find
from jointnn.reporting.tracking import read as tables
from jointnn.reporting.tracking.entries import of_seed
from jointnn.reporting.tracking.importer import import_runs
from jointnn.reporting.tracking.networks import NetworkWriter
from jointnn.reporting.tracking.runs import artifacts_digest

QUIET_LOOKS = 2
NOTHING = "nothing"


def follow(
    root: Path,
    experiments: Sequence[str],
    store: str,
    interval: float,
    say: Callable[[str], object],
    networks: NetworkWriter | None = None,
) -> None:
    """Import what is new every `interval` seconds, until all runs have ended and two looks in a row
    found nothing new. While a workflow is at work in `root`, or a run has not ended, it goes on.

    Args:
        root, experiments, store, networks: as for `import_runs`.
        interval: seconds between two looks.
        say: is told a line per import.

    Raises:
        UserError: as `import_runs`; but for runs that a workflow has planned it waits.
    """
    before, quiet = "", 0
    while True:
        names = list(experiments) or find.experiments(root)
        now, is_over = _look(root, names)
        if now == before:
            quiet += 1
        elif now == NOTHING and _is_to_come(root, names):
            if not before:
                say("Nothing has begun yet; waiting.")
            before, quiet = now, 0
        else:
            say(f"{time.strftime('%H:%M:%S')} {import_runs(root, experiments, store, networks)}")
            before, quiet = now, 0
        if is_over and quiet >= QUIET_LOOKS and not are_at_work(root):
            return
        time.sleep(interval)


def _look(root: Path, names: list[str]) -> tuple[str, bool]:
    """Return a digest of all that would be imported, and whether there are runs and all have ended."""
    runs = [run for name in names for run in find.find_runs(root, name)]
    shown = [[tables.summary(root, name), artifacts_digest(find.report(root, name))] for name in names]
    is_over = all(run.status != "RUNNING" for run in runs) and bool(runs)
    if not runs and not any(values for values, _ in shown):
        return NOTHING, False
    return files.digest([sorted((run.key, of_seed(root, run).state) for run in runs), shown]), is_over


def _is_to_come(root: Path, names: list[str]) -> bool:
    return are_at_work(root) or any(find.is_planned(root, name) for name in names)
