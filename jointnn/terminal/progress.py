"""How far a run is: which jobs are done, run or have failed, and how far those are that train."""

import re
import time
from collections.abc import Mapping
from pathlib import Path

from jointnn.terminal.forecast import Forecast, Left, Work
from jointnn.terminal.plan import Run
from jointnn.terminal.words import about

TAIL = 4096
"""Bytes of the end of a log that are read for the step that a job is at."""
STEP = re.compile(rb"^step (\d+) of (\d+)", re.MULTILINE)
RESUMED = re.compile(rb"^Goes on from step (\d+)\.", re.MULTILINE)
AGAIN = 1.0
"""Seconds for which a forecast holds."""


class Progress:
    """The state of a run. What a thread that draws looks at is replaced, never changed.

    Attributes:
        run: the jobs to do.
        running: when each job began that runs, by number.
        done: seconds of each job that is done.
        failed: jobs that failed.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.works = {work.number: work for work in run.works}
        self.forecast = Forecast()
        self.began = time.monotonic()
        self.running: Mapping[int, float] = {}
        self.done: Mapping[int, float] = {}
        self.failed: frozenset[int] = frozenset()
        self._left: tuple[float, Left | None] = (-AGAIN, None)

    def start(self, number: int) -> None:
        """Note that a job has begun."""
        self.running = {**self.running, number: time.monotonic()}

    def finish(self, number: int) -> float:
        """Note that a job is done; return how long it took."""
        began = self.running.get(number, time.monotonic())
        seconds = time.monotonic() - began
        self._leaves(number)
        self.done = {**self.done, number: seconds}
        self.forecast.add(self.works[number], seconds)
        return seconds

    def fail(self, number: int) -> None:
        """Note that a job has failed."""
        self._leaves(number)
        self.failed |= {number}

    def _leaves(self, number: int) -> None:
        self.running = {other: began for other, began in self.running.items() if other != number}
        self._left = (-AGAIN, None)

    @property
    def seconds(self) -> float:
        """Return how long the run has been running [s]."""
        return time.monotonic() - self.began

    def since(self, number: int) -> float:
        """Return how long a job has been running [s]."""
        return time.monotonic() - self.running.get(number, time.monotonic())

    def left(self) -> str:
        """Return the time that is left, in words; "" where it is not known, or a job has failed."""
        if self.failed:
            return ""
        said, left = self._left
        if time.monotonic() - said >= AGAIN:
            left = self._forecast()
            self._left = (time.monotonic(), left)
        if left is None:
            return ""
        return f"{'' if left.whole else 'at least '}{about(left.seconds)} left"

    def _forecast(self) -> Left | None:
        done, running, failed = self.done, self.running, self.failed
        works = [work for work in self.run.works if work.number not in done and work.number not in failed]
        if not works:
            return None
        now = time.monotonic()
        gone = {number: now - began for number, began in running.items()}
        trained = {number: steps for number in running if (steps := self.trained(number))}
        return self.forecast.left(works, gone, trained, self.run.shared)

    def trained(self, number: int) -> int:
        """Return the steps that a running job has taken since it was begun; 0 if not known.

        A job that goes on from where it was stopped counts as faster, by the steps that it need not take.
        """
        work = self.works[number]
        step, resumed = step_in(work, self.since(number))
        first, last = max(work.first_step, resumed), work.first_step + work.steps
        if not first < step < last:
            return 0
        return max(round(work.steps * (step - first) / (last - first)), 1)

    def at_step(self, number: int) -> str:
        """Return the step of a running job in words, `step 300 of 1000`; "" where its log does not say."""
        work = self.works[number]
        step, _ = step_in(work, self.since(number))
        return f"step {step:,} of {work.first_step + work.steps:,}" if step else ""


def step_in(work: Work, since: float) -> tuple[int, int]:
    """Return the last step in the log of a job, and the one from which it went on; 0 for none.

    Args:
        since: seconds since the job began; a log that is older is of an earlier run.
    """
    if not (work.trains and work.log):
        return 0, 0
    path = Path(work.log)
    try:
        status = path.stat()
        if time.time() - status.st_mtime > since + 1:
            return 0, 0
        with path.open("rb") as file:
            head = file.read(TAIL)
            file.seek(max(status.st_size - TAIL, 0))
            tail = file.read()
    except OSError:
        return 0, 0
    steps, resumed = STEP.findall(tail), RESUMED.search(head)
    return int(steps[-1][0]) if steps else 0, int(resumed[1]) if resumed else 0
