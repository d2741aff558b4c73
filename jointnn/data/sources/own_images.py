"""Images of one's own without any code: class folders, an archive of them, or a list file."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from jointnn.data.archives import Tree, is_archive, is_zip, read_tree
from jointnn.data.bounds import LONGEST_LABEL, counted_classes
from jointnn.data.class_names import letters
from jointnn.data.folders import below, count_others, image_files, inside, names_beside, walk
from jointnn.data.image_formats import HEAD, ending_by, is_image
from jointnn.data.left_out import LeftOut
from jointnn.data.other_files import describe
from jointnn.data.regular_files import read_regular
from jointnn.data.schema import DatasetParams
from jointnn.data.source import (
    NOT_STATED,
    ONE_CLASS,
    Images,
    Source,
    Splits,
    accept,
    checked_number,
    in_utf8,
    needed_path,
)
from jointnn.data.sources import dataset
from jointnn.data.structure import arrangement, files_of_splits, split_of
from jointnn.errors import UserError, reason_of, remedy_of, short, unreadable


@dataset
def class_folders(params: DatasetParams) -> Source:
    """Return the source of your own images, in a folder per class.

    Folders are train/<class>/ and test/<class>/, or <class>/ with a pool. `path` is the folder around them,
    or a zip or tar file of it. Classes are numbered in the order of their names, or of `classes`. Images of
    validation/ join those for training.
    """
    accept(params, "path", "pool", "licence", "classes")
    path = Path(needed_path(params, "a folder of class folders, or a zip or tar file of it"))
    labels: Callable[[], Splits] | None = partial(_read_folders, path, params, names_alone=True)
    if is_archive(path) and not path.is_dir():
        files, beside = [path], list[str]()
        if path.is_file() and not is_zip(path):  # of a tar file every byte must be read to find its names
            labels = None
    else:
        files, beside = _of_splits(path, params)
    return Source(
        files=tuple(files),
        root=path.parent,
        origin=f"own class folders: {params.path}",
        licence=params.licence or NOT_STATED,
        read=lambda: _read_folders(path, params),
        beside=tuple(sorted(beside)),
        labels=labels,
    )


def _of_splits(path: Path, params: DatasetParams) -> tuple[list[Path], list[str]]:
    """Return the images of a folder that are read, and the paths of all else there.

    Where there are folders of splits, images beside them are left out.
    """
    meant, others = _meant(params), list[str]()
    found = image_files(path, others, meant)
    first = len(path.parts)
    tops = {file.parts[first] for file in found}
    splits = {top for top in tops if split_of(top) and letters(top) not in meant}
    if not {"train", "test"} <= set(map(split_of, splits)):
        return found, others
    beside = [str(file) for file in found if file.parts[first] not in splits]
    return [file for file in found if file.parts[first] in splits], others + beside


def _read_folders(path: Path, params: DatasetParams, *, names_alone: bool = False) -> Splits:
    meant = _meant(params)
    tree = read_tree(path, names_alone=names_alone, meant=meant)
    names = None if params.classes is None else [letters(name) for name in params.classes]
    found = arrangement(path, tree.images, tree.folders, tree.left_out, meant)
    prefixes = [found.train, *filter(None, [found.validation, found.test])]
    classes = names or sorted({name for prefix in prefixes for name in _class_names(path, tree, prefix)})
    train = _split_listed(path, tree, found.train, classes)
    test = None if found.test is None else _split_listed(path, tree, found.test, classes)
    return _joined(
        train,
        _split_listed(path, tree, found.validation, classes) if found.validation else Images(),
        Splits(train, test, classes, tree.left_out),
    )


def _meant(params: DatasetParams) -> set[str]:
    """Return the names of folders that are classes because parameters say so."""
    given = [*(params.classes or ()), *(params.only_classes or ()), *filter(None, [params.only_class])]
    return set(map(letters, given))


def _joined(train: Images, validation: Images, splits: Splits) -> Splits:
    """Return splits with validation images after the training images: the seed draws validation."""
    train.extend(validation)
    return replace(splits, train=train, joined=len(validation))


def _class_names(path: Path, tree: Tree, prefix: str) -> list[str]:
    below = (name.removeprefix(prefix) for name in sorted(tree.folders) if name.startswith(prefix))
    return [letters(in_utf8(name, path / prefix / name)) for name in below if "/" not in name]


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
    files = (*lists.values(), *sorted(images))
    return Source(
        files=files,
        root=lists["train"].parent,
        origin=f"own list file: {params.path}",
        licence=params.licence or NOT_STATED,
        read=lambda: _read_lists(path, params),
        beside=names_beside(path, files) if path.is_dir() else _names_among(path, images),
        labels=lambda: _read_lists(path, params, names_alone=True),
    )


def _names_among(file: Path, images: Collection[Path]) -> tuple[str, ...]:
    """Return the names of what lies in the folders out of which a list takes images, beside those."""
    found = list[str]()
    for folder in sorted({str(image).rpartition("/")[0] for image in images}):
        top, _, names = next(walk(Path(folder), others=found))
        found += [f"{top}/{name}" for name in names]
    taken = {str(file), *map(str, images)}
    return tuple(name for name in found if name.removeprefix("./") not in taken)


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
    text = _text(file)
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        # Lists that were joined have the mark of each within.
        words = line.strip().removeprefix("\ufeff").rsplit(maxsplit=labels)
        if words and (not words[0].startswith("#") or _is_there(file.parent, words[0])):
            yield f"{file}, line {number}", words


def _is_there(folder: Path, name: str) -> bool:
    return os.path.isfile(_located(folder, name))  # noqa: PTH113  # no of a name that is too long, too


def _text(file: Path) -> str:
    """Return the text of a list; what is none is refused by what it is."""
    try:
        content = read_regular(file)
    except FileNotFoundError as error:
        near = "".join(f"There is {other}: name that." for other in _near(file)[:1])
        usual = "A folder needs train.txt and test.txt; one list alone needs a `pool`."
        raise UserError(f"{file} is missing. {near or usual}") from error
    except OSError as error:
        raise unreadable(file, error) from error
    if kind := ending_by(content[:HEAD]):
        raise UserError(
            f"{file} is an image by its content ({kind}), and no list. Name the list of the images, or "
            "for a folder for each class their folder, with source: class_folders."
        )
    if described := describe(content):
        raise UserError(f"{file} should be a list, and {described}")
    encoding = _utf_16(content)
    if encoding:
        raise UserError(f"{file} is no text in UTF-8 but in {encoding}. Save it as UTF-8.")
    if b"\0" in content:
        raise UserError(
            f"{file} is no text: it holds NUL bytes. Name a list, a line `path label` per image."
        )
    try:
        # Whatever the computer's own encoding is, and with or without the mark that Windows puts first.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is no text in UTF-8: {error.reason}. Save it as UTF-8.") from error


def _utf_16(content: bytes) -> str:
    """Return the name of the encoding of a text in two or four bytes a letter, which may have no mark."""
    if content.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    zeros = [content[k::4].count(0) * 4 > len(content) // 2 for k in range(4)]
    if sum(zeros) == 3:
        return "UTF-32"
    return "UTF-16" if zeros in ([True, False] * 2, [False, True] * 2) else ""


def _names_in(file: Path, labels: int) -> list[str]:
    """Return the paths of listed images inside the list's folder. Reading refuses the others."""
    paths = (below(file.parent, words[0]) for _, words in _lines(file, labels))
    return [path for path in paths if path is not None]


def _located(folder: Path, name: str) -> Path:
    """Return the file that a list names. Other Unicode codes of the same letters are the same name."""
    if name.isascii():
        return folder / name
    name = os.fsdecode(name.encode())  # the list's own bytes, whatever the computer's encoding is
    if os.path.exists(folder / name):  # noqa: PTH110  # which says no of a name that is too long, too
        return folder / name
    found = folder
    for part in PurePosixPath(name).parts:
        lacks = found.is_dir() and not os.path.exists(found / part)  # noqa: PTH110
        others = found.iterdir() if lacks else ()
        found = next((other for other in others if letters(other.name) == letters(part)), found / part)
    return found


def _read_lists(path: Path, params: DatasetParams, *, names_alone: bool = False) -> Splits:
    numbers = params.numbers or []
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
    left_out = _unlisted(path, lists.values(), splits.values())
    train.extend(validation := splits.get("validation", Images()))
    if numbers or params.ignore_labels:  # which then can be identifiers
        classes = ONE_CLASS
    else:
        classes = params.classes or counted_classes(train.labels, train.places, params.most_classes)
    return Splits(train, splits.get("test"), classes, left_out, len(validation))


def _unlisted(path: Path, lists: Iterable[Path], splits: Iterable[Images]) -> LeftOut:
    """Count what lies beside lists and the images that they name: all below a folder.

    Of a list that is named alone, what lies in the folders out of which it takes images: other datasets may
    lie beside it.
    """
    left_out, used = LeftOut(), {os.path.realpath(file) for file in lists}
    folder = path if path.is_dir() else path.parent
    listed = {os.path.realpath(_located(folder, name)) for images in splits for name in images.names}
    taken_from = sorted({name.rpartition("/")[0] for name in listed})
    if path.is_dir():
        walks = walk(path, left_out)
    else:
        walks = (next(walk(Path(of), left_out)) for of in taken_from if os.path.isdir(of))  # noqa: PTH112
    for top, _, names in walks:
        place = os.path.realpath(top)
        for name in names:
            real, ending = os.path.join(place, name), PurePosixPath(name).suffix.lower()  # noqa: PTH118
            if real in used or real in listed:
                continue
            if Path(top, name).is_symlink() and os.path.realpath(real) in used | listed:
                continue
            if is_image(name):
                left_out.add(ending, "named by no list", f"{top}/{name}")
            elif ending == ".txt" and top == str(path):
                left_out.add(ending, "no list of a split by its name", f"{top}/{name}")
            else:
                count_others(top, [name], left_out)
    return left_out


def _read_list(file: Path, numbers: list[str], names_alone: bool) -> Images:
    images = Images()
    for place, words in _lines(file, len(numbers) or 1):
        name, label, values = _label(words, numbers, place)
        path = inside(file.parent, _located(file.parent, name), f"{place}: {short(name)}")
        try:
            content = b"" if names_alone else read_regular(path)
            images.add(content, label, name, f"{place}: {path}", values)
        except OSError as error:
            other = name.replace("\\", "/")
            missing = isinstance(error, FileNotFoundError)
            advice = "Mend the line or add the image." if missing else f"{remedy_of(error)}."
            if other != name and _located(file.parent, other).is_file():
                advice = f"Folders are parted by /, so write {short(other)} in lists."
            raise UserError(
                f"{place}: {short(str(path))} could not be read: {reason_of(error)}. {advice}"
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
    """Return a line as a sentence can show it."""
    return short(" ".join(words))
