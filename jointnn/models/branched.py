"""A network of branches: each reads the image or what other branches give, concatenated."""

from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import torch
from torch import Tensor, nn

from jointnn.errors import UserError
from jointnn.models.branch_layers import Given, drawn_as_glorot, made_layer
from jointnn.registry import nearest

OUTPUTS = ("image", "classes")
"""Branches that a task reads: an image, and scores of classes."""


@dataclass(frozen=True)
class Branch:
    """The description of a branch.

    Attributes:
        of: the branches whose values it takes, concatenated; none: the image.
        layers: as texts, in order.
    """

    layers: Sequence[str]
    of: Sequence[str] = ()

    @classmethod
    def from_params(cls, name: str, said: Any) -> "Branch":
        """Return the branch that parameters describe: a list of layers, or `{of: [...], layers: [...]}`."""
        entries: Mapping[str, Any] = said if isinstance(said, Mapping) else {"layers": said}
        layers: Any = entries.get("layers")
        of: Any = entries.get("of", [])
        if set(entries) - {"of", "layers"} or not all(isinstance(part, list) for part in (layers, of)):
            raise UserError(
                f"branches.{name} is {said!r}; give a list of layers, or {{of: [...], layers: [...]}}."
            )
        return cls(layers, of)


class Branched(nn.Module):
    """A network of named branches, whose outputs are the branches that no other branch takes.

    Args:
        branches: by name; their order makes no difference.
        image: shape of the images, (C, H, W).
        classes: how many there are.

    Attributes:
        layers: names of the layers, `shared.dense1`, in order.
        of: which branches each takes from.
        shapes: of what each layer gives, by its name.
        outputs: the branches that no other takes.

    Raises:
        UserError: a branch takes from one that is not there or from itself, has a name that cannot be,
            shapes do not fit, or an output is missing or is none.
    """

    def __init__(self, branches: Mapping[str, Branch], image: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.of = {name: list(branches[name].of) for name in _in_order(branches)}
        ends: dict[str, tuple[int, ...]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        for name, others in self.of.items():
            if hasattr(self, name) or "." in name:
                raise UserError(f"branches.{name}: a branch cannot have this name; take another.")
            ends[name] = _merged([ends[other] for other in others], name) or image
            layers: OrderedDict[str, nn.Module] = OrderedDict()
            for word, text in _counted(branches[name].layers):
                layers[word], ends[name] = made_layer(text, Given(ends[name], image, classes))
                self.shapes[f"{name}.{word}"] = ends[name]
            self.add_module(name, nn.Sequential(layers))
        self.layers = list(self.shapes)
        self.outputs = [name for name in self.of if not self._readers(name)]
        self._check_outputs(ends, image)
        self.apply(drawn_as_glorot)

    @property
    def codes(self) -> list[str]:
        """Return the names of the branches whose codes are concatenated for the image."""
        return self.of["image"]

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images (B, C, H, W) to outputs by name: images of their shape, scores (B, classes)."""
        return self.decoded(self.encoded(images))

    def encoded(self, images: Tensor) -> dict[str, Tensor]:
        """Return the values of the inner branches, by name."""
        values: dict[str, Tensor] = {}
        for name in self.of:
            if name not in self.outputs:
                values[name] = self._branch(name)(self._taken(name, values, images))
        return values

    def decoded(self, codes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the outputs for values of the inner branches, by name."""
        return {name: self._branch(name)(self._taken(name, codes)) for name in self.outputs}

    def _taken(self, name: str, values: Mapping[str, Tensor], images: Tensor | None = None) -> Tensor:
        if self.of[name]:
            return torch.cat([values[other] for other in self.of[name]], dim=1)
        assert images is not None
        return images

    def _branch(self, name: str) -> nn.Module:
        return self.get_submodule(name)

    def _readers(self, name: str) -> list[str]:
        return [reader for reader, others in self.of.items() if name in others]

    def _check_outputs(self, shapes: Mapping[str, tuple[int, ...]], image: tuple[int, ...]) -> None:
        if "image" not in self.outputs or set(self.outputs) - set(OUTPUTS) or not self.of["image"]:
            raise UserError(
                f"branches: what no branch takes is what comes out, here {', '.join(self.outputs)}; it "
                "must be `image`, of other branches, and with classes `classes`."
            )
        if shapes["image"] != image:
            raise UserError(
                f"branches.image gives the shape {shapes['image']}, but images have {image}. Mend it."
            )


def _in_order(branches: Mapping[str, Branch]) -> list[str]:
    """Return the names of the branches, each after those that it takes from, else in alphabetical order.

    Settings files sort what they hold, so the order of parameters cannot count.
    """
    for name, branch in branches.items():
        for other in branch.of:
            if other not in branches:
                raise UserError(
                    f"branches.{name} takes from {other!r}, which is none{nearest(other, branches)}"
                )
    sorter = TopologicalSorter({name: branch.of for name, branch in branches.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise UserError(
            f"branches take from each other in a circle: {' < '.join(error.args[1])}."
        ) from error
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _counted(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the texts of layers, each with its word, counted: conv1, pool1, conv2."""
    count: Counter[str] = Counter()
    for text in map(str, texts):
        word = text.split()[0] if text.split() else text
        count[word] += 1
        yield f"{word}{count[word]}", text


def _merged(shapes: Sequence[tuple[int, ...]], name: str) -> tuple[int, ...] | None:
    """Return the shape of concatenated values; None where there are none."""
    if not shapes:
        return None
    if len({shape[1:] for shape in shapes}) > 1:
        raise UserError(
            f"branches.{name} takes values of the shapes {', '.join(map(str, shapes))}, which cannot be "
            "concatenated; end its sources in codes or in grids of one size."
        )
    return sum(shape[0] for shape in shapes), *shapes[0][1:]
