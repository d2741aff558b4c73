"""A job and a run as `tracking` sees them: which settings they were made with, and whether they ended."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from jointnn.io import files

Points = dict[tuple[str, int], float]
"""Values by name of the metric and step."""
BOOKKEEPING = {
    *("stage", "code", "before", "identity", "record", "settings"),
    *("experiment", "seed", "method", "start", "until", "round"),
}
"""Entries of a record that do not tell one run from another; `settings` are taken out of their box."""


@dataclass(frozen=True)
class TrackedJob:
    """One job of a run.

    Args:
        folder: where its outputs are, relative to the root: runs/digits/s0/isolated.
        record_path: its record, relative to the root.
        record: the settings that its outputs were made with; None while there are none.
        settings: the settings of now; None where no workflow was read, as in a fresh clone.
    """

    folder: Path
    record_path: Path
    record: Mapping[str, Any] | None
    settings: Mapping[str, Any] | None

    @property
    def fresh(self) -> bool:
        """Return whether its outputs are there, made with the settings of now."""
        return self.record is not None and self.settings in (None, self.record)

    @property
    def round(self) -> int:
        """Return k for a job in a folder round_k; 0 for other jobs."""
        number = self.folder.name.removeprefix("round_")
        return int(number) if number.isdigit() else 0

    @property
    def newest(self) -> Mapping[str, Any]:
        """Return the settings of now, or else those that its outputs were made with."""
        return self.settings or self.record or {}

    def is_made_from(self, before: "TrackedJob") -> bool:
        """Return whether its outputs were made from the present ones of `before`.

        Its record then holds the digest of that job's record.
        """
        if self.record is None or before.record is None:
            return False
        made_from = [job["record"] for job in self.record.get("before", {}).values()]
        return files.digest(before.record) in made_from


def ended(jobs: list[TrackedJob]) -> list[TrackedJob]:
    """Return the jobs of a run that has ended, in order; [] if it has not.

    Once a job has run again with new settings, the later jobs of its chain still have old outputs:
    together they are no run. While none has run again, they are the run of the older settings.

    Args:
        jobs: all known jobs of one method and seed, in their order.
    """
    done = _within([(job, job.record) for job in jobs if job.record is not None])
    rounds = sum(job.round > 0 for job in done)
    is_whole = len(jobs) == 1 or (done and rounds == _rounds(done[-1].record))
    is_one = all(job.is_made_from(before) for before, job in pairwise(done))
    return done if is_whole and is_one else []


def wanted(jobs: list[TrackedJob]) -> list[TrackedJob]:
    """Return the jobs of the run as its settings are now."""
    return _within([(job, job.newest) for job in jobs if job.newest])


def _within(chain: list[tuple[TrackedJob, Mapping[str, Any] | None]]) -> list[TrackedJob]:
    """Return a chain without rounds of older settings, which had more of them."""
    # The first round tells: it is the first that is made anew.
    counts = (count for _, settings in chain if (count := _rounds(settings)) is not None)
    last = next(counts, math.inf)
    return [job for job, _ in chain if job.round <= last]


def _rounds(settings: Mapping[str, Any] | None) -> int | None:
    count: int | None = (settings or {}).get("settings", {}).get("rounds")
    return count


@dataclass(frozen=True)
class RunFiles:
    """A run as its files tell it: one method of one seed.

    Args:
        settings: of its jobs, in their order, by the path of the record.
        finished: whether every job has ended.
        diverged: sentence of a job that diverged; empty if none has.
        alarms: alarms of the task about the networks at their end; empty if there are none.
        points: its curves.
        datasets: names, sorted.
        finals: numbers of the evaluation, and costs of the run, by name of the metric.
        artifacts: files shown with the run, by the name that they have there.
        state: the file that holds its networks; None while there are none.
        started: when its first job began, in seconds since 1970.
        seconds: how long its jobs took together, waits between them left out.
        user: whose files they are.
    """

    experiment: str
    method: str
    seed: int
    settings: Mapping[str, Mapping[str, Any]]
    finished: bool
    diverged: str
    alarms: str
    points: Points
    datasets: list[str]
    finals: Mapping[str, float]
    artifacts: Mapping[str, Path]
    state: Path | None
    started: float
    seconds: float
    user: str

    @property
    def status(self) -> str:
        """Return the status as MLflow names it."""
        return "FAILED" if self.diverged else "FINISHED" if self.finished else "RUNNING"

    @property
    def has_networks(self) -> bool:
        """Return whether it ended with networks that can be used."""
        return self.finished and not self.diverged

    @cached_property
    def digest(self) -> str:
        """Return the digest of the settings of all its jobs."""
        return files.digest(self.settings)

    @property
    def place(self) -> str:
        """Return the part of its key that it shares with runs of other settings: digits/joint/0."""
        return f"{self.experiment}/{self.method}/{self.seed}"

    @property
    def key(self) -> str:
        """Return its key: digits/joint/0/<digest of its settings>."""
        return f"{self.place}/{self.digest}"

    @property
    def parameters(self) -> dict[str, Any]:
        """Return all settings of its jobs as one flat mapping, with method and seed."""
        flat: dict[str, Any] = {}
        for record in self.settings.values():
            told = {name: value for name, value in record.items() if name not in BOOKKEEPING}
            flat |= flattened(told) | flattened(record.get("settings") or {})
        return flat | {"method": self.method, "seed": self.seed}


def artifacts_digest(artifacts: Mapping[str, Path]) -> str:
    """Return the digest of the names and contents of those files that are still there."""
    found = {}
    for name, path in artifacts.items():
        with suppress(FileNotFoundError):
            found[name] = files.sha256_of_file(path)
    return files.digest(found)


def flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings on one level: {"strength": {"half_life": 3}} as {"strength.half_life": 3}."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
