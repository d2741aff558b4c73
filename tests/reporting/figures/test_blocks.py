"""How figures name the blocks of networks that have parts, such as generator and discriminator."""

from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers.figures import texts
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from jointnn.io.files import write_json
from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.style import part_and_layers, style, to_svg

DATASETS = ["flowers_102", "cub_200_2011", "celeba", "stanford_dogs"]
GROUPS = {"seen": DATASETS[:2], "unseen": DATASETS[2:]}
PARTS = {
    "generator": ["dense", "up1", "up2", "up3"],
    "discriminator": ["down1", "down2", "down3", "score"],
}
ENCODER = {"discriminator": ["encode", "encode1", "encode2", "code", "dense", "decode", "decode1", "image"]}
ROUNDS = 3


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(parts: dict[str, list[str]], grouped: bool = True) -> Context:
    """Even weights of blocks of two layers each."""
    blocks = [f"{part}.{a}-{part}.{b}" for part, layers in parts.items() for a, b in pairwise(layers)]
    weights = np.full((len(blocks), len(DATASETS), len(DATASETS)), 0.5).tolist()
    for number in range(1, ROUNDS + 1):
        record = {"round": number, "blocks": blocks, "datasets": DATASETS, "weights": weights}
        write_json(Path("runs", "toy", "s0", "joint", f"round_{number}", "weights.json"), record)
    planted = GROUPS if grouped else None
    return Context("toy", ["joint"], DATASETS, [0], {"joint": ROUNDS}, planted, groups_round=ROUNDS)


@pytest.mark.parametrize(
    ("block", "named"),
    [
        ("generator.up1-generator.up2", ("generator", "up1-up2")),
        ("generator.up1", ("generator", "up1")),
        ("encoder.shared.first-encoder.shared.last", ("encoder.shared", "first-last")),
        ("private.code-decode1", ("", "private.code-decode1")),
        ("decode0-shared.code", ("", "decode0-shared.code")),
        ("conv1-conv2", ("", "conv1-conv2")),
    ],
)
def test_a_block_has_the_part_that_its_layers_have_in_common(block, named):
    assert part_and_layers(block) == named


def title_boxes(axes: Axes) -> Iterator[Bbox]:
    """Yield the boxes of the lines of a panel's titles, without the empty lines below a part."""
    for text in axes.findobj(Text):
        if text.get_text().strip() and text.get_text() in {axes.get_title(), axes.get_title("left")}:
            box = text.get_window_extent()
            lines = text.get_text().split("\n")
            written = len(text.get_text().strip().split("\n"))
            yield Bbox([[box.x0, box.y1 - box.height * written / len(lines)], [box.x1, box.y1]])


@pytest.mark.slow
@pytest.mark.parametrize("parts", [PARTS, ENCODER], ids=["two parts", "one part"])
@pytest.mark.parametrize("name", ["weights", "separation", "figure_2_groups", "figure_2_sharing"])
def test_names_of_blocks_lie_inside_the_drawing_and_apart(name, parts):
    with style():
        drawing = figure[name](write(parts))
        to_svg(drawing)  # places everything
        boxes = [box for axes in drawing.axes for box in title_boxes(axes)]
    assert boxes
    width, height = drawing.get_size_inches() * drawing.dpi
    for box in boxes:
        assert box.x0 > 0 and box.x1 < width and box.y1 < height - 1
    for one, other in combinations(boxes, 2):
        assert one.x1 < other.x0 or other.x1 < one.x0 or one.y0 > other.y0 or other.y0 > one.y0


@pytest.mark.slow
def test_a_part_stands_once_above_the_weights_of_its_blocks():
    said = texts(figure["weights"](write(PARTS)))
    assert [text.strip() for text in said if text.strip() in PARTS] == list(PARTS)
    assert {"dense-up1", "down3-score"} <= {text.replace("\n", "") for text in said}
