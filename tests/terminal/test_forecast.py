"""How long is left: a schedule of jobs on what there is, and seconds that are known or not."""

import random

import pytest

from jointnn.terminal.forecast import Forecast, Left, Work, in_order, makespan


def work(number: int, kind: str = "train", *, after=(), cores: int = 1, **more) -> Work:
    return Work(number, "e", kind, needs={"_cores": cores}, after=frozenset(after), **more)


def test_jobs_side_by_side_take_as_long_as_the_longest_and_one_after_the_other_their_sum():
    jobs = [(work(1), 10.0), (work(2), 7.0), (work(3), 5.0)]
    assert makespan(jobs, {"_cores": 3}) == 10
    assert makespan(jobs, {"_cores": 1}) == 22
    assert makespan(jobs, {"_cores": 2}) == 12
    assert makespan(jobs, {}) == 10


def test_a_job_waits_for_those_before_it_and_for_the_one_gpu():
    chain = [(work(1), 10.0), (work(2, after=[1]), 5.0), (work(3, after=[2, 99]), 1.0)]
    assert makespan(chain, {"_cores": 9}) == 16, "99 is done"
    both = [(Work(k, "e", "train", needs={"gpu": 1}), 4.0) for k in (1, 2)]
    assert makespan(both, {"_cores": 9, "gpu": 1}) == 8
    assert makespan([(work(1, cores=4), 3.0), (work(2), 2.0)], {"_cores": 2}) == 5, "more than there is"


def test_no_schedule_beats_its_longest_chain_or_its_work():
    rng = random.Random(0)
    for _ in range(50):
        jobs = [
            (work(k, after=rng.sample(range(k), min(k, rng.randrange(3)))), rng.uniform(0, 9))
            for k in range(12)
        ]
        cores = rng.randrange(1, 5)
        ends: dict[int, float] = {}
        for one, seconds in jobs:
            ends[one.number] = seconds + max((ends[other] for other in one.after), default=0.0)
        whole = sum(seconds for _, seconds in jobs)
        found = makespan(jobs, {"_cores": cores})
        assert max(whole / cores, *ends.values()) - 1e-9 <= found <= whole + 1e-9


def test_a_job_takes_as_long_as_those_of_its_kind_by_step():
    forecast = Forecast()
    forecast.add(work(1, "irls joint", steps=100), 20.0)
    assert forecast.seconds(work(2, "irls joint", steps=50)) == 10
    assert forecast.seconds(work(3, "train isolated", steps=50)) == 10, "as a step of another method"
    assert forecast.seconds(work(4, "train isolated", steps=50, earlier=12.0)) == 12
    assert forecast.seconds(work(5, "evaluate")) is None
    assert forecast.taken("e", "irls joint") == 20
    assert forecast.taken("other", "irls joint") is None


def test_where_nothing_is_known_nothing_is_said():
    forecast, jobs = Forecast(), [work(1, steps=100), work(2, "evaluate", after=[1])]
    assert forecast.left(jobs, {}, {}, {"_cores": 2}) is None
    assert forecast.left(jobs, {1: 10.0}, {}, {"_cores": 2}) is None
    forecast.add(work(3, "fetch"), 4.0)
    assert forecast.left([*jobs, work(4, "fetch")], {}, {}, {"_cores": 2}) is None, "not of what trains"


def test_steps_that_a_running_job_tells_say_how_long_is_left_at_least():
    jobs = [work(1, steps=100), work(2, steps=100), work(3, "evaluate", after=[1, 2])]
    left = Forecast().left(jobs, {1: 10.0}, {1: 20}, {"_cores": 1})
    assert left == Left(40.0 + 50.0, whole=False)
    evaluated = [*jobs[:2], work(3, "evaluate", after=[1, 2], earlier=5.0)]
    assert Forecast().left(evaluated, {1: 10.0}, {1: 20}, {"_cores": 2}) == Left(55.0, whole=True)


def test_what_a_job_needs_to_begin_is_no_part_of_its_steps():
    forecast = Forecast()
    forecast.add(Work(0, "e", "initialise"), 10.0)
    forecast.add(work(1, "train isolated", steps=100), 30.0)
    assert forecast.seconds(work(2, "train joint", steps=50)) == 10 + 10
    assert forecast.seconds(work(3, "train isolated", steps=100)) == 30
    left = forecast.left([work(4, "train l2reg", steps=100)], {4: 20.0}, {4: 50}, {})
    assert left == Left(10.0, whole=True)
    # The first steps of a job tell less than another of its kind; evaluating takes a begin at least.
    left = forecast.left(
        [work(5, "train isolated", steps=100), work(6, "evaluate", after=[5])], {5: 25.0}, {5: 1}, {}
    )
    assert left == Left(5.0 + 10.0, whole=False)


def test_a_job_that_takes_longer_than_it_should_may_end_any_moment():
    left = Forecast().left([work(1, steps=9, earlier=5.0)], {1: 60.0}, {}, {})
    assert left == Left(0.0, whole=True)


@pytest.mark.parametrize("seed", range(3))
def test_jobs_come_in_order(seed):
    works = [
        work(1),
        work(2, "l2", after=[1]),
        work(3, "irls", after=[2]),
        work(4, "evaluate", after=[3, 7]),
    ]
    works += [work(7, "train", after=[1])]
    random.Random(seed).shuffle(works)
    assert [one.number for one in in_order(works)] == [1, 2, 7, 3, 4]


def test_point_10_comes_after_point_2():
    works = [work(k, "attempt", which=f"point {k}, seed 1000") for k in (10, 2, 1)]
    assert [one.number for one in in_order(works)] == [1, 2, 10]
