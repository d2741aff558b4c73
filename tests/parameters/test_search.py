"""The search: every method gets its points, a diverged one is never chosen, the choice is read as it is."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.params import GONE, read, write

from jointnn.errors import UserError
from jointnn.io import files
from jointnn.io.yaml import from_yaml
from jointnn.irls.tying import mean_weights
from jointnn.jobs.specs import ChooseJob
from jointnn.parameters import search
from jointnn.parameters.load import read_params
from jointnn.parameters.resolve import method_settings
from jointnn.stages import choose as stage
from jointnn.stages.choose import choose, edges, finalists

GRID = {"learning_rate": [0.01, 0.1], "scale_factor": [1, 2, 3]}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def points_of(grid) -> list[dict]:
    params = read({"experiments.toy.search": {"joint": grid}})
    return search.points(params.experiments["toy"], "joint")


CHOSEN = {
    "experiments.toy.methods": ["isolated", "joint"],
    "experiments.toy.tuned": GONE,
    "experiments.toy.chosen": {
        "searched": {"seeds": [1000], "points": 2},
        "tuned": {"isolated": {"learning_rate": 0.1}, "joint": {"learning_rate": 0.01}},
    },
}
AS_GIVEN = "hyper-parameters as given, not searched"


def rule_of(name: str, edits: dict) -> str:
    return search.rule(read(edits), name)


def test_a_table_says_what_is_chosen_in_each_run():
    in_the_run = "; s of joint chosen in each run on the validation split of its seed"
    assert rule_of("toy", {"experiments.toy.settings.scale": "trials"}) == AS_GIVEN + in_the_run
    assert rule_of("toy", {**CHOSEN, "experiments.toy.settings.scale": "trials"}).endswith(in_the_run)


def test_a_table_says_that_a_search_chose_only_where_one_wrote_what_it_chose():
    assert rule_of("toy", {}) == AS_GIVEN  # a grid and settings by hand
    assert rule_of("toy", CHOSEN) == (
        "hyper-parameters chosen on the validation split of seed 1000, which no reported number "
        "uses, among 2 points for each method; an older search: methods may have been tried at different "
        "learning rates"
    )
    finals = {**CHOSEN["experiments.toy.chosen"]}
    finals["searched"] = {"seeds": [1000, 1001], "points": 16, "finalists": 4}
    assert rule_of("toy", {**CHOSEN, "experiments.toy.chosen": finals}) == (
        "hyper-parameters chosen on the validation splits of seeds 1000, 1001, which no "
        "reported number uses: "
        "16 points for each method on the first, its best 4 on all; an older search: methods may have been "
        "tried at different learning rates"
    )


RATES = {
    "isolated": {"learning_rate": [0.1, 1]},
    "joint": {"learning_rate": [1, 0.1]},
    "joint_paper": {"learning_rate": [0.2, 2]},
}


def searched(grid: dict, methods=("isolated", "joint"), **found) -> str:
    """Return the rule in a table's header after a search of `RATES`, where parameters now hold `grid`."""
    searches = {"experiments.toy.search": RATES, "experiments.toy.methods": list(methods)}
    found |= {"grid": search.digest(read(searches).experiments["toy"])}
    tuned = {name: {"learning_rate": RATES[name]["learning_rate"][0]} for name in methods}
    chosen = {"searched": {"seeds": [1000], "points": 2, **found}, "tuned": tuned}
    now = {**searches, "experiments.toy.search": grid, "experiments.toy.tuned": GONE}
    return rule_of("toy", {**now, "experiments.toy.chosen": chosen})


def test_a_table_says_what_was_best_at_an_edge():
    at_edge = ", at the edge of what was tried: learning rate of isolated;"
    assert at_edge in searched(RATES, edges={"isolated": ["learning_rate"]})
    assert "edge" not in searched(RATES)


def test_a_table_says_whether_its_methods_were_tried_at_the_same_rates():
    said = "among 2 points for each method; there, all methods were tried at the same learning rates"
    assert searched(RATES).endswith(said), "in whatever order the grid has them"
    assert searched(RATES, ("isolated", "joint", "joint_paper")).endswith(
        "; there, all methods but joint_paper were tried at the same learning rates"
    )
    assert searched(RATES, ("joint", "joint_paper")).endswith("among 2 points for each method")


def test_a_table_says_where_the_grid_is_another_one_now():
    """Though all that was chosen is a point of it still."""
    wider = {**RATES, "isolated": {"learning_rate": [0.1, 2]}, "joint": {"learning_rate": [0.1, 2]}}
    assert searched(wider).endswith("; the grid is another one by now")


TRIED = [
    {"learning_rate": rate, "strength": {"half_life": h}, "weight_decay": w, "metric": "sum_square"}
    for rate in (0.01, 0.1, 1)
    for h in (0, 3, math.inf)
    for w in (0, 0.1)
]


@pytest.mark.parametrize(
    ("best", "at"),
    [
        ((0.1, 3, 0), []),
        ((1, 3, 0), ["learning_rate"]),
        ((0.01, 3, 0.1), ["learning_rate", "weight_decay"]),
        ((0.1, 0, 0), []),  # beyond 0 and infinity there is nothing
        ((0.1, math.inf, 0), []),
    ],
)
def test_an_edge_is_the_lowest_or_highest_value_that_was_tried(best, at):
    rate, h, w = best
    settings = {"learning_rate": rate, "strength": {"half_life": h}, "weight_decay": w}
    assert edges(TRIED, {**settings, "metric": "sum_square"}) == at


def test_an_experiment_that_has_the_settings_of_another_says_where_they_were_chosen():
    said = rule_of("heir", CHOSEN)
    assert said.startswith("hyper-parameters chosen in toy on the validation split of seed 1000")
    by_hand = {"experiments.heir.tuned": {"joint": {"learning_rate": 0.3}}}
    assert rule_of("heir", {**CHOSEN, **by_hand}) == (
        "hyper-parameters of isolated chosen in toy on the validation split of seed 1000, which "
        "no reported "
        "number uses, among 2 points for each method; an older search: methods may have been tried at "
        "different learning rates; those of joint as given, not searched"
    )
    by_hand["experiments.heir.tuned"]["isolated"] = {"learning_rate": 0.3}
    assert rule_of("heir", {**CHOSEN, **by_hand}) == AS_GIVEN
    assert rule_of("heir", {**CHOSEN, "experiments.heir.tuned": None}) == AS_GIVEN
    own = {"experiments.heir.chosen": {**CHOSEN["experiments.toy.chosen"]}}
    assert rule_of("heir", {**CHOSEN, **own}).startswith("hyper-parameters chosen on the validation split")


def test_a_grid_belongs_to_its_experiment_alone():
    assert read().experiments["toy"].search
    assert read().experiments["heir"].search == {}


def test_seeds_of_a_search_are_reported_nowhere():
    with pytest.raises(UserError, match=r"heir.yaml: seeds: 1000 is a seed of the search in toy"):
        read({**CHOSEN, "experiments.heir.seeds": [1000], "experiments.heir.tuning_seed": 1001})


def test_a_grid_is_every_combination_of_its_values():
    found = points_of(GRID)
    assert len(found) == 6
    assert {(point["learning_rate"], point["scale_factor"]) for point in found} == {
        (rate, factor) for rate in GRID["learning_rate"] for factor in GRID["scale_factor"]
    }


def test_a_list_of_points_stands_as_it_is():
    listed = [{"learning_rate": 0.1}, {"scale_factor": 2}, {}]
    assert points_of(listed) == listed
    assert search.points(read({}).experiments["toy"], "shareall") == []


def test_several_grids_follow_each_other():
    grids = [{"learning_rate": 0.1, "scale_factor": [1, 2]}, {"learning_rate": 0.2}]
    assert points_of(grids) == [
        {"learning_rate": 0.1, "scale_factor": 1},
        {"learning_rate": 0.1, "scale_factor": 2},
        {"learning_rate": 0.2},
    ]


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ([0.5, 0.7, 0.6], 1),
        ([0.7, 0.7], 0),
        ([None, 0.1, None], 1),
        ([math.nan, 0.1], 1),
        ([0.1, math.nan], 0),
        ([math.inf, 0.1], 1),
        ([0.0, None], 0),
    ],
)
def test_the_best_point_is_the_first_with_the_highest_finite_value(values, best):
    assert choose([dict(enumerate(values))]) == best


def test_the_mean_over_tuning_seeds_decides_among_points_tried_on_all_of_them():
    assert choose([{0: 0.9, 1: 0.8, 2: 0.7}, {1: 0.5, 2: 0.7}]) == 2
    assert choose([{0: 0.9, 1: 0.8}, {0: None, 1: 0.1}]) == 1


def test_finalists_are_the_best_of_the_first_seed():
    assert finalists({0: 0.5, 1: None, 2: 0.9, 3: 0.7}, 2) == [2, 3]


@pytest.mark.parametrize("values", [[], [None], [math.nan, None]])
def test_where_every_point_diverged_nothing_is_chosen(values):
    with pytest.raises(ValueError, match="every point diverged; lower the learning rates of the grid"):
        choose([dict(enumerate(values))])


def attempted(name: str, accuracies: list[float | None], points: list[dict]) -> None:
    """Write the results of a method's points, as the stage attempt does."""
    for k, (accuracy, point) in enumerate(zip(accuracies, points, strict=True)):
        found = {} if accuracy is None else {"accuracy": accuracy, "error": accuracy, "loss": accuracy}
        result = {"method": name, "point": k, "settings": point, "validation": found}
        files.write_json(f"search/toy/s1000/{name}/point_{k}.json", result)


JOB = {
    "stage": "choose",
    "experiment": "toy",
    "tuning_seed": 1000,
    "measures": ["accuracy"],
    "grid": "0123456789ab",
    "ties": False,
    "groups_count": None,
}


SEARCHED = {"seeds": [1000], "points": 3, "grid": JOB["grid"]}
"""Record of a choice among three points."""


def chosen(measure: str = "accuracy", **points: int) -> str:
    """Run the stage, and return what it chose."""
    attempts = {"1000": {name: list(range(count)) for name, count in points.items()}}
    stage.run(ChooseJob(**{**JOB, "attempts": attempts, "measures": [measure]}))
    choice = Path("search/toy/choice.yaml").read_text()
    assert Path("params/chosen/toy.yaml").read_text() == choice
    return choice


def test_the_choice_is_the_best_point_of_each_method_and_never_a_diverged_one():
    attempted("isolated", [0.5, 0.6, 0.4], [{"learning_rate": rate} for rate in (0.01, 0.02, 0.04)])
    attempted("joint", [0.3, None, 0.2], [{"scale_factor": factor} for factor in (1, 2, 3)])
    choice = from_yaml(chosen(isolated=3, joint=3))
    assert choice["tuned"] == {"isolated": {"learning_rate": 0.02}, "joint": {"scale_factor": 1}}
    assert choice["searched"] == {**SEARCHED, "edges": {"joint": ["scale_factor"]}}
    assert "finalists" not in choice  # no further seeds to try them on
    grid = files.read_table("search/toy/grid.csv")
    columns = ["method", "point", "settings", "seed", "validation_accuracy", "validation_loss", "chosen"]
    assert grid.columns.tolist() == columns
    assert grid.loc[grid["chosen"], ["method", "point"]].to_numpy().tolist() == [
        ["isolated", 1],
        ["joint", 0],
    ]
    assert pd.isna(grid.loc[4, "validation_accuracy"])
    assert [json.loads(text) for text in grid["settings"][3:]] == [{"scale_factor": k} for k in (1, 2, 3)]


@pytest.mark.parametrize(("best", "best_point"), [("highest", 0), ("lowest", 2), ("0.46", 1)])
def test_of_a_tasks_own_measure_the_best_is_chosen_as_the_task_says(best, best_point):
    for k, value in enumerate([0.5, 0.45, 0.4, None]):
        reached = {} if value is None else {"validation": {"found": value}, "best": {"found": best}}
        result = {"method": "isolated", "point": k, "settings": {"learning_rate": k + 1.0}}
        result |= {"validation": {}, "best": {}, **reached}
        files.write_json(f"search/toy/s1000/isolated/point_{k}.json", result)
    choice = from_yaml(chosen("found", isolated=4))
    assert choice["tuned"]["isolated"] == {"learning_rate": best_point + 1.0}


def test_of_errors_the_lowest_is_chosen():
    attempted("isolated", [0.5, None, 0.4], [{"learning_rate": rate} for rate in (0.01, 0.02, 0.04)])
    choice = from_yaml(chosen("error", isolated=3))
    assert choice["tuned"] == {"isolated": {"learning_rate": 0.04}}


def test_the_best_of_the_first_seed_are_tried_on_further_ones():
    attempted("isolated", [0.5, 0.6, 0.4], [{"learning_rate": rate} for rate in (0.01, 0.02, 0.04)])
    job = {**JOB, "attempts": {"1000": {"isolated": [0, 1, 2]}, "1001": {}}}
    stage.run(ChooseJob(**job))
    choice = from_yaml(Path("params/chosen/toy.yaml").read_text())
    assert choice["searched"] == SEARCHED
    assert choice["finalists"] == {"isolated": [1, 0, 2]}
    for k, accuracy in ((1, 0.3), (0, 0.4)):
        result = {"method": "isolated", "point": k, "settings": {}, "validation": {"accuracy": accuracy}}
        files.write_json(f"search/toy/s1001/isolated/point_{k}.json", result)
    stage.run(ChooseJob(**{**job, "attempts": {**job["attempts"], "1001": {"isolated": [1, 0]}}}))
    choice = from_yaml(Path("params/chosen/toy.yaml").read_text())
    at_edge = {"isolated": ["learning_rate"]}
    assert choice["searched"] == {**SEARCHED, "seeds": [1000, 1001], "finalists": 2, "edges": at_edge}


def test_a_method_that_always_diverged_is_named():
    attempted("isolated", [0.5], [{"learning_rate": 0.01}])
    attempted("joint", [None, None], [{}, {}])
    with pytest.raises(
        UserError, match=r"^toy, joint: every point diverged; lower the learning rates of the grid\.$"
    ):
        chosen(isolated=1, joint=2)


def test_the_choice_is_read_without_pasting():
    joint = {"learning_rate": 1e-05, "strength": {"half_life": math.inf}, "scale_factor": math.inf}
    joint |= {"start": "shareall", "average": False}
    write({"experiments.toy.tuned": GONE, "experiments.toy.methods": ["isolated", "joint"]})
    assert search.rule(read_params(), "toy") == AS_GIVEN
    attempted("isolated", [0.5], [{"learning_rate": 0.1}])
    attempted("joint", [0.5], [joint])
    chosen(isolated=1, joint=1)
    params = read_params()
    settings = method_settings(params, "toy", "joint")
    assert (settings.learning_rate, settings.strength.half_life) == (1e-05, math.inf)
    assert (settings.scale_factor, settings.start, settings.average) == (math.inf, "shareall", False)
    assert method_settings(params, "toy", "isolated").learning_rate == 0.1
    assert "chosen on the validation split of seed 1000" in search.rule(params, "toy")


def test_equal_results_give_equal_bytes():
    attempted("joint", [0.5, 0.6], [{"scale_factor": 1}, {"scale_factor": 2}])
    assert chosen(joint=2) == chosen(joint=2)


def test_the_round_to_read_groups_at_is_chosen_on_the_tuning_seed():
    apart = np.kron(np.eye(2), np.ones((2, 2)))
    weights = [np.full((2, 4, 4), 0.5), np.stack([apart, apart]), np.full((2, 4, 4), 0.9)]
    point = {
        "settings": {},
        "validation": {"accuracy": 0.5, "loss": 1.0},
        "weights_of_rounds": [w.tolist() for w in weights],
        "layers": {},
    }
    files.write_json("search/toy/s9/joint/point_0.json", point)
    attempts = {"9": {"joint": [0]}}
    stage.run(ChooseJob(**{**JOB, "attempts": attempts, "tuning_seed": 9, "groups_count": 2}))
    assert from_yaml(Path("search/toy/choice.yaml").read_text())["groups_round"] == 2


def test_the_layers_that_the_weights_of_joint_would_tie_are_chosen_for_jae_found():
    layers = {"private.conv1": 0.2, "shared.conv1": 0.9, "shared.dense1": 0.5, "image.image1": 0.4}
    for name, rate in (("jae", 0.01), ("joint", 0.02)):
        result = {
            "method": name,
            "point": 0,
            "settings": {"learning_rate": rate},
            "validation": {"accuracy": 0.5, "loss": 1.0},
            "weights_of_rounds": [[[[0.0, 0.5], [0.5, 0.0]]]] if name == "joint" else [],
            "layers": layers if name == "joint" else {},
            "diverged": None,
        }
        files.write_json(f"search/toy/s1000/{name}/point_0.json", result)
    attempts = {"1000": {"jae": [0], "joint": [0]}}
    stage.run(ChooseJob(**{**JOB, "attempts": attempts, "groups_count": None, "ties": True}))
    choice = from_yaml(Path("search/toy/choice.yaml").read_text())
    assert choice["tuned"]["jae_found"] == {
        "learning_rate": 0.01,
        "tied": ["shared.conv1", "shared.dense1"],
    }


def test_layers_to_tie_are_not_those_that_joint_was_told():
    """A better point that couples the shared branch alone, and ties the classifier, does not name them."""
    told = {"couple": ["shared"], "tied": ["classes"]}
    for k, (accuracy, settings, shared) in enumerate([(0.5, {}, 0.1), (0.9, told, 1.0), (0.4, {}, 0.7)]):
        result = {"method": "joint", "point": k, "settings": settings, "validation": {"accuracy": accuracy}}
        result["layers"] = {"private.conv1": 0.5, "shared.conv1": shared}
        files.write_json(f"search/toy/s1000/joint/point_{k}.json", result)
    stage.run(ChooseJob(**{**JOB, "attempts": {"1000": {"joint": [0, 1, 2]}}, "ties": True}))
    tuned = from_yaml(Path("search/toy/choice.yaml").read_text())["tuned"]
    assert tuned["joint"] == told
    assert tuned["jae_found"]["tied"] == ["private.conv1"]


def test_the_weight_of_a_layer_is_the_mean_over_pairs_and_over_the_blocks_that_hold_it():
    weights = np.zeros((2, 3, 3))
    weights[0][np.triu_indices(3, 1)] = [0.1, 0.2, 0.3]
    weights[1][np.triu_indices(3, 1)] = [0.7, 0.8, 0.9]
    membership = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    assert mean_weights(weights, membership) == pytest.approx([0.2, 0.5, 0.8])
