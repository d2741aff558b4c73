"""Ratios of split halves as a person meets them: figure, table, page, MLflow."""

import argparse
import json
from pathlib import Path

import pandas as pd
import pytest
from helpers.figures import DATASETS, GROUPS, LAYERS, SEEDS, settings, texts, write_halves
from helpers.pages import EDITS
from helpers.params import edited, read, write
from helpers.tracking import Project

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import digest, read_json, write_atomically, write_json, write_table
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import RatiosJob
from jointnn.methods.split_halves import halved
from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context
from jointnn.reporting.split_halves import COLUMNS, by_layer, number, ratios_of, read_ratios
from jointnn.reporting.tracking.find import find_runs
from jointnn.reporting.tracking.read import ratios
from jointnn.stages import ratios as ratios_stage
from jointnn.stages.tools import page

ASKED = {**EDITS, "experiments.toy.figures": ["split_halves"]}
OF_START = {"batch_size": 8, "accumulate": 1, "strength": {"half_life": 3.0, "lambda_": None}}
"""Settings of an L2 start, as far as halves depend on them."""


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def drawn(**changes) -> list[str]:
    found = texts(figure["split_halves"](Context.of(settings(**changes))))
    return list(dict.fromkeys(" ".join(text.split()) for text in found))


@pytest.mark.slow
def test_the_figure_has_a_number_for_each_pair_and_layer_and_says_what_it_means():
    for seed in SEEDS:
        write_halves(seed)
    said = drawn()
    means = ratios_of("toy", SEEDS, "joint").groupby(["layer", "first", "second"]).ratio.mean()
    assert len(means) == 5 * 15 and {number(value) for value in means} <= set(said)
    assert {*LAYERS, "inside groups", "across groups"} <= set(said)
    order = [text for text in said if " – " in text]
    inside = [f"{a} – {b}" for k, a in enumerate(DATASETS) for b in DATASETS[k + 1 :] if _same(a, b)]
    assert set(order[:6]) == set(inside) and len(order) == 15
    assert any("(1: not told apart), mean over seeds 0, 1, 2." in text for text in said)


def _same(*names: str) -> bool:
    return any(set(names) <= set(members) for members in GROUPS.values())


def test_pairs_stand_from_the_closest_to_the_farthest_and_of_many_those_in_the_middle_are_left_out():
    names = [f"set{k}" for k in range(11)]
    write_halves(0, names)
    shown = [text for text in drawn(datasets=names, groups=None, seeds=[0, 1]) if " – " in text]
    table = ratios_of("toy", [0], "joint").groupby(["first", "second"]).ratio.mean().sort_values()
    pairs = [" – ".join(pair) for pair in table.index]
    assert shown == [*pairs[:22], *pairs[-22:]]
    said = " ".join(drawn(datasets=names, groups=None, seeds=[0, 1]))
    assert "11 pairs between the closest and the farthest are left out." in said
    assert "Without seed 1: not trained, or diverged." in said and "seed 0." in said


def test_the_table_has_the_ends_of_every_layer_and_means_inside_and_across_planted_groups():
    for seed in SEEDS:
        write_halves(seed)
    table = ratios_of("toy", SEEDS, "joint")
    head, *lines = by_layer(table, GROUPS)
    assert head[1:3] == ["closest pair", "farthest pair"] and head[-2:] == [
        "inside groups",
        "across groups",
    ]
    assert [line[0] for line in lines] == [*LAYERS, "mean over layers"]
    assert [float(line[-1].split(" ± ")[0]) for line in lines] == pytest.approx(
        [1.6, 2.2, 2.8, 3.4, 4.0, 2.8], abs=0.03
    )
    of_head = table[table.layer == "head"].groupby(["first", "second"]).ratio.mean()
    assert lines[4][1:5] == [
        " – ".join(of_head.idxmin()), " – ".join(of_head.idxmax()),
        number(of_head.min()), number(of_head.max()),
    ]  # fmt: skip
    assert [len(line) for line in by_layer(table, None)] == [6] * 7


def test_two_datasets_have_one_ratio_in_each_layer():
    write_halves(0, DATASETS[:2])
    head, *lines = by_layer(ratios_of("toy", [0], "joint"), None)
    assert head == ["layer", "ratio"]
    assert [float(line[1]) for line in lines[:-1]] == pytest.approx([1.6, 2.2, 2.8, 3.4, 4.0], abs=0.06)


def test_what_has_no_chance_to_be_measured_by_is_a_dash_and_a_run_that_diverged_is_left_out():
    write_halves(0, DATASETS[:3])
    file = Path(paths.halves("toy", 0, "joint"), "ratios.json")
    content = read_json(file)
    content["ratios"][0] = [[1.0, None, None], [None, 1.0, None], [None, None, 1.0]]
    write_json(file, content)
    lines = by_layer(ratios_of("toy", [0], "joint"), None)
    assert lines[1] == ["conv1", "–", "–", "–", "–", "–"] and "–" not in lines[2][3:]
    write_json(file, {**content, "ratios": [content["ratios"][0]] * 5})
    assert by_layer(ratios_of("toy", [0], "joint"), None) == []
    assert any(
        "as under a half-life of 0" in text for text in drawn(datasets=DATASETS[:3], groups=None, seeds=[0])
    )
    write_json(file, {**content, "ratios": None, "diverged": "It exploded."})
    assert ratios_of("toy", [0], "joint").empty and ratios(file) == {}
    assert any(" needs " in text for text in drawn(seeds=[0]))


def test_layers_without_a_name_but_a_number_are_layers():
    """Those of nn.Sequential: the first one is "0"."""
    rows = [(0, layer, "a", "b", ratio) for layer, ratio in (("0", 1.5), ("2", 2.5))]
    write_table(paths.ratios("toy"), pd.DataFrame(rows, columns=COLUMNS))
    lines = by_layer(read_ratios("toy"), None)
    assert lines == [["layer", "ratio"], ["0", "1.50"], ["2", "2.50"], ["mean over layers", "2.00"]]


@pytest.mark.slow
def test_the_job_writes_every_ratio_and_the_figure_and_mlflow_has_the_ends_of_each_layer():
    for seed in SEEDS:
        write_halves(seed)
    told = settings(stage="ratios", method="joint")
    ratios_stage.run(RatiosJob(**{key: told[key] for key in RatiosJob.model_fields.keys() & told.keys()}))
    assert Path("results/toy/figures/split_halves.svg").exists()
    table = read_ratios("toy")
    pd.testing.assert_frame_equal(table, ratios_of("toy", SEEDS, "joint"))
    told = ratios(Path(paths.halves("toy", 2, "joint"), "ratios.json"))
    of_head = table[(table.seed == 2) & (table.layer == "head")].ratio
    assert {
        key: told[f"split_halves/head/{key}"] for key in ("mean", "closest", "farthest")
    } == pytest.approx({"mean": of_head.mean(), "closest": of_head.min(), "farthest": of_head.max()})
    assert len(told) == 3 * len(LAYERS)


def test_a_run_of_mlflow_has_the_ratios_of_halves_that_have_its_settings_and_its_start(tmp_path):
    project = Project(tmp_path)
    project.plan_joint(0, **OF_START)
    project.train_joint(0)
    record = "runs/digits/s0/joint/halves/settings.json"
    whole = project.planned("runs/digits/s0/joint/l2/settings.json")["settings"]
    (before,) = find_runs(tmp_path, "digits")
    project.plan(record)
    write_json(f"work/settings/{record}", project.planned(record) | {"settings": halved(whole)})
    write_halves(0, folder="runs/digits/s0/joint/halves")
    (running,) = find_runs(tmp_path, "digits")
    assert running.finals == before.finals
    project.end(record)
    (run,) = find_runs(tmp_path, "digits")
    assert run.key == before.key and run.finished
    assert run.finals.keys() - before.finals.keys() == {
        f"split_halves/{layer}/{which}" for layer in LAYERS for which in ("mean", "closest", "farthest")
    }
    assert run.artifacts.keys() - before.artifacts.keys() == {"halves/ratios.json"}
    of_run = read_json(record)
    for other in ({"before": {"start": {"identity": "another"}}}, {"settings": whole}):
        write_json(record, of_run | other)
        write_json(f"work/settings/{record}", of_run | other)
        (run,) = find_runs(tmp_path, "digits")
        assert run.finals == before.finals


@pytest.mark.parametrize(("from_halves", "seconds"), [(True, 90.0), (False, 40.0)])
def test_mlflow_bills_halves_where_the_scale_comes_from_them_and_not_where_they_are_looked_at(
    from_halves, seconds, tmp_path
):
    project = Project(tmp_path)
    project.plan_joint(0, **OF_START)
    jobs = project.jobs(0)
    _, (of_sigma, _, _), *rounds = jobs
    project.plan(halves := "runs/digits/s0/joint/halves/settings.json")
    project.end(halves)
    project.measure(halves, 50)
    if from_halves:
        planned = project.planned(of_sigma)
        named = planned["before"] | {"halves": {"record": digest(project.planned(halves))}}
        write_json(f"work/settings/{of_sigma}", planned | {"before": named})
        for record, upstream, _ in rounds:
            project.plan(record, upstream, **OF_START)
    project.train_joint(0)
    for record, _, _ in jobs:
        project.measure(record, 10)
    (run,) = find_runs(tmp_path, "digits")
    assert run.finished and run.finals["cost/seconds"] == seconds


def made() -> str:
    """The page on what is shared."""
    parser = argparse.ArgumentParser()
    page.add_arguments(parser)
    page.main(parser.parse_args(["--docs", "what_is_shared"]))
    return Path("docs/results/what_is_shared.md").read_text()


@pytest.mark.slow
def test_one_page_tells_what_the_data_of_experiments_tell_apart():
    write(edited(ASKED))
    for seed in (0, 1):
        write_halves(seed, ["first", "second", "third"])
    with pytest.raises(UserError, match=r"No experiment has halves that were trained\."):
        made()
    of_toy = Jobs(read(ASKED)).ratios("toy")
    ratios_stage.run(of_toy)
    write_atomically(of_toy.record, of_toy.text.encode())
    text = made()
    said = "each of 3 datasets; L2 start of `joint`, half-life 2; seeds 0, 1."
    assert "## toy\n" in text and said in text
    assert "| conv1 " in text and "first – third" in text
    assert Path("docs/images/toy_split_halves.svg").exists()
    write_atomically("docs/results/readings/what_is_shared.md", b"Ours.\n\n## Reading\n\nIt is so.\n")
    assert "\nOurs.\n" in made() and made().endswith("## Reading\n\nIt is so.\n")
    halves = Jobs(read(ASKED)).split_halves("toy", 0, "joint")
    record = json.loads(halves.text)
    record["settings"]["learning_rate"] = 9
    write_json(halves.record, record)
    with pytest.raises(
        UserError, match=r"The ratios of 'toy' were made with other settings .*: settings\."
    ):
        made()
    write_atomically("docs/results/what_is_shared.md", b"By hand.\n")
    Path(halves.record).unlink()
    with pytest.raises(UserError, match="was not made by this tool"):
        made()


def test_the_figure_is_refused_where_no_method_has_an_l2_start_and_rounds():
    with pytest.raises(
        UserError, match="figures: split_halves shows networks under the L2 start of a method"
    ):
        read({**EDITS, "experiments.toy.methods": ["isolated"], "experiments.toy.figures": ["split_halves"],
              "experiments.toy.search": {}, "experiments.toy.chosen": {}})  # fmt: skip


def test_an_experiment_without_such_a_method_has_no_ratios_and_is_told_so():
    alone = {**EDITS, "experiments.toy.methods": ["isolated", "l2reg"], "experiments.toy.search": {},
             "experiments.toy.chosen": {}}  # fmt: skip
    with pytest.raises(
        UserError, match=r"joint or joint_auto\), and there is none among isolated, l2reg\. Add joint\."
    ):
        Jobs(read(alone)).ratios("toy")
