"""Stage `figures` on a synthetic experiment."""

import contextlib
import shutil
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from helpers.figures import (
    BLOCKS,
    DATASETS,
    ENDS,
    GROUPS,
    METHODS,
    ROUNDS,
    SEEDS,
    build,
    job,
    planted_weights,
    settings,
    texts,
    write_results,
    write_run,
)
from matplotlib.lines import Line2D
from matplotlib.text import Text

from jointnn.errors import UserError
from jointnn.io.files import read_json, write_json, write_table
from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.curves import learning_curve
from jointnn.reporting.figures.differences import confusion_matrix, differences, paired_differences
from jointnn.reporting.figures.examples import one_per_class
from jointnn.reporting.figures.style import look, style, to_svg
from jointnn.stages import figures


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Path:
    """A folder with the whole experiment."""
    folder = tmp_path_factory.mktemp("experiment")
    with contextlib.chdir(folder):
        build()
    return folder


@pytest.fixture
def drawn(experiment, monkeypatch) -> Path:
    """The working directory is the experiment; here figures are written."""
    monkeypatch.chdir(experiment)
    return Path("results", "toy", "figures")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(figure.load()))
def test_every_figure_is_drawn_and_its_bytes_are_the_same_each_time(drawn, name):
    figures.run(job(figures=[name]))
    first = (drawn / f"{name}.svg").read_bytes()
    figures.run(job(figures=[name]))
    assert (drawn / f"{name}.svg").read_bytes() == first
    root = ElementTree.fromstring(first)
    assert root.tag.endswith("svg")
    assert b"dc:date" not in first
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 20


@pytest.mark.parametrize("name", sorted(figure.load()))
def test_a_figure_whose_input_was_not_made_says_so_instead(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawing = figure[name](Context.of(settings(methods=["isolated"], groups=None)))
    assert any(" needs " in text or "was not run" in text for text in texts(drawing))


@pytest.mark.slow
def test_an_experiment_in_which_nothing_differs_is_drawn_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(0)
    write_results(0)
    for path in [*Path("runs").rglob("*history.csv"), *Path("results").rglob("metrics.csv")]:
        write_table(path, pd.read_csv(path).assign(value=0.0))
    for path in Path("runs").rglob("weights.json"):
        weights = np.full((len(BLOCKS), 6, 6), 0.01)
        write_json(path, {**read_json(path), "weights": weights.tolist()})
    context = Context.of(settings(seeds=[0], groups=None))
    for name in set(figure.load()) - {"examples"}:
        with style():
            assert to_svg(figure[name](context)).startswith(b"<?xml")
    said = " ".join(" ".join(texts(figure["weights"](context))).split())
    assert "joint degenerated to isolated training: after round 6" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(figure.load()))
def test_no_text_is_smaller_than_seven_points(drawn, name):
    with style():
        drawing = figure[name](Context.of(settings()))
        written = [text for text in drawing.findobj(Text) if text.get_text()]
    assert min(text.get_fontsize() for text in written) >= 7


def test_every_method_has_a_colour_of_its_own_also_a_users():
    methods = [*METHODS, "mine", "yours"]
    looks = [look(method, methods) for method in methods]
    assert len({each.color for each in looks}) == len(methods)
    assert look("joint", []) == look("joint", methods)


@pytest.mark.slow
def test_a_method_has_the_same_colour_in_every_figure(drawn):
    context = Context.of(settings())
    for name in ("figure_3_curves", "differences"):
        colours = {line.get_color() for line in figure[name](context).findobj(Line2D)}
        assert {look(method, METHODS).color for method in METHODS if method != "isolated"} <= colours


@pytest.mark.slow
def test_the_groups_of_every_round_and_seed_are_written(drawn):
    figures.run(job(figures=[]))
    table = pd.read_csv(drawn / "groups.csv")
    assert list(table.seed) == [seed for seed in SEEDS for _ in range(ROUNDS)]
    late = table[table["round"] >= 4]
    assert (late.adjusted_rand_index == 1).all()
    assert set(late.groups) == {" | ".join(" ".join(names) for names in GROUPS.values())}
    assert (late.separation > 0.5).all()
    assert table.diagnosis.isna().all()


@pytest.mark.slow
def test_figure_2_says_how_well_every_seed_found_the_planted_groups(drawn):
    drawing = figure["figure_2_groups"](Context.of(settings()))
    said = "\n".join(texts(drawing))
    assert "Adjusted Rand index of seeds 0, 1, 2: 1.00, 1.00, 1.00." in said
    assert "Round 4, seed 0." in said
    in_order = [name for members in GROUPS.values() for name in members]
    assert {f"{number} {name}" for number, name in enumerate(in_order, 1)} <= set(texts(drawing))
    assert set(BLOCKS) <= set(texts(drawing))
    mean = figure["figure_2_groups"](Context.of(settings(mean_over_seeds=True)))
    assert any("mean over seeds" in text for text in texts(mean))


@pytest.mark.slow
def test_weights_follow_the_order_of_the_datasets(drawn):
    reverse = Context.of(settings(datasets=DATASETS[::-1])).weights[0]
    np.testing.assert_array_equal(reverse, Context.of(settings()).weights[0][..., ::-1, ::-1])
    np.testing.assert_allclose(reverse[2], np.array(planted_weights(0, 3))[:, ::-1, ::-1])


def test_a_curve_is_the_mean_over_seeds_of_the_average_over_datasets(drawn):
    curve = learning_curve(Context.of(settings()), "isolated", "accuracy")
    by_seed = []
    for seed in SEEDS:
        rows = pd.read_csv(f"runs/toy/s{seed}/isolated/test_history.csv")
        rows = rows[(rows.step == 500) & (rows.metric == "accuracy")]
        by_seed.append(100 * rows.value.mean())
    assert curve.loc[500, "mean"] == pytest.approx(np.mean(by_seed))
    assert curve.loc[500, "std"] == pytest.approx(np.std(by_seed, ddof=1))


def test_the_curve_of_joint_runs_from_the_l2_start_to_the_last_round(drawn):
    context = Context.of(settings())
    curve = learning_curve(context, "joint", "accuracy")
    assert curve.index.is_monotonic_increasing and curve.index.is_unique
    assert curve.index[0] == 0 and curve.index[-1] > ENDS[-2]
    shorter = Context.of(settings(rounds={"joint": 2}, groups_round=2))
    assert len(learning_curve(shorter, "joint", "accuracy")) < len(curve)


def test_a_round_that_was_not_measured_leaves_the_curve_of_the_others(experiment, tmp_path, monkeypatch):
    monkeypatch.chdir(shutil.copytree(experiment, tmp_path / "experiment"))
    whole = learning_curve(Context.of(settings()), "joint", "accuracy")
    for seed in SEEDS:
        table = Path(f"runs/toy/s{seed}/joint/round_3/test_history.csv")
        header, _, _ = table.read_bytes().partition(b"\n")
        table.write_bytes(header + b"\n")
    curve = learning_curve(Context.of(settings()), "joint", "accuracy")
    assert 0 < len(curve) < len(whole) and set(curve.index) < set(whole.index)
    assert curve.equals(whole.loc[curve.index])


@pytest.mark.slow
def test_a_method_that_was_not_run_is_left_out(drawn):
    drawing = figure["figure_3_curves"](Context.of(settings(methods=[*METHODS, "mine"])))
    assert "joint" in texts(drawing) and "mine" not in texts(drawing)


def test_paired_differences_are_seed_by_seed(drawn):
    table = paired_differences(Context.of(settings()))
    rows = pd.read_csv("results/toy/s1/metrics.csv")
    rows = rows[(rows.split == "test") & (rows.metric == "accuracy")]
    means = rows.groupby("method").value.mean()
    assert table.loc[1, "joint"] == pytest.approx(100 * (means["joint"] - means["isolated"]))
    assert list(table.columns) == METHODS[1:]


def test_numbers_below_an_axis_stand_apart_also_with_three_decimals(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_results(0)
    path = Path("results/toy/s0/metrics.csv")
    rows = pd.read_csv(path)
    means = rows.groupby(["method", "split", "metric"]).value.transform("mean")
    context = Context.of(settings(seeds=[0]))
    for widest in np.geomspace(0.02, 2.0, 12):
        write_table(path, rows.assign(value=means * widest / (100 * np.ptp(means))))
        with style():
            drawing = differences(context)
            drawing.draw_without_rendering()
            (axes,) = drawing.axes
            low, high = axes.get_xlim()
            shown = [tick.label1 for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
            boxes = [text.get_window_extent() for text in shown]
        gaps = [right.x0 - left.x1 for left, right in pairwise(boxes)]
        assert len(gaps) >= 2
        assert min(gaps) > 0.4 * boxes[0].height, widest


def test_a_row_of_a_confusion_matrix_sums_to_one():
    rows = pd.DataFrame({"label": [0] * 8 + [1] * 5, "predicted": [0] * 7 + [1] + [1] * 5})
    np.testing.assert_allclose(confusion_matrix(rows), [[7 / 8, 1 / 8], [0, 1]])


def test_examples_show_one_image_of_every_class_first():
    assert one_per_class(np.array([2, 2, 0, 1, 0, 1]), 4) == [2, 3, 0, 4]


def test_an_unknown_figure_is_refused_by_name(drawn):
    with pytest.raises(UserError, match="No figure is named 'figure_9'"):
        figures.run(job(figures=["figure_9"]))


def test_a_round_beyond_the_last_is_refused(drawn):
    with pytest.raises(UserError, match="groups_round: 7 is none of the 6 rounds"):
        figures.run(job(groups_round=7))


def test_a_dataset_in_two_groups_is_refused(drawn):
    groups = {**GROUPS, "again": ["optical"]}
    with pytest.raises(UserError, match="'optical' stands in 2"):
        figures.run(job(groups=groups))
