"""The figures that the paper has too: who influences whom, errors against steps, a sheet of completions."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from helpers.figures import (
    BLOCKS,
    DATASETS,
    METHODS,
    SEEDS,
    build,
    completions,
    job,
    planted_weights,
    settings,
    texts,
)
from matplotlib.collections import LineCollection

from jointnn.io.tensors import write_tensors
from jointnn.reporting.figures import figure
from jointnn.reporting.figures.completions import SHOWN, sheet_rows
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.curves import learning_curve, log_ticks
from jointnn.reporting.figures.mutual_neighbours import middle_blocks, mutual_neighbours
from jointnn.reporting.figures.style import look
from jointnn.stages import figures

NAMES = ["joint (paper)" if method == "joint_paper" else method for method in METHODS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the whole experiment."""
    made = tmp_path_factory.mktemp("experiment")
    with contextlib.chdir(made):
        build()
    return made


@pytest.fixture(autouse=True)
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def symmetric(pairs: dict[tuple[int, int], float]) -> np.ndarray:
    weights = np.eye(5)
    for (i, j), weight in pairs.items():
        weights[i, j] = weights[j, i] = weight
    return weights


FIVE = symmetric(
    {
        (0, 1): 0.9, (0, 2): 0.8, (0, 3): 0.7, (0, 4): 0.1, (1, 2): 0.6,
        (1, 3): 0.2, (1, 4): 0.3, (2, 3): 0.5, (2, 4): 0.4, (3, 4): 0.05,
    }
)  # fmt: skip


@pytest.mark.slow
def test_an_edge_needs_each_among_the_strongest_of_the_other():
    # The three strongest of 0: 1 2 3; of 1: 0 2 4; of 2: 0 1 3; of 3: 0 2 1; of 4: 2 1 0.
    pairs = {(0, 1): 0.9, (0, 2): 0.8, (0, 3): 0.7, (1, 2): 0.6, (1, 4): 0.3, (2, 3): 0.5}
    assert mutual_neighbours(FIVE) == pairs
    # The two strongest of 0: 1 2; of 1: 0 2; of 2: 0 1; of 3: 0 2; of 4: 2 1.
    assert mutual_neighbours(FIVE, count=2) == {(0, 1): 0.9, (0, 2): 0.8, (1, 2): 0.6}


@pytest.mark.slow
def test_where_nothing_tells_networks_apart_all_are_neighbours():
    assert len(mutual_neighbours(np.full((6, 6), 0.5))) == 15
    assert mutual_neighbours(np.ones((2, 2))) == {(0, 1): 1.0}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("blocks", "shown"), [(1, [0]), (2, [0, 1]), (3, [0, 2]), (4, [0, 3]), (8, [1, 6])]
)
def test_a_block_of_the_lower_half_and_its_mirror_image_are_shown(blocks, shown):
    assert middle_blocks(blocks) == shown


@pytest.mark.slow
def test_figure_2_draws_the_mutual_neighbours_of_the_mean_over_seeds():
    drawing = figure["figure_2_sharing"](Context.of(settings()))
    assert [axes.get_title() for axes in drawing.axes] == [
        f"lower block {BLOCKS[0]}",
        f"upper block {BLOCKS[3]}",
    ]
    assert (
        "Round 4, mean over seeds 0, 1, 2. Edges: each among the other's three. Colour: planted group."
        in texts(drawing)
    )
    for axes, block in zip(drawing.axes, (0, 3), strict=True):
        mean = np.mean([np.array(planted_weights(seed, 4))[block] for seed in SEEDS], axis=0)
        expected = mutual_neighbours(mean)
        (edges,) = (item for item in axes.collections if isinstance(item, LineCollection))
        widths = np.array(edges.get_linewidths())
        assert len(edges.get_segments()) == len(expected)
        strongest = max(expected.values())
        np.testing.assert_allclose(widths / widths.max(), np.sort(list(expected.values())) / strongest)
        assert set(DATASETS) <= {text.get_text() for text in axes.texts}


@pytest.mark.slow
def test_figure_5_has_every_method_and_a_logarithmic_scale():
    drawing = figure["figure_5_errors"](Context.of(settings()))
    (axes,) = drawing.axes  # of accuracy, which is no error, there is no panel
    assert axes.get_yscale() == "log"
    assert set(NAMES) <= set(texts(drawing))
    label = " ".join(axes.get_ylabel().split())
    assert label == "test squared error over the image (thousandths)"
    line = next(line for line in axes.lines if line.get_label() == "isolated")
    curve = learning_curve(Context.of(settings()), "isolated", "error")
    np.testing.assert_allclose(line.get_ydata(), curve["mean"])
    np.testing.assert_allclose(curve["mean"].iloc[0], 70 * 0.89, rtol=0.02)  # thousandths, at 11 % right


@pytest.mark.parametrize("ratio", [1.1, 1.5, 2, 3.4, 3.6, 5, 9, 300])
def test_a_logarithmic_axis_has_at_least_three_ticks_and_one_in_its_lower_half(ratio):
    for low in np.geomspace(0.02, 2000, 500):
        ticks = log_ticks(low, low * ratio).tick_values(low, low * ratio)
        inside = [tick for tick in ticks if low <= tick <= low * ratio]
        assert len(inside) >= 3 and inside[0] < low * ratio**0.5, low


@pytest.mark.slow
def test_figure_3_of_an_error_keeps_the_consistency_loss_above_the_falling_curves():
    lower = figure["figure_3_curves"](Context.of(settings(measures=["error"])))
    higher = figure["figure_3_curves"](Context.of(settings()))
    loss = {name: next(a for a in d.axes if "loss" in a.get_ylabel()) for name, d in
            {"lower": lower, "higher": higher}.items()}  # fmt: skip
    assert loss["lower"].get_ylim()[0] < 0 == loss["higher"].get_ylim()[0]
    assert "test squared error" in lower.axes[0].get_ylabel()
    assert lower.axes[1].get_ylim()[1] < lower.axes[0].get_ylim()[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["figure_3_curves", "figure_5_errors"])
def test_the_file_of_a_figure_names_every_method_as_it_is_printed(name):
    figures.run(job(figures=[name]))
    svg = Path("results", "toy", "figures", f"{name}.svg").read_text()
    assert all(f"<!-- {method} -->" in svg for method in NAMES)
    assert "joint_paper" not in svg


def test_the_letter_of_the_paper_has_a_name_and_a_look_of_its_own():
    assert "joint (paper)" in texts(figure["differences"](Context.of(settings())))
    assert look("joint_paper", []) != look("joint", [])
    named = Context.of(settings(labels={"joint_paper": "letter"}))
    assert "letter" in texts(figure["differences"](named))


def test_a_sheet_has_the_hole_the_methods_in_order_and_the_truth():
    context = Context.of(settings())
    rows = sheet_rows(context, context.evidence(0))
    methods = [method for method in METHODS if method in SHOWN]
    assert list(rows) == ["with hole", *methods, "truth"]
    assert methods[-2:] == ["joint_paper", "joint"]
    own = completions(1, 0.785)
    np.testing.assert_array_equal(rows["joint"][2], own["completed"][0])
    np.testing.assert_array_equal(rows["truth"][3], own["truth"][1])


def test_the_sheet_shows_the_pixels_of_two_images_of_every_dataset():
    drawing = figure["completions"](Context.of(settings()))
    (axes,) = drawing.axes
    (picture,) = axes.images
    pixels = np.asarray(picture.get_array())[::8, ::8]  # repeated, so that no viewer blurs them
    holed = completions(0, 0.715)["holed"]
    np.testing.assert_array_equal(pixels[:16, :16], np.moveaxis(holed[0].repeat(3, axis=0), 0, -1))
    np.testing.assert_array_equal(pixels[:16, 17:33], np.moveaxis(holed[1].repeat(3, axis=0), 0, -1))
    last = completions(5, 0.785)["truth"][1]  # a colour image, in the corner
    np.testing.assert_array_equal(pixels[-16:, -16:], np.moveaxis(last, 0, -1))
    assert {"with hole", "joint (paper)", "truth", *DATASETS} <= set(texts(drawing))
    assert drawing.get_figwidth() <= 7.0


def test_a_sheet_without_completed_images_says_so():
    context = Context.of(settings(methods=["l2reg_25", "oracle"]))
    assert any("needs what networks make" in text for text in texts(figure["completions"](context)))


def test_images_without_classes_have_no_labels(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in DATASETS:
        images = completions(0, 0.5)["truth"]
        write_tensors(
            f"data/prepared/{name}-16.safetensors", {"images": images, "labels": np.zeros(3, int)}, {}
        )
    assert "0" not in texts(figure["examples"](Context.of(settings())))
