"""The parts and layers of a network: which parameters belong to which, by name."""

import copy
from collections.abc import Callable, Iterable, Sequence

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from jointnn.errors import UserError


def layer_names(module: nn.Module) -> list[str]:
    """Return the layers of a module in order, those of its parts one part after the other."""
    if parts := getattr(module, "parts", ()):
        return [f"{part}.{name}" for part in parts for name in layer_names(module.get_submodule(part))]
    named = getattr(module, "layers", None)
    if isinstance(named, list | tuple):  # else it is a child of that name, a ModuleList for instance
        return list(named)
    return [name for name, _ in module.named_children()]


def parts_of(module: nn.Module) -> Sequence[str]:
    """Return the names of a network's parts; one empty name where it has none."""
    return getattr(module, "parts", ("",))


def outputs_of(module: nn.Module) -> Sequence[str]:
    """Return the names of what a network gives; none where it gives one tensor."""
    return getattr(module, "outputs", ())


def part_of(module: nn.Module, name: str) -> str:
    """Return the part that a layer or parameter lies in."""
    return name.partition(".")[0] if hasattr(module, "parts") else ""


def layers_within(layers: Sequence[str], named: Iterable[str], setting: str) -> list[str]:
    """Return those of the layers that are named, or lie in a part or branch that is.

    Args:
        setting: what names them, for messages.

    Raises:
        UserError: a name holds none of the layers.
    """
    found = set()
    for name in named:
        within = {layer for layer in layers if layer == name or layer.startswith(f"{name}.")}
        if not within:
            raise UserError(
                f"{setting}: {name!r} holds no layer that can be coupled; there are {', '.join(layers)}. "
                "Name some of them, or what stands before their dots."
            )
        found |= within
    return [layer for layer in layers if layer in found]


def by_parts(module: nn.Module, made_of: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """Return a network whose parts are replaced by what is made of them; a network without parts is one.

    Everything else, parameters and buffers of its own included, it shares with the first.
    """
    if not hasattr(module, "parts"):
        return made_of(module)
    made = copy.copy(module)
    made._modules = dict(module._modules)
    for part in parts_of(module):
        made._modules[part] = made_of(module.get_submodule(part))
    return made


def layer_parameters(
    module: nn.Module, couple_batch_norm: bool, layers: Sequence[str] | None = None
) -> dict[str, list[str]]:
    """Return the names of the trainable parameters of each layer that may be coupled, by layer.

    Args:
        layers: names of submodules in order; None: those that the module has or names itself.
    """
    normed = {
        f"{name}.{parameter}" if name else parameter
        for name, part in module.named_modules()
        if isinstance(part, _BatchNorm)
        for parameter, _ in part.named_parameters(recurse=False)
    }
    named: dict[str, list[str]] = {}
    for layer in layer_names(module) if layers is None else layers:
        names = [
            f"{layer}.{name}"
            for name, value in module.get_submodule(layer).named_parameters()
            if value.requires_grad and (couple_batch_norm or f"{layer}.{name}" not in normed)
        ]
        if names:
            named[layer] = names
    return named
