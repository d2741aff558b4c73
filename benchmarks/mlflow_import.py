"""How long `python -m jointnn track` takes for the experiment `digits`, its networks included.

In a scratch copy of the project all its runs are trained, for so few steps that this takes a minute or two,
with as many records as in a real run. Then they are imported into a new store, and again; into
another one without the last seed, which shows what a run costs besides the start of MLflow and torch.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from support import is_quick, print_table
from support.project import called, copy_of_project

EXPERIMENT = 10.0
"""Seconds for all runs of `digits` and a new store."""
RUN = 0.3
"""Seconds for each run more."""
STEPS = 20
QUICK = {"methods": ["isolated"], "seeds": [0, 1]}
TRAIN = """
import sys
from importlib import import_module
from pathlib import Path
from jointnn.io.files import write_atomically
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params

jobs = Jobs(read_params())
for job in jobs.in_order(jobs.collect("digits")):  # without its search
    if job.stage != "figures":
        import_module(f"jointnn.stages.{job.stage}").run(job)
        write_atomically(job.record, job.text.encode())
"""


def shorten(folder: Path, quick: bool) -> None:
    """Give `digits` short runs in the scratch copy, without the experiments that extend it."""
    from jointnn.io.yaml import from_yaml, to_yaml

    for heir in (folder / "params/experiments").glob("digits_*.yaml"):
        heir.unlink()  # with few methods it may be none
    file = folder / "params/experiments/digits.yaml"
    experiment = from_yaml(file.read_text())
    experiment["settings"] |= {"steps": STEPS, "record_every": STEPS // (2 if quick else 10)}
    experiment |= QUICK if quick else {}
    file.write_text(to_yaml(experiment))


def track(folder: Path, new: int) -> tuple[float, float]:
    """Return wall and CPU time of an import that finds `new` new runs [s]."""
    call = called(folder, "-m", "jointnn", "track", "digits")
    if not call.said.startswith(f"{new} new, "):
        sys.exit(f"not {new} new runs were imported: {call.said}")
    return call.wall, call.processor


def into_new_store(folder: Path, runs: int) -> tuple[float, float]:
    """Return wall and CPU time of an import of so many runs into a new store [s]."""
    for path in folder.glob("mlflow.db*"):
        path.unlink()
    shutil.rmtree(folder / "mlartifacts", ignore_errors=True)
    return track(folder, runs)


def fastest(times: list[tuple[float, float]]) -> list[float]:
    """Return the shortest wall and the shortest CPU time."""
    return [min(each) for each in zip(*times, strict=True)]


def _results(seed: Path) -> Path:
    """Return the folder of the evaluation of a seed, from that of its runs."""
    return seed.parents[2] / "results" / seed.parent.name / seed.name


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        copy_of_project(folder)
        shorten(folder, quick)
        called(folder, "-c", TRAIN)
        seeds = sorted((folder / "runs/digits").iterdir())
        methods = sum(path.is_dir() and path.name != "start" for path in seeds[0].iterdir())
        count = methods * len(seeds)
        kept = {place: folder / f"{place.parts[-3]}.kept" for place in (seeds[-1], _results(seeds[-1]))}
        every, same, fewer = [], [], []
        for _ in range(1 if quick else 5):  # in turns, so that a busy machine troubles all alike
            every.append(into_new_store(folder, count))
            same.append(track(folder, 0))
            for place, elsewhere in kept.items():
                place.rename(elsewhere)
            fewer.append(into_new_store(folder, count - methods))
            for place, elsewhere in kept.items():
                elsewhere.rename(place)
    whole, again, some = (fastest(times) for times in (every, same, fewer))
    each = [(more - less) / methods for more, less in zip(whole, some, strict=True)]
    rows = [
        [f"{count} runs, a new store", *(f"{value:.1f}" for value in whole), f"{EXPERIMENT:g}"],
        [f"{count} runs, nothing new", *(f"{value:.1f}" for value in again), ""],
        ["each run more", *(f"{value:.2f}" for value in each), f"{RUN:g}"],
    ]
    columns = ["import of digits", "wall time (s)", "CPU time (s)", "wall time, at most (s)"]
    print_table("Runs into MLflow, with their networks", columns, rows)


if __name__ == "__main__":
    main()
