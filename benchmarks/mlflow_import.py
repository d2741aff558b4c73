"""How long `python -m jointnn track` takes for the experiment `digits`, its networks included.

In a scratch copy of the project all its runs are trained, for so few steps that this takes a minute or two,
with as many records as in a real run. Then they are imported into a new store, and again; into
another one without the last seed, which shows what a run costs besides the start of MLflow and torch.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from support import ROOT, is_quick, print_table

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


def copy_of_project(folder: Path, quick: bool) -> None:
    """Everything that git has or would add, with short runs of `digits`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    from jointnn.io.yaml import from_yaml, to_yaml

    file = folder / "params/experiments/digits.yaml"
    experiment = from_yaml(file.read_text())
    experiment["settings"] |= {"steps": STEPS, "record_every": STEPS // (2 if quick else 10)}
    experiment |= QUICK if quick else {}
    file.write_text(to_yaml(experiment))


def called(folder: Path, *arguments: str) -> tuple[str, float, float]:
    """What a call of Python in a folder prints, its wall time and its CPU time [s]; it must succeed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"python {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def track(folder: Path, new: int) -> tuple[float, float]:
    """Wall and CPU time of an import that finds so many new runs."""
    told, wall, processor = called(folder, "-m", "jointnn", "track", "digits")
    if not told.startswith(f"{new} new, "):
        sys.exit(f"not {new} new runs were imported: {told}")
    return wall, processor


def into_new_store(folder: Path, runs: int) -> tuple[float, float]:
    """Wall and CPU time of an import of so many runs into a new store."""
    for path in folder.glob("mlflow.db*"):
        path.unlink()
    shutil.rmtree(folder / "mlartifacts", ignore_errors=True)
    return track(folder, runs)


def fastest(times: list[tuple[float, float]]) -> list[float]:
    """Shortest wall and shortest CPU time."""
    return [min(each) for each in zip(*times, strict=True)]


def _results(seed: Path) -> Path:
    """The evaluation of a seed, by the folder of its runs."""
    return seed.parents[2] / "results" / seed.parent.name / seed.name


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        copy_of_project(folder, quick)
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
    columns = ["import of digits", "wall time (s)", "CPU time (s)", "target (s)"]
    print_table("Runs into MLflow, with their networks", columns, rows)


if __name__ == "__main__":
    main()
