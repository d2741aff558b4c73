"""Sets that torchvision loads: a mirror is looked at first, and official files are checked."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jointnn.data.download import DOWNLOADS
from jointnn.data.source import Source, Splits
from jointnn.data.sources.bundled_digits import of_arrays
from jointnn.data.sources.parquet_files import held_by_mirror, source_in_mirror
from jointnn.errors import UserError


@dataclass(frozen=True)
class OfficialSet:
    """A dataset with an official split that torchvision loads.

    Attributes:
        name: its folder in a mirror.
        title: its name in words.
        folder: where torchvision keeps the official files.
        checksums: MD5 of each of these files.
        classes: names of the classes, in the order of their labels.
        load: pixels (N, H, W), or (N, H, W, 3), and labels of the training images, or of the test images.
    """

    name: str
    title: str
    folder: Path
    checksums: dict[str, str]
    classes: list[str]
    load: Callable[[bool], tuple[Any, Any]]

    def source(self, licence: str) -> Source:
        """Return the source: the mirror's copy, else the official files, downloaded if missing."""
        if mirror := held_by_mirror(self.name):
            return source_in_mirror(mirror, self.name, licence)
        return Source(
            files=tuple(self.folder / file for file in self.checksums),
            root=DOWNLOADS,
            origin=f"{self.title}, the official files by torchvision",
            licence=licence,
            read=self.read,
            packages=("torchvision",),
            checksums=self.checksums,
        )

    def read(self) -> Splits:
        """Return all images. The official files are checked before torchvision opens them, and after."""
        for file in self.checksums:
            if (self.folder / file).exists():
                self.check(file)
        try:
            (pixels, labels), (test_pixels, test_labels) = self.load(True), self.load(False)
        # No network, a broken download, or unpacked files that were damaged later.
        except (OSError, EOFError, RuntimeError, ValueError, AssertionError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"{self.title} could not be loaded: {reason}. Without a network, place "
                f"{', '.join(self.checksums)} in {self.folder} by hand, or set JOINTNN_MIRROR to a "
                f"folder that holds {self.name}/train.parquet and {self.name}/test.parquet."
            ) from error
        for file in self.checksums:
            self.check(file)
        train = of_arrays(pixels, labels, f"{self.title}, train")
        return Splits(train, of_arrays(test_pixels, test_labels, f"{self.title}, test"), self.classes)

    def check(self, name: str) -> None:
        """Refuse a file that is not the official one."""
        file = self.folder / name
        if not file.is_file():
            raise UserError(f"{file} is missing, though its unpacked form is there. Place it there too.")
        found = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        if found != self.checksums[name]:
            raise UserError(
                f"{file} is not the official file: its MD5 is {found}, not {self.checksums[name]}. "
                "Delete it, and it will be downloaded again, or place the official one there."
            )
