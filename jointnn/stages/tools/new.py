"""new: an experiment on images of one's own, with sizes that fit them."""

import argparse
import math
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jointnn.data.archives import is_archive
from jointnn.data.images import decode, to_channels
from jointnn.data.schema import DatasetParams
from jointnn.data.selection import arrange
from jointnn.data.source import Images, Source, Splits, source_of
from jointnn.data.structure import files_of_splits
from jointnn.errors import UserError
from jointnn.io.files import read_text, write_atomically
from jointnn.io.yaml import to_yaml_blocks
from jointnn.parameters.load import read_params
from jointnn.parameters.schema import Params
from jointnn.parameters.search import points
from jointnn.registry import nearest

LOOKED_AT = 24
"""Images of each dataset whose size and colours are looked at."""
SIZES = (16, 32, 48, 64)
"""Pixels of a side to choose from; 48 and more are for networks with residual blocks."""
OF_POOL, OF_VALIDATION = 0.75, 0.25
"""Shares of all images that are not for the test, and of those the ones for validation."""
EPOCHS = 40
"""How often each training image is seen, within FEWEST_STEPS and MOST_STEPS."""
FEWEST_STEPS, MOST_STEPS = 400, 3000
LEARNING_RATES = (0.01, 0.03, 0.1)
SEARCHED: dict[str, tuple[str, list[Any]]] = {
    "isolated": ("weight_decay", [0, 0.001, 0.01]),
    "l2reg": ("strength", [{"half_life": 1}, {"half_life": 10}, {"half_life": 100}]),
    "shareall": ("weight_decay", [0, 0.001, 0.01]),
    "finetune": ("shared_fraction", [0.25, 0.5, 0.75]),
    # An infinite half-life is isolated training: a member of the family.
    "joint": ("strength", [{"half_life": 1}, {"half_life": 10}, {"half_life": math.inf}]),
}
"""Methods of the experiment, each with a second setting to search beside the learning rate."""


@dataclass(frozen=True)
class OwnImages:
    """Contents of a path.

    Attributes:
        entry: of the dataset, for parameters.
        images: that training and validation draw from.
        test: images of the test split.
        classes: their names.
        rarest: how many of those for training and validation are of the class that has least.
        side: pixels of the shorter side that most images have at least.
        grey: whether all images that were looked at are grey.
        left_out: other files there, in words; empty where there are none.
    """

    entry: dict[str, Any]
    images: int
    test: int
    classes: list[str]
    rarest: int
    side: int
    grey: bool
    left_out: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn new mine --images my_data/leaves my_data/petals"""
    parser.description = (
        "Begin an experiment on your own images: look at them, write params/experiments/NAME.yaml with "
        "sizes that fit them, a grid for its search, and its line in params.yaml, and say what to type "
        "next."
    )
    parser.add_argument("name", metavar="NAME", help="of the experiment: small letters, digits and _")
    parser.add_argument(
        "--images",
        nargs="+",
        required=True,
        metavar="PATH",
        help="two datasets or more, each a folder of class folders (or of train/ and test/ with those), an "
        "archive of it, a list file, or Parquet files (docs/data.md)",
    )
    parser.add_argument(
        "--classes",
        nargs="+",
        action="append",
        default=[],
        metavar=("PATH", "NAME"),
        help="the classes of one of these datasets, where the names of its folders leave them unclear",
    )


def main(arguments: argparse.Namespace) -> None:
    """Write the files of an experiment.

    Raises:
        UserError: the name is taken or none, there are fewer than two datasets, or one cannot be read.
    """
    name, params = arguments.name, read_params()
    _check_name(name, params)
    if len(arguments.images) < 2:
        raise UserError(
            f"--images {arguments.images[0]}: joint learning needs at least two datasets; name more."
        )
    classes = {path: names for path, *names in arguments.classes}
    for path, names in classes.items():
        if path not in arguments.images or not names:
            raise UserError(
                f"--classes {' '.join([path, *names])}: give one of the paths of --images, then the names "
                "of its classes."
            )
    found: dict[str, OwnImages] = {}
    for path in arguments.images:
        found[_dataset_name(path, name, {*params.datasets, *found})] = look(path, classes.get(path))
    files = {
        f"params/experiments/{name}.yaml": _experiment(name, found),
        f"params/grids/{name}.yaml": _grid(name),
        "params.yaml": _with_line(name),
    }
    before = {file: Path(file).read_bytes() if Path(file).exists() else None for file in files}
    try:
        for file, text in files.items():
            write_atomically(file, text.encode())
        made = read_params()
    except BaseException:
        for file, content in before.items():
            Path(file).unlink() if content is None else write_atomically(file, content)
        raise
    sys.stdout.write(_told(name, made, found))


def look(path: str, names: Sequence[str] | None = None) -> OwnImages:
    """Return the contents of a path.

    Args:
        names: of its classes, where folders leave them unclear.

    Raises:
        UserError: it holds no images of at least two classes, or cannot be read.
    """
    source_name, source_path = _source_at(path), _shown(path)
    entry: dict[str, Any] = {"source": source_name, "path": source_path}
    if names:
        entry["classes"] = list(names)
    source = source_of(DatasetParams(**entry))
    splits = source.labels() if source.labels else source.read()
    total = len(splits.train) + (len(splits.test) if splits.test else 0)
    if not total:
        raise UserError(
            f"{path} holds no images. docs/data.md says how folders, lists and Parquet files look."
        )
    if len(splits.classes) < 2:
        raise UserError(
            f"{path} holds images of one class, {splits.classes[0]!r}. Give it a folder for each of two "
            "classes or more."
        )
    if splits.test is None:
        entry["pool"] = pool_of([splits.train.labels.count(k) for k in range(len(splits.classes))])
    train, test, classes = arrange(splits, DatasetParams(**entry), path)
    sides, greys = zip(*(_side_and_grey(*image) for image in _some(source, splits)), strict=True)
    rarest = min(Counter(train.labels).get(label, 0) for label in range(len(classes)))
    side = int(np.quantile(sides, 0.25))
    left_out = str(splits.left_out)
    return OwnImages(entry, len(train), len(test), classes, rarest, side, all(greys), left_out)


def pool_of(counts: Sequence[int]) -> int:
    """Return the number of images that are not for the test. The rarest class keeps one for the test."""
    pool = round(OF_POOL * sum(counts))
    if -(-pool // len(counts)) < min(counts):
        return pool
    return len(counts) * max(1, int(OF_POOL * min(counts)))


def _source_at(path: str) -> str:
    """Return the name of the source that reads a path."""
    place = Path(path)
    if not place.exists():
        near = nearest(
            place.name, (other.name for other in place.parent.glob("*") if place.parent.is_dir())
        )
        raise UserError(f"--images {path}: there is no such file or folder{near}")
    if place.suffix.lower() == ".parquet" or (place.is_dir() and any(place.glob("*.parquet"))):
        return "parquet"
    if files_of_splits(place, ".txt").keys() & {"train", "test"}:
        return "list_file"
    return "class_folders" if place.is_dir() or is_archive(place) else "list_file"


def _shown(path: str) -> str:
    """Return a path for parameters: relative to the project's folder if it lies inside."""
    whole = Path(os.path.normpath(Path(path).absolute()))
    return str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(whole)


def _some(source: Source, splits: Splits) -> list[tuple[bytes, str]]:
    """Return the content and the place of some images, taken evenly from all."""
    files = [] if any(map(_is_container, source.files)) else list(filter(_holds_pixels, source.files))
    if files:
        return [(files[k].read_bytes(), str(files[k])) for k in _evenly(len(files))]
    images: Images = (splits if any(splits.train.content[:1]) else source.read()).train
    return [(images.content[k], images.places[k]) for k in _evenly(len(images))]


def _is_container(file: Path) -> bool:
    return is_archive(file) or file.suffix.lower() == ".parquet"


def _holds_pixels(file: Path) -> bool:
    """Return whether a file of a source is an image, and no list."""
    return file.suffix not in (".txt", ".csv")


def _evenly(count: int) -> list[int]:
    return sorted({round(k) for k in np.linspace(0, count - 1, min(LOOKED_AT, count))})


def _side_and_grey(content: bytes, place: str) -> tuple[int, bool]:
    image = decode(content, place)
    pixels = np.asarray(to_channels(image, 3).resize((32, 32)), dtype=int)
    return min(image.size), bool((pixels.max(axis=2) - pixels.min(axis=2)).max() <= 2)


def _check_name(name: str, params: Params) -> None:
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise UserError(
            f"{name!r} is no name: it must hold small letters, digits and _ alone, and begin with a letter."
        )
    if name in params.experiments:
        raise UserError(f"{name!r} is taken: there is params/experiments/{name}.yaml. Choose another name.")


def _dataset_name(path: str, experiment: str, taken: set[str]) -> str:
    """Return a name for a dataset, after its folder and, if that name is taken, the experiment."""
    stem = Path(os.path.normpath(Path(path).absolute())).name.partition(".")[0].lower()
    name = re.sub("[^a-z0-9]+", "_", stem).strip("_")
    name = name if re.match("[a-z]", name) else f"set_{name}".rstrip("_")
    if name in taken:
        name = f"{experiment}_{name}"
    while name in taken:
        name += "_2"
    return name


def _experiment(name: str, found: Mapping[str, OwnImages]) -> str:
    """Return the text of an experiment's file."""
    fewest = min(of.images for of in found.values())
    # Classes give one image each in turn to validation, which must leave one of each to train on.
    of_classes = min(len(of.classes) * (of.rarest - 1) for of in found.values())
    validation = max(1, min(round(OF_VALIDATION * fewest), of_classes))
    train = fewest - validation
    batch = max(2, min(32, 2 ** int(math.log2(max(2, train // 2)))))
    most = max(of.images for of in found.values()) - validation
    steps = min(MOST_STEPS, max(FEWEST_STEPS, 100 * round(EPOCHS * most / batch / 100)))
    side = min(of.side for of in found.values())
    size = max([known for known in SIZES if known <= side], default=SIZES[0])
    figures = ["figure_3_curves", "weights", "differences", "examples"]
    entries: dict[str, Any] = {
        "task": "classification",
        "architecture": "small_conv" if size < 48 else "small_resnet",
        "datasets": {dataset: of.entry for dataset, of in found.items()},
        "image_size": size,
        "channels": 1 if all(of.grey for of in found.values()) else 3,
        "validation_images": validation,
        # Whether groups are told apart is asked of the seeds: few datasets need four of them.
        "seeds": [0, 1, 2, 3] if len(found) in (3, 4) else [0, 1, 2],
        "methods": list(SEARCHED),
        "figures": ["figure_2_groups", *figures] if len(found) > 2 else figures,
        "settings": {
            "steps": steps,
            "batch_size": batch,
            "schedule": "cosine",
            "record_every": max(1, steps // 10),
        },
    }
    return (
        "# yaml-language-server: $schema=../../workflow/schemas/experiment.schema.json\n"
        f"# Written by `python -m jointnn new {name}` from a look at the images. Change what you like.\n"
        f"{to_yaml_blocks(entries)}"
    )


def _grid(name: str) -> str:
    """Return the text of the file of an experiment's search."""
    search = {
        method: {"learning_rate": list(LEARNING_RATES), setting: values}
        for method, (setting, values) in SEARCHED.items()
    }
    return (
        "# yaml-language-server: $schema=../../workflow/schemas/grid.schema.json\n"
        f"# The points that `snakemake search_{name}` tries: equal rates and as many points for "
        "each method.\n"
        f"{to_yaml_blocks({'search': search})}"
    )


def _with_line(name: str) -> str:
    """Return the text of params.yaml with a line for the experiment. All else stays as it is."""
    lines = read_text("params.yaml").splitlines(keepends=True)
    at = next((k for k, line in enumerate(lines) if line.startswith("experiments:")), None)
    if at is None:  # said by the reader
        return "".join(lines)
    if lines[at].split("#")[0].strip() != "experiments:":  # {} on the same line
        lines[at] = "experiments:\n"
    end = at + 1
    for k in range(at + 1, len(lines)):
        if not lines[k].startswith((" ", "#", "\n")):
            break
        if lines[k].strip() and lines[k].startswith(" "):
            end = k + 1
    return "".join([*lines[:end], f"  {name}: {name}\n", *lines[end:]])


def _told(name: str, params: Params, found: Mapping[str, OwnImages]) -> str:
    """Return a summary of the images and the written files, and what to type next."""
    experiment = params.experiments[name]
    steps, networks = experiment.settings["steps"], len(found)
    whole = steps * networks * len(experiment.methods) * len(experiment.seeds)
    tried = sum(len(points(experiment, method)) for method in experiment.search)
    lines = [
        f"  {dataset}: {of.images} images for training and validation, {of.test} for the test, "
        f"{len(of.classes)} classes ({_few(of.classes)})"
        + (f"; left out: {of.left_out}" if of.left_out else "")
        for dataset, of in found.items()
    ]
    python = Path(sys.executable).parent
    here = f"{python.relative_to(Path.cwd())}/" if python.is_relative_to(Path.cwd()) else ""
    kinds = f"{len(experiment.methods)} methods, {len(experiment.seeds)} seeds"
    calls = {
        f"snakemake -n {name}": "what would run, and nothing else",
        f"snakemake search_{name}": f"chooses hyper-parameters on validation: {tried} points, "
        f"{tried * steps * networks:,} steps of a network",
        f"snakemake {name}": f"trains, measures, draws: {kinds}, {whole:,} steps of a network",
    }
    longest = max(map(len, calls))
    return "\n".join(
        [
            f"{networks} datasets, at {experiment.image_size} pixels and {experiment.channels} "
            f"channel{'s' * (experiment.channels > 1)}:",
            *lines,
            f"Written: params/experiments/{name}.yaml, params/grids/{name}.yaml, a line in params.yaml.",
            "Next (without time for the search leave it out; then rates are the defaults):",
            *(f"  {here}{call:<{longest}}  {meaning}" for call, meaning in calls.items()),
            "",
        ]
    )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
