"""The source of a dataset: its files, their origin and licence, and how images are read from them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jointnn.data.left_out import LeftOut
from jointnn.data.schema import DatasetParams
from jointnn.errors import UserError, short, shown

NOT_STATED = "not stated"
LARGEST_NUMBER = 3.4e38
"""The largest label that is a number, either side of 0: float32 holds no more."""
ONE_CLASS = ["image"]
"""The class of all images where there are none, or where labels are numbers."""


def in_utf8(name: str, place: object) -> str:
    """Return a name. Refuse one that is not UTF-8: other programs and machines would read another name.

    Args:
        place: where it stands, for messages.

    Raises:
        UserError: it holds other bytes, as names from old systems do.
    """
    if not name.isascii() and name != name.encode("utf-8", "replace").decode():
        raise UserError(
            f"{shown(place)} has a name that is not UTF-8. Rename it; convmv does so for whole folders."
        )
    return name


@dataclass(frozen=True)
class Images:
    """Labelled images of one split, in the order of the source.

    Attributes:
        content: each image as the encoded bytes of a PNG, a JPEG or the like.
        labels: each image's class, from 0; where labels are numbers, all are of one class.
        names: each image's name, kept in the Parquet file.
        places: where each image stands, for messages: "own/train.txt, line 3: a.png".
        numbers: each image's numbers, where labels are numbers; empty elsewhere.
    """

    content: list[bytes] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    numbers: list[tuple[float, ...]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    def add(
        self,
        content: bytes,
        label: int,
        name: str,
        place: str,
        numbers: tuple[float, ...] | None = None,
    ) -> None:
        """Append one image."""
        self.content.append(content)
        self.labels.append(label)
        self.names.append(in_utf8(name, place))
        self.places.append(place)
        if numbers is not None:
            self.numbers.append(numbers)

    def extend(self, images: "Images") -> None:
        """Append others."""
        self.content.extend(images.content)
        self.labels.extend(images.labels)
        self.names.extend(images.names)
        self.places.extend(images.places)
        self.numbers.extend(images.numbers)

    def take(self, indices: Sequence[int]) -> "Images":
        """Return the images at `indices`, in that order."""
        chosen = Images()
        for i in indices:
            numbers = self.numbers[i] if self.numbers else None
            chosen.add(self.content[i], self.labels[i], self.names[i], self.places[i], numbers)
        return chosen


@dataclass(frozen=True)
class Splits:
    """All images of a source.

    Attributes:
        train: the official training images, or the whole where there is no official split.
        test: the official test images; None where there is no official split.
        classes: the names of the classes, in the order of their labels; `ONE_CLASS` of numbers.
        left_out: counts of all else that the source holds.
        joined: how many of the training images the source has for validation: the last ones.
        remarks: what a person must know of how they were read, a sentence of each kind.
    """

    train: Images
    test: Images | None
    classes: list[str]
    left_out: LeftOut = field(default_factory=LeftOut)
    joined: int = 0
    remarks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """Where a dataset's images come from. Making one reads no image and imports nothing heavy.

    Attributes:
        files: the files that hold the images; their content decides whether they are fetched again.
        root: the folder that the files are named relative to in the manifest.
        origin: the kind and origin of the images, in words, for manifest and tables.
        licence: the licence of the images.
        read: reads all images. Raises UserError, naming the file.
        packages: Python packages that hold or parse the files; their versions count like the
            content.
        checksums: MD5 or SHA-256 sums by file, of official files that may not be downloaded yet.
            Where given, they stand for the content, so that a download does not change it; `read`
            checks them.
        label_meaning: what is said of labels elsewhere than in these files, such as in a dataset card; it
            counts like the content.
        beside: names of what lies among the files and is left out, which decides nothing but what is told.
        labels: reads the same without any image's bytes, where that is cheap: it tells how many there are
            before they are fetched. None where it is not.
    """

    files: tuple[Path, ...]
    root: Path
    origin: str
    licence: str
    read: Callable[[], Splits]
    packages: tuple[str, ...] = ()
    checksums: dict[str, str] = field(default_factory=dict)
    label_meaning: str = ""
    beside: tuple[str, ...] = ()
    labels: Callable[[], Splits] | None = None

    def name_of(self, file: Path) -> str:
        """Return the name of a file in the manifest, the same on every machine."""
        return in_utf8(file.relative_to(self.root).as_posix(), file)


def accept(params: DatasetParams, *fields: str) -> None:
    """Refuse fields that a source would ignore.

    Args:
        fields: those of the names below that the source reads.
    """
    for name in ("path", "pool", "classes", "numbers", "licence", "attribute", "most_classes"):
        if name not in fields and getattr(params, name) is not None:
            raise UserError(
                f"The source {params.source} takes no `{name}`, but {getattr(params, name)!r} is "
                "given. Leave the line out."
            )


def checked_number(text: object, name: str, place: str) -> float:
    """Return a number of an image's label as a float.

    Args:
        name: the name of the number, and `place` where it stands, for messages.

    Raises:
        UserError: it is missing, no number, not finite, or beyond what networks compute with.
    """
    try:
        # Python reads 1_0 as 10, which no table means.
        value = math.nan if "_" in str(text) else float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise UserError(
            f"{place}: {name} is {short(repr(text))}, which is no finite number. Mend it or drop the image."
        )
    if abs(value) > LARGEST_NUMBER:
        raise UserError(
            f"{place}: {name} is {text!r}, and networks compute with numbers up to {LARGEST_NUMBER:.1e} "
            "(float32). Give it in another unit."
        )
    return value


def needed_path(params: DatasetParams, meaning: str) -> str:
    """Return the `path` of a source that needs one; `meaning` says in the message what to give."""
    if params.path is None:
        raise UserError(f"The source {params.source} needs a `path`: {meaning}.")
    return params.path


def source_of(params: DatasetParams) -> Source:
    """Return the source that a dataset names. No image is read yet."""
    from jointnn.data.sources import dataset

    source: Source = dataset[params.source](params)
    return source
