"""The presets of params.yaml are what docs/method.md says of them."""

import math
import re
from dataclasses import replace

import pytest
import torch
from helpers.departures import METHODS
from helpers.params import PROJECT, read
from helpers.tensor import real

from jointnn.errors import UserError
from jointnn.irls.consistency import irls_weights, layer_distances_squared, over_pairs
from jointnn.irls.rounds import next_round
from jointnn.jobs.graph import Jobs
from jointnn.methods.catalogue import plan
from jointnn.methods.plan import Problem
from jointnn.methods.settings import MethodSettings
from jointnn.parameters.load import read_params
from jointnn.parameters.resolve import merged_settings, method_settings
from jointnn.parameters.rows import row_of
from jointnn.training.couplings import base_strength, couplings_of


def penalty_of(preset: str, found=None) -> tuple[MethodSettings, float]:
    """The coupling term of two networks of three layers, 1, 2 and 3 apart in one parameter each."""
    params = read_params(PROJECT)
    settings = MethodSettings.model_validate({**params.presets[preset], "couple_head": True})
    layers = [real([0.0], [float(d)]) for d in (1, 2, 3)]
    made = plan("joint", Problem(["a", "b"], [3]), settings)
    phase = made.phases[0] if found is None else made.phases[1]
    couplings = couplings_of(
        phase, made, [found] if found else [], layers, base_strength(layers, settings), settings
    )
    values = couplings.strength[:, None, None] * couplings.weights
    return settings, over_pairs(values * layer_distances_squared(layers)).item()


def found_weights(*values: float):
    """A round that found these weights for a pair, one per block."""
    weights = torch.stack([real([1, v], [v, 1]) for v in values])
    squared = torch.zeros(len(values), 2, 2, dtype=torch.float64)
    given = next_round(squared, torch.ones(len(values), dtype=torch.float64), None, "paper", 0.01)
    return replace(given, weights=weights)


@pytest.mark.slow
def test_the_preset_paper_has_sums_lambda_10_and_blocks():
    settings, start = penalty_of("paper")
    assert start == 10 * ((1 + 4) + (4 + 9))
    assert penalty_of("paper", found_weights(0.5, 0.25))[1] == 10 * (0.5 * (1 + 4) + 0.25 * (4 + 9))
    chosen = (settings.solver, settings.turn, settings.pull, settings.scale_factor, settings.weighting)
    assert chosen == ("block_coordinate", "epoch", "exact", 1, "paper")
    assert settings.stop_when_converged and not settings.average and settings.tolerance == 0.01


@pytest.mark.slow
def test_the_preset_authors_code_has_single_layers_and_a_fixed_lambda_per_pair():
    settings, start = penalty_of("authors_code")
    assert start == pytest.approx(0.0025 * (1 + 4 + 9))
    found = found_weights(1.0, 0.5, 0.0)
    assert penalty_of("authors_code", found)[1] == pytest.approx(0.0025 * (1 + 0.5 * 4))
    made = plan("joint", Problem(["a", "b"], [3]), settings)
    assert [phase.restarts for phase in made.phases] == [False, True]
    assert (settings.solver, settings.turn, settings.average) == ("block_coordinate", "step", False)
    params = read_params(PROJECT).presets["authors_code"]
    assert params["couple_head"] is False and params["couple_batch_norm"] is False


def test_the_preset_authors_code_weighs_pairs_against_the_median_distance():
    # Distances of three networks: 1, 2 and 3, so 1 is below the median, 2 at it, 3 above.
    weights = irls_weights(real([[0, 1, 9], [1, 0, 4], [9, 4, 0]]), real(1.0), "median")
    assert weights[0].tolist() == [[1, 1, 0], [1, 1, 0.5], [0, 0.5, 1]]


@pytest.mark.slow
def test_the_preset_default_has_a_half_life_and_the_proximal_solver():
    settings, start = penalty_of("default")
    assert (settings.solver, settings.average, settings.metric) == ("proximal", True, "sum_square")
    assert settings.strength.half_life is not None
    tau, networks = settings.learning_rate / (1 - settings.momentum), 2
    given = (2 ** (1 / settings.strength.half_life) - 1) / (4 * tau * networks)
    assert start == pytest.approx(given * ((1 + 4) + (4 + 9)))


@pytest.mark.slow
def test_every_preset_gives_a_plan_for_every_method():
    params = read_params(PROJECT)
    assert set(params.presets) == {"default", "paper", "authors_code", "experimental_auto"}
    for preset in params.presets.values():
        settings = MethodSettings.model_validate(preset)
        for method in METHODS:
            phases = plan(method, Problem(["a", "b"], [5]), settings).phases
            assert sum(phase.steps for phase in phases) == settings.steps


def test_joint_paper_is_the_plan_of_joint_under_the_preset_paper(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"steps": 100, "learning_rate": 0.3, "metric": "mean_square", "rounds": 2}
    paper = {"metric": "sum_square", "strength": {"lambda": 10}, "rounds": 8, "stop_when_converged": True}
    params = read(
        {
            "presets.paper": paper,
            "experiments.toy.settings": given,
            "experiments.toy.tuned": {"joint": {"rounds": 5}, "joint_paper": {"rounds": 4}},
        }
    )
    # The preset stands over the settings of the experiment, and what was tuned over the preset.
    found = merged_settings(params, "toy", "joint_paper")
    assert found == {**given, **paper, "rounds": 4}
    searched = merged_settings(params, "toy", "joint_paper", {"learning_rate": 0.1})
    assert searched == {**given, **paper, "learning_rate": 0.1}
    assert merged_settings(params, "toy", "joint") == {**given, "rounds": 5}
    row = row_of("joint_paper")
    assert (row.plan, row.preset, row.label) == ("joint", "paper", "joint (paper)")
    made = plan(row.plan, Problem(["a", "b"], [5]), method_settings(params, "toy", "joint_paper"))
    assert (made.blocks, made.weighting) == ("adjacent", "paper") and len(made.phases) == 1 + 4


AUTO = {"scale": "trials", "scale_factor": 0.7, "weighting": "welsch"}


@pytest.mark.slow
def test_joint_auto_is_joint_under_a_preset_of_its_own_with_rounds_that_are_jobs(tmp_path, monkeypatch):
    shipped = read_params(PROJECT).presets["experimental_auto"]
    assert shipped == {**AUTO, "metric": "mean_square", "strength": {"half_life": 1}}
    monkeypatch.chdir(tmp_path)
    params = read(
        {
            "presets.experimental_auto": shipped,
            "experiments.toy.methods": ["isolated", "joint", "joint_auto"],
        }
    )
    row = row_of("joint_auto")
    assert (row.plan, row.preset, row.label) == ("joint", "experimental_auto", "joint (auto, experimental)")
    found = method_settings(params, "toy", "joint_auto")
    assert (found.scale, found.scale_factor, found.weighting) == ("trials", 0.7, "welsch")
    assert method_settings(params, "toy", "joint").scale == "nearest"
    assert Jobs(params).rounds("toy", "joint_auto") == found.rounds


def test_a_whole_experiment_may_stand_under_the_preset_whatever_its_other_methods_are(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    tuned = {"fedamp": {"scale_factor": math.inf}, "l2reg": {"strength": {"half_life": math.inf}}}
    params = read(
        {
            "presets.experimental_auto": AUTO,
            "experiments.toy.preset": "experimental_auto",
            "experiments.toy.methods": ["isolated", "l2reg", "fedamp", "joint"],
            "experiments.toy.tuned": tuned,
            "experiments.toy.search": {
                "joint": {"learning_rate": [0.1, 0.2]},
                "fedamp": {"learning_rate": [0.1, 0.2]},
            },
        }
    )
    assert method_settings(params, "toy", "joint").scale == "trials"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tuned.joint": {"scale_factor": math.inf}}, "scale_factor: inf is none for scale: trials"),
        ({"tuned.joint": {"scale_factor": 0.001}}, "give a number from 0.01 on"),
        ({"tuned.joint": {"weighting": "median"}}, "scale: trials does not go with weighting: median"),
        ({"tuned.joint": {"restart": True, "rounds": 1}}, "so it does not go with restart"),
        ({"tuned.joint": {"strength": {"half_life": 0}}}, "else all trials are equal"),
        ({"tuned.joint": {"strength": {"lambda": 0}}}, "else all trials are equal"),
        (
            {"search": {"joint": {"scale_factor": [0.001, 0.7]}}},
            "search.joint (point 0): scale_factor: 0.001 is none for scale: trials",
        ),
        (
            {"methods": ["isolated", "joint_paper"], "tuned.joint_paper": {"scale": "trials"}},
            "scale: trials needs rounds that are jobs of their own, which this row has not",
        ),
    ],
    ids=["infinite", "tiny", "median", "restart", "one network", "no pull", "search", "one job"],
)
def test_trials_that_decide_nothing_are_refused(changes, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    edits = {f"experiments.toy.{key}": value for key, value in changes.items()}
    with pytest.raises(UserError, match=re.escape(said)):
        read({"presets.paper": {}, "experiments.toy.settings.scale": "trials", **edits})
