"""The gradients of all networks in one pass: their parameters stacked, their layers batched by torch.func.

Most of a step of small networks on few images is calls. Batched, there is one where there were n.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from jointnn.data.splits import Split
from jointnn.errors import UserError, one_line
from jointnn.models.stacked import Place, StackedNetworks
from jointnn.tasks.base import WHOLE, Task


class Batched:
    """n networks of one shape as one.

    Args:
        networks: in memory, without parts; their parameters and gradients stay where they are.
        task: whose data term is descended.

    Raises:
        UserError: networks are not alike.
    """

    def __init__(self, networks: StackedNetworks, task: Task) -> None:
        self._networks, self._modules = networks, list(networks.modules.values())
        self._what = f"{type(self._modules[0]).__name__} under the task {type(task).__name__}"
        _check_alike(networks.modules)
        self._term = _Term(self._modules[0], task)
        first = next(iter(networks.places.values()))
        self._trained = [name for name, _ in self._modules[0].named_parameters() if name in first]
        self._frozen = [name for name, _ in self._modules[0].named_parameters() if name not in first]
        self._buffers = [name for name, _ in self._modules[0].named_buffers()]

    def put_gradients(self, batches: Sequence[Split]) -> list[Tensor]:
        """Put the gradient of each network on its batch where its optimizer reads it; return the losses.

        Raises:
            UserError: torch.func cannot batch the network or the task.
        """
        leaves = {name: self._stacked(name).requires_grad_() for name in self._trained}
        others = {name: torch.stack([m.get_buffer(name) for m in self._modules]) for name in self._buffers}
        others |= {
            name: torch.stack([m.get_parameter(name).detach() for m in self._modules])
            for name in self._frozen
        }
        images = torch.stack([batch.images for batch in batches])
        labels = torch.stack([batch.labels for batch in batches])
        drawn = [batch.numbers for batch in batches if batch.numbers is not None]
        numbers = {"numbers": torch.stack(drawn)} if drawn else {}
        try:
            losses, buffers = vmap(self._loss)({**leaves, **others}, images, labels, numbers)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise UserError(
                f"batched: torch.func cannot batch {self._what}. Leave it out. ({one_line(error)})"
            ) from error
        losses.sum().backward()
        for name, leaf in leaves.items():
            self._put(name, torch.zeros_like(leaf) if leaf.grad is None else leaf.grad)
        with torch.no_grad():
            for name, values in buffers.items():  # statistics of batch norm
                for module, value in zip(self._modules, values, strict=True):
                    module.get_buffer(name).copy_(value)
        return list(losses.detach())

    def _loss(
        self, values: Mapping[str, Tensor], images: Tensor, labels: Tensor, numbers: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one network, and its buffers afterwards, new or changed in place."""
        named = {f"network.{name}": value for name, value in values.items()}
        loss: Tensor = functional_call(self._term, named, (Split(images, labels, **numbers),))
        return loss, {name: named[f"network.{name}"].detach() for name in self._buffers}

    def _stacked(self, name: str) -> Tensor:
        """Return a parameter of all networks, shape (n, ...): a view where they lie side by side."""
        if whole := self._whole(name):
            return _columns(self._networks.tensors[whole.slot].data, whole)
        return torch.stack([module.get_parameter(name).detach() for module in self._modules])

    def _put(self, name: str, gradients: Tensor) -> None:
        if whole := self._whole(name):
            into = self._networks.tensors[whole.slot].grad
            assert into is not None
            _columns(into, whole).copy_(gradients)
            return
        for module, gradient in zip(self._modules, gradients, strict=True):
            into = module.get_parameter(name).grad
            assert into is not None
            into.copy_(gradient)

    def _whole(self, name: str) -> Place | None:
        """Return the place of a coupled parameter in the first network; None for other parameters.

        There is a row for each network.
        """
        place = next(iter(self._networks.places.values()))[name]
        return place if place.slot < len(self._networks.coupled) else None


class _Term(nn.Module):
    """The data term of a network, as a module whose parameters torch.func can replace."""

    def __init__(self, network: nn.Module, task: Task) -> None:
        super().__init__()
        self.network, self._descended = network, task.terms()[WHOLE]

    def forward(self, batch: Split) -> Tensor:
        """Return the loss of the network on a batch, a scalar."""
        return self._descended(self.network, batch)


def _columns(stacked: Tensor, place: Place) -> Tensor:
    """Return a parameter of all networks in a stacked layer (n, D_l), as a view (n, ...)."""
    of_all = stacked[:, place.start : place.start + place.shape.numel()]
    return of_all.view(len(stacked), *place.shape)


def _check_alike(modules: Mapping[str, nn.Module]) -> None:
    """Refuse networks that are not the same module but for values: all compute as the first one does."""
    (first, usual), *others = ((dataset, _form(module)) for dataset, module in modules.items())
    for dataset, found in others:
        for name in usual | found:
            if usual.get(name) != found.get(name):
                ours, theirs = (of.get(name, "missing") for of in (usual, found))
                raise UserError(
                    f"batched: networks must be alike, but {name} is {ours} for {first} and {theirs} for "
                    f"{dataset}. Leave batched out."
                )


def _form(module: nn.Module) -> dict[str, str]:
    """Return all that decides how a network computes, but for its values: texts by name."""
    found = {}
    for name, value in chain(module.named_parameters(), module.named_buffers()):
        frozen = isinstance(value, nn.Parameter) and not value.requires_grad
        kind = str(value.dtype).removeprefix("torch.")
        found[name] = f"{tuple(value.shape)}, {kind}{', frozen' if frozen else ''}"
    return {**found, "the module": str(module)}
