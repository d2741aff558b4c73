"""Sheets of auto-encoders with branches, and where their codes lie."""

from pathlib import Path

import numpy as np
import pytest
from helpers.figures import branched, texts
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from sklearn.metrics import silhouette_score

from jointnn.io.tensors import read_tensors, write_tensors
from jointnn.reporting.figures import figure
from jointnn.reporting.figures.codes import MOST_POINTS, by_class, embedded
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.style import CLASSES, GROUPS, PALE, style, to_svg

DATASETS = ["mnist", "usps"]
TONES = {"pair": 0.0, "isolated": 0.2, "joint": 0.4, "jae": 0.6}
METHODS = list(TONES)
POINTS = 40


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(methods: list[str] = METHODS, images: int = 3, seed: int = 0, points: int = POINTS) -> Context:
    """Evidence of these methods; the networks of `pair` have a single branch."""
    evidence = {}
    for method in methods:
        for index, dataset in enumerate(DATASETS):
            found = branched(index, TONES[method], images, points)
            if method == "pair":
                found = {key: found[key] for key in found if "private" not in key and "alone" not in key}
            evidence |= {f"{method}/{dataset}/{key}": values for key, values in found.items()}
    write_tensors(Path("results", "toy", f"s{seed}", "evidence.safetensors"), evidence, {})
    return Context("toy", METHODS, DATASETS, [0, 1])


def rows_of(name: str, context: Context) -> tuple[list[str], list[np.ndarray]]:
    """The names of the rows of a sheet, and the pixels of each row, as they were before enlarging."""
    (axes,) = figure[name](context).axes
    (picture,) = axes.images
    pixels = np.asarray(picture.get_array())[::8, ::8]
    names = [label.get_text() for label in axes.get_yticklabels()]
    return names, [pixels[17 * k : 17 * k + 16] for k in range(len(names))]


def test_reconstructions_stand_below_the_originals_a_row_for_every_method():
    names, rows = rows_of("reconstructions", write())
    assert names == ["original", *METHODS]
    assert rows[0].shape == (16, 2 * (3 * 17 - 1) + 4, 3)
    for k in range(3):
        np.testing.assert_array_equal(rows[0][:, 17 * k : 17 * k + 16, 0], branched(0, 0)["truth"][k, 0])
    assert [int(row[0, 0, 0]) for row in rows[1:]] == [100, 110, 120, 130]


def test_datasets_that_left_few_images_get_as_many_columns_as_all_have():
    context = write(images=12)
    assert rows_of("reconstructions", context)[1][0].shape[1] == 2 * (9 * 17 - 1) + 4
    assert rows_of("reconstructions", write(images=1))[1][0].shape[1] == 2 * 16 + 4


def test_branches_show_two_methods_jae_first_whole_and_by_each_branch_alone():
    names, rows = rows_of("branches", write())
    of_jae, of_joint = ([method, f"{method}: private", f"{method}: shared"] for method in ("jae", "joint"))
    assert names == ["original", *of_jae, *of_joint]
    assert [int(row[0, 0, 0]) for row in rows[1:]] == [130, 80, 180, 120, 70, 170]


def test_a_method_without_branches_is_left_out_and_another_takes_its_place():
    names, _ = rows_of("branches", write(["pair", "isolated"]))
    assert names == ["original", "isolated", "isolated: private", "isolated: shared"]


@pytest.mark.parametrize("name", ["branches", "codes"])
def test_networks_of_a_single_branch_give_a_note(name):
    said = texts(figure[name](write(["pair"])))
    assert len(said) == 1 and "with several branches" in said[0]
    assert rows_of("reconstructions", write(["pair"]))[0] == ["original", "pair"]


def test_a_dataset_whose_network_has_no_such_branch_leaves_the_method_out():
    context = write(["jae"])
    assert texts(figure["branches"](Context("toy", METHODS, [*DATASETS, "svhn"], [0])))[0].startswith(
        "This"
    )
    assert "jae: private" in texts(figure["branches"](context))


@pytest.mark.slow
def test_the_first_seed_that_has_images_is_shown():
    context = write(["jae"], seed=1)
    assert rows_of("branches", context)[0][1] == "jae"
    assert "t-SNE of the codes of jae, seed 1." in texts(figure["codes"](context))


@pytest.mark.slow
def test_codes_have_a_column_per_branch_coloured_by_dataset_above_and_by_class_below():
    drawing = figure["codes"](write())
    upper, lower = np.array(drawing.axes).reshape(2, 2)
    assert [axes.get_title() for axes in upper] == ["private", "shared"]
    for row, palette in ((upper, GROUPS[:2]), (lower, CLASSES[:4])):
        for axes in row:
            (points,) = axes.findobj(PathCollection)
            assert len(points.get_offsets()) == POINTS * len(DATASETS)
            assert {to_hex(colour) for colour in points.get_facecolors()} == {c.lower() for c in palette}
    legends = [axes.get_legend() for axes in (upper[1], lower[1])]
    named = [[text.get_text() for text in legend.get_texts()] for legend in legends]
    assert named == [DATASETS, ["0", "1", "2", "3"]]
    assert "t-SNE of the codes of jae, seed 0." in texts(drawing)


@pytest.mark.slow
def test_where_all_images_are_of_one_class_datasets_alone_are_coloured():
    context = write(["jae"])
    path = Path("results", "toy", "s0", "evidence.safetensors")
    found, _ = read_tensors(path)
    one = {key: np.zeros_like(values) if "label" in key else values for key, values in found.items()}
    write_tensors(path, one, {})
    drawing = figure["codes"](context)
    assert [axes.get_title() for axes in drawing.axes] == ["private", "shared"]


@pytest.mark.slow
def test_classes_planted_in_the_shared_codes_lie_apart_and_datasets_in_the_private_ones():
    drawing = figure["codes"](write(["joint"]))
    for axes, apart in ((drawing.axes[0], True), (drawing.axes[1], False), (drawing.axes[3], True)):
        (points,) = axes.findobj(PathCollection)
        colours = [to_hex(colour) for colour in points.get_facecolors()]
        assert (silhouette_score(points.get_offsets(), colours) > 0.3) == apart


@pytest.mark.slow
def test_equal_codes_give_equal_bytes_and_the_most_points_half_a_megabyte():
    with style():
        few, many, again = (to_svg(figure["codes"](write(points=n))) for n in (8, POINTS, POINTS))
    assert many == again
    per_point = (len(many) - len(few)) / ((POINTS - 8) * len(DATASETS))
    assert len(few) + per_point * MOST_POINTS < 500_000


@pytest.mark.parametrize("dimensions", [0, 1, 8])
def test_dimensions_that_never_change_do_not_count(dimensions):
    varied = branched(0, 0.5, points=20)["code.shared"][:, :dimensions]
    dead = np.concatenate([varied, np.full((20, 3), 0.1, np.float32)], axis=1)
    points = embedded(dead)
    assert points.shape == (20, 2) and np.isfinite(points).all()
    assert (np.ptp(points, axis=0) > 0).any() == (dimensions > 0)


def test_the_scale_of_a_dimension_does_not_count():
    codes = branched(0, 0.5, points=20)["code.shared"].astype(float)
    np.testing.assert_allclose(embedded(codes), embedded(codes * 2.0 ** np.arange(8)))


def test_the_most_frequent_classes_have_a_colour_and_the_others_are_pale():
    labels = np.concatenate([np.arange(12), np.arange(2, 12), [3]])
    found = by_class(labels)
    assert found.names == [*map(str, range(2, 12)), "others"]
    assert [found.colours[k] for k in found.index[:3]] == [PALE, PALE, CLASSES[0]]
    assert by_class(np.array([7, 1, 7])).index.tolist() == [1, 0, 1]
