"""Images in Parquet files: a mirror folder, or one's own."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from jointnn.data.parquet import from_parquet, labels_from_parquet
from jointnn.data.schema import DatasetParams
from jointnn.data.source import NOT_STATED, Images, Source, Splits, accept, needed_path
from jointnn.data.sources import dataset
from jointnn.errors import UserError

MIRROR = "JOINTNN_MIRROR"


@dataset
def mirror(params: DatasetParams) -> Source:
    """A dataset of the mirror, a folder that JOINTNN_MIRROR names: <path>/{train,test}.parquet."""
    accept(params, "path", "licence", "numbers")
    name = needed_path(params, "the name of the dataset's folder in the mirror")
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise UserError(f"mirror: the path {name!r} points outside of the mirror. Give a folder in it.")
    folder = os.environ.get(MIRROR, "")
    if not folder:
        return Source((), Path(), f"mirror: {name}", NOT_STATED, lambda: _refuse_mirror(name))
    return mirrored(Path(folder), name, params.licence or NOT_STATED, params.numbers)


def held_by_mirror(name: str) -> Path | None:
    """Return the mirror folder, if JOINTNN_MIRROR names one that holds the dataset."""
    folder = os.environ.get(MIRROR, "")
    return Path(folder) if folder and (Path(folder) / name).is_dir() else None


def mirrored(folder: Path, name: str, licence: str, numbers: list[str] | None = None) -> Source:
    """Return the source that reads folder/name/{train,test}.parquet."""
    train, test = folder / name / "train.parquet", folder / name / "test.parquet"
    return Source(
        files=(train, test),
        root=folder,
        origin=f"{name}, from the mirror folder",
        licence=licence,
        read=lambda: _read([train], [test], None, numbers or []),
        labels=lambda: _read([train], [test], None, numbers or [], labels_alone=True),
    )


def _refuse_mirror(name: str) -> Splits:
    raise UserError(
        f"{MIRROR} names no folder, so {name} cannot be read. Set it to a folder that holds "
        f"{name}/train.parquet and {name}/test.parquet."
    )


@dataset
def parquet(params: DatasetParams) -> Source:
    """Your own Parquet files: a folder with train.parquet and test.parquet, or one file and a pool.

    The layout is that of the Hugging Face Hub: column `image` (struct of bytes and path), column
    `label` (integers), or with `numbers` columns of these names. In a folder, pieces named
    train-00000-of-00002.parquet are read in order.
    """
    accept(params, "path", "pool", "licence", "classes", "numbers")
    path = Path(needed_path(params, "a Parquet file, or a folder with train.parquet and test.parquet"))
    single = path.suffix == ".parquet" and not path.is_dir()
    train = [path] if single else _pieces(path, "train")
    test = None if single else _pieces(path, "test")
    return Source(
        files=(*train, *(test or ())),
        root=path.parent,
        origin=f"own Parquet files: {params.path}",
        licence=params.licence or NOT_STATED,
        read=lambda: _read(train, test, params.classes, params.numbers or []),
        labels=lambda: _read(train, test, params.classes, params.numbers or [], labels_alone=True),
    )


def _pieces(folder: Path, split: str) -> list[Path]:
    """Return the files of a split; the plain name where there are none, so that it is the one missed."""
    return sorted(folder.glob(f"{split}-*.parquet")) or [folder / f"{split}.parquet"]


def _read(
    train: Sequence[Path],
    test: Sequence[Path] | None,
    names: list[str] | None,
    numbers: list[str],
    *,
    labels_alone: bool = False,
) -> Splits:
    images, classes = _read_split(train, numbers, labels_alone)
    others, _ = _read_split(test, numbers, labels_alone) if test is not None else (None, None)
    if names is not None and classes is not None and len(names) != len(classes):
        raise UserError(
            f"{train[0]} names {len(classes)} classes, but the dataset's `classes` names {len(names)}. "
            "Leave `classes` out to take the file's names."
        )
    if classes is not None and len(set(classes)) < len(classes):
        raise UserError(f"{train[0]} names a class twice. Give distinct names with `classes`.")
    known = names or classes or [str(label) for label in range(max(images.labels, default=0) + 1)]
    return Splits(images, others, known)


def _read_split(
    pieces: Sequence[Path], numbers: list[str], labels_alone: bool
) -> tuple[Images, list[str] | None]:
    split, classes = Images(), None
    for piece in pieces:
        if labels_alone:
            images, classes = labels_from_parquet(piece, numbers)
            split.extend(images)
            continue
        try:
            content = piece.read_bytes()
        except OSError as error:
            raise UserError(
                f"{piece} is missing or cannot be read: {error.strerror}. A dataset in Parquet "
                "needs train.parquet and test.parquet, or one file and a `pool`."
            ) from error
        images, classes = from_parquet(content, str(piece), numbers)
        split.extend(images)
    return split, classes
