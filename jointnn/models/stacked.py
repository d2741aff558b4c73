"""n networks of one architecture whose layers lie in memory as one stacked tensor each.

Mixing networks then is one small matrix product per layer, and the optimiser steps all networks at once.
A network sees its parameters, and their gradients, as views of the stacked tensors.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, chain

import torch
from torch import Tensor, nn

from jointnn.models.layers import check_equal, part_of, parts_of, selected
from jointnn.models.offloading import Disk, Home, Memory


@dataclass(frozen=True)
class Place:
    """The place of a parameter: tensor `slot` of `StackedNetworks.tensors`, in its row, from `start` on."""

    slot: int
    row: int
    start: int
    shape: torch.Size

    def view(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the parameter as a view of one of `tensors`: parameters, gradients or optimizer states."""
        return tensors[self.slot][self.row, self.start : self.start + self.shape.numel()].view(self.shape)


class StackedNetworks:
    """The networks theta_1..theta_n, their coupled layers stacked.

    Args:
        modules: by dataset name, of one architecture, on one device. A layer is a child of the module
            that has trainable parameters, in order of definition, the last one the head; a module with an
            attribute `layers`, a list of names of submodules, names its own. A module with an attribute
            `parts`, a list of names of children, is several networks in one, such as a generator and a
            discriminator: each has its own layers, first to last.
        couple_head: whether the last layer is coupled.
        couple_batch_norm: whether scale and shift of batch norm are coupled.
        couple: layers, parts or branches that are coupled; none named: all.
        tied: layers, parts or branches that are one tensor for all networks, and so not coupled.
        home: where the stacked tensors lie; on disk, the network at work alone has gradients.

    Attributes:
        layers: names of the L coupled layers.
        layers_of_parts: how many of them lie in each part that has any; (L,) where there are no parts.
        coupled: one stacked parameter (n, D_l) per coupled layer.
        tied: names of the layers that all networks have in common.
        tensors: the coupled ones, one (1, D_l) per tied layer, and one (1, P_i) per network for the rest.
            Tied layers belong to the first network as far as optimisers and checkpoints are concerned;
            gradients from every network add up in them.
        rows: the rows of `tensors` that each network owns, views (D_l,), for its optimizer.

    Raises:
        UserError: nothing can be coupled, a part is not known, or a coupled layer differs between the
            networks.
    """

    def __init__(
        self,
        modules: dict[str, nn.Module],
        couple_head: bool,
        couple_batch_norm: bool,
        couple: Sequence[str] = (),
        home: Home | None = None,
        tied: Sequence[str] = (),
    ) -> None:
        self.modules, self.home = modules, home or Memory()
        first = next(iter(modules.values()))
        chosen = selected(first, couple_head, couple_batch_norm, couple, tied)
        self.layers, self.tied, self.layers_of_parts = list(chosen.coupled), list(chosen.tied), chosen.parts
        every = chosen.tied | chosen.coupled
        check_equal(modules, every)
        self.places: dict[str, dict[str, Place]] = {name: {} for name in modules}
        self.coupled = [self._stack(names) for names in chosen.coupled.values()]
        common = [self._tie(names) for names in chosen.tied.values()]
        taken = {name for names in every.values() for name in names}
        rest = [self._stack_rest(name, part, taken) for name in modules for part in parts_of(first)]
        self.tensors = self.coupled + common + [tensor for tensor in rest if tensor is not None]
        self._attach_all()
        self.rows = [self._rows_of(dataset) for dataset in modules]

    @property
    def names(self) -> list[str]:
        """Return the names of the datasets, in the order of the networks."""
        return list(self.modules)

    @property
    def on_disk(self) -> bool:
        """Return whether networks lie in files while they are not at work."""
        return isinstance(self.home, Disk)

    def _stack(self, names: list[str]) -> nn.Parameter:
        """Return one stacked parameter (n, D_l) for the parameters `names` of every network."""
        rows = []
        for row, (dataset, module) in enumerate(self.modules.items()):
            values = [module.get_parameter(name).detach() for name in names]
            starts = accumulate((value.numel() for value in values), initial=0)
            for name, value, start in zip(names, values, starts, strict=False):
                self.places[dataset][name] = Place(self._slots, row, start, value.shape)
            rows.append(torch.cat([value.flatten() for value in values]))
        self._slots += 1
        return nn.Parameter(self.home.keep(torch.stack(rows), f"layer-{self._slots}"))

    _slots = 0

    def _tie(self, names: list[str]) -> nn.Parameter:
        """Return one parameter (1, D_l) for the parameters `names`: the first network's, for all."""
        stacked = self._stack(names)
        for places in self.places.values():
            places |= {name: replace(places[name], row=0) for name in names}
        return nn.Parameter(stacked.data[:1].clone())

    def _stack_rest(self, dataset: str, part: str, taken: set[str]) -> nn.Parameter | None:
        """Return all of a part of one network that is not coupled, as one parameter (1, P_i)."""
        module = self.modules[dataset]
        own = {name for name, value in module.named_parameters() if value.requires_grad} - taken
        names = [
            name for name, _ in module.named_parameters() if name in own and part_of(module, name) == part
        ]
        if not names:
            return None
        values = [module.get_parameter(name).detach() for name in names]
        for name, value, start in zip(
            names, values, accumulate((v.numel() for v in values), initial=0), strict=False
        ):
            self.places[dataset][name] = Place(self._slots, 0, start, value.shape)
        self._slots += 1
        return nn.Parameter(
            self.home.keep(torch.cat([value.flatten() for value in values])[None], f"rest-{self._slots}")
        )

    def _attach_all(self) -> None:
        """Make parameters and gradients of every network views of the stacked ones."""
        data = [tensor.data for tensor in self.tensors]
        for tensor in [] if self.on_disk else self.tensors:
            tensor.grad = torch.zeros_like(tensor)
        gradients = [tensor.grad for tensor in self.tensors if tensor.grad is not None]
        for dataset, module in self.modules.items():
            for name, place in self.places[dataset].items():
                parameter = module.get_parameter(name)
                parameter.data = place.view(data)
                if gradients:
                    parameter.grad = place.view(gradients)

    def _rows_of(self, dataset: str) -> list[nn.Parameter]:
        rows = []
        for slot, row in self._owned(dataset):
            tensor = self.tensors[slot]
            parameter = nn.Parameter(tensor.data[row])
            if tensor.grad is not None:
                parameter.grad = tensor.grad[row]
            rows.append(parameter)
        return rows

    def parts_of_rows(self, index: int) -> list[str]:
        """Return the part of each row of network `index`."""
        dataset, module = list(self.modules.items())[index]
        found = {(p.slot, p.row): part_of(module, name) for name, p in self.places[dataset].items()}
        return [found[key] for key in self._owned(dataset)]

    def _owned(self, dataset: str) -> list[tuple[int, int]]:
        """Return slot and row of each row of `tensors` that a network owns. Tied ones are the first's."""
        tied = range(len(self.coupled), len(self.coupled) + len(self.tied))
        keys = sorted({(place.slot, place.row) for place in self.places[dataset].values()})
        first = dataset == next(iter(self.modules))
        return keys if first else [(slot, row) for slot, row in keys if slot not in tied]

    def split(self, dataset: str, rows: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return tensors shaped as `rows`, cut into views, one per parameter that the network owns."""
        at = {slot: position for position, (slot, _) in enumerate(self._owned(dataset))}
        return {
            name: rows[at[place.slot]][place.start : place.start + place.shape.numel()].view(place.shape)
            for name, place in self.places[dataset].items()
            if place.slot in at
        }

    @contextmanager
    def at_work(self, index: int) -> Iterator[None]:
        """Hold network `index` on the device, with a gradient; afterwards what it learned is in its files.

        Networks in memory are always there.
        """
        if isinstance(self.home, Memory):
            yield
            return
        rows = self.rows[index]
        files = [row.data for row in rows]
        for row in rows:
            row.data = row.data.to(self.home.device, copy=True)
            row.grad = torch.zeros_like(row.data)
        self._attach(index, self.home.device)
        try:
            yield
        finally:
            for row, file in zip(rows, files, strict=True):
                file.copy_(row.data)
                row.grad = None
                row.data = file
            self._attach(index, torch.device("cpu"))

    def _attach(self, index: int, device: torch.device) -> None:
        """Make the parameters of a module views of its rows, and move what is in no row with them."""
        name, module = list(self.modules.items())[index]
        views = self.split(name, [row.data for row in self.rows[index]])
        gradients = [row.grad for row in self.rows[index] if row.grad is not None]
        slopes = self.split(name, gradients) if gradients else {}
        for key, view in views.items():
            parameter = module.get_parameter(key)
            parameter.grad = None
            parameter.data = view
            parameter.grad = slopes.get(key)
        frozen = (value for key, value in module.named_parameters() if key not in self.places[name])
        for value in chain(module.buffers(), frozen):
            value.data = value.data.to(device)
