"""Images of one's own without any code: class folders, an archive of them, or a list file."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from jointnn.data.archives import Tree, below, image_files, inside, is_archive, read_tree
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
from jointnn.errors import UserError


@dataset
def class_folders(params: DatasetParams) -> Source:
    """Your own images, a folder per class: train/<class>/ and test/<class>/, or <class>/ and a
    pool.

    `path` is the folder, or a zip or tar file of it. Classes are numbered in the order of their
    names, or of `classes`.
    """
    accept(params, "path", "pool", "licence", "classes")
    path = Path(needed_path(params, "a folder of class folders, or a zip or tar file of it"))
    return Source(
        files=(path,) if is_archive(path) else tuple(image_files(path)),
        root=path.parent,
        origin=f"own class folders: {params.path}",
        licence=params.licence or NOT_STATED,
        read=lambda: _read_folders(path, params.classes),
        # Of a tar file every byte must be read to find its names.
        labels=(lambda: _read_folders(path, params.classes, names_alone=True))
        if not is_archive(path) or path.suffix == ".zip"
        else None,
    )


def _read_folders(path: Path, names: list[str] | None, *, names_alone: bool = False) -> Splits:
    tree = read_tree(path, names_alone=names_alone)
    if not {"train", "test"} & tree.folders:
        classes = names or _class_names(tree, "")
        return Splits(_split_listed(path, tree, "", classes), None, classes)
    for split in ("train", "test"):
        if split not in tree.folders:
            raise UserError(
                f"{path / split} is missing. Add it, or put the class folders directly into "
                f"{path} and say with `pool` how many images are not for the test."
            )
    classes = names or sorted({*_class_names(tree, "train/"), *_class_names(tree, "test/")})
    train, test = (_split_listed(path, tree, prefix, classes) for prefix in ("train/", "test/"))
    return Splits(train, test, classes)


def _class_names(tree: Tree, prefix: str) -> list[str]:
    below = (name.removeprefix(prefix) for name in tree.folders if name.startswith(prefix))
    return sorted(name for name in below if "/" not in name)


def _split_listed(path: Path, tree: Tree, prefix: str, classes: list[str]) -> Images:
    label_of = {name: label for label, name in enumerate(classes)}
    images = Images()
    for name, content in tree.images.items():
        if not name.startswith(prefix):
            continue
        place = path / name
        parts = PurePosixPath(name.removeprefix(prefix)).parts
        if len(parts) < 2:
            raise UserError(f"{place} lies in no class folder. Move it into the folder of its class.")
        if parts[0] not in label_of:
            raise UserError(
                f"{place} has the class {parts[0]!r}, which `classes` does not name. Add it there."
            )
        images.add(content, label_of[parts[0]], name, str(place))
    return images


@dataset
def list_file(params: DatasetParams) -> Source:
    """Your own images in a list: a line `path label` per image, the label an integer from 0.

    With `numbers` a line is `path number`, or as many numbers as there are names.
    `path` is a folder with train.txt and test.txt, or one list and a pool. Image paths are relative
    to the folder of the list. Empty lines and lines that begin with # are skipped.
    """
    accept(params, "path", "pool", "licence", "classes", "numbers")
    path = Path(needed_path(params, "a folder with train.txt and test.txt, or a list file"))
    single = path.suffix != "" and not path.is_dir()
    lists = [path] if single else [path / "train.txt", path / "test.txt"]
    labels = len(params.numbers or ["label"])
    images = {file.parent / name for file in lists if file.is_file() for name in _names_in(file, labels)}
    return Source(
        files=(*lists, *sorted(images)),
        root=lists[0].parent,
        origin=f"own list file: {params.path}",
        licence=params.licence or NOT_STATED,
        read=lambda: _read_lists(lists, params.classes, params.numbers or []),
        labels=lambda: _read_lists(lists, params.classes, params.numbers or [], names_alone=True),
    )


def _lines(file: Path, labels: int = 1) -> Iterator[tuple[str, list[str]]]:
    """Yield (place, [path, label, ...]) of each line that says something."""
    try:
        text = file.read_text()
    except FileNotFoundError as error:
        raise UserError(
            f"{file} is missing. A folder needs train.txt and test.txt; one list alone needs a `pool`."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} could not be read as text: {error}. Replace it.") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield f"{file}, line {number}", line.strip().rsplit(maxsplit=labels)


def _names_in(file: Path, labels: int) -> list[str]:
    """Return names of the listed images inside the list's folder; what is wrong is said on reading."""
    paths = (below(file.parent, words[0]) for _, words in _lines(file, labels))
    return [path for path in paths if path is not None]


def _read_lists(
    lists: list[Path], names: list[str] | None, numbers: list[str], *, names_alone: bool = False
) -> Splits:
    splits = [_read_list(file, numbers, names_alone) for file in lists]
    most = max(splits[0].labels, default=0)
    classes = ONE_CLASS if numbers else names or [str(label) for label in range(most + 1)]
    return Splits(splits[0], splits[1] if len(splits) > 1 else None, classes)


def _read_list(file: Path, numbers: list[str], names_alone: bool) -> Images:
    images = Images()
    for place, words in _lines(file, len(numbers) or 1):
        name, label, values = _label(words, numbers, place)
        path = inside(file.parent, file.parent / name, f"{place}: {name}")
        try:
            content = b"" if names_alone else path.read_bytes()
            images.add(content, label, name, f"{place}: {path}", values)
        except OSError as error:
            raise UserError(
                f"{place}: {path} could not be read: {error.strerror}. Mend the line or add the image."
            ) from error
    return images


def _label(words: list[str], numbers: list[str], place: str) -> tuple[str, int, tuple[float, ...] | None]:
    """Return the path, the class and the numbers of a line, of which one of the last two says nothing."""
    name, *labels = words
    if numbers:
        if len(labels) < len(numbers):
            raise UserError(
                f"{place}: {' '.join(words)!r} does not end with {len(numbers)} numbers. Write "
                f"`path {' '.join(numbers)}`."
            )
        told = zip(labels, numbers, strict=True)
        return name, 0, tuple(checked_number(label, number, place) for label, number in told)
    if len(labels) != 1 or not labels[0].removeprefix("-").isdecimal():
        raise UserError(
            f"{place}: {' '.join(words)!r} does not end with an integer label. Write `path label`, or name "
            "the numbers with `numbers` if labels are numbers."
        )
    return name, int(labels[0]), None
