"""Every method is (6) with its couplings: budgets, prefixes, corners, and what each one couples."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from helpers.tensor import real
from helpers.training import additive, mlps, parameters, plan_of, regression, run
from torch.testing import assert_close

from jointnn.errors import UserError
from jointnn.irls.consistency import layer_distances_squared
from jointnn.irls.groups import adjusted_rand_index, find_groups, inside_and_across
from jointnn.irls.rounds import next_round
from jointnn.methods.catalogue import method, plan, settings_read_by
from jointnn.methods.plan import OneNetwork, Phase, Problem
from jointnn.methods.settings import MethodSettings
from jointnn.training.couplings import base_strength, couplings_of

METHODS = sorted(method)
GROUPS = [["a", "c"], ["b", "d"]]


def problem(layers: int = 5) -> Problem:
    return Problem(["a", "b", "c", "d"], [layers], GROUPS)


def settings(**values) -> MethodSettings:
    return MethodSettings.model_validate(values)


BUDGETS = list(
    product([8, 97, 1000], [1, 2, 6], [0.05, 0.3, 0.5], [0.0, 0.37, 0.5], ["common", "shareall"])
)


@pytest.mark.parametrize("name", METHODS)
def test_the_phases_of_every_method_follow_each_other_and_use_the_whole_budget(name):
    for steps, rounds, l2_fraction, shared_fraction, start in BUDGETS:
        chosen = settings(
            steps=steps,
            rounds=rounds,
            l2_fraction=l2_fraction,
            shared_fraction=shared_fraction,
            start=start,
        )
        phases = plan(name, problem(), chosen).phases
        assert phases[0].start == 0 and phases[-1].end == steps
        assert all(before.end == after.start for before, after in pairwise(phases))
        assert all(phase.steps >= 0 for phase in phases)


@pytest.mark.parametrize("name", ["joint", "fedamp"])
def test_irls_rounds_are_as_equal_as_whole_steps_allow(name):
    for steps, rounds, l2_fraction, *_ in BUDGETS:
        phases = plan(name, problem(), settings(steps=steps, rounds=rounds, l2_fraction=l2_fraction)).phases
        found = [phase.steps for phase in phases if phase.reweights]
        assert len(found) == rounds and max(found) - min(found) <= 1
        assert phases[0].steps == math.ceil(l2_fraction * steps)


def test_every_method_reads_only_its_own_settings():
    assert "couple_head" not in settings_read_by("isolated").model_fields
    assert "strength" not in settings_read_by("shareall").model_fields
    assert "strength" not in settings_read_by("finetune").model_fields
    assert "weighting" not in settings_read_by("fedamp").model_fields
    assert "tied" not in settings_read_by("fedamp").model_fields
    assert settings_read_by("joint").model_fields.keys() == MethodSettings.model_fields.keys()


def trained(name: str, **values) -> list[torch.Tensor]:
    training = mlps(**values)
    run(training, name)
    return parameters(training)


SOLVERS = [
    {"momentum": 0.9, "schedule": "cosine"},
    {"momentum": 0.0, "metric": "mean_square", "mix_every": 3},
    {"solver": "block_coordinate", "couple_head": True},
    {"optimiser": "adam", "learning_rate": 0.01, "couple_batch_norm": True},
]


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_the_l2_start_is_the_prefix_of_l2reg_to_the_last_bit(solver):
    at_step: dict[str, list[torch.Tensor]] = {}
    for name in ("joint", "l2reg"):
        training = mlps(record_every=6, l2_fraction=0.3, **solver)

        def keep(name=name, training=training):
            if training.step == 6:
                at_step[name] = parameters(training)

        run(training, name, keep)
    assert all(map(torch.equal, at_step["joint"], at_step["l2reg"]))


CORNERS = {
    "half-life infinite is isolated": ("joint", {"strength": {"half_life": "inf"}}, "isolated"),
    "s infinite is l2reg": ("joint", {"scale_factor": "inf"}, "l2reg"),
    "half-life 0 is shareall": ("joint", {"strength": {"half_life": 0}}, "shareall"),
    "a start from shareall and half-life infinite is finetune": (
        "joint",
        {"start": "shareall", "shared_fraction": 0.5, "strength": {"half_life": "inf"}},
        "finetune",
    ),
    "half-life infinite is isolated, fedamp": ("fedamp", {"strength": {"half_life": "inf"}}, "isolated"),
}


@pytest.mark.slow
@pytest.mark.parametrize("solver", [SOLVERS[0], SOLVERS[3]], ids=str)
@pytest.mark.parametrize("corner", CORNERS)
def test_the_family_of_joint_contains_the_baselines(corner, solver):
    name, at, baseline = CORNERS[corner]
    found = trained(name, **solver, **at)
    assert_close(found, trained(baseline, **solver, **at), rtol=0, atol=1e-9)
    assert_differ(found, trained(name, **solver), 1e-4)


def assert_differ(some: list[torch.Tensor], others: list[torch.Tensor], least: float) -> None:
    assert max((a - b).abs().max() for a, b in zip(some, others, strict=True)) > least


@pytest.mark.slow
def test_block_coordinate_has_the_corners_too():
    solver = {**SOLVERS[2], "turn": "step"}  # a longer turn ends where a phase does
    for at, baseline in [
        ({"strength": {"half_life": "inf"}}, "isolated"),
        ({"scale_factor": "inf"}, "l2reg"),
    ]:
        found = trained("joint", **solver, **at)
        assert_close(found, trained(baseline, **solver, **at), rtol=0, atol=1e-12)
    apart = {**solver, "strength": {"half_life": 0}}
    assert_close(trained("joint", **apart), trained("shareall", **apart), rtol=0, atol=1e-9)


def coupled(phase: Phase, name: str, layers: int, found=None, **values) -> torch.Tensor:
    """c over lambda of a phase, shape (L, 4, 4), for layers of one parameter."""
    stacked = [torch.zeros(4, 1, dtype=torch.float64)] * layers
    made = plan(name, problem(layers), settings(**values))
    strength, rounds = base_strength(stacked, settings(**values)), [found] if found else []
    return couplings_of(phase, made, rounds, stacked, strength, settings(**values)).weights


@pytest.mark.parametrize(
    ("name", "layers", "first"),
    [("l2reg_25", 3, 1), ("l2reg_25", 5, 2), ("l2reg_25", 8, 2), ("l2reg_50", 3, 2), ("l2reg_50", 5, 3)],
)
def test_l2_of_the_first_layers_couples_them_at_full_strength_and_none_else(name, layers, first):
    (phase,) = plan(name, problem(layers), settings()).phases
    (whole,) = plan("l2reg", problem(layers), settings()).phases
    weights, full = (coupled(p, n, layers) for p, n in ((phase, name), (whole, "l2reg")))
    assert torch.equal(weights[:first], full[:first]) and weights[:first].any()
    assert not weights[first:].any()


def test_fedamp_finds_one_weight_per_pair_of_whole_networks():
    made = plan("fedamp", problem(), settings())
    assert (made.blocks, made.weighting) == ("whole", "welsch")
    squared = torch.rand(1, 4, 4, dtype=torch.float64)
    found = next_round(squared + squared.mT, real(1.0), None, made.weighting, 0.01)
    assert found.weights.shape == (1, 4, 4)
    weights = coupled(made.phases[1], "fedamp", 5, found)
    assert weights.shape == (5, 4, 4)
    assert all(torch.equal(layer, weights[0]) for layer in weights)
    assert weights[0].unique().numel() == 1 + 6


def test_oracle_shares_the_first_blocks_with_all_and_the_others_inside_its_groups():
    made = plan("oracle", Problem(["a", "b", "c", "d"], [5], GROUPS, shared_blocks=2), settings())
    inside = [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]
    assert np.asarray(made.phases[0].coupling.weights).tolist() == [[[1] * 4] * 4] * 2 + [inside] * 2


def test_oracle_needs_planted_groups():
    with pytest.raises(UserError, match="oracle needs planted groups; add `groups`"):
        plan("oracle", Problem(["a", "b"], [5]), settings())


def test_oracle_without_a_weight_across_trains_its_groups_apart():
    values = {"strength": {"half_life": 0.1}, "steps": 6}
    together = mlps(4, **values)
    run(together, "oracle", groups=[["one", "three"], ["two", "four"]], shared_blocks=0)
    squared = layer_distances_squared(together.networks.coupled)
    inside, across = (squared[:, i, j] for i, j in ((0, 2), (0, 1)))
    assert (inside < across / 2).all()


@pytest.mark.slow
@pytest.mark.parametrize("weighting", ["paper", "geman_mcclure"])
@pytest.mark.parametrize("seed", range(5))
def test_planted_groups_are_found(seed, weighting):
    random = torch.Generator().manual_seed(100 + seed)
    planted = [0, 1, 1, 0, 1, 0]
    common = torch.randn(1, 9, dtype=torch.float64, generator=random)
    centres = torch.randn(2, 9, dtype=torch.float64, generator=random)
    centres[:, :2] = 0  # the first layer serves both groups
    own = 0.2 * torch.randn(6, 9, dtype=torch.float64, generator=random)
    truths = common + centres[planted] + own
    splits = [regression(1000 * seed + i, truth, size=12, noise=0.3) for i, truth in enumerate(truths)]
    training = additive(
        splits,
        **{"steps": 80, "learning_rate": 0.4, "momentum": 0.0, "rounds": 3, "strength": {"half_life": 6}},
        **{"scale_factor": 1.5, "weighting": weighting},
    )
    weights = run(training, "joint").rounds[-1].weights.numpy()
    assert adjusted_rand_index(find_groups(weights, 2), planted) == 1
    inside, across = inside_and_across(weights[-1], planted)
    assert inside > 2 * across


@pytest.mark.slow
def test_joint_beats_isolated_and_l2reg_on_planted_groups():
    random = torch.Generator().manual_seed(7)
    centres = 2 * torch.randn(2, 9, dtype=torch.float64, generator=random)
    truths = centres[[0, 1, 0, 1]]
    splits = [regression(50 + i, truth, size=9, noise=1.0) for i, truth in enumerate(truths)]
    errors = {}
    for name in ("isolated", "l2reg", "joint"):
        training = additive(
            splits, steps=200, learning_rate=0.2, momentum=0.0, rounds=4, strength={"half_life": 2}
        )
        run(training, name)
        found = torch.cat([layer.detach() for layer in training.networks.coupled], dim=1)
        errors[name] = (found - truths).square().mean().item()
    assert errors["joint"] < 0.8 * min(errors["isolated"], errors["l2reg"])


def test_a_plan_says_what_its_phases_begin_from():
    training = mlps(start="shareall", shared_fraction=0.25)
    phases = plan_of(training, "joint").phases
    assert [(p.name, p.steps, isinstance(p.coupling, OneNetwork)) for p in phases[:2]] == [
        ("one_network", 5, True),
        ("l2", 5, False),
    ]
    assert [p.name for p in phases[2:]] == ["round_1", "round_2", "round_3"]
