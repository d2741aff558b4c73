"""How many parameters networks of branches have, together and by layer, tied ones counted once."""

from collections.abc import Sequence

from torch import nn

from jointnn.jae.branches import Branched


def parameters_of(module: nn.Module) -> int:
    """Of one network or layer."""
    return sum(value.numel() for value in module.parameters())


def together(networks: Sequence[Branched], tied: Sequence[str]) -> int:
    """Of networks that have the layers or branches `tied` in common."""
    common = sum(parameters_of(networks[0].get_submodule(name)) for name in tied)
    return sum(map(parameters_of, networks)) - (len(networks) - 1) * common
