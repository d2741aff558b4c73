"""export: the networks of a finished run, each as an ordinary state dict in a file of its own."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jointnn import __version__
from jointnn.io.files import write_atomically
from jointnn.jobs.graph import Jobs
from jointnn.stages.tools.finished import FinishedRun

if TYPE_CHECKING:
    from jointnn.training.predictor import Use

LINES = """\
import jointnn
network = jointnn.load("{path}")
outputs = network(images)  # {inputs}
"""
PREDICT = "jointnn predict {path} images --to {to}"
README = """\
# {experiment}: the networks that {method} ended with, seed {seed}

Written by jointnn {version}, which reads them too: `pip install "jointnn[images]"`. Nothing else of the
project is needed{code}.

{table}

A file holds an ordinary state dict, which safetensors reads by itself. Its header says which architecture
it is, what is done to an image before the network sees it, and what its outputs mean.
"""
OF_README = """
{says} on images of your own, in any folder or one by one:

```sh
{command}
```

From Python:

```python
import jointnn

predictor = jointnn.Predictor.load("{file}")
found = predictor.predict(["one.jpg", "another.jpg"])
```
"""
OF_LOAD = """
```python
import jointnn

network = jointnn.load("{file}")
```
"""
WITH_CODE = """\
 but the code of its author in
`code/`: read it, then put it on Python's path, `export PYTHONPATH=$PWD/code`"""

SHOWN = 10
"""Outputs that the README names of each network; its file names all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn export EXPERIMENT --to FOLDER [--method M] [--seed S]"""
    parser.description = (
        "Write every network that a method ended with to FOLDER/DATASET.safetensors, and print a few lines "
        "that use one. Such a file holds an ordinary state dict, which safetensors reads without jointnn; "
        "its header says which architecture it is, with which options, what is done to an image before the "
        "network sees it, and what each output means. FOLDER/code holds the modules of your own that they "
        "need, FOLDER/README.md says how to use them."
    )
    parser.add_argument("experiment", metavar="EXPERIMENT")
    parser.add_argument("--method", default="joint", metavar="METHOD", help="default: joint")
    parser.add_argument("--seed", type=int, metavar="SEED", help="default: the first one of the experiment")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="made if it is not there")


def main(arguments: argparse.Namespace, jobs: Jobs | None = None) -> None:
    """Write the networks.

    Args:
        jobs: those of params.yaml, where it was read before.

    Raises:
        UserError: experiment, method or seed are not known, or their run is missing, of other settings, or
            diverged.
    """
    # Help needs no torch.
    from jointnn.models.saved import CODE, write_network

    run = FinishedRun(arguments.experiment, arguments.method, arguments.seed, jobs)
    folder = arguments.to
    uses = [run.use(dataset) for dataset in run.datasets]
    for use in uses:
        path = folder / f"{use.dataset}.safetensors"
        write_network(path, run.network(use), run.made_of(use), run.notes | use.notes())
        sys.stdout.write(f"{path}\n")
    code = run.own_code()
    for file in code:
        copy = folder / CODE / file.relative_to(Path.cwd())
        write_atomically(copy, file.read_bytes())
        sys.stdout.write(f"{copy}\n")
    readme = _readme(run, uses, has_code=bool(code))
    write_atomically(folder / "README.md", readme.encode())
    sys.stdout.write("\n" + LINES.format(path=path, inputs=_inputs(use)))
    if command := _command(use, str(path)):
        sys.stdout.write(f"\npython -m {command}\n")


def _inputs(use: "Use") -> str:
    low = 0 if use.task in ("reconstruction", "transfer") else -1
    inputs = f"floats in {low}..1, shape (N, {use.channels}, {use.size}, {use.size})"
    return f"what the frozen trunk {use.trunk} makes of {inputs}" if use.trunk else inputs


def _command(use: "Use", path: str) -> str:
    """Return the command that uses a network on images; "" where the network takes none."""
    if use.task == "generation":
        return ""
    to = "made" if use.task in ("completion", "reconstruction") else "predictions.csv"
    return PREDICT.format(path=path, to=to)


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _readme(run: FinishedRun, uses: Sequence["Use"], *, has_code: bool) -> str:
    rows = [f"| `{use.dataset}.safetensors` | {use.dataset} | {_shown(use.outputs)} |" for use in uses]
    table = "\n".join(["| file | dataset | outputs |", "|---|---|---|", *rows])
    told = README.format(**run.notes, version=__version__, code=WITH_CODE if has_code else "", table=table)
    first = uses[0]
    file = f"{first.dataset}.safetensors"
    if command := _command(first, file):
        says = {"completion": "Fill the middle", "reconstruction": "See what one gives back"}
        return told + OF_README.format(says=says.get(first.task, "Predict"), command=command, file=file)
    return told + OF_LOAD.format(file=file)
