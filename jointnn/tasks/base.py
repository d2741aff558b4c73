"""What tasks have in common whose networks have one loss and no parts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from jointnn.data.splits import Split
from jointnn.tasks import WHOLE

if TYPE_CHECKING:
    from jointnn.tasks import Term


class Plain(ABC):
    """One loss, nothing random about a batch but its order, tables of what is followed in training."""

    keeps_diverged = False
    outputs: Sequence[str] = ()

    @abstractmethod
    def loss(self, network: nn.Module, batch: Split) -> Tensor:
        """f_i on a batch, a scalar."""

    @abstractmethod
    def measures(self, network: nn.Module, split: Split) -> dict[str, float]:
        """What is measured of a split, `loss` among it."""

    def numbers(self, _network: nn.Module) -> int:
        """None."""
        return 0

    def terms(self) -> "dict[str, Term]":
        """The loss alone."""
        return {WHOLE: self.loss}

    def results(
        self, network: nn.Module, splits: Mapping[str, Split], _train: Split
    ) -> dict[str, dict[str, float]]:
        """The measures of each split."""
        return {name: self.measures(network, split) for name, split in splits.items()}

    def reference(self, _splits: Mapping[str, Split], _train: Split) -> dict[str, dict[str, float]]:
        """None: a perfect network has no error."""
        return {}

    def glimpse(self, _network: nn.Module) -> Tensor | None:
        """None: numbers say enough."""
        return None

    def alarms(self, _network: nn.Module, _train: Split) -> list[str]:
        """None: a loss that stays finite is all that is asked for."""
        return []
