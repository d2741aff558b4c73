"""Some images of every dataset, as the networks see them."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jointnn import paths
from jointnn.figures import figure
from jointnn.figures.context import Context
from jointnn.figures.style import DOUBLE, NORMAL, new_figure, note
from jointnn.files import read_tensors

PER_DATASET = 10
PITCH, LABEL = 1.1, 0.2  # of images and above them, in widths of an image


@figure
def examples(context: Context) -> Figure:
    """The first images of each dataset, one per class in turn, with their labels.

    Reads data/prepared/<dataset>-<size>.safetensors: what training and validation are drawn from.
    """
    files = {name: Path(paths.prepared(name, context.size or 0)) for name in context.datasets}
    files = {name: file for name, file in files.items() if file.exists()}
    if not files:
        return note("This figure needs prepared images, which this experiment does not have.")
    drawing = new_figure(DOUBLE, 0.68 * len(files))
    axes = drawing.subplots()
    for row, file in enumerate(files.values()):
        tensors, _ = read_tensors(file)
        for column, index in enumerate(one_per_class(tensors["labels"], PER_DATASET)):
            left, top = column * PITCH, row * (PITCH + LABEL)
            image = np.moveaxis(tensors["images"][index], 0, -1)
            axes.imshow(
                image[..., 0] if image.shape[-1] == 1 else image,
                cmap="gray", vmin=0, vmax=255, interpolation="none",
                extent=(left, left + 1, top + 1, top),
            )  # fmt: skip
            label = str(tensors["labels"][index])
            axes.text(left + 0.5, top - 0.03, label, ha="center", va="bottom")
    axes.set_yticks(np.arange(len(files)) * (PITCH + LABEL) + 0.5, map(context.label, files))
    height = len(files) * (PITCH + LABEL) - PITCH - LABEL + 1.02
    axes.set(xticks=[], xlim=(-0.02, PER_DATASET * PITCH - 0.08), ylim=(height, -LABEL))
    axes.set_anchor("W")  # the layout measures labels from the left edge
    axes.tick_params(length=0, labelsize=NORMAL)
    axes.spines[:].set_visible(False)
    return drawing


def one_per_class(labels: np.ndarray, count: int) -> list[int]:
    """Indices of the first image of every class, then of the second, ...: `count` at most."""
    turns: dict[int, int] = {}
    keys = []
    for index, label in enumerate(labels.tolist()):
        turns[label] = turns.get(label, -1) + 1
        keys.append((turns[label], label, index))
    return [index for _, _, index in sorted(keys)[:count]]
