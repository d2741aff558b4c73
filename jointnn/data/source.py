"""What a dataset source is: files, their origin and licence, and how images are read from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jointnn.data.schema import DatasetParams
from jointnn.errors import UserError

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Images:
    """Labelled images of one split, in the order of the source.

    Attributes:
        content: each image as the encoded bytes of a PNG, a JPEG or the like.
        labels: each image's class, from 0.
        names: each image's name, kept in the Parquet file.
        places: where each image stands, for messages: "own/train.txt, line 3: a.png".
    """

    content: list[bytes] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, content: bytes, label: int, name: str, place: str) -> None:
        """Append one image."""
        self.content.append(content)
        self.labels.append(label)
        self.names.append(name)
        self.places.append(place)

    def take(self, indices: Sequence[int]) -> "Images":
        """The images at `indices`, in that order."""
        chosen = Images()
        for i in indices:
            chosen.add(self.content[i], self.labels[i], self.names[i], self.places[i])
        return chosen


@dataclass(frozen=True)
class Splits:
    """All images of a source.

    Attributes:
        train: the official training images, or the whole where there is no official split.
        test: the official test images; None where there is no official split.
        classes: the names of the classes, in the order of their labels.
    """

    train: Images
    test: Images | None
    classes: list[str]


@dataclass(frozen=True)
class Source:
    """Where a dataset's images come from. Making one reads no image and imports nothing heavy.

    Attributes:
        files: what the images are read from; their content decides whether they are fetched again.
        root: the folder that the files are named relative to in the manifest.
        origin: what the images are and where they come from, in words, for manifest and tables.
        licence: the licence of the images.
        read: reads all images. Raises UserError, naming the file.
        packages: Python packages that hold or parse the files; their versions count like the
            content.
        checksums: MD5 or SHA-256 sums by file, of official files that may not be downloaded yet.
            Where given, they stand for the content, so that a download does not change it; `read`
            checks them.
    """

    files: tuple[Path, ...]
    root: Path
    origin: str
    licence: str
    read: Callable[[], Splits]
    packages: tuple[str, ...] = ()
    checksums: dict[str, str] = field(default_factory=dict)

    def name_of(self, file: Path) -> str:
        """The name of one of the files in the manifest, the same on every machine."""
        return file.relative_to(self.root).as_posix()


def accept(params: DatasetParams, *fields: str) -> None:
    """Refuse fields that a source would ignore.

    Args:
        fields: those of path, pool, classes, licence and attribute that the source reads.
    """
    for name in ("path", "pool", "classes", "licence", "attribute"):
        if name not in fields and getattr(params, name) is not None:
            raise UserError(
                f"The source {params.source} takes no `{name}`, but {getattr(params, name)!r} is "
                "given. Leave the line out of params.yaml."
            )


def needed_path(params: DatasetParams, meaning: str) -> str:
    """The `path` of a source that cannot do without it; `meaning` says what to give."""
    if params.path is None:
        raise UserError(f"The source {params.source} needs a `path`: {meaning}.")
    return params.path


def source_of(params: DatasetParams) -> Source:
    """The source that params.yaml names; nothing is read yet."""
    from jointnn.data.sources import dataset

    source: Source = dataset[params.source](params)
    return source
