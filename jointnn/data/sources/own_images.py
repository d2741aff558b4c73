"""Images of one's own without any code: class folders, an archive of them, or a list file."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from jointnn.data.archives import Tree, below, image_files, inside, is_archive, read_tree
from jointnn.data.bounds import LONGEST_LABEL, counted_classes
from jointnn.data.class_names import letters
from jointnn.data.left_out import LeftOut
from jointnn.data.schema import DatasetParams
from jointnn.data.source import (
    NOT_STATED,
    ONE_CLASS,
    Images,
    Source,
    Splits,
    accept,
    checked_number,
    needed_path,
)
from jointnn.data.sources import dataset
from jointnn.data.structure import arrangement, files_of_splits
from jointnn.errors import UserError

MOST_SHOWN = 120
"""Letters of a wrong line that a sentence shows."""


@dataset
def class_folders(params: DatasetParams) -> Source:
    """Return the source of your own images, in a folder per class.

    Folders are train/<class>/ and test/<class>/, or <class>/ with a pool. `path` is the folder around them,
    or a zip or tar file of it. Classes are numbered in the order of their names, or of `classes`. Images of
    validation/ join those for training.
    """
    accept(params, "path", "pool", "licence", "classes")
    path = Path(needed_path(params, "a folder of class folders, or a zip or tar file of it"))
    is_packed = is_archive(path) and not path.is_dir()
    return Source(
        files=(path,) if is_packed else tuple(image_files(path)),
        root=path.parent,
        origin=f"own class folders: {params.path}",
        licence=params.licence or NOT_STATED,
        read=lambda: _read_folders(path, params),
        # Of a tar file every byte must be read to find its names.
        labels=(lambda: _read_folders(path, params, names_alone=True))
        if not is_packed or path.suffix.lower() == ".zip"
        else None,
    )


def _read_folders(path: Path, params: DatasetParams, *, names_alone: bool = False) -> Splits:
    tree = read_tree(path, names_alone=names_alone)
    names = None if params.classes is None else [letters(name) for name in params.classes]
    meant = {*(names or ()), *(params.only_classes or ()), *filter(None, [params.only_class])}
    found = arrangement(path, tree.images, tree.folders, tree.left_out, meant)
    prefixes = [found.train, *filter(None, [found.validation, found.test])]
    classes = names or sorted({name for prefix in prefixes for name in _class_names(tree, prefix)})
    train = _split_listed(path, tree, found.train, classes)
    test = None if found.test is None else _split_listed(path, tree, found.test, classes)
    return _joined(
        train,
        _split_listed(path, tree, found.validation, classes) if found.validation else Images(),
        Splits(train, test, classes, tree.left_out),
    )


def _joined(train: Images, validation: Images, splits: Splits) -> Splits:
    """Return splits with validation images after the training images: the seed draws validation."""
    train.extend(validation)
    return replace(splits, train=train, joined=len(validation))


def _class_names(tree: Tree, prefix: str) -> list[str]:
    below = (name.removeprefix(prefix) for name in tree.folders if name.startswith(prefix))
    return [letters(name) for name in below if "/" not in name]


def _split_listed(path: Path, tree: Tree, prefix: str, classes: list[str]) -> Images:
    label_of = {name: label for label, name in enumerate(classes)}
    images = Images()
    for name, content in tree.images.items():
        if not name.startswith(prefix):
            continue
        place = path / name
        folder = letters(PurePosixPath(name.removeprefix(prefix)).parts[0])
        if folder not in label_of:
            raise UserError(
                f"{place} has the class {folder!r}, which `classes` does not name. Add it there."
            )
        images.add(content, label_of[folder], name, str(place))
    return images


@dataset
def list_file(params: DatasetParams) -> Source:
    """Return the source of your own images in a list: a line `path label` per image.

    The label is an integer from 0. With `numbers` a line is `path number`, or as many numbers as there are
    names. `path` is a folder with train.txt and test.txt, or one list with a pool. Lists are UTF-8. Image
    paths are relative to the folder of the list. Empty lines are skipped, and lines that begin with #
    unless such an image is there. Images of validation.txt join those for training.
    """
    accept(params, "path", "pool", "licence", "classes", "numbers", "most_classes")
    path = Path(needed_path(params, "a folder with train.txt and test.txt, or a list file"))
    lists = _lists(path)
    labels = len(params.numbers or ["label"])
    images = {
        _located(file.parent, name)
        for file in lists.values()
        if file.is_file()
        for name in _names_in(file, labels)
    }
    return Source(
        files=(*lists.values(), *sorted(images)),
        root=lists["train"].parent,
        origin=f"own list file: {params.path}",
        licence=params.licence or NOT_STATED,
        read=lambda: _read_lists(path, params.classes, params.numbers or [], params.most_classes),
        labels=lambda: _read_lists(
            path, params.classes, params.numbers or [], params.most_classes, names_alone=True
        ),
    )


def _lists(path: Path) -> dict[str, Path]:
    """Return the list of each split, the first by its name. A single list is that of `train`."""
    if path.is_file() or (not path.is_dir() and (path.suffix != "" or _near(path))):
        return {"train": path}
    found = {split: files[0] for split, files in files_of_splits(path, ".txt").items() if split}
    return {"train": path / "train.txt", "test": path / "test.txt"} | found


def _near(path: Path) -> list[Path]:
    """Return the files named as `path` with an ending."""
    return sorted(file for file in path.parent.glob("*") if file.stem == path.name and file.is_file())


def _lines(file: Path, labels: int = 1) -> Iterator[tuple[str, list[str]]]:
    """Yield (place, [path, label, ...]) of each line that says something."""
    try:
        # Whatever the computer's own encoding is, and with or without the mark that Windows puts first.
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        near = "".join(f"There is {other}: name that." for other in _near(file)[:1])
        usual = "A folder needs train.txt and test.txt; one list alone needs a `pool`."
        raise UserError(f"{file} is missing. {near or usual}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is no text in UTF-8: {error.reason}. Save it as UTF-8.") from error
    except OSError as error:
        raise UserError(f"{file} could not be read: {error.strerror}. Replace it.") from error
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        words = line.strip().rsplit(maxsplit=labels)
        if words and (not words[0].startswith("#") or _located(file.parent, words[0]).is_file()):
            yield f"{file}, line {number}", words


def _names_in(file: Path, labels: int) -> list[str]:
    """Return the paths of listed images inside the list's folder. Reading refuses the others."""
    paths = (below(file.parent, words[0]) for _, words in _lines(file, labels))
    return [path for path in paths if path is not None]


def _located(folder: Path, name: str) -> Path:
    """Return the file that a list names. Other Unicode codes of the same letters are the same name."""
    if name.isascii():
        return folder / name
    name = os.fsdecode(name.encode())  # the list's own bytes, whatever the computer's encoding is
    if (folder / name).exists():
        return folder / name
    found = folder
    for part in PurePosixPath(name).parts:
        others = found.iterdir() if found.is_dir() and not (found / part).exists() else ()
        found = next((other for other in others if letters(other.name) == letters(part)), found / part)
    return found


def _read_lists(
    path: Path,
    names: list[str] | None,
    numbers: list[str],
    most: int | None,
    *,
    names_alone: bool = False,
) -> Splits:
    by_split = files_of_splits(path, ".txt")
    for split, files in by_split.items():
        if split and len(files) > 1:
            raise UserError(
                f"{path} holds {' and '.join(file.name for file in files)}, and each of them is the list "
                f"of the {split} split by its name. Keep one of them."
            )
    lists = _lists(path)
    splits = {split: _read_list(file, numbers, names_alone) for split, file in lists.items()}
    train = splits["train"]
    left_out = LeftOut()
    for file in by_split.get("", ()) if path.is_dir() else ():
        left_out.add(file.suffix.lower(), "no list of a split by its name", str(file))
    if path.is_dir() and not names_alone:
        _count_unlisted(path, splits.values(), left_out)
    train.extend(validation := splits.get("validation", Images()))
    classes = ONE_CLASS if numbers else names or counted_classes(train.labels, train.places, most)
    return Splits(train, splits.get("test"), classes, left_out, len(validation))


def _count_unlisted(folder: Path, splits: Iterable[Images], left_out: LeftOut) -> None:
    """Count the images below a folder that no list names."""
    listed = {_located(folder, name).resolve() for images in splits for name in images.names}
    for path in image_files(folder):
        if path.resolve() not in listed:
            left_out.add(path.suffix.lower(), "named by no list", str(path))


def _read_list(file: Path, numbers: list[str], names_alone: bool) -> Images:
    images = Images()
    for place, words in _lines(file, len(numbers) or 1):
        name, label, values = _label(words, numbers, place)
        path = inside(file.parent, _located(file.parent, name), f"{place}: {name}")
        try:
            content = b"" if names_alone else path.read_bytes()
            images.add(content, label, name, f"{place}: {path}", values)
        except OSError as error:
            raise UserError(
                f"{place}: {path} could not be read: {error.strerror}. Mend the line or add the image."
            ) from error
    if not len(images):
        raise UserError(
            f"{file} names no image. Write a line `path {' '.join(numbers or ['label'])}` for each."
        )
    return images


def _label(words: list[str], numbers: list[str], place: str) -> tuple[str, int, tuple[float, ...] | None]:
    """Return path, class and numbers of a line. The class is 0 beside numbers; else there are none."""
    name, *labels = words
    if numbers:
        if len(labels) < len(numbers):
            raise UserError(
                f"{place}: {_cut(words)!r} does not end with {len(numbers)} numbers. Write "
                f"`path {' '.join(numbers)}`."
            )
        told = zip(labels, numbers, strict=True)
        return name, 0, tuple(checked_number(label, number, place) for label, number in told)
    digits = labels[0].removeprefix("-") if labels else ""
    if not digits.isdecimal() or len(digits) > LONGEST_LABEL:
        raise UserError(
            f"{place}: {_cut(words)!r} does not end with an integer label. Write `path label`, or name "
            "the numbers with `numbers` if labels are numbers."
        )
    return name, int(labels[0]), None


def _cut(words: list[str]) -> str:
    """Return a line, cut to what a message can show."""
    line = " ".join(words)
    return line if len(line) <= MOST_SHOWN else f"{line[:MOST_SHOWN]}..."
