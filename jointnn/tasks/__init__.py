"""The tasks, one file per family; a new one is one decorated function or class."""

from typing import TYPE_CHECKING, Protocol

from jointnn.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor, nn

    from jointnn.data import Split

task = Registry("task", __name__)


class Task(Protocol):
    """What is learned: the data term f_i, and how a network is measured.

    Attributes:
        explodes_above: a loss that only a diverged network has.
        numbers: how many random numbers a batch brings per image, uniform in [0, 1).
    """

    explodes_above: float
    numbers: int

    def loss(self, network: "nn.Module", batch: "Split") -> "Tensor":
        """f_i on a batch whose images are floats, a scalar."""

    def measures(self, network: "nn.Module", split: "Split") -> dict[str, float]:
        """Every measure over a split, `loss` among them, in evaluation mode."""

    def evidence(self, network: "nn.Module", split: "Split") -> dict[str, "Tensor"]:
        """What figures show of a network beside its measures; numbers by name."""
