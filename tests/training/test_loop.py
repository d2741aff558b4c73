"""Steps, records, averages and divergence of a training."""

import math

import numpy as np
import pytest
import torch
from helpers.departures import without_pull_of_data
from helpers.training import additive, mlps, parameters, plan_of, regression, run
from torch.testing import assert_close

from jointnn.errors import DivergedError, UserError
from jointnn.irls import many_networks
from jointnn.training.loop import distances_between


def test_mixing_happens_every_so_many_steps_with_a_step_as_much_larger():
    training = without_pull_of_data(
        steps=6, mix_every=3, strength={"lambda": 2}, learning_rate=0.01, momentum=0.5, record_every=1
    )
    start = training.networks.coupled[1].data.diff(dim=0)
    ratios = {}

    def look():
        ratios[training.step] = (training.networks.coupled[1].data.diff(dim=0) / start).mean().item()

    run(training, "l2reg", look)
    factor = 1 / (1 + 2 * (3 * 0.01 / 0.5) * 3 * 2 * 2)
    expected = [1, 1, factor, factor, factor, factor**2]
    assert list(ratios.values()) == pytest.approx(expected)


RUNS = [("l2reg", "paper"), ("shareall", "paper"), *[("joint", w) for w in ("paper", "welsch", "median")]]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "weighting"), RUNS)
def test_a_whole_run_of_many_networks_is_that_of_few_but_for_rounding(method, weighting, monkeypatch):
    settings = {"rounds": 3, "weighting": weighting, "strength": {"half_life": 2}}
    few = mlps(count=4, **settings)
    run(few, method)
    monkeypatch.setattr(many_networks, "MANY", 2)
    many = mlps(count=4, **settings)
    run(many, method)
    assert_close(parameters(many), parameters(few), rtol=1e-9, atol=1e-12)
    for found, expected in zip(many.state.rounds, few.state.rounds, strict=True):
        assert_close(found.weights, expected.weights, rtol=1e-9, atol=1e-12)
    assert not all(map(torch.equal, parameters(many), parameters(few))), "other forms were taken"


def test_the_learning_rate_of_every_step_is_what_the_schedule_says():
    training = mlps(schedule="cosine", record_every=1, steps=10, learning_rate=0.1)
    run(training, "isolated")
    rates = [row[4] for row in training.history if row[3] == "learning_rate"]
    assert rates == pytest.approx([0.05 * (1 + math.cos(math.pi * t / 10)) for t in range(10)])


def test_records_come_at_their_steps_and_at_the_end_of_each_phase_with_mean_losses():
    fine, coarse = (mlps(record_every=n, rounds=2, l2_fraction=0.3) for n in (1, 5))
    for training in (fine, coarse):
        run(training, "joint")
    steps = sorted({row[0] for row in coarse.history})
    assert steps == [5, 6, 10, 13, 15, 20]

    def losses(training, name):
        return {row[0]: row[4] for row in training.history if row[1:4] == ("train", name, "loss")}

    for name in coarse.names:
        each = losses(fine, name)
        for before, step in zip([0, *steps], steps, strict=False):
            expected = np.mean([each[t] for t in range(before + 1, step + 1)])
            assert losses(coarse, name)[step] == pytest.approx(expected, rel=1e-6)
    kinds = {row[1:4] for row in coarse.history if row[0] == 20}
    assert ("validation", "one", "accuracy") in kinds and ("train", "all", "squared_distance") not in kinds
    assert_close(parameters(fine), parameters(coarse), rtol=0, atol=0)


def test_networks_are_measured_at_the_interval_and_at_the_end_as_those_of_every_method():
    joint, isolated = (mlps(record_every=5, rounds=2, l2_fraction=0.3, steps=18) for _ in range(2))
    run(joint, "joint")
    run(isolated, "isolated")
    for training in (joint, isolated):
        assert {row[0] for row in training.history if row[1] == "validation"} == {5, 10, 15, 18}
    consistency = {row[0] for row in joint.history if row[3] == "consistency_loss"}
    assert {5, 10, 15, 18} < consistency | {5}, "of rounds, penalties stand at their ends too"


def test_measuring_between_steps_leaves_no_trace_in_batch_norm():
    often, never = mlps(record_every=1), mlps(record_every=1000)
    for training in (often, never):
        run(training, "shareall")
    assert all(map(torch.equal, parameters(often), parameters(never)))
    assert often.networks.modules["one"].training


@pytest.mark.parametrize("solver", ["proximal", "block_coordinate"])
def test_distances_are_those_of_parameters_averaged_over_the_last_half_of_a_round(solver):
    training = additive(
        [regression(i, torch.full((9,), float(i), dtype=torch.float64)) for i in range(3)],
        **{
            "steps": 20,
            "record_every": 1,
            "rounds": 2,
            "l2_fraction": 0.5,
            "solver": solver,
            "turn": "step",
        },
    )
    layers: dict[int, list[torch.Tensor]] = {}
    averages: dict[int, list[torch.Tensor]] = {}

    def look():
        layers[training.step] = [layer.detach().clone() for layer in training.networks.coupled]
        averages[training.step] = [layer.clone() for layer in training.state.average.layers]

    progress = run(training, "joint", look)
    # Phases of 10, 5 and 5 steps; a half of 5 begins after 2.
    for last, first in {10: 6, 15: 13, 20: 18}.items():
        for k in range(3):
            mean = torch.stack([layers[step][k] for step in range(first, last + 1)]).mean(0)
            assert_close(averages[last][k], mean)
    mean = averages[20][1]
    expected = (mean[0] - mean[2]).square().sum()
    assert_close(distances_between(progress, training.setup, plan_of(training, "joint"))[1, 0, 2], expected)


def test_without_averaging_distances_are_those_of_the_last_parameters():
    training = mlps(average=False)
    progress = run(training, "joint")
    layer = training.networks.coupled[2].detach()
    assert_close(
        distances_between(progress, training.setup, plan_of(training, "joint"))[2, 0, 1],
        (layer[0] - layer[1]).square().sum(),
    )


@pytest.mark.parametrize("solver", ["proximal", "block_coordinate"])
def test_a_diverged_run_stops_with_method_dataset_step_and_advice(solver):
    training = mlps(learning_rate=1e4, steps=40, solver=solver)
    with pytest.raises(DivergedError) as error:
        run(training, "l2reg")
    first = next(f"the loss of {name} at step " for name in training.names if name in str(error.value))
    assert str(error.value).startswith(f"toy diverged: {first}")
    assert "Lower learning_rate (now 10000), or raise batch_size." in str(error.value)
    assert training.step < 40 and issubclass(DivergedError, UserError)


@pytest.mark.parametrize("poison", [math.nan, math.inf, 1e9])
def test_a_loss_that_is_no_number_or_explodes_is_named_with_its_step(poison):
    training = mlps(steps=20, record_every=5)
    which, inner = training.networks.modules["two"], training.task.loss
    counted = []

    class poisoned(type(training.task)):  # noqa: N801
        def loss(self, network, batch):
            counted.append(network)
            at_step_7 = network is which and sum(n is which for n in counted) == 8
            return inner(network, batch) + (poison if at_step_7 else 0)

    training.with_task(poisoned())
    with pytest.raises(
        DivergedError, match=r"toy diverged: the loss of two at step 7 is (nan|inf|1e\+09)\."
    ):
        run(training, "isolated")
    assert {row[0] for row in training.history} == {5}, "what came before is kept"
