"""clean: what lies here and is needed no more, how much room it takes, and with --yes, its removal.

What it removes can be made again without training. Runs are the exception: they go where --runs names them.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jointnn.errors import UserError, reason_of, remedy_of
from jointnn.io import paths
from jointnn.io.files import read_json
from jointnn.io.run_locks import are_at_work
from jointnn.jobs.freshness import is_finished
from jointnn.jobs.graph import Jobs
from jointnn.jobs.reasons import goes_on
from jointnn.jobs.specs import Job
from jointnn.parameters.load import read_params
from jointnn.parameters.schema import Params
from jointnn.registry import nearest
from jointnn.terminal.words import several, size

KEPT = "results/, search/, data/raw/, your own images, and the runs of today's parameters"
HALF_WRITTEN = re.compile(r"\..+\.[a-z0-9_]{8}")
"""Names that files have until they are whole (`write_atomically`)."""
WRITTEN = ("data/prepared", "logs", "runs", "work")
"""Folders that it may remove from."""
IMAGES = re.compile(r".+-\d+(-[\w.:]+)?(\.settings\.json|\.safetensors)")
"""Names of prepared images, of activations, and of their records."""


@dataclass(frozen=True)
class Pile:
    """Files that go for one reason.

    Attributes:
        where: the folder that they lie in.
        what: their kind, and how they come back.
        files: their paths.
    """

    where: str
    what: str
    files: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        """Return the room that they take, in bytes."""
        return sum(file.lstat().st_size for file in self.files)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn clean [EXPERIMENT | --runs EXPERIMENT] [--yes]"""
    parser.description = (
        "Say what can go and how much room it takes; with --yes, remove it. All of it can be made again "
        f"without training. It never touches {KEPT}. Superseded runs, those of other settings, seeds or "
        "methods than the parameters have now, take training to come back, so they only go with --runs."
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help="default: all of them")
    which.add_argument("--runs", metavar="EXPERIMENT", help="the superseded runs of an experiment instead")
    parser.add_argument("--yes", action="store_true", help="remove it; without it nothing is removed")


def main(arguments: argparse.Namespace) -> None:
    """List what can go, and remove it where that was asked for.

    Raises:
        UserError: Snakemake is at work here, or the experiment is not known.
    """
    if are_at_work():
        raise UserError("snakemake is at work in this folder. Wait for it, or end it with Ctrl-C.")
    params = read_params()
    name = arguments.experiment
    asked = [superseded(params, arguments.runs)] if arguments.runs else piles(params, name)
    found = [pile for pile in asked if pile.files]
    whole = sum(pile.bytes for pile in found)
    lines = [
        f"{size(pile.bytes):>7}  {several(len(pile.files), 'file'):>12}  {pile.where}: {pile.what}"
        for pile in found
    ]
    if not found:
        lines.append("There is nothing to remove.")
    elif not arguments.yes:
        of = f"--runs {arguments.runs} " if arguments.runs else f"{name or ''} ".lstrip()
        lines.append(
            f"{size(whole)} in all. Nothing was removed. To do it: python -m jointnn clean {of}--yes"
        )
    else:
        for pile in found:
            _remove(pile.files)
        lines.append(f"{size(whole)} freed. Untouched: {KEPT}.")
    sys.stdout.write("\n".join(lines) + "\n")


def piles(params: Params, experiment: str | None = None) -> list[Pile]:
    """Return the files that can go and come back without training, of one experiment or of all.

    Raises:
        UserError: the experiment is not known.
    """
    names = list(params.experiments) if experiment is None else [experiment]
    if experiment is not None and experiment not in params.experiments:
        raise UserError(f"no experiment is named {experiment!r}{nearest(experiment, params.experiments)}")
    graph = Jobs(params)
    jobs = [job for name in names for job in graph.of_experiment(name)]
    whole = experiment is None
    datasets = {name for one in names for name in params.experiments[one].datasets}
    found = [
        Pile("work/resume/", "states that no job goes on from", _resume_points(jobs, experiment)),
        Pile(
            "data/prepared/",
            "images as networks take them; a job that needs them has them prepared again",
            _prepared(None if whole else datasets, params),
        ),
        Pile("logs/", "what jobs printed that are done; times stay", _logs(jobs, experiment)),
    ]
    if whole:
        found += [
            Pile(
                ".snakemake/log/",
                "what Snakemake told of earlier runs",
                tuple(_files(".snakemake/log", "*.log")),
            ),
            Pile("everywhere", "files of killed jobs that were not written to their end", _half_written()),
        ]
    tracked = _in_git()
    return [
        Pile(one.where, one.what, tuple(f for f in one.files if f.as_posix() not in tracked))
        for one in found
    ]


def superseded(params: Params, experiment: str) -> Pile:
    """Return the runs of an experiment with other settings, seeds or methods than it has now.

    Raises:
        UserError: there are no runs of that name.
    """
    folder = Path("runs", experiment)
    if Path(experiment).name != experiment or not folder.is_dir():
        raise UserError(f"there is no runs/{experiment}{nearest(experiment, _names_in('runs'))}")
    jobs = Jobs(params).of_experiment(experiment) if experiment in params.experiments else ()
    owners = {job.folder: job for job in jobs if job.folder.startswith("runs/")}
    files = [file for file in _files(folder) if not _is_of(owners.get(file.parent.as_posix()))]
    tracked = _in_git()
    what = "runs of other settings, seeds or methods than now; only training, or DVC, brings them back"
    return Pile(f"{folder}/", what, tuple(file for file in files if file.as_posix() not in tracked))


def _is_of(job: Job | None) -> bool:
    """Return whether the files in a job's folder are its own, also of older code or unfinished."""
    if job is None:
        return False
    record = Path(job.record)
    return not record.is_file() or read_json(record).get("identity") == job.identity


def _resume_points(jobs: Iterable[Job], experiment: str | None) -> tuple[Path, ...]:
    """Return the files of last states of jobs that have ended, or that have other settings now."""
    places = [Path(paths.RESUME, top, experiment or "") for top in ("runs", "search")]
    needed = [Path(job.resume) for job in jobs if not is_finished(job) and _is_needed(job)]
    return tuple(
        file
        for place in places
        for file in _files(place)
        if not any(file.is_relative_to(one) for one in needed)
    )


def _is_needed(job: Job) -> bool:
    """Return whether a job would go on from the state kept for it, or tells there why it diverged."""
    return goes_on(job) or not Path(paths.state(job.resume)).is_file()


def _prepared(datasets: Iterable[str] | None, params: Params) -> tuple[Path, ...]:
    """Return the files of prepared images, of some datasets or of all."""
    own = [Path(path) for one in params.datasets.values() if (path := getattr(one, "path", None))]
    named = None if datasets is None else tuple(f"{name}-" for name in datasets)
    return tuple(
        file
        for file in _files("data/prepared", "*")
        if IMAGES.fullmatch(file.name)
        and (named is None or file.name.startswith(named))
        and not any(file.is_relative_to(path) for path in own)
    )


def _logs(jobs: Iterable[Job], experiment: str | None) -> tuple[Path, ...]:
    """Return the logs of jobs that are done or gone. Others tell what went wrong."""
    unfinished = {job.log for job in jobs if not is_finished(job)}
    found = _files(Path("logs", experiment) if experiment else "logs", "**/*.log")
    return tuple(file for file in found if file.as_posix() not in unfinished)


def _half_written() -> tuple[Path, ...]:
    found = [file for top in WRITTEN for file in _files(top) if HALF_WRITTEN.fullmatch(file.name)]
    return tuple(found)


def _files(folder: str | Path, pattern: str = "**/*") -> Iterator[Path]:
    """Yield files below a folder, never those that a link leads to elsewhere."""
    yield from (file for file in sorted(Path(folder).glob(pattern)) if file.is_file() or file.is_symlink())


def _names_in(folder: str) -> Mapping[str, None]:
    return dict.fromkeys(path.name for path in sorted(Path(folder).glob("*")))


def _in_git() -> frozenset[str]:
    """Return the files that git versions below the folders that jobs write to."""
    listed = ["git", "ls-files", "-z", "--", *WRITTEN]
    try:
        found = subprocess.run(listed, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return frozenset()
    return frozenset(found.stdout.split("\0"))


def _remove(files: Iterable[Path]) -> None:
    """Remove files, and the folders that are empty then.

    Raises:
        UserError: one cannot be removed.
    """
    for file in files:
        try:
            file.unlink(missing_ok=True)
            for folder in list(file.parents)[:-2]:  # not data/ itself, nor the project
                folder.rmdir()
        except OSError as error:
            if file.exists() or file.is_symlink():
                raise UserError(
                    f"{file} could not be removed: {reason_of(error)}. {remedy_of(error)}."
                ) from error
