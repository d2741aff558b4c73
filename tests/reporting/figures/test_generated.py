"""The sheets of generated images: Figure 6 and interpolations."""

import contextlib

import numpy as np
import pytest
from helpers.figures import DATASETS, METHODS, generated, settings, texts, write_results

from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("experiment")
    with contextlib.chdir(made):
        write_results(0)
    return made


@pytest.fixture(autouse=True)
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def rows_of(name: str) -> tuple[list[str], list[np.ndarray]]:
    """The names of the rows of a sheet, and the pixels of each row, as they were before enlarging."""
    (axes,) = figure[name](Context.of(settings())).axes
    (picture,) = axes.images
    pixels = np.asarray(picture.get_array())[::8, ::8]
    names = [label.get_text() for label in axes.get_yticklabels()]
    return names, [pixels[17 * k : 17 * k + 16] for k in range(len(names))]


def test_figure_6_has_real_images_on_top_and_a_row_of_every_method():
    names, rows = rows_of("figure_6_generated")
    assert names[0] == "real images"
    assert len(names) == 1 + len(METHODS)
    real, made = generated(1, 0.785)["real"], generated(1, 0.785)["made"]
    # Three images of a dataset, a pixel between them, four between datasets.
    left = 3 * 17 - 1 + 4
    np.testing.assert_array_equal(rows[0][:, left : left + 16, 0], real[0, 0])
    np.testing.assert_array_equal(rows[names.index("joint")][:, left + 17 : left + 33, 0], made[1, 0])


@pytest.mark.slow
def test_interpolations_show_a_line_of_every_dataset_in_order():
    names, rows = rows_of("interpolations")
    assert len(names) == len(METHODS)
    line = generated(0, 0.785)["between"]
    tones = [int(rows[names.index("joint")][0, 17 * k, 0]) for k in range(8)]
    assert tones == line[:, 0, 0, 0].tolist()


def test_images_along_training_go_from_the_first_record_to_the_last_each_once():
    names, rows = rows_of("along_training")
    shown = rows[names.index("joint")][0, :, 0]
    glimpses = generated(0, 0.785)["glimpses"][:, 0, 0, 0, 0]
    # Three columns would fit, two records are there; then the next dataset begins.
    assert [int(shown[17 * k]) for k in range(2)] == glimpses.tolist()
    assert int(shown[2 * 17 - 1 + 4]) == int(generated(1, 0.785)["glimpses"][0, 0, 0, 0, 0])


def test_the_datasets_stand_above():
    assert set(DATASETS) <= set(texts(figure["interpolations"](Context.of(settings()))))
