"""The command line: `jointnn` or `python -m jointnn`, then STAGE work/settings/... .json

Every job of the workflow is one such call, so it can be run, tested and debugged by hand.
"""

import argparse
import ast
import gc
import importlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from jointnn import __version__
from jointnn.errors import UserError, missing_extra, refused
from jointnn.io import paths
from jointnn.io.files import read_json, write_atomically
from jointnn.jobs.specs import Job, NoJobError, TrainingJob, job_of
from jointnn.ranks import launch

JOBS = {
    "fetch": "a dataset from its source into Parquet files, every image checked, and a manifest",
    "inventory": "which data an experiment learns from: counts and digests",
    "prepare": "the images of a dataset at one size, as arrays that training keeps in memory",
    "activations": "what a frozen trunk makes of the images, for networks that learn from that",
    "initialise": "the common start of a seed, the same parameters for every network",
    "sigma": "the scale of each block, Section 4.2.1",
    "train": "from a state to a later one: an L2 start, an IRLS round, or a whole method",
    "split_halves": "by how much networks differ by chance: two halves of every dataset, trained",
    "trial": "the first IRLS round under one of three scale factors, on the validation split",
    "evaluate": "every method of a seed on validation and test",
    "collect": "all seeds of an experiment in tables",
    "figures": "the figures of an experiment",
    "ratios": "what the data tell apart, in a table and a figure: ratios of split halves",
    "sweep": "experiments that differ in one number, seen together",
    "attempt": "one point of the search, measured on the validation split",
    "choose": "the best point of each method, and the whole grid",
}
TOOLS = {
    "new": "begin an experiment on your own images, with sizes that fit them",
    "record": "have DVC version what snakemake made, as it is",
    "track": "import runs into the MLflow store; --watch follows a run while it trains",
    "ui": "import all runs and serve MLflow's pages on this machine; make ui calls it",
    "clean": "what can go and be made again without training; --yes removes it",
    "times": "wall time and peak memory of an experiment's jobs",
    "page": "write results/EXPERIMENT.md from the results of an experiment",
    "report": "write report.html, one page of all experiments that have results",
    "layers": "the layers of an experiment's networks, and what each method couples",
    "jae_layers": "write docs/jae_layers.md, the networks of joint auto-encoders; --check only compares",
    "mirror": "build folders of the mirror from their public sources, and compare their sums",
    "predict": "what a trained network says of new images, as a CSV",
    "export": "the networks of a finished run, each as an ordinary state dict",
    "accept": "keep results that older code made, since today's makes the same golden bytes",
    "golden": "compare all arrays of tiny jobs with the golden ones, to the bit",
    "schema": "write workflow/schemas, for editors; --check only compares",
}
DESCRIPTION = """\
Learn one neural network per dataset, jointly, and find which layers to share.

You rarely call this yourself: `snakemake` does, for whatever parameters ask
and is not there yet. `snakemake -n -p` shows the calls that it would make. To
run one job by hand, give its stage and its settings file; the job knows only
what that file says, and leaves a copy of it beside its outputs."""
EPILOG = """\
Jobs of the workflow, in their order, each with its settings file:
{jobs}

Tools for you:
{tools}

Each explains itself: {prog} STAGE --help
Example: {prog} train work/settings/runs/digits/s0/joint/round_3/settings.json
Exit codes: 0 done; 1 a mistake that you can mend, said in a sentence; 2 a wrong command line."""
SETTINGS = """\
the job's settings file below work/settings/; `snakemake -n` writes those of all jobs that it would
run. Outputs go to the folder of the same name without work/settings/."""


def parser(stage: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        stage: the stage that is called. Others are only named, so that their files are not read.
    """
    prog = "jointnn" if Path(sys.argv[0]).name == "jointnn" else "python -m jointnn"
    whole = argparse.ArgumentParser(
        prog=prog,
        description=DESCRIPTION,
        epilog=EPILOG.format(prog=prog, jobs=_table_of(JOBS), tools=_table_of(TOOLS)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=__version__)
    stages = whole.add_subparsers(dest="stage", metavar="STAGE", required=True, help="one of those below")
    for name in JOBS | TOOLS:
        one = stages.add_parser(name, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name in JOBS:
            one.add_argument("settings", type=Path, metavar="SETTINGS", help=SETTINGS)
        if name == stage:
            _describe(one, name)
    return whole


def _table_of(stages: Mapping[str, str]) -> str:
    return "\n".join(f"  {name:<11} {meaning}" for name, meaning in stages.items())


def _describe(one: argparse.ArgumentParser, name: str) -> None:
    """Describe a stage by its own file; the arguments of a tool stand there, too."""
    if name in TOOLS:
        importlib.import_module(f"jointnn.stages.tools.{name}").add_arguments(one)
        one.formatter_class = argparse.HelpFormatter
        return
    # A job's file is read, not imported: help needs no torch.
    file = Path(__file__).parent / "stages" / f"{name}.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    run = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run")
    one.description = "\n\n".join(_words(ast.get_docstring(node)) for node in (tree, run))


def _words(docstring: str | None) -> str:
    """Return the part of a docstring that users read: all before its arguments and errors."""
    return re.split(r"\n\n(Args|Raises|Returns):\n", docstring or "")[0]


def run_job(stage: str, path: Path) -> None:
    """Run a stage with a settings file, and then write the record beside its outputs.

    Raises:
        UserError: the file is missing, lies elsewhere, or is that of another job.
    """
    # Read once: by the end parameters may have been edited, and the settings file been written again.
    job = _job(path)
    if job.stage != stage:
        raise UserError(f"{path} is for the stage {job.stage!r}, not for {stage!r}.")
    processes = job.processes if isinstance(job, TrainingJob) else 1
    if processes > 1 and not launch.is_rank():
        launch.start(["-m", "jointnn", stage, str(path)], processes)
        return
    record, module = Path(job.record), stage_of(stage)
    device = job.settings["device"] if isinstance(job, TrainingJob) else "cpu"
    with launch.joined(processes, device) as is_first:
        if is_first:
            record.unlink(missing_ok=True)  # it would vouch for outputs of which some are new already
        module.run(job)
        if is_first:
            write_atomically(record, job.text.encode())


def stage_of(name: str) -> ModuleType:
    """Import a stage, and have the garbage collector pass over what it imports.

    Nothing of that is garbage, and to look at all of torch again and again takes half a second.
    """
    gc.disable()
    try:
        return importlib.import_module(f"jointnn.stages.{name}")
    finally:
        gc.freeze()
        gc.enable()


def _job(path: Path) -> Job:
    """Return the job of a settings file. Refuse a file that lies elsewhere than the job says."""
    near = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    if not near.is_relative_to(paths.SETTINGS):
        raise UserError(f"{path} is not below {paths.SETTINGS}/, where settings files lie.")
    if not path.is_file():
        raise UserError(f"{path} is no file. `snakemake -n` writes the settings files of all jobs.")
    try:
        job = job_of(read_json(path))
    except NoJobError as error:
        raise UserError(
            f"{path} holds no settings of a job, since {error}; `snakemake -n` writes it anew."
        ) from None
    if near.as_posix() != job.settings_file:
        raise UserError(
            f"{path} holds the settings of another job: they belong to {job.settings_file}. Change "
            "parameters and let `snakemake -n` write them."
        )
    return job


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a stage; a user's mistake is one sentence on standard error and the exit code 1."""
    # cuBLAS is deterministic only with a fixed workspace; must be set before torch starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        call = parser(words[0] if words else None).parse_args(words)
        if call.stage in JOBS:
            run_job(call.stage, call.settings)
        else:
            importlib.import_module(f"jointnn.stages.tools.{call.stage}").main(call)
    except ModuleNotFoundError as error:  # of the core alone: stages and most tools need an extra
        if (sentence := missing_extra(error)) is None:
            raise
        print(f"error: {sentence}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if (sentence := refused(error)) is None:
            raise
        if not launch.left_to_launcher(sentence):
            print(f"error: {sentence}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def leave(code: int) -> NoReturn:
    """End the process of a job at once: its outputs are written, and to take torch apart takes time."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    answer = main()
    if sys.argv[1] in JOBS:
        leave(answer)
    sys.exit(answer)
