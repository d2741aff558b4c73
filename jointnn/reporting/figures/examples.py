"""Some images of every dataset, as the networks see them."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jointnn.io import paths
from jointnn.io.tensors import read_tensors
from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.style import DOUBLE, NORMAL, as_rgb, crisp, new_figure, note

PER_DATASET = 10
PITCH, LABEL = 1.1, 0.2  # of images and above them, in widths of an image
IMAGE = 0.57  # inches, of an image


@figure
def examples(context: Context) -> Figure:
    """Draw the first images of each dataset, one per class in turn, with their labels if those differ.

    Reads data/prepared/<dataset>-<size>.safetensors, from which training and validation are drawn.
    """
    files = {name: Path(paths.prepared(name, context.size or 0)) for name in context.datasets}
    files = {name: file for name, file in files.items() if file.exists()}
    if not files:
        return note("This figure needs prepared images, which this experiment does not have.")
    every = [read_tensors(file)[0] for file in files.values()]
    named = any(len(np.unique(tensors["labels"])) > 1 for tensors in every)
    pitch = PITCH + LABEL if named else PITCH  # from row to row
    drawing = new_figure(DOUBLE, IMAGE * pitch * len(files))
    axes = drawing.subplots()
    for row, tensors in enumerate(every):
        for column, index in enumerate(one_per_class(tensors["labels"], PER_DATASET)):
            left, top = column * PITCH, row * pitch
            extent = (left, left + 1, top + 1, top)
            image = as_rgb(tensors["images"][index])
            axes.imshow(crisp(image, len(image)), interpolation="none", extent=extent)
            if named:
                label = ", ".join(f"{value:.4g}" for value in np.atleast_1d(tensors["labels"][index]))
                axes.text(left + 0.5, top - 0.03, label, ha="center", va="bottom")
    axes.set_yticks(np.arange(len(files)) * pitch + 0.5, map(context.label, files))
    height = (len(files) - 1) * pitch + 1.02
    axes.set(xticks=[], xlim=(-0.02, PER_DATASET * PITCH - 0.08), ylim=(height, PITCH - pitch - 0.02))
    axes.set_anchor("W")  # the layout measures labels from the left edge
    axes.tick_params(length=0, labelsize=NORMAL)
    axes.spines[:].set_visible(False)
    return drawing


def one_per_class(labels: np.ndarray, count: int) -> list[int]:
    """Return the indices of the first image of each class, then of the second, ...: `count` at most.

    Images whose labels are numbers, (N, K), are of one class.
    """
    if labels.ndim > 1:
        return list(range(min(count, len(labels))))
    turns: dict[int, int] = {}
    keys = []
    for index, label in enumerate(labels.tolist()):
        turns[label] = turns.get(label, -1) + 1
        keys.append((turns[label], label, index))
    return [index for _, _, index in sorted(keys)[:count]]
