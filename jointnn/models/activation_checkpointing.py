"""Activation checkpointing: the values inside a layer are not kept for its gradient but computed again.

Less memory for more time: about one forward pass more. Gradients are the same to the last bit.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.utils.checkpoint import checkpoint

from jointnn.errors import UserError


class Recomputed(nn.Module):
    """A sequence of layers of which only the inputs are kept for the backward pass.

    A child without parameters, a pooling or an activation, belongs to the layer before it.

    Args:
        network: an `nn.Sequential`; its children stay its own.

    Raises:
        UserError: the network is no sequence.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        if not isinstance(network, nn.Sequential):
            raise UserError(
                f"checkpoint_activations needs a network that is a sequence of its layers (nn.Sequential), "
                f"and {type(network).__name__} is none. Set it to false."
            )
        groups: list[list[nn.Module]] = []
        for child in network:
            if not groups or any(True for _ in child.parameters()):
                groups.append([])
            groups[-1].append(child)
        self.groups = nn.ModuleList(nn.Sequential(*group) for group in groups)

    def forward(self, values: Tensor) -> Tensor:
        """Return the outputs of the network."""
        for group in self.groups:
            values = recomputed(group, values)
        return values


def recomputed(layer: nn.Module, values: Tensor) -> Tensor:
    """Return the outputs of a layer that keeps only its inputs for the backward pass."""

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), kept_buffers(layer)

    drops = any(isinstance(part, _DropoutNd) for part in layer.modules())
    made: Tensor = checkpoint(
        layer, values, use_reentrant=False, preserve_rng_state=drops, context_fn=contexts
    )
    return made


@contextmanager
def kept_buffers(module: nn.Module) -> Iterator[None]:
    """Put the buffers of a module back at the end, to the values that they have now.

    The second forward pass of a layer would take the batch into the statistics of batch norm once more.
    """
    buffers = list(module.buffers())
    before = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)
