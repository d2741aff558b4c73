"""Images that nobody has labelled: found below folders, in archives or by name, each read when it is asked
for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jointnn.data.archives import is_archive, read_tree
from jointnn.data.folders import count_others, image_files, walk
from jointnn.data.image_formats import USUAL
from jointnn.data.left_out import LeftOut
from jointnn.data.regular_files import read_regular
from jointnn.errors import UserError, unreadable


@dataclass(frozen=True)
class NewImage:
    """An image that is not read yet.

    Attributes:
        name: its path as a person would type it, or below the archive's: "photos/a/1.jpg".
        below: its path below what was asked for: "a/1.jpg".
        read: returns its encoded bytes. Raises UserError if they cannot be read.
    """

    name: str
    below: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class NewImages:
    """The images that were found.

    Attributes:
        images: in the order in which they were asked for, those of a folder sorted.
        left_out: counts of all else that the folders and archives hold.
    """

    images: list[NewImage] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)


def find_images(places: Sequence[str | Path]) -> NewImages:
    """Return the images at some places: single files, folders of any depth, archives.

    As in the images of a source, hidden files and folders do not count.

    Raises:
        UserError: a place is missing, a folder holds a link to a folder, or there is no image at all.
    """
    found = NewImages()
    for place in map(Path, places):
        if place.is_dir():
            _add_folder(found, place)
        elif not place.exists():
            raise UserError(f"{place} is no file and no folder. Name images, or a folder of them.")
        elif is_archive(place):
            tree = read_tree(place)
            found.images.extend(
                NewImage(str(place / name), name, lambda content=content: content)  # type: ignore[misc]
                for name, content in tree.images.items()
            )
            found.left_out.update(tree.left_out)
        else:
            found.images.append(_of_file(place, place.name))
    if not found.images:
        told = ", ".join(map(str, places))
        holds = f" What it holds: {found.left_out}." if found.left_out else ""
        raise UserError(f"{told} holds no image.{holds} Names of images end in {USUAL}.")
    return found


def _add_folder(found: NewImages, folder: Path) -> None:
    images = image_files(folder)
    below = {path: path.relative_to(folder).as_posix() for path in images}
    # In the order of a source's images.
    found.images.extend(_of_file(path, below[path]) for path in sorted(images, key=below.__getitem__))
    for top, folders, names in walk(folder, found.left_out):
        if links := [name for name in folders if Path(top, name).is_symlink()]:
            raise UserError(
                f"{Path(top, links[0])} is a link to a folder, and links are not followed. Name the folder "
                "that it leads to."
            )
        count_others(top, names, found.left_out)


def _of_file(path: Path, below: str) -> NewImage:
    return NewImage(str(path), below, lambda: _content(path))


def _content(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise unreadable(path, error) from error
