"""Means over datasets and seeds: theorems."""

import math
import statistics

import pytest

from jointnn.reporting.tracking.averages import over_seeds, with_average

POINTS = {("loss/test/a", 1): 1.0, ("loss/test/b", 1): 3.0, ("loss/test/a", 2): 5.0, ("delta", 1): 7.0}


def test_an_average_is_over_all_datasets_where_each_has_a_value():
    found = with_average(POINTS)
    assert found.items() >= POINTS.items()
    assert found.keys() - POINTS.keys() == {("loss/test/average", 1)}
    assert found["loss/test/average", 1] == 2.0


def test_one_dataset_has_no_average():
    points = {("loss/test/a", 1): 1.0, ("error/test/all", 1): 1.0}
    assert with_average(points) == points


def test_one_seed_is_its_own_mean_without_a_deviation():
    assert over_seeds([POINTS], every=True) == POINTS


def test_means_and_deviations_are_those_of_statistics():
    seeds = [{place: value * factor for place, value in POINTS.items()} for factor in (1.0, 2.0, 4.0)]
    found = over_seeds(seeds, every=True)
    for name, step in POINTS:
        values = [seed[name, step] for seed in seeds]
        assert found[name, step] == pytest.approx(statistics.mean(values))
        assert found[f"std/{name}", step] == pytest.approx(statistics.stdev(values))


def test_the_mean_of_averages_is_the_average_of_means():
    seeds = [{place: value * factor for place, value in POINTS.items()} for factor in (1.0, 3.0)]
    one = over_seeds([with_average(seed) for seed in seeds], every=True)
    other = with_average(over_seeds(seeds, every=True))
    assert one["loss/test/average", 1] == pytest.approx(other["loss/test/average", 1])


def test_a_step_that_a_seed_lacks_has_no_mean():
    assert over_seeds([{("delta", 1): 1.0, ("delta", 2): 1.0}, {("delta", 1): 1.0}], every=True) == {
        ("delta", 1): 1.0,
        ("std/delta", 1): 0.0,
    }


def test_curves_of_single_datasets_have_deviations_only_without_an_average():
    several = over_seeds([with_average(POINTS)] * 2, every=False)
    assert {name for name, _ in several if name.startswith("std/")} == {
        "std/loss/test/average",
        "std/delta",
    }
    alone = over_seeds([{("loss/test/a", 1): 1.0}] * 2, every=False)
    assert ("std/loss/test/a", 1) in alone


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_what_diverged_does_not_stop_an_import(value):
    found = over_seeds([{("loss/test/a", 1): value}, {("loss/test/a", 1): 1.0}], every=True)
    assert not math.isfinite(found["loss/test/a", 1])
    assert math.isnan(found["std/loss/test/a", 1])
