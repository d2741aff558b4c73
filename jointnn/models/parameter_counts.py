"""How many parameters networks of branches have, alone and together, tied ones counted once."""

from collections.abc import Sequence

from torch import nn

from jointnn.models.branched import Branched
from jointnn.models.layers import layers_within


def parameters_of(module: nn.Module) -> int:
    """Return the number of parameters of a network or layer."""
    return sum(value.numel() for value in module.parameters())


def together(networks: Sequence[Branched], tied: Sequence[str]) -> int:
    """Return the number of parameters of all networks, whose layers or branches `tied` count once."""
    common = layers_within(networks[0].layers, tied, "tied")
    repeated = sum(parameters_of(networks[0].get_submodule(name)) for name in common)
    return sum(map(parameters_of, networks)) - (len(networks) - 1) * repeated
