"""Sets whose official files are read here, without another library: a mirror is looked at first."""

from collections.abc import Callable, Sequence
from pathlib import Path

from jointnn.data.download import DOWNLOADS, OfficialFile, obtain
from jointnn.data.source import Source, Splits
from jointnn.data.sources.parquet_files import held_by_mirror, source_in_mirror


def official(
    name: str,
    title: str,
    licence: str,
    files: Sequence[OfficialFile],
    read: Callable[[Path], Splits],
    packages: tuple[str, ...] = (),
) -> Source:
    """Return the source of a set: the mirror's copy, else the official files, downloaded if missing.

    Args:
        name: the set's folder in a mirror, and among the downloads.
        title: its name in words.
        licence: of its images.
        files: as their authors offer them.
        read: reads all images from the folder that holds the files.
        packages: Python packages that parse them.
    """
    if mirror := held_by_mirror(name):
        return source_in_mirror(mirror, name, licence)
    folder = DOWNLOADS / name

    def obtain_and_read() -> Splits:
        for file in files:
            obtain(file, folder)
        return read(folder)

    return Source(
        files=tuple(folder / file.name for file in files),
        root=DOWNLOADS,
        origin=f"{title}, the official files",
        licence=licence,
        read=obtain_and_read,
        packages=packages,
        checksums={file.name: file.checksum for file in files},
    )
