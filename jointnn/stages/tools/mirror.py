"""mirror: a folder of the mirror from its public source, or whether the files of one are ours."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jointnn.data.mirror import folder
from jointnn.data.mirror.sums import Sums, known, mirror_parquet, pixel_digest
from jointnn.data.source import Images
from jointnn.data.sources.parquet_files import MIRROR
from jointnn.errors import UserError
from jointnn.io.files import sha256, sha256_of_file, write_atomically
from jointnn.registry import nearest

OTHER_IMAGES = "not the file of the results pages (docs/data.md says how it may differ)"
VERSIONS = "versions of Pillow and pyarrow other than those of requirements.lock"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn mirror [NAME ...] [--to FOLDER | --check FOLDER]"""
    parser.description = (
        "Build folders of the mirror, Parquet files of images, from their public sources: download what is "
        "missing into data/downloads/, cut, encode, write FOLDER/NAME/{train,test}.parquet, and compare "
        "their SHA-256 with the known ones. Without names it lists what it can build."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="folders of the mirror, such as birds")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--to", type=Path, default=Path("mirror"), metavar="FOLDER", help="default: mirror")
    which.add_argument(
        "--check", type=Path, metavar="FOLDER", help="build nothing: say which files there are ours"
    )


def main(arguments: argparse.Namespace) -> None:
    """Build, check or list.

    Raises:
        UserError: a name is not known, a source cannot be had, or a file is not what it must be.
    """
    recipes = folder.load()
    for name in arguments.names:
        if name not in recipes:
            raise UserError(f"No folder of the mirror is named {name!r}{nearest(name, recipes)}")
    if arguments.check:
        lines = _checked(arguments.check, arguments.names or sorted(recipes))
    elif arguments.names:
        lines = (line for name in arguments.names for line in build(name, arguments.to))
    else:
        told = {name: recipes[name]() for name in sorted(recipes)}
        lines = (f"{name:<18} {one.origin} ({one.licence})" for name, one in told.items())
    for line in lines:
        sys.stdout.write(line + "\n")


def build(name: str, to: Path) -> Iterator[str]:
    """Write both files of a folder, and yield what each is.

    Raises:
        UserError: the source cannot be had, or a file differs from what is known to come out.
    """
    with _without_mirror():
        splits = folder[name]().read()
    written: dict[Path, bytes] = {}
    told = []
    for split, images in {"train": splits.train, "test": splits.test or Images()}.items():
        path = to / name / f"{split}.parquet"
        content = mirror_parquet(images, splits.classes)
        sums = known()[name][split]
        if (what := _what(content, path, sums)) is None:
            raise UserError(
                f"{path} would have the SHA-256 {sha256(content)}, not {sums.built}: its source is another "
                f"one, or it is encoded otherwise ({VERSIONS}). Nothing was written."
            )
        told.append(f"{path}: {len(images)} images, {what}")
        written[path] = content
    for path, content in written.items():
        write_atomically(path, content)
    yield from told


def _what(content: bytes, path: Path, sums: Sums) -> str | None:
    """Return the kind of a file by its digests, in words; None if neither ours nor a recipe's."""
    found = sha256(content)
    if found == sums.sha256:
        return f"SHA-256 {found}, the file of the results pages."
    if found == sums.built:
        return f"SHA-256 {found}, as it must be: {OTHER_IMAGES}."
    if pixel_digest(content, str(path)) == sums.pixels:
        return f"SHA-256 {found}: the images of the results pages, otherwise encoded ({VERSIONS})."
    if sums.built is None:
        return f"SHA-256 {found}: {OTHER_IMAGES}; nobody has stated yet what comes out here."
    return None


def _checked(at: Path, names: list[str]) -> Iterator[str]:
    """Yield for each file what it is."""
    for name in names:
        for split, sums in known()[name].items():
            path = at / name / f"{split}.parquet"
            if not path.is_file():
                yield f"{path}: missing"
            elif (found := sha256_of_file(path)) == sums.sha256:
                yield f"{path}: SHA-256 {found}, the file of the results pages."
            else:
                told = _what(path.read_bytes(), path, sums)
                yield f"{path}: {told or f'SHA-256 {found}: another file.'}"


@contextmanager
def _without_mirror() -> Iterator[None]:
    """Have sources read official files: those that a mirror holds would be copied, not built."""
    before = os.environ.pop(MIRROR, None)
    try:
        yield
    finally:
        if before is not None:
            os.environ[MIRROR] = before
