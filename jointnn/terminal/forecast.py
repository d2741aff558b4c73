"""How long is left: from jobs of the same kind in this run, from earlier runs, or not known."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush


@dataclass(frozen=True)
class Work:
    """A job of this run, as far as its time goes.

    Attributes:
        number: Snakemake's id of it.
        experiment: its experiment; empty for jobs of data.
        kind: the kind of jobs that take about equally long, `train isolated`.
        which: its name among those, `seed 0`.
        log: the path of its log.
        steps: of training that it does, from the first one on; none where it trains nothing.
        first_step: that first one, counted from the start of its method.
        needs: how much it takes of each resource that is shared.
        after: jobs of this run that it waits for.
        earlier: seconds that earlier runs took for it.
        why: why it has to run.
    """

    number: int
    experiment: str
    kind: str
    which: str = ""
    log: str = ""
    steps: int = 0
    first_step: int = 0
    needs: Mapping[str, int] = field(default_factory=dict)
    after: frozenset[int] = frozenset()
    earlier: float | None = None
    why: str = ""

    @property
    def trains(self) -> bool:
        """Return whether it trains a network."""
        return self.steps > 0


TELLING = 0.2
"""Part of its steps that a job has done when they tell more of it than other jobs do."""


@dataclass(frozen=True)
class Left:
    """Time that is left.

    Attributes:
        seconds: of the jobs of which that can be told.
        whole: whether that are all jobs that are left.
    """

    seconds: float
    whole: bool


def in_order(works: Iterable[Work]) -> list[Work]:
    """Return the jobs, each after those that it waits for, and those of a kind side by side."""
    named = {work.number: work for work in works}
    depths: dict[int, int] = {}

    def depth(number: int) -> int:
        if number not in depths:
            depths[number] = 1 + max((depth(one) for one in named[number].after if one in named), default=0)
        return depths[number]

    def place(one: Work) -> tuple[int, str, str, list[int], str]:
        numbers = [int(digits) for digits in re.findall(r"\d+", one.which)]
        return depth(one.number), one.experiment, one.kind, numbers, one.which

    return sorted(named.values(), key=place)


class Forecast:
    """Seconds of jobs, from those that this run has done and those of earlier runs."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)

    def add(self, work: Work, seconds: float) -> None:
        """Learn from a job that is done."""
        self._taken[work.experiment, work.kind].append((seconds, work.steps))

    def taken(self, experiment: str, kind: str) -> float | None:
        """Return the mean seconds of the jobs of a kind that are done."""
        done = self._taken.get((experiment, kind))
        return sum(seconds for seconds, _ in done) / len(done) if done else None

    def begin(self, experiment: str) -> float:
        """Return about how long a job needs before its work: as long as a start took [s]."""
        taken = (self.taken(experiment, kind) for kind in ("initialise", "initialise_search"))
        return next((seconds for seconds in taken if seconds is not None), 0.0)

    def seconds(self, work: Work, under_way: Sequence[tuple[str, float, int]] = ()) -> float | None:
        """Return how long a job takes [s], if anything like it has been run, else None.

        Where no run of its kind is known, a step counts as equally long as in other methods.

        Args:
            under_way: of jobs that train now, the experiment, seconds and steps so far.
        """
        if alike := self._taken.get((work.experiment, work.kind)):
            return self._for(work, alike)
        if work.earlier is not None or not work.trains:
            return work.earlier
        done = [(key[0], *found) for key, of_kind in self._taken.items() for found in of_kind]
        trained = [found[1:] for found in (*done, *under_way) if found[0] == work.experiment and found[2]]
        return self._for(work, trained) if trained else None

    def _for(self, work: Work, done: Sequence[tuple[float, int]]) -> float:
        """Return the mean seconds of jobs like one, for as many steps as it has."""
        seconds, steps = sum(seconds for seconds, _ in done), sum(steps for _, steps in done)
        if not (work.trains and steps):
            return seconds / len(done)
        begin = min(self.begin(work.experiment), *(seconds for seconds, _ in done))
        return begin + (seconds - len(done) * begin) / steps * work.steps

    def left(
        self,
        works: Collection[Work],
        running: Mapping[int, float],
        trained: Mapping[int, int],
        shared: Mapping[str, int],
    ) -> Left | None:
        """Return the time that is left; None where it is not known of every job that trains.

        A job of which nothing is known takes as long as any job does to begin, at least.

        Args:
            works: jobs that are not done.
            running: seconds that jobs have run for, by number.
            trained: steps that running jobs have done, by number, where they say it.
            shared: how much there is of each resource.
        """
        under_way = [
            (work.experiment, running[work.number], trained[work.number])
            for work in works
            if work.number in trained
        ]
        known: dict[int, float] = {}
        for work in works:
            gone, steps = running.get(work.number, 0.0), trained.get(work.number, 0)
            seconds = self.seconds(work, () if steps else under_way)
            if steps and (seconds is None or steps >= TELLING * work.steps):
                begin = min(self.begin(work.experiment), gone)
                known[work.number] = (gone - begin) / steps * (work.steps - steps)
            elif seconds is not None:
                known[work.number] = max(seconds - gone, 0.0)
        if not known or any(work.trains and work.number not in known for work in works):
            return None
        lasting = [
            (work, known.get(work.number, self.begin(work.experiment)))
            for work in sorted(works, key=lambda one: one.number not in running)
        ]
        return Left(makespan(lasting, shared), len(known) == len(works))


def makespan(lasting: Sequence[tuple[Work, float]], shared: Mapping[str, int]) -> float:
    """Return when the last job ends [s], if each begins as soon as earlier jobs and resources allow.

    Args:
        lasting: jobs and their seconds; the first of those that could begin does.
    """
    numbers = {work.number for work, _ in lasting}
    waiting = {work.number: len(work.after & numbers) for work, _ in lasting}
    then: dict[int, list[int]] = defaultdict(list)
    for work, _ in lasting:
        for other in work.after & numbers:
            then[other].append(work.number)
    order = {work.number: place for place, (work, _) in enumerate(lasting)}
    ready = sorted(order[number] for number, count in waiting.items() if not count)
    free, now = dict(shared), 0.0
    ends: list[tuple[float, int]] = []
    while ready or ends:
        held = []
        while ready:
            place = heappop(ready)
            work, seconds = lasting[place]
            # A job that needs more than there is runs alone, as Snakemake has it.
            needs = {name: min(count, shared[name]) for name, count in work.needs.items() if name in shared}
            if any(count > free[name] for name, count in needs.items()):
                held.append(place)
                continue
            for name, count in needs.items():
                free[name] -= count
            heappush(ends, (now + seconds, place))
        ready = held
        now, place = heappop(ends)
        work, _ = lasting[place]
        for name, count in work.needs.items():
            if name in shared:
                free[name] += min(count, shared[name])
        for number in then[work.number]:
            waiting[number] -= 1
            if not waiting[number]:
                heappush(ready, order[number])
    return now
