"""Observation of a network at work: the inputs and outputs of layers, and the layers behind them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor, nn

from jointnn.models.layers import layer_names, part_of

Shape = tuple[int, ...]


class Call(NamedTuple):
    """A module at work.

    Attributes:
        name: of the module within the network; nothing for the network itself.
        kind: its class.
        shapes: of the tensors that it was given.
    """

    name: str
    kind: str
    shapes: list[Shape]


@dataclass
class Observed:
    """Record of one pass through a network.

    Attributes:
        layers: names of the layers, as the network has them.
        takes: shape of the first tensor that a layer was given, without the images.
        gives: shape of the last tensor that it gave, without the images.
        behind: of a layer, those whose parameters the first values that it was given depend on.
        inputs: shapes of the first tensor that the whole network was given, in each of its calls.
        outputs: its output in each of its calls.
        running: modules at work, the innermost last: where an error was raised, the last one raised it.
    """

    layers: list[str]
    takes: dict[str, Shape] = field(default_factory=dict)
    gives: dict[str, Shape] = field(default_factory=dict)
    behind: dict[str, set[str]] = field(default_factory=dict)
    inputs: list[Shape] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    running: list[Call] = field(default_factory=list)

    def out_of_order(self, module: nn.Module) -> tuple[str, str] | None:
        """Return the first layer that takes the output of a later one, and that one; None for none.

        Layers of different parts have no order.
        """
        place = {layer: at for at, layer in enumerate(self.layers)}
        for layer in self.layers:
            later = [
                other
                for other in self.behind.get(layer, ())
                if place[other] > place[layer] and part_of(module, other) == part_of(module, layer)
            ]
            if later:
                return layer, min(later, key=place.__getitem__)
        return None


@contextmanager
def observed(network: nn.Module) -> Iterator[Observed]:
    """Look at a network within it. It computes as ever."""
    seen = Observed(layer_names(network))
    layer_of = {
        f"{layer}.{name}" if name else layer: layer
        for layer in seen.layers
        for name, _ in network.get_submodule(layer).named_modules()
    }
    owner = {
        id(value): layer
        for layer in seen.layers
        for value in network.get_submodule(layer).parameters()
        if value.requires_grad
    }

    def before(name: str, module: nn.Module, given: list[Tensor]) -> None:
        seen.running.append(Call(name, type(module).__name__, [tuple(value.shape) for value in given]))
        if not name:
            seen.inputs += [tuple(value.shape) for value in given[:1]]
        layer = layer_of.get(name)
        if layer is not None and layer not in seen.behind:
            seen.behind[layer] = {owner[leaf] for leaf in _leaves(given) & owner.keys()}
            if given:
                seen.takes[layer] = tuple(given[0].shape[1:])

    def after(name: str, found: Any) -> None:
        seen.running.pop()
        if not name:
            seen.outputs.append(found)
        if name in layer_of and (made := _tensors(found)):
            seen.gives[layer_of[name]] = tuple(made[0].shape[1:])

    hooks = []
    for name, module in network.named_modules():
        hooks += [
            module.register_forward_pre_hook(
                lambda module, given, named, name=name: before(name, module, _tensors([given, named])),
                with_kwargs=True,
            ),
            module.register_forward_hook(lambda _, __, found, name=name: after(name, found)),
        ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _tensors(value: Any) -> list[Tensor]:
    """Return the tensors in nested lists and mappings, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return (
        [found for inner in value for found in _tensors(inner)] if isinstance(value, list | tuple) else []
    )


def _leaves(values: list[Tensor]) -> set[int]:
    """Return the identities (`id`) of the parameters that values depend on, by autograd."""
    waiting = [value.grad_fn for value in values if value.grad_fn is not None]
    known, found = set(waiting), {id(value) for value in values if value.requires_grad and value.is_leaf}
    while waiting:
        node = waiting.pop()
        if (leaf := getattr(node, "variable", None)) is not None:
            found.add(id(leaf))
        for other, _ in node.next_functions:
            if other is not None and other not in known:
                known.add(other)
                waiting.append(other)
    return found
