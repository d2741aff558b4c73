"""The command line: python -m jointnn STAGE work/settings/... .json

Every job of the workflow is one such call, so it can be run, tested and debugged by hand.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

from jointnn import __version__, paths
from jointnn.errors import UserError
from jointnn.files import read_json, write_atomically

JOBS = {
    "fetch": "a dataset from its source into Parquet files, every image checked, and a manifest",
    "prepare": "the images of a dataset at one size, as arrays that training keeps in memory",
    "initialise": "the common start of a seed, the same parameters for every network",
    "l2": "the L2 start (5) of joint, all weights 1",
    "sigma": "the scale of each block, Section 4.2.1",
    "irls": "one IRLS round: weights (7), then training with them",
    "train": "every other method, from the common start to the end of its budget",
    "evaluate": "every method of a seed on validation and test",
    "collect": "all seeds of an experiment in tables",
    "figures": "the figures of an experiment",
    "attempt": "one point of the search on the validation split",
    "choose": "the best point of each method, and the whole grid",
}
TOOLS = {
    "track": "import runs into the MLflow store; --watch follows a run while it trains",
    "times": "wall time and peak memory of an experiment's jobs",
    "schema": "write workflow/params.schema.json, for editors, from the models of params.yaml",
}


def parser() -> argparse.ArgumentParser:
    """The arguments of every stage."""
    whole = argparse.ArgumentParser(
        prog="python -m jointnn",
        description="Learn one neural network per dataset, jointly. Each stage is a job of the workflow; "
        "`snakemake -n -p` shows the calls. A stage knows only what its settings file says.",
        epilog="Example: python -m jointnn irls work/settings/runs/digits/s0/joint/round_3/settings.json",
    )
    whole.add_argument("--version", action="version", version=__version__)
    stages = whole.add_subparsers(dest="stage", metavar="STAGE", required=True)
    for name, meaning in JOBS.items():
        stage = stages.add_parser(name, help=meaning, description=_described(name))
        stage.add_argument(
            "settings",
            type=Path,
            metavar="SETTINGS",
            help="the job's settings file below work/settings/, which `snakemake` writes when it reads the "
            "workflow; outputs go to the folder of the same name at the project's root",
        )
    for name, meaning in TOOLS.items():
        stage = stages.add_parser(name, help=meaning, description=meaning)
        if sys.argv[1:2] == [name]:  # the arguments of a tool stand in its own file
            importlib.import_module(f"jointnn.stages.{name}").add_arguments(stage)
    return whole


def _described(name: str) -> str:
    """The docstring of a stage's file, read without importing it."""
    import ast

    file = Path(__file__).parent / "stages" / f"{name}.py"
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""


def run_job(stage: str, path: Path) -> None:
    """Run a stage with a settings file, and then write the record beside its outputs."""
    try:
        record = paths.record_of(path)
    except ValueError:
        raise UserError(f"{path} is not below {paths.SETTINGS}/, where settings files lie.") from None
    job = read_json(path)
    if job.get("stage") != stage:
        raise UserError(f"{path} is for the stage {job.get('stage')!r}, not for {stage!r}.")
    importlib.import_module(f"jointnn.stages.{stage}").run(job)
    write_atomically(record, path.read_bytes())


def main() -> int:
    """Run a stage; a user's mistake is one sentence on standard error and the exit code 1."""
    # cuBLAS is deterministic only with a fixed workspace; must be set before torch starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    arguments = parser().parse_args()
    try:
        if arguments.stage in JOBS:
            run_job(arguments.stage, arguments.settings)
        else:
            importlib.import_module(f"jointnn.stages.{arguments.stage}").main(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
