"""predict: what a trained network says of new images, or makes of them."""

import argparse
import csv
import io
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jointnn.data.new_images import NewImage, NewImages, find_images
from jointnn.errors import UserError
from jointnn.io.files import write_atomically
from jointnn.registry import nearest

if TYPE_CHECKING:
    from jointnn.tasks.base import Prediction
    from jointnn.training.predictor import Predictor

FEW = 100
"""Images from which on a person at a terminal is told how far it is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn predict EXPERIMENT --dataset D [--method M] IMAGES ..."""
    parser.description = (
        "Write a CSV with a row for each image: its path, the predicted class and the probability of each "
        "class, or a column for each number. Images are decoded, turned upright, cut or squashed, resized "
        "and scaled as those of training were. Networks that fill or reconstruct images write images. "
        "Images that cannot be read are named, have an empty row, and end it with the exit code 1."
    )
    parser.add_argument(
        "what",
        metavar="EXPERIMENT",
        help="of params.yaml; or a file, or the folder, that `jointnn export` wrote",
    )
    parser.add_argument(
        "images", nargs="+", metavar="IMAGES", help="a folder in any depth, an image, a zip or tar file"
    )
    parser.add_argument("--dataset", metavar="DATASET", help="whose network; needed if there are several")
    parser.add_argument("--method", metavar="METHOD", help="of the experiment; default: joint")
    parser.add_argument("--seed", type=int, metavar="SEED", help="default: the first one of the experiment")
    parser.add_argument(
        "--to", type=Path, metavar="FILE", help="the CSV (default: print it), or the folder of images"
    )
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="default: a GPU if there is one")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        metavar="N",
        help="default: 1, which gives the tables' very numbers",
    )


def main(arguments: argparse.Namespace) -> None:
    """Predict.

    Raises:
        UserError: the network or the images are not there; or, after all is written, images could not be
            read.
    """
    from jointnn.training.device import compute_alike

    if arguments.threads < 1:
        raise UserError(f"--threads: {arguments.threads} must be at least 1.")
    compute_alike(arguments.threads)
    found = find_images(arguments.images)
    predictor = _predictor(arguments)
    answers = Answers(predictor, found)
    first = next(answers.batches, None)
    if first is not None and first.images is not None:
        _write_images(answers, first, arguments.to)
    else:
        _write_table(answers, first, arguments.to)
    _tell(answers, found)


def _predictor(arguments: argparse.Namespace) -> "Predictor":
    """Return the predictor that the command line names."""
    from jointnn.training.predictor import Predictor

    path = Path(arguments.what)
    if path.is_file() or (path.is_dir() and any(path.glob("*.safetensors"))):
        if arguments.method is not None or arguments.seed is not None:
            raise UserError(f"{path} holds networks of one method and seed; leave out --method and --seed.")
        predictor = Predictor.load(_file_of(path, arguments.dataset), arguments.device)
        if arguments.dataset not in (None, predictor.use.dataset):
            raise UserError(
                f"{path} holds the network of {predictor.use.dataset}, not of {arguments.dataset}."
            )
        return predictor
    if path.suffix == ".safetensors" or "/" in arguments.what or not Path("params.yaml").is_file():
        raise UserError(
            f"{arguments.what} is no file of `jointnn export` and no folder of them. Name one; or, where "
            "params.yaml lies, an experiment."
        )
    from jointnn.stages.tools.finished import FinishedRun

    run = FinishedRun(arguments.what, arguments.method or "joint", arguments.seed)
    if arguments.dataset is None:
        raise UserError(
            f"{arguments.what} has a network for each dataset. Say which, --dataset "
            f"{' or '.join(run.datasets)}."
        )
    use = run.use(arguments.dataset)
    return Predictor(run.network(use), use, arguments.device)


def _file_of(path: Path, dataset: str | None) -> Path:
    """Return the file of a network; in a folder, the file of a dataset's network."""
    if path.is_file():
        return path
    names = sorted(file.stem for file in path.glob("*.safetensors"))
    if dataset is None and len(names) > 1:
        raise UserError(
            f"{path} holds a network for each dataset. Say which, --dataset {' or '.join(names)}."
        )
    chosen = names[0] if dataset is None else dataset
    if chosen not in names:
        raise UserError(f"{path} has no network of {chosen!r}{nearest(chosen, names)}")
    return path / f"{chosen}.safetensors"


@dataclass
class Answers:
    """Answers of a network about images, as they are read.

    Attributes:
        predictor: the network.
        found: the images.
        read: those that could be read, so far.
        unread: sentence on each of the others, by its place among all.
    """

    predictor: "Predictor"
    found: NewImages
    read: list[int] = field(default_factory=list)
    unread: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin the stream of predictions."""
        self.batches: Iterator[Prediction] = self.predictor.stream(self._pixels())

    def _pixels(self) -> Iterator[np.ndarray]:
        shows = sys.stderr.isatty() and len(self.found.images) > FEW
        for place, image in enumerate(self.found.images):
            try:
                pixels = self.predictor.pixels_of(image.read(), image.name)
            except UserError as error:
                self.unread[place] = str(error)
                continue
            self.read.append(place)
            if shows and place % FEW == 0:
                sys.stderr.write(f"\r{place} of {len(self.found.images)} images")
            yield pixels
        if shows:
            sys.stderr.write("\r\033[K")


def _write_table(answers: Answers, first: "Prediction | None", to: Path | None) -> None:
    """Write the CSV, whole or not at all, or print it."""
    if to is not None and to.is_dir():
        raise UserError(f"--to: {to} is a folder. Name the CSV file.")
    told: dict[int, list[str]] = {}
    columns: list[str] = []
    for found in [first, *answers.batches] if first else []:
        columns, rows = _rows(found, answers.predictor)
        told |= dict(zip(answers.read[len(told) :], rows, strict=False))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", *columns])
    for place, image in enumerate(answers.found.images):
        writer.writerow([image.name, *told.get(place, [""] * len(columns))])
    content = text.getvalue().encode("utf-8", "surrogateescape")
    if to is None:
        _print(content)
    else:
        write_atomically(to, content)
        sys.stderr.write(f"What is said of {len(told)} images is in {to}.\n")


def _rows(found: "Prediction", predictor: "Predictor") -> tuple[list[str], list[list[str]]]:
    """Return the columns, and the cells of each image. Floats keep every digit."""
    if found.probabilities is not None and found.predicted is not None:
        classes = [predictor.outputs[k] for k in found.predicted.tolist()]
        cells = _cells(found.probabilities.cpu().numpy())
        columns = ["predicted", *(f"probability_{name}" for name in predictor.outputs)]
        return columns, [[name, *row] for name, row in zip(classes, cells, strict=True)]
    assert found.numbers is not None
    names = predictor.names_of(found.numbers)
    return [f"predicted_{name}" for name in names], _cells(found.numbers.cpu().numpy())


def _cells(values: np.ndarray) -> list[list[str]]:
    return [[str(value) for value in row] for row in values.astype(np.float32)]


def _print(content: bytes) -> None:
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write_images(answers: Answers, first: "Prediction", to: Path | None) -> None:
    """Write each image that the network made, named as the one that it was made of."""
    from jointnn.data.images import encode_png

    task = answers.predictor.use.task
    if to is None or to.is_file():
        raise UserError(f"The task {task} makes images: say into which folder, --to FOLDER.")
    targets = _targets(answers.found.images, to)
    done = 0
    for found in [first, *answers.batches]:
        assert found.images is not None
        for made in found.images.cpu().numpy():
            pixels = made[0] if len(made) == 1 else made.transpose(1, 2, 0)
            write_atomically(targets[answers.read[done]], encode_png(np.ascontiguousarray(pixels)))
            done += 1
    sys.stderr.write(f"What was made of {done} images is in {to}.\n")


def _targets(images: Sequence[NewImage], to: Path) -> list[Path]:
    """Return the file of each image: at its own place below the folder, as a PNG.

    Raises:
        UserError: two would be one file, or one would be written over what it is made of.
    """
    taken: dict[Path, str] = {}
    own = {Path(image.name).resolve() for image in images}
    for image in images:
        target = (to / image.below).with_suffix(".png")
        if target in taken:
            target = to / f"{image.below}.png"  # a.jpg beside a.png
        if target in taken:
            raise UserError(
                f"{taken[target]} and {image.name} would both become {target}. Do one at a time."
            )
        if target.resolve() in own:
            raise UserError(f"--to: {to} holds the images themselves. Name another folder.")
        taken[target] = image.name
    return list(taken)


def _tell(answers: Answers, found: NewImages) -> None:
    """Name what was left out.

    Raises:
        UserError: images could not be read.
    """
    if found.left_out:
        sys.stderr.write(f"Left out: {found.left_out}.\n")
    if answers.unread:
        for sentence in answers.unread.values():
            sys.stderr.write(f"{sentence}\n")
        raise UserError(
            f"{len(answers.unread)} of {len(found.images)} images could not be read: see the lines above."
        )
