"""Images in Parquet files: a mirror folder, or one's own."""

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from jointnn.data.bounds import counted_classes
from jointnn.data.class_names import LabelledFile, united
from jointnn.data.dataset_card import card_of, class_names_in, label_meaning_in
from jointnn.data.folders import names_beside, walk
from jointnn.data.left_out import LeftOut
from jointnn.data.parquet import from_parquet, labels_are_names, labels_from_parquet
from jointnn.data.regular_files import read_regular, refuse_special
from jointnn.data.schema import DatasetParams
from jointnn.data.source import NOT_STATED, ONE_CLASS, Images, Source, Splits, accept, needed_path
from jointnn.data.sources import dataset
from jointnn.data.structure import files_of_splits
from jointnn.errors import UserError, unreadable

MIRROR = "JOINTNN_MIRROR"
ENDING = ".parquet"
NUMBERED = re.compile(r"-(\d+)-of-(\d+)(?:-[0-9a-zA-Z]+)?$")
"""The end of the name of a piece, after which the Hub may put a digest."""
COUNTED = re.compile(r"^[^-]+-(?:part|shard|chunk|piece)?[-_.]?(\d+)$", re.IGNORECASE)
"""The name of a piece that does not say of how many."""
SPLITS = ("train", "validation", "test")


@dataset
def mirror(params: DatasetParams) -> Source:
    """Return the source <path>/{train,test}.parquet in the mirror, the folder that JOINTNN_MIRROR names."""
    accept(params, "path", "licence", "numbers", "most_classes")
    name = needed_path(params, "the name of the dataset's folder in the mirror")
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise UserError(f"mirror: the path {name!r} points outside of the mirror. Give a folder in it.")
    folder = os.environ.get(MIRROR, "")
    if not folder:
        return Source((), Path(), f"mirror: {name}", NOT_STATED, lambda: _refuse_mirror(name))
    licence = params.licence or NOT_STATED
    rules = LabelRules(None, params.numbers or (), params.most_classes, bool(params.ignore_labels))
    return source_in_mirror(Path(folder), name, licence, rules)


def held_by_mirror(name: str) -> Path | None:
    """Return the mirror folder if JOINTNN_MIRROR names one that holds the dataset, else None."""
    folder = os.environ.get(MIRROR, "")
    return Path(folder) if folder and (Path(folder) / name).is_dir() else None


class LabelRules(NamedTuple):
    """How labels are read: names of classes, columns of numbers, how many classes there may be, and whether
    labels are left unread, since the dataset ignores them."""

    names: list[str] | None = None
    numbers: Sequence[str] = ()
    most: int | None = None
    ignored: bool = False


DEFAULT_RULES = LabelRules()
"""Labels as they stand."""


def source_in_mirror(folder: Path, name: str, licence: str, rules: LabelRules = DEFAULT_RULES) -> Source:
    """Return the source that reads folder/name/{train,test}.parquet."""
    return Source(
        files=_files(folder / name),
        label_meaning=_label_meaning(folder / name, rules),
        root=folder,
        origin=f"{name}, from the mirror folder",
        licence=licence,
        read=lambda: _read(folder / name, rules),
        labels=lambda: _read(folder / name, rules, labels_alone=True),
    )


def _refuse_mirror(name: str) -> Splits:
    raise UserError(
        f"{MIRROR} names no folder, so {name} cannot be read. Set it to a folder that holds "
        f"{name}/train.parquet and {name}/test.parquet."
    )


@dataset
def parquet(params: DatasetParams) -> Source:
    """Return the source of your own Parquet files: train.parquet and test.parquet, or a file and a pool.

    The layout is that of the Hugging Face Hub: column `image` (struct of bytes and path), column
    `label` (integers, or texts, which name the classes), or with `numbers` columns of these names. In a
    folder, pieces named train-00000-of-00002.parquet are read in order. Images of validation.parquet join
    those for training.
    """
    accept(params, "path", "pool", "licence", "classes", "numbers", "most_classes")
    path = Path(needed_path(params, "a Parquet file, or a folder with train.parquet and test.parquet"))
    files = (path,) if _is_file(path) else _files(path)
    ignored = bool(params.ignore_labels)
    rules = LabelRules(params.classes, params.numbers or (), params.most_classes, ignored)
    return Source(
        files=files,
        root=path.parent,
        origin=f"own Parquet files: {params.path}",
        licence=params.licence or NOT_STATED,
        read=lambda: _read(path, rules),
        label_meaning=_label_meaning(path, rules),
        beside=() if _is_file(path) else names_beside(path, [*files, *filter(None, [_card_of(path)])]),
        labels=lambda: _read(path, rules, labels_alone=True),
    )


def _is_file(path: Path) -> bool:
    return path.suffix.lower() == ENDING and not path.is_dir()


def _label_meaning(path: Path, rules: LabelRules) -> str:
    """Return what the dataset card says of classes, where it is asked."""
    card = _card_of(path)
    return label_meaning_in(card) if card and rules.names is None and not rules.numbers else ""


def _card_of(path: Path) -> Path | None:
    return card_of(path.parent if _is_file(path) else path)


def _files(folder: Path) -> tuple[Path, ...]:
    """Return the files of all splits of a folder.

    For a missing split its plain name is there, so that this file is the one missed. Reading refuses files
    that cannot be meant.
    """
    found = files_of_splits(folder, ENDING, pieces=True)
    return tuple(
        path
        for split in SPLITS
        for path in found.get(split, [] if split == "validation" else [folder / f"{split}{ENDING}"])
    )


def pieces_of(files: Sequence[Path]) -> list[Path]:
    """Return the files of one split in order: a whole file, or all of its pieces.

    Raises:
        UserError: there are a whole and pieces, or several wholes; or pieces are missing, or of two sets.
    """
    numbered = {path: match for path in files if (match := NUMBERED.search(path.stem))}
    if counted := {path: int(match[1]) for path in files if (match := COUNTED.search(path.stem))}:
        return _counted_on(files, counted)
    whole = [path for path in files if "-" not in path.stem]
    kinds = [whole[:1], list(numbered)[:1], [path for path in files if path not in {*whole, *numbered}][:1]]
    if len(whole) > 1 or len(listed := [kind[0].name for kind in kinds if kind]) > 1:
        said = " and ".join(path.name for path in whole) if len(whole) > 1 else " beside ".join(listed)
        raise UserError(
            f"{files[0].parent} holds {said}: each would be the whole split. Keep the file or files that "
            "are meant, and move the others elsewhere."
        )
    if not numbered and len(files) > 1:
        raise UserError(
            f"{files[0].parent} holds {files[0].name} and {files[1].name}: whether they are pieces of one "
            "set or each is the whole split, their names do not say. Number the pieces (train-1.parquet, "
            "train-2.parquet), or move away what is not meant."
        )
    if not numbered:
        return list(files)
    name_of = {int(match[2]): path.name for path, match in numbered.items()}
    counts = sorted(name_of)
    if len(counts) > 1:
        raise UserError(
            f"{files[0].parent} holds pieces of two sets: of {' and of '.join(map(str, counts))}, as "
            f"{' and '.join(name_of[count] for count in counts)}. Keep one set."
        )
    numbers = {int(match[1]) for match in numbered.values()}
    first = 1 if 0 not in numbers and counts[0] in numbers else 0
    lacking = next((k for k in range(first, first + counts[0]) if k not in numbers), None)
    if lacking is not None or len(numbered) != counts[0]:
        wrong = "others twice, or beyond them" if lacking is None else f"no number {lacking}"
        raise UserError(
            f"{files[0].parent} holds {files[0].name}, one of {counts[0]} pieces, but {wrong}. Put the "
            "whole set there, each piece once."
        )
    return sorted(numbered, key=lambda path: int(numbered[path][1]))


def _counted_on(files: Sequence[Path], counted: dict[Path, int]) -> list[Path]:
    """Return pieces named train-1, train-2 in the order of their numbers; refuse a set with gaps."""
    if other := next((path for path in files if path not in counted), None):
        raise UserError(
            f"{files[0].parent} holds {other.name} beside {next(iter(counted)).name}: each would be the "
            "whole split. Keep the file or files that are meant, and move the others elsewhere."
        )
    ordered = sorted(counted, key=lambda path: counted[path])
    numbers = [counted[path] for path in ordered]
    first = min(numbers[0], 1)
    for expected, path in enumerate(ordered, start=first):
        if counted[path] != expected:
            is_twice = counted[path] < expected
            wrong = f"{expected - 1} is there twice" if is_twice else f"no number {expected}"
            raise UserError(
                f"{path.parent} holds {path.name}, a piece by its name, but {wrong}. Put the whole set "
                "there, each piece once; or, if it is no piece, name it without a number."
            )
    return ordered


def _refuse_piece(path: Path) -> None:
    """Refuse one of several pieces that `path` names alone: it is not the set that it is part of."""
    match = NUMBERED.search(path.stem)
    if match and int(match[2]) > 1:
        raise UserError(
            f"{path} is one of {int(match[2])} pieces by its name, and alone not the whole. Put all "
            f"pieces of train and of test into {path.parent} and name that folder; or, if this piece "
            f"alone is meant, give it another name, such as {path.with_name('some' + path.suffix)}."
        )


def _read(path: Path, rules: LabelRules, *, labels_alone: bool = False) -> Splits:
    """Return the images of a file or folder. A label means the same in every file."""
    left_out = LeftOut()
    if _is_file(path):
        _refuse_piece(path)
    files = {"train": [path]} if _is_file(path) else _splits_in(path, left_out)
    named = {
        split: [_read_file(file, rules.numbers, labels_alone) for file in pieces]
        for split, pieces in files.items()
    }
    if rules.ignored:
        named = {split: [_without_labels(piece) for piece in of] for split, of in named.items()}
    card = _card_of(path)
    nameless = any(piece.classes is None for of in named.values() for piece in of)
    if card and nameless and rules.names is None and (names := class_names_in(card)):
        named = {split: [_by_card(piece, card, names) for piece in of] for split, of in named.items()}
    if not rules.numbers and any(labels_are_names(file) for of in files.values() for file in of):
        named = _of_one_alphabet(named)
    ordered = [piece for split in SPLITS for piece in named.get(split, ())]
    same, classes = united(ordered, rules.names)
    images = {split: Images() for split in named}
    split_of_piece = [split for split in SPLITS for _ in named.get(split, ())]
    for split, piece in zip(split_of_piece, same, strict=True):
        images[split].extend(piece)
    for split, of_split in images.items():
        if not len(of_split):
            raise UserError(f"{files[split][0]} has no row, and so no image. Replace it.")
    train = images["train"]
    train.extend(validation := images.get("validation", Images()))
    known = classes or counted_classes(train.labels, train.places, rules.most)
    return Splits(train, images.get("test"), known, left_out, len(validation), _taken_by_number(ordered))


def _taken_by_number(files: Sequence[LabelledFile]) -> dict[str, str]:
    """Return a sentence where some files name their classes and others do not: nothing contradicts it."""
    nameless = [file.file for file in files if file.classes is None]
    others = [file.file for file in files if file.classes is not None]
    if not nameless or not others:
        return {}
    same = f"they were taken to mean what those of {others[0]} do"
    return {"labels without names": f"The labels of {nameless[0]} have no names: {same}."}


def _without_labels(piece: LabelledFile) -> LabelledFile:
    return replace(piece, images=replace(piece.images, labels=[0] * len(piece.images)), classes=ONE_CLASS)


def _by_card(piece: LabelledFile, card: Path, names: list[str]) -> LabelledFile:
    """Return the images of a file, under the names of the dataset card if it has none of its own."""
    if piece.classes is not None:
        return piece
    for label, place in zip(piece.images.labels, piece.images.places, strict=True):
        if label >= len(names):
            raise UserError(
                f"{card} names {len(names)} classes, and {place} has the label {label}. Mend the "
                "card, or give the names with `classes`."
            )
    return replace(piece, classes=names)


def _as_texts(piece: LabelledFile, names: Collection[str]) -> LabelledFile:
    """Return the images of a file with numbers for labels where others have texts, with texts too.

    A number is the text that is written like it; if there is none, what it means cannot be told.
    """
    own = [str(label) for label in sorted(set(piece.images.labels)) if label >= 0]
    if unknown := next((label for label in own if label not in names), None):
        raise UserError(
            f"{piece.file} has numbers for labels, as {unknown}, and other files have texts, as "
            f"{min(names)!r}: what the numbers mean cannot be told. Give all files texts, or all numbers."
        )
    place_of = {int(label): place for place, label in enumerate(own)}
    labels = [place_of.get(label, label) for label in piece.images.labels]
    return LabelledFile(piece.file, replace(piece.images, labels=labels), own)


def _of_one_alphabet(named: dict[str, list[LabelledFile]]) -> dict[str, list[LabelledFile]]:
    """Return files whose labels are texts, with labels in the order of the alphabet of all their names."""
    pieces = [piece for of_split in named.values() for piece in of_split]
    names = sorted({name for piece in pieces for name in piece.classes or ()})
    named = {
        split: [piece if piece.classes is not None else _as_texts(piece, names) for piece in of_split]
        for split, of_split in named.items()
    }
    label_of = {name: label for label, name in enumerate(names)}

    def renumbered(piece: LabelledFile) -> LabelledFile:
        order = [label_of[name] for name in piece.classes or ()]
        labels = [order[label] if label >= 0 else label for label in piece.images.labels]
        return LabelledFile(piece.file, replace(piece.images, labels=labels), names)

    return {split: [renumbered(piece) for piece in of_split] for split, of_split in named.items()}


def _splits_in(folder: Path, left_out: LeftOut) -> dict[str, list[Path]]:
    """Return the files of each split of a folder; count all else there in `left_out`.

    Raises:
        UserError: training or test images are missing, or files cannot be meant.
    """
    found = files_of_splits(folder, ENDING, pieces=True)
    found.pop("", None)
    for split in ("train", "test"):
        if split not in found:
            raise UserError(
                f"{folder / split}{ENDING} is missing{_what_is_there(folder)}. A dataset in Parquet "
                "needs train.parquet and test.parquet, or one file and a `pool`."
            )
    splits = {split: pieces_of(found[split]) for split in SPLITS if split in found}
    used = {file.name for pieces in splits.values() for file in pieces}
    card = card_of(folder)
    _count_others(folder, used | ({card.name} if card else set()), left_out)
    return splits


def _count_others(folder: Path, used: Collection[str], left_out: LeftOut) -> None:
    """Count what lies beside the files of the splits, and in folders below."""
    for top, _, names in walk(folder, left_out):
        is_below = top != str(folder)
        for name in names:
            ending = PurePosixPath(name).suffix.lower()
            place = PurePosixPath(top, name).relative_to(folder.as_posix()).as_posix()
            if ending == ENDING and (is_below or name not in used):
                reason = (
                    "in a folder below, where none is looked for" if is_below else "no split by its name"
                )
                left_out.add(ENDING, reason, place)
            elif is_below or name not in used:
                left_out.add(ending or "without an ending", "no Parquet file", place)


def _what_is_there(folder: Path) -> str:
    if not folder.is_dir():
        return (
            f", as is {folder}" if not folder.exists() else f": {folder} is no folder and no Parquet file"
        )
    if {"train", "test"} <= files_of_splits(folder / "data", ENDING, pieces=True).keys():
        return f": the files are in {folder / 'data'}, so name that as `path`"
    names = sorted(path.name for path in folder.iterdir())
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f": {folder} holds {shown or 'nothing'}"


def _read_file(file: Path, numbers: Sequence[str], labels_alone: bool) -> LabelledFile:
    refuse_special(file)
    try:
        if labels_alone:
            return LabelledFile(str(file), *labels_from_parquet(file, numbers))
        content = read_regular(file)
    except FileNotFoundError as error:
        raise UserError(
            f"{file} is missing. A dataset in Parquet needs train.parquet and test.parquet, or one file "
            "and a `pool`."
        ) from error
    except OSError as error:
        raise unreadable(file, error) from error
    return LabelledFile(str(file), *from_parquet(content, str(file), numbers))
