"""Networks that a benchmark trains: their state, what stays as it is, and steps under given couplings."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jointnn.data.augmentations import Augmentation
from jointnn.data.splits import Split
from jointnn.irls.consistency import layer_weights
from jointnn.methods.plan import Plan
from jointnn.methods.settings import MethodSettings
from jointnn.models.offloading import Home
from jointnn.models.stacked import StackedNetworks
from jointnn.ranks.group import Group
from jointnn.tasks.base import Task
from jointnn.training.across_ranks import shapes_of
from jointnn.training.couplings import Couplings, base_strength, membership_of
from jointnn.training.setup import Data, Setup, setup_of
from jointnn.training.state import State
from jointnn.training.updates import block_coordinate, proximal


@dataclass
class Bench:
    """Networks on made-up images: what the pixels show does not change the time of a step."""

    state: State
    setup: Setup

    @classmethod
    def of(
        cls,
        modules: dict[str, nn.Module],
        images: Mapping[str, Split],
        task: Task,
        settings: MethodSettings,
        home: Home | None = None,
        augmentation: Augmentation | None = None,
        group: Group | None = None,
    ) -> "Bench":
        """Make them ready to train, or those of this rank's share where a group trains them."""
        networks = StackedNetworks(
            modules, settings.couple_head, settings.couple_batch_norm, settings.couple, home
        )
        data = {name: Data(split, split) for name, split in images.items()}
        setup = setup_of("benchmark", networks, data, task, settings, 0, augmentation, group=group)
        return cls(State.of(networks, settings), setup)

    def couplings(self, weight: float | Tensor) -> Couplings:
        """Return couplings with a weight for all pairs and blocks, or weights (n, n) for all blocks.

        A weight of 0 couples nothing.
        """
        networks, settings = self.state.networks, self.setup.settings
        layers = shapes_of(networks.coupled, self.setup.group)
        membership = membership_of(Plan([], layers=networks.layers_of_parts))
        blocks = len(membership), len(layers[0]), len(layers[0])
        by_layer = layer_weights(torch.as_tensor(weight, dtype=torch.float64).expand(blocks), membership)
        strength = torch.full((len(layers),), base_strength(layers, settings), dtype=torch.float64)
        return Couplings(by_layer, strength * bool(by_layer.any()))

    def descend(self, couplings: Couplings, steps: int, *, average: bool = False) -> None:
        """Take steps under couplings, and average parameters where asked for."""
        one_by_one = self.setup.settings.solver == "block_coordinate" and couplings.finite
        take = block_coordinate if one_by_one else proximal
        first, self.state.step = self.state.step, self.state.step + steps
        take(self.state, self.setup, couplings, range(first, first + steps), 0 if average else None)
