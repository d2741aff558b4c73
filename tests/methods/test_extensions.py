"""Extensions of the paper, behind parameters of `joint`: a start from shareall, falling strength."""

import pytest
import torch
from helpers.tensor import real
from helpers.training import mlps, parameters, plan_of, run
from torch.testing import assert_close

from jointnn.methods.catalogue import method, plan, settings_read_by
from jointnn.methods.plan import Problem
from jointnn.methods.settings import MethodSettings
from jointnn.training.couplings import base_strength, couplings_of

SOLVERS = [
    {},
    {"solver": "block_coordinate", "couple_head": True},
    {"optimiser": "adam", "learning_rate": 0.01, "metric": "mean_square"},
]


def joint_plan(layers: int = 5, **settings):
    chosen = MethodSettings.model_validate(settings)
    return plan("joint", Problem(["a", "b", "c"], [layers]), chosen)


def trained(name: str = "joint", **settings) -> list[torch.Tensor]:
    training = mlps(**settings)
    run(training, name)
    return parameters(training)


def most_different(some: list[torch.Tensor], others: list[torch.Tensor]) -> float:
    return max((a - b).abs().max().item() for a, b in zip(some, others, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_a_strength_that_falls_trains_with_every_solver_and_makes_a_difference(solver):
    assert most_different(trained(**solver, strength_decay=0.7), trained(**solver)) > 1e-6


@pytest.mark.parametrize("name", sorted(method.load()))
def test_a_strength_that_falls_is_of_joint_alone(name):
    read = set(settings_read_by(name).model_fields)
    assert ("strength_decay" in read) == (name == "joint")


# A start from shareall


@pytest.mark.parametrize("rounds", [1, 6])
def test_after_a_long_start_from_shareall_the_rounds_still_get_steps(rounds):
    made = joint_plan(start="shareall", shared_fraction=0.8, l2_fraction=0.05, steps=500, rounds=rounds)
    shared, l2, *others = made.phases
    assert (shared.steps, l2.steps) == (400, 5)
    assert sum(phase.steps for phase in others) == 95
    assert min(phase.steps for phase in others) >= 95 // rounds


def test_after_a_start_from_shareall_one_step_of_the_l2_start_is_enough_for_scales():
    training = mlps(start="shareall", shared_fraction=0.5, l2_fraction=0.01)
    assert plan_of(training, "joint").phases[1].steps == 1
    progress = run(training, "joint")
    assert (progress.sigma > 1e-6).all()
    first = progress.rounds[0].weights
    assert (first > 0).all() and (first <= 1).all() and first.min() < 0.9


# A strength that falls


def strengths(decay: float, **settings) -> torch.Tensor:
    """c over lambda of the L2 start in each of five layers."""
    made = joint_plan(strength_decay=decay, blocks="single", **settings)
    chosen = MethodSettings.model_validate(settings)
    layers = [torch.zeros(3, 2, dtype=torch.float64)] * 5
    return couplings_of(made.phases[0], made, [], layers, base_strength(layers, chosen), chosen).weights[
        :, 0, 1
    ]


def test_the_strength_falls_linearly_from_the_first_layer_to_the_last():
    assert strengths(0.0).tolist() == [1] * 5
    assert_close(strengths(0.8), real(1.0, 0.8, 0.6, 0.4, 0.2))
    assert_close(strengths(1.0), real(1.0, 0.75, 0.5, 0.25, 0.0))


def test_a_strength_that_falls_to_nothing_leaves_the_last_layer_alone():
    training = mlps(strength_decay=1.0, strength={"half_life": 0}, steps=8)
    run(training, "joint")
    *one, last = [layer.data.std(dim=0).max().item() for layer in training.networks.coupled]
    assert max(one) < 1e-12 and last > 1e-3


# What is recorded


def test_no_objective_is_recorded_where_none_is_descended():
    for values, claims in [({}, True), ({"strength_decay": 0.5}, False)]:
        training = mlps(**values)
        run(training, "joint")
        recorded = {metric for _, _, _, metric, _ in training.history}
        assert "consistency_loss" in recorded
        assert ("objective_geman_mcclure" in recorded) == claims
