"""The method in somebody else's training loop: networks that train as they did, coupled after each step.

docs/library.md explains it with code that runs.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors
from torch.utils.hooks import RemovableHandle

from jointnn.errors import UserError
from jointnn.irls import consistency, solvers
from jointnn.irls.groups import find_groups
from jointnn.irls.many_networks import Mixing
from jointnn.irls.rounds import Round, block_names, next_round, scales_of
from jointnn.irls.split_halves import split_half_ratios
from jointnn.methods.catalogue import plan
from jointnn.methods.plan import Phase, Problem
from jointnn.methods.settings import MethodSettings
from jointnn.models.layers import layer_names, layer_parameters, layers_within, part_of
from jointnn.training.couplings import base_strength, couplings_of, effective_step, membership_of
from jointnn.training.device import knows_float64

logger = logging.getLogger(__name__)
MIXED_AT_ONCE = 1 << 17
"""Columns of a layer that are gathered, mixed and written back at a time: they stay in the cache."""


class Coupling:
    """Couples networks of one architecture in a training loop of your own, by the paper's IRLS.

    Networks, loss and optimizer stay yours. After each step of the optimizer, `step` moves every coupled
    layer towards those of the other networks: the proximal step of (6), solved exactly. `reweight` finds
    the weights (7) anew from the distances; before the first time all weights are 1, the L2 start (5).

    A layer is a child of the module that has trainable parameters, in order of definition, the last one the
    head; a module with an attribute `layers`, a list of names of submodules, names its own. Modules keep
    their parameters, so they can be moved, saved and loaded as ever. Buffers are never coupled.

    Args:
        networks: two or more modules by name, each on any device.
        half_life: Steps in which the difference of two fully coupled networks halves at the base learning
            rate: 0 gives one network, infinity isolated ones. 3 unless `lambda_` is given.
        lambda_: lambda as in the paper, instead of a half-life.
        steps: Steps of the whole training. If given, weights are found by themselves as by the method
            `joint`: an L2 start of `l2_fraction` of them, then `rounds` rounds. None: `reweight` is yours
            to call.
        l2_fraction: part of `steps` for the L2 start.
        rounds: IRLS rounds after it, which share the rest of `steps`.
        round_steps: Steps between two of your calls of `reweight`: distances then are between parameters
            averaged over the last half of them. None: between the last parameters.
        average: False takes the last parameters in any case.
        learning_rate: base rate that the half-life is meant for. None: read by `attach`, or the rate of
            the first step. Give it where the rate warms up.
        momentum: of SGD; 0 for Adam and others. None: read by `attach`, else 0. A half-life does not
            depend on it, `lambda_` does.
        layers: names of the layers, where they are not the children: `["embed", "blocks.0", ...]`.
        couple_head: Couple the last layer too.
        couple_batch_norm: Couple the scale and shift of batch norm.
        couple: names of layers, or of what stands before their dots; none: all.
        blocks: `adjacent`, pairs of layers as in (3), or `single`, each layer alone.
        metric: `sum_square` as in (3), or `mean_square`, which couples small layers more.
        weighting: how distances become weights, as `consistency.irls_weights` has it.
        scale_factor: s: sigma is s times the mean nearest distance (1 is the paper, infinity is L2).
        strength_decay: by how much the coupling falls from the first to the last layer.
        tolerance: largest change of a weight at which IRLS counts as converged.
        mix_every: steps between two mixings, each so many times as strong.

    Attributes:
        names: of the networks.
        layers: names of the coupled layers.
        blocks: names of the blocks.
        excluded: why a parameter is not coupled, by its name. It is logged too, at the level INFO.

    Raises:
        UserError: a sentence: fewer than two networks, coupled layers of other shapes, wrong settings.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        *,
        half_life: float | None = None,
        lambda_: float | None = None,
        steps: int | None = None,
        l2_fraction: float = 0.3,
        rounds: int = 6,
        round_steps: int | None = None,
        average: bool = True,
        learning_rate: float | None = None,
        momentum: float | None = None,
        layers: Sequence[str] | None = None,
        couple_head: bool = False,
        couple_batch_norm: bool = False,
        couple: Sequence[str] = (),
        blocks: Literal["adjacent", "single"] = "adjacent",
        metric: Literal["sum_square", "mean_square"] = "sum_square",
        weighting: Literal["paper", "geman_mcclure", "welsch", "median"] = "paper",
        scale_factor: float = 1.0,
        strength_decay: float = 0.0,
        tolerance: float = 0.01,
        mix_every: int = 1,
    ) -> None:
        if half_life is None and lambda_ is None:
            half_life = 3.0
        known = {"learning_rate": learning_rate, "momentum": momentum or 0.0, "steps": steps}
        self._settings = MethodSettings.checked(
            strength={"half_life": half_life, "lambda": lambda_},
            l2_fraction=l2_fraction,
            rounds=rounds,
            average=average,
            couple_head=couple_head,
            couple_batch_norm=couple_batch_norm,
            couple=list(couple),
            blocks=blocks,
            metric=metric,
            weighting=weighting,
            scale_factor=scale_factor,
            strength_decay=strength_decay,
            tolerance=tolerance,
            mix_every=mix_every,
            **{name: value for name, value in known.items() if value is not None},
        )
        if round_steps is not None and (steps is not None or round_steps < 1):
            raise UserError(
                f"round_steps: {round_steps!r} does not fit. It is the number of steps between calls of "
                "reweight(), at least 1, and goes without steps, under which weights are found anyway."
            )
        self._alone, self._round_steps = steps is not None, round_steps
        self._rate_is_known, self._momentum_is_known = learning_rate is not None, momentum is not None
        modules = _modules_of(networks)
        self.names = list(modules)
        self._layers, self.excluded = _coupled_layers(modules, self._settings, layers)
        self.layers = [layer.name for layer in self._layers]
        first = next(iter(modules.values()))
        parts = Counter(part_of(first, layer) for layer in self.layers)
        self._plan = plan("joint", Problem(self.names, list(parts.values())), self._settings)
        self._phases = [phase for phase in self._plan.phases if phase.steps]
        self._membership = membership_of(self._plan)
        self.blocks = block_names(self.layers, self._membership)
        self._sigma: Tensor | None = None
        self._found: list[Round] = []  # the last one, once there is any
        self._rounds = self._steps = self._started = 0
        self._average: list[Tensor] = []
        self._averaged = 0
        self._mixing: tuple[Any, list[Tensor | Mixing | None]] | None = None
        self._mixer: solvers.Mixer | None = None
        self._optimizers: list[tuple[torch.optim.Optimizer, list[int]]] = []
        self._hooks: list[RemovableHandle] = []
        self._not_yet: set[int] = set()
        left = "; ".join(f"{name}: {why}" for name, why in self.excluded.items()) or "nothing"
        logger.info(
            "%s are coupled in %s. Left out: %s", ", ".join(self.names), ", ".join(self.layers), left
        )

    def __repr__(self) -> str:
        return (
            f"Coupling of {', '.join(self.names)} in {', '.join(self.layers)}, "
            f"after {self._steps} steps and {self._rounds} rounds"
        )

    @property
    def weights(self) -> Tensor:
        """Return w_ijb, shape (B, n, n), float64 in [0, 1]; all are 1 at the start."""
        if self._found:
            return self._found[-1].weights.clone()
        return torch.ones(len(self.blocks), len(self.names), len(self.names), dtype=torch.float64)

    @property
    def sigma(self) -> Tensor | None:
        """Return the scales sigma_b, shape (B,), in parameter units; None before the first round."""
        return None if self._sigma is None else self._sigma.clone()

    @property
    def rounds(self) -> int:
        """Return how many times weights have been found."""
        return self._rounds

    @property
    def converged(self) -> bool:
        """Return whether in some round no weight changed by more than `tolerance`.

        Weights then stay (4.2.2).
        """
        return bool(self._found) and self._found[-1].converged

    def groups(self, count: int | None = None) -> list[list[str]]:
        """Return the groups of networks by the present weights, by average linkage on 1 - w.

        Args:
            count: number of groups; None cuts at the largest gap.
        """
        labels = find_groups(self.weights.numpy(), count)
        return [
            [name for name, label in zip(self.names, labels, strict=True) if label == group]
            for group in range(max(labels) + 1)
        ]

    def split_half_ratios(self, halves: Mapping[str, tuple[str, str]]) -> Tensor:
        """Return the distances of datasets in each layer, in units of chance: 1 is not told apart.

        For that two networks of this coupling learn the two halves of each dataset, all with weights of 1.
        The squared distance of two datasets, mean over their four pairings of halves, is divided by that
        between the halves of one dataset (`irls.split_halves`).

        Args:
            halves: of each dataset the names of its two networks, such as {"a": ("a.1", "a.2"), ...}.

        Returns:
            Shape (L, N, N), float64, in the order of `layers` and of `halves`; the diagonal is 1. Distances
            are between averaged parameters where `reweight` would take those.

        Raises:
            UserError: a network is not known, or stands there twice; weights have been found, so that
                networks are not pulled alike any more.
        """
        names = [name for pair in halves.values() for name in pair]
        if unknown := [name for name in names if name not in self.names]:
            raise UserError(f"{unknown[0]!r} is none of these networks: {', '.join(self.names)}.")
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise UserError(f"{twice[0]!r} stands twice among halves; each has a network of its own.")
        if wrong := [name for name, pair in halves.items() if len(pair) != 2]:
            raise UserError(f"{wrong[0]!r} needs two networks, one for each of its halves.")
        if self._rounds:
            raise UserError(
                "Weights have been found, so networks are not pulled alike any more. Ask for the ratios "
                "before the first reweight(), without steps."
            )
        chosen = torch.tensor([self.names.index(name) for name in names])
        squared = torch.stack([self._distances(k) for k in range(len(self._layers))])
        return split_half_ratios(squared[:, chosen][:, :, chosen])

    def step(self, lr: float) -> None:
        """Take the coupling's part of a step, after that of the optimizer: once for all networks.

        Args:
            lr: the optimizer's rate in this step.

        Raises:
            UserError: a network holds NaN or infinity (nothing is mixed then); the rate is no number that
                a step can have; the coupling is attached to an optimizer, and so steps by itself.
        """
        if self._optimizers:
            raise UserError("This coupling is attached to an optimizer and steps by itself; drop the call.")
        self._step(float(lr))

    def reweight(self) -> None:
        """End a round: find the weights (7) from the distances of the networks. The first time sets sigma.

        Raises:
            UserError: two networks are equal, so that there is no scale; a network holds NaN; no step was
                taken since the last time; weights are found by themselves, since `steps` was given.
        """
        if self._alone:
            raise UserError("This coupling was given steps, so it finds weights by itself; drop the call.")
        if self._steps == self._started:
            raise UserError("reweight() was called without a step before it, where it would find nothing.")
        self._find_weights()

    def attach(self, *optimizers: torch.optim.Optimizer) -> None:
        """Step by itself from now on: after each step of an optimizer, with its rate.

        Of several optimizers, one for each network for instance, each must have taken a step since the
        last mixing. Rate and momentum are read from the groups that hold coupled parameters; where they
        differ, call `step` yourself.

        Raises:
            UserError: a coupled parameter is in none of the optimizers; rates or momenta differ; `lambda_`
                with an optimizer other than SGD.
        """
        if self._optimizers:
            raise UserError("This coupling is attached already; call detach() first.")
        ours = {id(p): f"{n}.{name}" for n, name, p in self._parameters()}
        found = [
            (optimizer, [k for k, g in enumerate(optimizer.param_groups) if ours.keys() & _ids(g)])
            for optimizer in optimizers
        ]
        reached = {key for optimizer, _ in found for g in optimizer.param_groups for key in _ids(g)}
        if missing := [name for key, name in ours.items() if key not in reached]:
            raise UserError(
                f"{missing[0]} is coupled but in none of the optimizers ({len(missing)} such parameters). "
                "Attach every optimizer of these networks in one call, or call step(lr) yourself."
            )
        self._read(found)
        self._optimizers = found
        self._not_yet = {id(optimizer) for optimizer in optimizers}
        self._hooks = [optimizer.register_step_post_hook(self._stepped) for optimizer in optimizers]

    def detach(self) -> None:
        """Undo `attach`."""
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._optimizers, self._not_yet = [], [], set()

    def state_dict(self) -> dict[str, Any]:
        """Return all that a training needs to go on: tensors, numbers and texts, without the networks."""
        found = self._found[-1] if self._found else None
        return {
            "names": list(self.names),
            "layers": list(self.layers),
            "steps": self._steps,
            "started": self._started,
            "rounds": self._rounds,
            "sigma": self.sigma,
            "weights": None if found is None else found.weights.clone(),
            "delta": None if found is None else found.delta,
            "converged": self.converged,
            "average": [layer.clone() for layer in self._average],
            "averaged": self._averaged,
            "learning_rate": self._settings.learning_rate if self._rate_is_known else None,
            "momentum": self._settings.momentum if self._momentum_is_known else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of a coupling of the same networks and settings.

        Raises:
            UserError: it is of other networks or layers.
        """
        for key in ("names", "layers"):
            if list(state[key]) != getattr(self, key):
                raise UserError(
                    f"This state is of other {key}: {', '.join(state[key])}, "
                    f"not {', '.join(getattr(self, key))}."
                )
        self._steps, self._started, self._rounds = state["steps"], state["started"], state["rounds"]
        self._sigma, self._found = _copied(state["sigma"]), []
        weights = _copied(state["weights"])
        if weights is not None and self._sigma is not None:
            self._found = [Round(weights, self._sigma, state["delta"], state["converged"])]
        self._average = [
            value.detach().to(layer.device, layer.dtype, copy=True)
            for value, layer in zip(state["average"], self._layers, strict=False)
        ]
        self._averaged = state["averaged"]
        self._know(state["learning_rate"], state["momentum"])

    def _parameters(self) -> Iterator[tuple[str, str, nn.Parameter]]:
        for layer in self._layers:
            for parameter in layer.parameters:
                for name, value in zip(self.names, parameter.of_networks, strict=True):
                    yield name, parameter.name, value

    def _know(self, learning_rate: float | None, momentum: float | None) -> None:
        """Take the optimizer's base rate and momentum, as far as they are told."""
        told = {"learning_rate": learning_rate, "momentum": momentum}
        found = {name: value for name, value in told.items() if value is not None}
        self._settings = self._settings.model_copy(update=found)
        self._rate_is_known |= learning_rate is not None
        self._momentum_is_known |= momentum is not None
        self._mixer = None

    def _read(self, found: list[tuple[torch.optim.Optimizer, list[int]]]) -> None:
        """Read base rate and momentum from optimizers, unless they were given."""
        momenta, rates = set(), set()
        for optimizer, groups in found:
            sgd = isinstance(optimizer, torch.optim.SGD)
            if self._settings.strength.lambda_ is not None and not sgd:
                raise UserError(
                    f"lambda_ belongs to SGD, but this is {type(optimizer).__name__}: give a half_life."
                )
            for group in (optimizer.param_groups[k] for k in groups):
                momenta.add(float(group["momentum"]) if sgd else 0.0)
                rates.add(float(group.get("initial_lr", group["lr"])))  # a scheduler notes where it began
        for name, values in (("momentum", momenta), ("learning rate", rates)):
            if len(values) > 1:
                raise UserError(
                    f"Coupled parameters have more than one {name}: {', '.join(map(str, sorted(values)))}. "
                    "Use one, or call step(lr) yourself."
                )
        (momentum,), (rate,) = momenta, rates
        self._know(
            None if self._rate_is_known else rate or None,
            None if self._momentum_is_known else momentum,
        )

    def _stepped(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Take note that an optimizer has taken a step, and one of our own if it was the last to do so."""
        self._not_yet.discard(id(optimizer))
        if self._not_yet:
            return
        self._not_yet = {id(one) for one, _ in self._optimizers}
        rates = {float(one.param_groups[k]["lr"]) for one, groups in self._optimizers for k in groups}
        if len(rates) > 1:
            raise UserError(
                f"Coupled parameters have several learning rates: {', '.join(map(str, sorted(rates)))}. "
                "Use one, or detach() and call step(lr) yourself."
            )
        self._step(rates.pop())

    @torch.no_grad()
    def _step(self, lr: float) -> None:
        if not 0 <= lr < torch.inf:
            raise UserError(f"lr: {lr} is no learning rate.")
        if not self._rate_is_known:
            if lr == 0:
                raise UserError("The first learning rate is 0: give the base rate, learning_rate.")
            self._know(lr, None)
        mixes = (self._steps + 1) % self._settings.mix_every == 0
        if mixes:
            self._refuse_nan()
        mixings = self._mixings(lr) if mixes else [None] * len(self._layers)
        self._steps += 1
        averages = self._averages()
        if averages:
            self._averaged += 1
        for k, (layer, mixing) in enumerate(zip(self._layers, mixings, strict=True)):
            if averages and len(self._average) == k:
                self._average.append(layer.zeros())
            for span in layer.spans(MIXED_AT_ONCE) if averages or mixing is not None else ():
                rows = layer.gathered(span)
                if mixing is not None:
                    solvers.mix_(rows, mixing)
                    layer.scatter(span, rows)
                if averages:
                    average = self._average[k] = self._average[k].to(rows)  # networks may have moved
                    average[:, span].lerp_(rows, 1 / self._averaged)
        if self._alone and self._steps == self._phase.end and self._phase is not self._phases[-1]:
            self._find_weights()

    @property
    def _phase(self) -> Phase:
        """Return the present phase: the L2 start or a round."""
        return self._phases[min(self._rounds, len(self._phases) - 1)]

    def _averages(self) -> bool:
        """Return whether the step just taken lies in the last half of its round, if that is known."""
        if not self._plan.averages:
            return False
        if self._alone:
            return self._steps > self._phase.average_from
        return self._round_steps is not None and self._steps > self._started + self._round_steps // 2

    def _mixings(self, lr: float) -> list[Tensor | Mixing | None]:
        """Return each layer's mixing at a rate, on its device; None for a layer that is not coupled."""
        if self._mixer is None:
            self._mixing = None
            # Couplings depend on the shapes of layers alone.
            shapes = [torch.empty(len(self.names), layer.size, device="meta") for layer in self._layers]
            couplings = couplings_of(
                self._phase,
                self._plan,
                self._found,
                shapes,
                base_strength(shapes, self._settings),
                self._settings,
            )
            self._mixer = solvers.Mixer(couplings.weights, couplings.strength)
        step_size = self._settings.mix_every * effective_step(self._settings, lr)
        kinds = [(layer.dtype, layer.device) for layer in self._layers]
        if self._mixing is None or self._mixing[0] != (step_size, kinds):
            mixings = zip(self._mixer.mixings(step_size), kinds, strict=True)
            self._mixing = (step_size, kinds), [solvers.put(mixing, *kind) for mixing, kind in mixings]
        return self._mixing[1]

    def _find_weights(self) -> None:
        squared = torch.stack([self._distances(k) for k in range(len(self._layers))])
        distances = consistency.block_distances_squared(squared, self._membership)
        if not distances.isfinite().all():
            raise UserError(
                "A network has become NaN or infinite, so there are no distances. Lower the learning rate."
            )
        if self._sigma is None:
            self._sigma = scales_of(distances, self._plan.scale_factor)
        before = self._found[-1] if self._found else None
        found = next_round(distances, self._sigma, before, self._plan.weighting, self._plan.tolerance)
        self._found, self._rounds = [found], self._rounds + 1
        self._started, self._averaged, self._average = self._steps, 0, []
        self._mixer = None

    @torch.no_grad()
    def _distances(self, k: int) -> Tensor:
        """Return the squared distances (n, n) in a layer, summed over pieces of its columns."""
        layer = self._layers[k]
        # As of stacked layers, so that distances have the same bits.
        width = consistency.columns_measured_at_once(len(self.names))
        if self._average:
            pieces = iter(self._average[k].split(width, dim=1))
        else:
            pieces = (layer.gathered(span) for span in layer.spans(width))
        squared = torch.zeros(len(self.names), len(self.names), dtype=torch.float64)
        for piece in pieces:
            rows = piece if knows_float64(piece.device) else piece.cpu()
            squared += consistency.layer_distances_squared([rows])[0]
        return squared / layer.size if self._settings.metric == "mean_square" else squared

    def _refuse_nan(self) -> None:
        """Refuse to mix networks of which one is no longer finite: all would be lost."""
        device = self._layers[0].device
        found = list(self._parameters())
        norms = torch._foreach_norm([value.detach() for _, _, value in found])
        fine = torch.stack([norm.to(device) for norm in norms]).isfinite()
        if not fine.all():
            gone = next(
                name for (name, _, _), is_fine in zip(found, fine.tolist(), strict=True) if not is_fine
            )
            raise UserError(
                f"The network {gone!r} has become NaN or infinite by step {self._steps + 1}. Lower the "
                "learning rate. Nothing was mixed, so the other networks are as they were."
            )


@dataclass(frozen=True)
class _Parameter:
    """A coupled parameter of every network, looked up anew in each step: it may have been replaced."""

    name: str
    owners: Sequence[nn.Module]
    shape: torch.Size

    @property
    def of_networks(self) -> list[nn.Parameter]:
        leaf = self.name.rpartition(".")[2]
        return [owner._parameters[leaf] for owner in self.owners]  # type: ignore[misc]


class _Layer:
    """A coupled layer of all networks, read and written as rows (n, D_l) that are gathered in pieces.

    Within `torch.no_grad`.
    """

    def __init__(self, name: str, parameters: Sequence[_Parameter]) -> None:
        self.name, self.parameters = name, parameters
        self.size = sum(parameter.shape.numel() for parameter in parameters)

    @property
    def device(self) -> torch.device:
        """Return the device where rows are mixed, that of the first network."""
        return self.parameters[0].of_networks[0].device

    @property
    def dtype(self) -> torch.dtype:
        """Return the type in which rows are mixed.

        It is float32 at least: a mean of networks would not fit in less.
        """
        found = torch.float32
        for parameter in self.parameters:
            found = torch.promote_types(found, parameter.of_networks[0].dtype)
        return found

    def spans(self, width: int) -> Iterator[slice]:
        """Yield the columns in pieces of at most that many."""
        for start in range(0, self.size, width):
            yield slice(start, min(start + width, self.size))

    def zeros(self) -> Tensor:
        return torch.zeros(len(self.parameters[0].owners), self.size, dtype=self.dtype, device=self.device)

    def gathered(self, span: slice) -> Tensor:
        """Return a copy of the columns of a span of all networks, shape (n, columns)."""
        if values := self._alike(span):
            flat: Tensor = _flatten_dense_tensors(values)  # n > 1, so it is a copy
            return flat.view(-1, self.size)
        count = len(self.parameters[0].owners)
        rows = torch.empty(count, span.stop - span.start, dtype=self.dtype, device=self.device)
        pieces = list(self._pieces(span))
        torch._foreach_copy_(
            [rows[i, to] for i, _, _, to in pieces],
            [value.detach().reshape(-1)[part] for _, value, part, _ in pieces],
        )
        return rows

    def scatter(self, span: slice, rows: Tensor) -> None:
        """Write such columns back."""
        if values := self._alike(span):
            torch._foreach_copy_(values, _unflatten_dense_tensors(rows.view(-1), values))
            return
        into, source = [], []
        for i, value, part, columns in self._pieces(span):
            flat = value.detach().reshape(-1)
            into.append(flat[part])
            source.append(rows[i, columns])
            if not value.is_contiguous():  # then `flat` is a copy
                flat[part] = rows[i, columns]
                into[-1], source[-1] = value.detach(), flat.view(value.shape)
        torch._foreach_copy_(into, source)

    def _alike(self, span: slice) -> list[Tensor]:
        """Return the parameters of all networks, network by network, if rows can be made of them at once.

        The span must be the whole layer, and all must have one type and device. Few calls then do, which
        take most of the time of small networks.
        """
        if span != slice(0, self.size):
            return []
        by_network = zip(*(parameter.of_networks for parameter in self.parameters), strict=True)
        values: list[Tensor] = [value for of_one in by_network for value in of_one]
        dtype, device = values[0].dtype, values[0].device
        is_alike = all(value.dtype == dtype and value.device == device for value in values)
        return values if is_alike and dtype in (torch.float32, torch.float64) else []

    def _pieces(self, span: slice) -> Iterator[tuple[int, Tensor, slice, slice]]:
        """Yield what of each parameter lies in a span: network, parameter, its entries, the columns they
        are."""
        start = 0
        for parameter in self.parameters:
            stop = start + parameter.shape.numel()
            low, high = max(start, span.start), min(stop, span.stop)
            if low < high:
                part, columns = slice(low - start, high - start), slice(low - span.start, high - span.start)
                for i, value in enumerate(parameter.of_networks):
                    yield i, value, part, columns
            start = stop


def _modules_of(networks: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Return the networks without the wrappers of torch.compile and DistributedDataParallel."""
    if not hasattr(networks, "items"):
        raise UserError("Give the networks by name, as in {'a': network_a, 'b': network_b}.")
    if len(networks) < 2:
        raise UserError(f"Coupling needs two networks or more, but there are {len(networks)}.")
    return {name: _unwrapped(module) for name, module in networks.items()}


def _unwrapped(module: nn.Module) -> nn.Module:
    while True:
        if isinstance(module, nn.parallel.DistributedDataParallel | nn.DataParallel):
            module = module.module
        elif isinstance(inner := module._modules.get("_orig_mod"), nn.Module):
            module = inner
        else:
            return module


def _coupled_layers(
    modules: Mapping[str, nn.Module], settings: MethodSettings, layers: Sequence[str] | None
) -> tuple[list[_Layer], dict[str, str]]:
    """Return the layers to couple, and why each other parameter of the first network is left out.

    Raises:
        UserError: nothing is left to couple, or a layer cannot be.
    """
    first = next(iter(modules.values()))
    _check_names(first, layers)
    named = layer_parameters(first, settings.couple_batch_norm, layers)
    every = layer_parameters(first, True, layers)
    head = next(reversed(named), "") if not settings.couple_head else ""
    named.pop(head, None)
    if settings.couple:
        chosen = layers_within(list(named), settings.couple, "couple")
        named = {layer: named[layer] for layer in chosen}
    seen: set[int] = set()
    coupled = []
    for layer, names in named.items():
        own = [name for name in names if id(first.get_parameter(name)) not in seen]
        seen |= {id(first.get_parameter(name)) for name in own}
        if own:
            coupled.append(_Layer(layer, [_parameter(name, modules) for name in own]))
    if not coupled:
        raise UserError(
            f"{type(first).__name__} has no layer to couple besides its head. Couple the head too "
            "(couple_head=True), or name layers inside its children (layers=[...])."
        )
    _refuse_shared(coupled, list(modules))
    taken = {parameter.name for layer in coupled for parameter in layer.parameters}
    home = {name: layer for layer, names in every.items() for name in names}
    norms = {name for names in every.values() for name in names} - {
        name for names in layer_parameters(first, False, layers).values() for name in names
    }
    excluded = {}
    for name, value in first.named_parameters(remove_duplicate=False):
        if name in taken:
            continue
        if id(value) in seen:
            excluded[name] = "the same tensor as a coupled parameter"
        elif not value.requires_grad:
            excluded[name] = "it is not trained"
        elif name not in home:
            excluded[name] = "it belongs to no layer"
        elif head and home[name] == head:
            excluded[name] = "of the head, couple_head is False"
        elif name in norms and not settings.couple_batch_norm:
            excluded[name] = "of batch norm, couple_batch_norm is False"
        else:
            excluded[name] = "not named by couple"
    return coupled, excluded


def _check_names(first: nn.Module, layers: Sequence[str] | None) -> None:
    known = dict(first.named_modules())
    for name in layers or ():
        if name not in known or not name:
            raise UserError(f"layers: {name!r} is no submodule of {type(first).__name__}.")
        if inside := [other for other in layers or () if other.startswith(f"{name}.")]:
            raise UserError(f"layers: {inside[0]!r} lies inside {name!r}; name one of them.")
    if layers is not None and len(set(layers)) < len(layers):
        raise UserError("layers: a name stands there twice.")
    if layers is None and any(not isinstance(name, str) for name in layer_names(first)):
        raise UserError(
            f"{type(first).__name__} has an attribute `layers` that is no list of names of submodules. "
            "Give the names with layers=[...]."
        )


def _parameter(name: str, modules: Mapping[str, nn.Module]) -> _Parameter:
    """Return a parameter of every network. Refuse one that is missing or different somewhere."""
    path, _, leaf = name.rpartition(".")
    found = []
    for network, module in modules.items():
        owner = dict(module.named_modules()).get(path)
        value = None if owner is None else owner._parameters.get(leaf)
        if owner is None or value is None:
            raise UserError(f"{network} has no parameter {name}, so it is of another architecture.")
        if nn.parameter.is_lazy(value):
            raise UserError(f"{name} of {network} has no values yet: run the network once, then couple it.")
        found.append((network, owner, value))
    first, _, expected = found[0]
    for network, _, value in found:
        if value.shape != expected.shape:
            raise UserError(
                f"{name} has the shape {tuple(value.shape)} in {network} and {tuple(expected.shape)} in "
                f"{first}, so it cannot be coupled. If it is the head of other classes, leave couple_head "
                "False; else name what can be coupled (couple=[...])."
            )
        if value.dtype != expected.dtype or not value.dtype.is_floating_point:
            raise UserError(f"{name} is {value.dtype} in {network}, where {expected.dtype} can be coupled.")
        if not value.requires_grad:
            raise UserError(f"{name} is trained in {first} but not in {network}. Train or freeze both.")
        if hasattr(value, "device_mesh"):
            raise UserError(f"{name} of {network} is sharded (FSDP); only whole parameters can be coupled.")
    return _Parameter(name, [owner for _, owner, _ in found], expected.shape)


def _refuse_shared(layers: Sequence[_Layer], names: Sequence[str]) -> None:
    """Refuse a tensor that two networks have in common: they are one there already."""
    for parameter in (parameter for layer in layers for parameter in layer.parameters):
        owners: dict[int, str] = {}
        for network, value in zip(names, parameter.of_networks, strict=True):
            if id(value) in owners:
                raise UserError(
                    f"{parameter.name} is one tensor in {owners[id(value)]} and {network}. Copy the "
                    "network (copy.deepcopy), or leave the layer out (couple=[...])."
                )
            owners[id(value)] = network


def _ids(group: Mapping[str, Any]) -> set[int]:
    return {id(value) for value in group["params"]}


def _copied(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.detach().clone().cpu()
