"""Names of classes: compared by their letters, and labels of several files brought to one order by them."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jointnn.data.source import Images
from jointnn.errors import UserError


def letters(name: str) -> str:
    """Return a name in Unicode's form NFC. Systems write é as one code or as two."""
    return unicodedata.normalize("NFC", name)


@dataclass(frozen=True)
class LabelledFile:
    """Images of one file.

    Attributes:
        file: names it in messages.
        images: with labels from 0.
        classes: the names of the labels, where the file has them.
    """

    file: str
    images: Images
    classes: list[str] | None


def united(files: Sequence[LabelledFile], given: list[str] | None) -> tuple[list[Images], list[str] | None]:
    """Return the images of all files with one meaning of their labels, and the names of the classes.

    Labels are mapped by name. The first file that has names gives the order, unless `given` does; names
    that only later files have come after those, if there are images of them. Where no file has names, or
    all have the same, labels stay as they are.

    Args:
        files: all files of all splits.
        given: the names that parameters give: those of the files in any order, or others in their place.

    Raises:
        UserError: names and numbers contradict each other.
    """
    known = [(file, [letters(name) for name in file.classes]) for file in files if file.classes is not None]
    wanted = None if given is None else [letters(name) for name in given]
    if not known:
        return [file.images for file in files], wanted
    first, names = known[0]
    equal = all(classes == names for _, classes in known)
    if wanted is not None and _stand_in(wanted, known):
        _check_count(first, names, wanted)
        if equal:
            return [file.images for file in files], wanted
    for file, classes in known:
        if len(set(classes)) < len(classes):
            raise UserError(f"{file.file} names a class twice. Give distinct names with `classes`.")
        if wanted is not None and (others := [name for name in classes if name not in wanted]):
            raise UserError(
                f"{file.file} names the class {others[0]!r}, which the dataset's `classes` do not. "
                "Leave `classes` out to take the files' names."
            )
    if equal and wanted in (None, names):
        return [file.images for file in files], names
    if nameless := [file.file for file in files if file.classes is None]:
        other = next((file for file, classes in known if classes != (wanted or names)), first)
        raise UserError(
            f"{nameless[0]} has labels without names, and {other.file} has another order of classes than "
            f"{first.file if wanted is None else '`classes`'}: what its labels mean cannot be told. Give "
            "it names, or give all files the same order."
        )
    order = wanted or _with_those_of_images(names, known)
    return [_by_name(file, classes, order) for file, classes in known], order


def _stand_in(wanted: list[str], known: Sequence[tuple[LabelledFile, list[str]]]) -> bool:
    """Return whether names from parameters replace those of files: no name is in both."""
    return not any(name in wanted for _, classes in known for name in classes) or any(
        len(set(classes)) < len(classes) for _, classes in known
    )


def _check_count(file: LabelledFile, names: list[str], wanted: list[str]) -> None:
    if len(names) != len(wanted):
        raise UserError(
            f"{file.file} names {len(names)} classes, but the dataset's `classes` names {len(wanted)}. "
            "Leave `classes` out to take the file's names."
        )


def _with_those_of_images(names: list[str], known: Sequence[tuple[LabelledFile, list[str]]]) -> list[str]:
    """Return the names of the first file, then those names of other files that have images."""
    order = list(names)
    for file, classes in known:
        used = set(file.images.labels)
        order += [name for label, name in enumerate(classes) if label in used and name not in order]
    return order


def _by_name(file: LabelledFile, classes: list[str], order: list[str]) -> Images:
    place_of = {label: order.index(name) for label, name in enumerate(classes) if name in order}
    for label, place in zip(file.images.labels, file.images.places, strict=True):
        if label not in place_of:
            raise UserError(
                f"{place} has the label {label}, but the {len(classes)} classes of {file.file} have the "
                f"labels 0 to {len(classes) - 1}. Mend the label."
            )
    return replace(file.images, labels=[place_of[label] for label in file.images.labels])
