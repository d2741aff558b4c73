"""Where tensors of networks lie: in memory, or in files, from which one network at a time comes to work.

Stacked parameters, averages and the states of optimizers then are memory-mapped files; the operating system
keeps of them what the computer's memory has room for. The network at work has copies on the device, and the
only gradient.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor


class Memory:
    """Tensors stay where they are, and all networks are at work."""

    def keep(self, value: Tensor, _name: str) -> Tensor:
        """Return the tensor itself."""
        return value


@dataclass(frozen=True)
class Disk:
    """Tensors lie in files while their network is not at work.

    Attributes:
        folder: of the files.
        device: where networks work.
    """

    folder: Path
    device: torch.device

    def keep(self, value: Tensor, name: str) -> Tensor:
        """Return the same values as a tensor on the CPU that is a file of that name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        mapped = torch.from_file(str(path), shared=True, size=value.numel(), dtype=value.dtype)
        return mapped.view(value.shape).copy_(value)


Home = Memory | Disk
"""What keeps the tensors of networks."""
