"""The cost of a job, before it is run: its steps, seconds as earlier runs took, bytes that it keeps."""

import csv
import re
from pathlib import Path

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import read_json
from jointnn.jobs.specs import AttemptJob, InitialiseJob, Job, TrainingJob, TrainJob, TrialJob
from jointnn.methods.catalogue import plan
from jointnn.methods.plan import Plan, Problem
from jointnn.methods.settings import MethodSettings

MUCH_LONGER = 3
"""Largest ratio of steps at which the time of one job still tells that of another: beyond it, too little of
that time was training."""


def steps_of(job: Job) -> range:
    """Return the steps of training that a job takes, counted from the start of its method."""
    if not isinstance(job, TrainingJob):
        return range(0)
    made = _plan_of(job)
    begins = {phase.name: phase.start for phase in made.phases}
    return range(begins[job.until] if job.round else 0, made.end_of(job.until))


def _plan_of(job: TrainingJob) -> Plan:
    """Return the plan of a job. Only torch knows the layers, and the lengths of phases do not need them."""
    groups = list((job.groups or {}).values())
    problem = Problem(job.datasets, [2], groups, job.shared_blocks)
    return plan(job.plan, problem, MethodSettings.model_validate(job.settings))


class EarlierRuns:
    """Times of jobs and sizes of networks that earlier runs left in this folder.

    Files are looked for once, however many jobs are asked about.
    """

    def __init__(self) -> None:
        self._found: dict[str, list[Path]] = {}
        self._seconds: dict[Path, float | None] = {}

    def seconds(self, job: Job) -> float | None:
        """Return the time that earlier runs took for a job, or for others of its kind, in seconds.

        Others of its kind are other seeds, points and rounds. None: there were no runs, or they trained too
        few steps to tell.
        """
        place, record = _starred(job)
        known = [(job.benchmark, job.record)]
        if not Path(job.benchmark).is_file() and "*" in place:
            known = [(file.as_posix(), _filled(record, place, file)) for file in self._files(place)]
        times = [seconds for one in known if (seconds := self._scaled(job, *one)) is not None]
        return sum(times) / len(times) if times else None

    def _scaled(self, job: Job, benchmark: str, record: str) -> float | None:
        """Return the time of an earlier job, scaled to the steps of `job` if it trains, or None."""
        seconds = self._time_in(Path(benchmark))
        if seconds is None or not isinstance(job, TrainingJob):
            return seconds
        try:
            longer = float(job.settings["steps"]) / float(read_json(record)["settings"]["steps"])
        except (UserError, KeyError, TypeError, ValueError, ZeroDivisionError):
            return None  # killed since, or deleted: nobody knows how many steps it trained
        begin = min(self._begin(job), seconds)
        return None if longer > MUCH_LONGER else begin + (seconds - begin) * longer

    def _begin(self, job: TrainingJob) -> float:
        """Return the time before the first step of a job that trains, about the time of a start [s]."""
        times = [
            self._time_in(file) for file in self._files(_of_any_seed(f"{paths.log_stem(job.start)}.tsv"))
        ]
        return min((seconds for seconds in times if seconds is not None), default=0.0)

    def _files(self, place: str) -> list[Path]:
        """Return the files that match a pattern, in which stars stand for numbers."""
        if place not in self._found:
            self._found[place] = [
                file for file in sorted(Path().glob(place)) if _numbers(place).fullmatch(file.as_posix())
            ]
        return self._found[place]

    def _time_in(self, benchmark: Path) -> float | None:
        """Return the mean wall time [s] in a benchmark of Snakemake; None where it is damaged."""
        if benchmark not in self._seconds:
            try:
                with benchmark.open(encoding="utf-8") as file:
                    times = [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
            except (OSError, KeyError, TypeError, ValueError):
                times = []
            self._seconds[benchmark] = sum(times) / len(times) if times else None
        return self._seconds[benchmark]

    def bytes_kept(self, job: Job) -> int | None:
        """Return the bytes of the networks that a job leaves; None where no start tells their size.

        The start of its seed tells it, or that of another seed: it holds the networks of all datasets once.
        """
        if not isinstance(job, InitialiseJob | TrainJob):
            return 0
        start = self._size_of_start(job.start)
        return None if start is None else round(start * copies_kept(job))

    def _size_of_start(self, start: str) -> int | None:
        _, experiment, _, name = start.split("/")
        others = [f"{top}/{experiment}/s*/{name}" for top in ("runs", "search")]
        for place in (start, *others):
            for file in self._files(paths.state(place)):
                return file.stat().st_size
        return None


def _starred(job: Job) -> tuple[str, str]:
    """Return the benchmark and the record of a job, with stars where others of its kind differ."""
    benchmark, record = _of_any_seed(job.benchmark), _of_any_seed(job.record)
    if isinstance(job, TrainJob | TrialJob) and job.round:
        benchmark, record = (re.sub(r"/(round|trial)_\d+", r"/\1_*", file) for file in (benchmark, record))
    if isinstance(job, AttemptJob):
        benchmark = re.sub(r"_\d+\.tsv$", "_*.tsv", benchmark)
        record = re.sub(r"/point_\d+\.", "/point_*.", record)
    return benchmark, record


def _of_any_seed(file: str) -> str:
    return re.sub(r"/s\d+/", "/s*/", file)


def _numbers(place: str) -> re.Pattern[str]:
    """Return the pattern of the paths with numbers in the place of stars."""
    return re.compile(re.escape(place).replace(r"\*", r"(\d+)"))


def _filled(record: str, place: str, file: Path) -> str:
    """Return the record of the earlier job with the benchmark `file`, whose numbers replace the stars."""
    found = _numbers(place).fullmatch(file.as_posix())
    for number in found.groups() if found else ():
        record = record.replace("*", number, 1)
    return record


def copies_kept(job: InitialiseJob | TrainJob) -> int:
    """Return how often a job keeps all values of its networks.

    The optimizer's state and averages, which the next round reads, count as one copy each.
    """
    if isinstance(job, InitialiseJob):
        return 1
    made, settings = _plan_of(job), MethodSettings.model_validate(job.settings)
    of_optimizer = 2 if settings.optimiser == "adam" else int(settings.momentum > 0)
    is_last = job.until in ("", made.phases[-1].name)
    return 1 + (0 if is_last else of_optimizer) + made.averages
