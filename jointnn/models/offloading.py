"""Where tensors of networks lie: in memory, or in files, from which one network at a time comes to work.

Stacked parameters, averages and the states of optimizers then are memory-mapped files; the operating system
keeps of them what the computer's memory has room for. The network at work has copies on the device, and the
only gradient.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from jointnn.errors import UnwrittenError, reason_of, remedy_of


class Memory:
    """A place in memory: tensors stay where they are, and all networks are at work."""

    def keep(self, value: Tensor, _name: str) -> Tensor:
        """Return the tensor as it is."""
        return value


@dataclass(frozen=True)
class Disk:
    """A place on disk: tensors lie in files while their network is not at work.

    Attributes:
        folder: of the files.
        device: where networks work.
    """

    folder: Path
    device: torch.device

    def keep(self, value: Tensor, name: str) -> Tensor:
        """Return the values as a tensor on the CPU that is mapped to a file of that name.

        Raises:
            UnwrittenError: the disk is full or the folder cannot be written.
        """
        path = self.folder / name
        _take_room(path, value.numel() * value.element_size())
        mapped = torch.from_file(str(path), shared=True, size=value.numel(), dtype=value.dtype)
        return mapped.view(value.shape).copy_(value)


def _take_room(path: Path, size: int) -> None:
    """Make a file of so many bytes. One with holes, mapped, ends the process where the disk is full."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if size:
                os.posix_fallocate(file, 0, size)
        finally:
            os.close(file)
    except OSError as error:
        raise UnwrittenError(
            f"{path}, where networks wait, could not be written: {reason_of(error)}. {remedy_of(error)}."
        ) from error


Home = Memory | Disk
"""The place of the tensors of networks."""
