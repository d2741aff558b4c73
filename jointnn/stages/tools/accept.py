"""accept: results that older code made stay valid, since today's code makes the same golden bytes."""

import argparse
import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jointnn.errors import UserError
from jointnn.io.files import read_json, read_text, write_atomically
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import Job
from jointnn.parameters.load import read_params
from jointnn.registry import nearest
from jointnn.stages.tools import golden_bytes as golden

LOG = "workflow/accepted.csv"
COLUMNS = ("date", "commit", "experiment", "records", "because")
NOT_COMPARED = {"code", "before"}
"""Entries of a record on code: its own, and that of the jobs before it. The identity is compared."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn accept EXPERIMENT --because "..." """
    parser.description = (
        "After a change of code that changes no number, say so instead of training again: run the golden "
        "jobs on this machine, and if their bytes are the golden ones, stamp the records of an experiment "
        f"with today's code. What was accepted, and why, is kept in {LOG}: commit it."
    )
    parser.add_argument("experiment", metavar="EXPERIMENT")
    parser.add_argument(
        "--because", required=True, metavar="SENTENCE", help="why no number can have changed"
    )


def main(arguments: argparse.Namespace) -> None:
    """Accept the results of an experiment.

    Raises:
        UserError: the tree is dirty, a golden array is another, the experiment is not known, or nothing of
            it waits to be accepted.
    """
    params, name = read_params(), arguments.experiment
    if name not in params.experiments:
        raise UserError(f"no experiment is named {name!r}{nearest(name, params.experiments)}")
    commit = _commit_of_clean_tree()
    jobs = Jobs(params).of_experiment(name)
    accepted = {job.record: job for job in jobs if _differs_in_code_alone(job)}
    if not accepted:
        raise UserError(f"{name} has no results that differ from today's in their code alone.")
    said = golden.compare(golden.made_now())
    for record, job in accepted.items():
        write_atomically(record, job.text.encode())
    _log(commit, name, len(accepted), arguments.because)
    sys.stdout.write(f"{said} {len(accepted)} records of {name} have today's code now. Commit {LOG}.\n")


def _commit_of_clean_tree() -> str:
    """Return the commit that is checked out. Refuse a changed tree, which nobody could look at.

    Of files that git does not know, code counts: it may be what ran.
    """
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{LOG}")
    changed = changed or _git("status", "--porcelain", "--untracked-files=all", "--", "*.py")
    if changed:
        raise UserError(
            "the tree is dirty, so nobody could see what was accepted: "
            f"{changed.splitlines()[0].strip()}. Commit first."
        )
    return _git("rev-parse", "HEAD")


def _git(*arguments: str) -> str:
    try:
        return subprocess.check_output(["git", *arguments], text=True, stderr=subprocess.PIPE).strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(f"accept needs a git repository: git {arguments[0]} failed.") from error


def _differs_in_code_alone(job: Job) -> bool:
    """Return whether a job's record differs in code alone, not in settings of it or jobs before it."""
    record = Path(job.record)
    if not record.exists():
        return False
    was, now = read_json(record), json.loads(job.text)

    def settings(known: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in known.items() if key not in NOT_COMPARED}

    return was != now and settings(was) == settings(now)


def _log(commit: str, experiment: str, records: int, because: str) -> None:
    path = Path(LOG)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    if not path.exists():
        rows.writerow(COLUMNS)
    rows.writerow(
        [datetime.now(UTC).date().isoformat(), commit, experiment, records, " ".join(because.split())]
    )
    before = read_text(path) if path.exists() else ""
    write_atomically(path, (before + text.getvalue()).encode())
