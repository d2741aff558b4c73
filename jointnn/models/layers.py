"""The parts and layers of a network: which parameters belong to which, by name."""

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from jointnn.errors import UserError
from jointnn.registry import nearest


def layer_names(module: nn.Module) -> list[str]:
    """Return the names of a module's layers in order, those of its parts one part after the other.

    They are the names that the module gives; `check_names` checks that there are such layers.
    """
    if parts := getattr(module, "parts", ()):
        return [f"{part}.{name}" for part in parts for name in layer_names(module.get_submodule(part))]
    named = getattr(module, "layers", None)
    if isinstance(named, list | tuple):  # else it is a child of that name, a ModuleList for instance
        return list(named)
    return [name for name, _ in module.named_children()]


def check_names(module: nn.Module) -> None:
    """Refuse an attribute `parts` or `layers` that does not name submodules, each once and none inside
    another.

    Raises:
        UserError: with the name, and what there is.
    """
    what, known = type(module).__name__, dict(module.named_modules())
    if hasattr(module, "parts"):
        children = dict(module.named_children())
        parts: Any = module.parts
        if not _are_names(parts) or any(part not in children for part in parts):
            raise UserError(
                f"{what} has an attribute `parts` that does not name children: {_short(parts)}. A network "
                f"whose parts take turns names them there; its children are {', '.join(children)}. Mend it "
                "or give the attribute another name."
            )
        for part in parts:
            check_names(children[part])
        return
    named = getattr(module, "layers", None)
    if not isinstance(named, list | tuple):
        return
    if not _are_names(named):
        raise UserError(
            f"{what} has an attribute `layers` that does not name submodules: {_short(named)}. A network "
            "names its layers there, in the order of the forward pass. Mend it, or give the attribute "
            "another name."
        )
    for name, count in Counter(named).items():
        if name not in known or not name:
            end = nearest(name, (other for other in known if other))
            raise UserError(f"`layers` of {what} names {name!r}, which is no submodule of it{end}")
        if count > 1:
            raise UserError(f"`layers` of {what} names {name!r} {count} times; once is enough.")
        if inside := [other for other in named if other.startswith(f"{name}.")]:
            raise UserError(
                f"`layers` of {what} names {inside[0]!r}, which lies inside {name!r}; name one of the two."
            )


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def parts_of(module: nn.Module) -> Sequence[str]:
    """Return the names of a network's parts; one empty name where it has no parts."""
    return getattr(module, "parts", ("",))


def outputs_of(module: nn.Module) -> Sequence[str]:
    """Return the names of a network's outputs; none where it gives one tensor."""
    return getattr(module, "outputs", ())


def part_of(module: nn.Module, name: str) -> str:
    """Return the name of the part that a layer or parameter lies in; "" where there are no parts."""
    return name.partition(".")[0] if hasattr(module, "parts") else ""


def layers_within(layers: Sequence[str], named: Iterable[str], setting: str) -> list[str]:
    """Return the layers that `named` names, or whose part or branch it names.

    Args:
        setting: the setting with these names, for messages.

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
    """Return a network whose parts are replaced by `made_of` of each. Without parts it is one part.

    All else, its own parameters and buffers included, is shared with `module`.
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

    Raises:
        UserError: the module names a layer that is not there.
    """
    if layers is None:
        check_names(module)
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


@dataclass(frozen=True)
class Selection:
    """Layers of a network by use: coupled with those of others, or one with them.

    Attributes:
        coupled: names of parameters by layer, in order.
        tied: the same of layers that are one tensor for all networks.
        head: the last layer, where that is not coupled; else nothing.
        parts: how many coupled layers lie in each part that has any.
    """

    coupled: dict[str, list[str]]
    tied: dict[str, list[str]]
    head: str
    parts: list[int]


def selected(
    module: nn.Module,
    couple_head: bool,
    couple_batch_norm: bool,
    couple: Sequence[str] = (),
    tied: Sequence[str] = (),
) -> Selection:
    """Return the layers to couple and to tie, by the settings of a method.

    Raises:
        UserError: nothing is left to couple, a name holds no layer, or a tensor lies in two layers.
    """
    named = layer_parameters(module, couple_batch_norm)
    common = {layer: named.pop(layer) for layer in layers_within(list(named), tied, "tied")}
    head = "" if couple_head or not named else named.popitem()[0]
    if couple:
        named = {layer: named[layer] for layer in layers_within(list(named), couple, "couple")}
    if not named:
        raise UserError(
            f"{type(module).__name__} has no layer to couple besides its head; couple the head too "
            "(couple_head: true), tie fewer layers or divide the network into named ones."
        )
    _refuse_shared(module, common | named)
    parts = list(Counter(part_of(module, layer) for layer in named).values())
    return Selection(named, common, head, parts)


def _refuse_shared(module: nn.Module, named: dict[str, list[str]]) -> None:
    """Refuse a tensor in two layers: it would lie in two stacks, and learn in one of them."""
    owners: dict[int, str] = {}
    for name in (name for names in named.values() for name in names):
        other = owners.setdefault(id(module.get_parameter(name)), name)
        if other != name:
            raise UserError(
                f"{other} and {name} are one tensor of {type(module).__name__}, which lies in two coupled "
                "layers. Name with `couple` layers of which one alone has it, or give the network an "
                "attribute `layers` whose layers hold it together."
            )


def check_equal(modules: Mapping[str, nn.Module], named: Mapping[str, Sequence[str]]) -> None:
    """Refuse layers of different shapes, which have no distance.

    Args:
        modules: networks by dataset.
        named: names of parameters by layer.
    """
    shapes = {
        dataset: {name: tuple(value.shape) for name, value in module.named_parameters()}
        for dataset, module in modules.items()
    }
    first, expected = next(iter(shapes.items()))
    for dataset, found in shapes.items():
        for layer, names in named.items():
            if [found.get(name) for name in names] != [expected.get(name) for name in names]:
                raise UserError(
                    f"Layer {layer!r} has other shapes for {dataset} than for {first}, so it cannot "
                    "be coupled. If it is the head of other classes, set couple_head: false."
                )
