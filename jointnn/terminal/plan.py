"""The plan of a run, before it starts: jobs, steps, time and disk, in a few lines."""

import configparser
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jointnn.jobs.costs import EarlierRuns, copies_kept, steps_of
from jointnn.jobs.specs import AttemptJob, Job, SplitHalvesJob, TrainingJob, TrainJob
from jointnn.terminal.forecast import Forecast, Work
from jointnn.terminal.words import about, several, size

LINKS = ("hardlink", "symlink")


@dataclass(frozen=True)
class Run:
    """Jobs of one call of Snakemake.

    Attributes:
        works: its jobs, in the order in which Snakemake has them.
        jobs: those of them that are of the graph of jobs, by number.
        shared: how much there is of each resource: cores, GPUs, places on a cluster.
        unrecorded: experiments that DVC versions, but where Snakemake was not called by it.
    """

    works: Sequence[Work]
    jobs: Mapping[int, Job]
    shared: Mapping[str, int]
    unrecorded: Sequence[str] = ()

    @property
    def experiments(self) -> list[str]:
        """Return the experiments of its jobs."""
        return sorted({work.experiment for work in self.works} - {""})


def introduction(run: Run, earlier: EarlierRuns) -> list[str]:
    """Return the lines to say before a run starts."""
    kinds = Counter(work.kind.split(" ")[0] for work in run.works)
    jobs = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    training = [line for name in run.experiments for line in _training(name, run.jobs.values())]
    disk = disk_needed(run, earlier)
    return [
        f"{several(len(run.works), 'job')}: {jobs}.",
        *training,
        time_needed(run),
        *([disk] if disk else []),
    ]


def _training(experiment: str, jobs: Iterable[Job]) -> Iterator[str]:
    """Yield a line on what the search of an experiment tries, one on what the experiment trains, and one on
    halves of its datasets."""
    mine = [job for job in jobs if isinstance(job, TrainingJob) and job.experiment == experiment]
    tried = [job for job in mine if isinstance(job, AttemptJob)]
    halves = [job for job in mine if isinstance(job, SplitHalvesJob)]
    trained = [job for job in mine if not isinstance(job, AttemptJob | SplitHalvesJob)]
    for found, what in (
        (tried, f"The search of {experiment} tries"),
        (trained, f"{experiment} trains"),
        (halves, f"Halves of the datasets of {experiment} train"),
    ):
        if not found:
            continue
        methods, seeds = {job.method for job in found}, {job.seed for job in found}
        points = f"{several(len(found), 'point')} of " if found is tried else ""
        steps = sum(len(steps_of(job)) * len(job.learners) for job in found)
        each = max(len(steps_of(job)) if found is halves else int(job.settings["steps"]) for job in found)
        yield (
            f"{what} {points}{several(len(methods), 'method')} on {several(len(seeds), 'seed')}: "
            f"{several(each, 'step')} x {several(len(found[0].learners), 'network')} each, "
            f"{several(steps, 'step')} of a network in all."
        )


def time_needed(run: Run) -> str:
    """Return the sentence on the time of a run, as far as earlier runs tell it."""
    left = Forecast().left(run.works, {}, {}, run.shared)
    if left is None:
        return "Time: not known before the first jobs are done; then it stands beside them."
    at_least = "" if left.whole else "at least "
    return f"Time: {at_least}{about(left.seconds)}, as earlier runs took."


def disk_needed(run: Run, earlier: EarlierRuns) -> str:
    """Return the sentence on the disk that a run's networks take; "" if it keeps none."""
    kept = {number: earlier.bytes_kept(job) for number, job in run.jobs.items()}
    networks = [number for number, count in kept.items() if count != 0]
    if not networks:
        return ""
    known = {number: count for number in networks if (count := kept[number])}
    if not known:
        return "Disk: not known before the first start is made; then it is said."
    whole = sum(known.values())
    last = sum(
        count // copies_kept(job)
        for number, count in known.items()
        if isinstance(job := run.jobs[number], TrainJob) and _ends_method(job)
    )
    at_least = "" if len(known) == len(networks) else "at least "
    cached = "nothing more" if _links() else "as much again"
    line = (
        f"Disk: {at_least}about {size(whole)} in runs/; DVC's cache takes {cached}, "
        f"the networks in MLflow's store up to {size(last)}."
    )
    free = shutil.disk_usage(".").free
    return line + (f" Only {size(free)} are free." if free < whole else "")


def _ends_method(job: TrainJob) -> bool:
    return not job.until or (job.round is not None and job.round == job.settings["rounds"])


def _links() -> bool:
    """Return whether DVC links to its cache instead of copying."""
    found = configparser.ConfigParser(interpolation=None)
    try:
        found.read([Path(".dvc/config"), Path(".dvc/config.local")])
    except configparser.Error:
        return False
    kinds = found.get("cache", "type", fallback="copy").replace('"', "").split(",")
    return kinds[0].strip() in LINKS
