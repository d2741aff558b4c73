"""Auto-encoders of several branches, for joint auto-encoders and for plain ones of one branch."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from jointnn.errors import UserError
from jointnn.models.architectures import architecture
from jointnn.models.branched import Branch, Branched


@architecture
def branched(classes: int, channels: int, size: int, branches: Mapping[str, Any]) -> nn.Module:
    """Build branches of layers, merged by concatenation (Epstein, Meir, Michaeli 2018).

    Args:
        classes: scores of a branch that ends in `scores`.
        channels: of the images.
        size: pixels of a side.
        branches: by name, a list of layers, or {of: [branches it takes], layers: [...]}; docs/jae.md.
    """
    if not isinstance(branches, Mapping) or not branches:
        raise UserError(f"branches must be a mapping from names to layers, not {branches!r}.")
    told = {name: Branch.from_params(name, said) for name, said in branches.items()}
    return Branched(told, (channels, size, size), classes)
