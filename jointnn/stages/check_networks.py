"""The networks of a job, looked at before anything is trained: do they fit, and what will be coupled?"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from jointnn.data.splits import Split
from jointnn.jobs.specs import ProblemJob, Purpose
from jointnn.methods.catalogue import plan
from jointnn.methods.plan import Fixed, OneNetwork, Phase, Plan, Problem
from jointnn.methods.settings import MethodSettings
from jointnn.models.activation_checkpointing import Recomputed
from jointnn.models.layers import Selection, by_parts, check_equal, layer_names, layer_parameters, selected
from jointnn.models.observed import Observed, Shape
from jointnn.stages.build import augmentation_of, data_of, new_network, outputs_of, task_of
from jointnn.training.couplings import membership_of
from jointnn.training.dry_pass import Names, dry_pass, nothing_left
from jointnn.training.setup import check_network, form_of


@dataclass(frozen=True)
class Known:
    """Known shape of the images of a dataset.

    Attributes:
        outputs: how many classes it has, or how many numbers each image.
        images: to learn from, pixels or activations, with labels.
        validation: to measure on; None where there are no images yet.
    """

    outputs: int
    images: Split
    validation: Split | None = None


@dataclass(frozen=True)
class Trained:
    """A method, as its networks see it: what it couples of a network, and its phases."""

    name: str
    selection: Selection
    plan: Plan

    @property
    def pulls(self) -> bool:
        """Return whether networks are coupled in any phase."""
        return not all(map(_is_apart, self.plan.phases))

    @property
    def couples(self) -> bool:
        """Return whether networks have anything in common: tied layers, or a pull in some phase."""
        return bool(self.selection.tied) or self.pulls

    @property
    def has_blocks(self) -> bool:
        """Return whether its weights belong to blocks of two layers."""
        return self.plan.blocks == "adjacent" and self.pulls


def known_from_files(job: ProblemJob, dataset: str) -> Known:
    """Return the known data of a prepared dataset: the images that the job's seed draws."""
    data = data_of(job, dataset, test=False, device=torch.device("cpu"))
    return Known(outputs_of(job, dataset), data.train, data.validation)


def checked(
    job: ProblemJob, purpose: Purpose, known: Callable[[ProblemJob, str], Known] = known_from_files
) -> str:
    """Return a table of a job's networks: shapes, parameters, and what each method couples.

    Networks with as many outputs are equal, so one of them is looked at. Random states are afterwards as
    they were.

    Raises:
        UserError: a network does not fit its data, its task or a method.
    """
    task, augmentation = task_of(purpose), augmentation_of(purpose)
    outputs: dict[str, int] = {}
    seen: dict[int, Observed] = {}
    of_methods = [MethodSettings.model_validate(method.settings) for method in purpose.methods.values()]
    modules: dict[str, nn.Module] = {}
    with nothing_left():
        for dataset in job.datasets:
            of = known(job, dataset)
            outputs[dataset] = of.outputs
            if of.outputs in seen:
                continue
            network = modules[dataset] = new_network(job, of.outputs)
            for settings in of_methods:
                check_network(network, settings.tied, task, settings)
            seen[of.outputs] = dry_pass(
                network,
                task,
                of.images,
                of.outputs,
                Names(job.architecture, purpose.task, f"{_outputs(of)} of {dataset}"),
                validation=None if seen else of.validation,
                augmentation=augmentation,
                forms=set(map(form_of, of_methods)),
            )
    trained = list(_trained(job, purpose, modules))
    return "\n".join(_table(job, outputs, seen, next(iter(modules.values())), trained))


def _outputs(of: Known) -> str:
    word = "numbers" if of.images.labels.is_floating_point() else "classes"
    return (
        f"{of.outputs} {word}" if of.outputs != 1 else {"numbers": "1 number", "classes": "1 class"}[word]
    )


def _trained(job: ProblemJob, purpose: Purpose, modules: Mapping[str, nn.Module]) -> Iterator[Trained]:
    """Yield each method with what it couples.

    Raises:
        UserError: a method couples what is not there or differs between networks.
    """
    first = next(iter(modules.values()))
    for name, method in purpose.methods.items():
        settings = MethodSettings.model_validate(method.settings)
        chosen = selected(
            first, settings.couple_head, settings.couple_batch_norm, settings.couple, settings.tied
        )
        check_equal(modules, chosen.tied | chosen.coupled)
        groups = list((method.groups or {}).values())
        made = plan(
            method.plan, Problem(job.datasets, chosen.parts, groups, method.shared_blocks), settings
        )
        membership_of(made)
        if settings.checkpoint_activations:
            by_parts(first, Recomputed)
        yield Trained(name, chosen, made)


def _table(
    job: ProblemJob,
    outputs: Mapping[str, int],
    seen: Mapping[int, Observed],
    network: nn.Module,
    trained: Sequence[Trained],
) -> Iterator[str]:
    """Yield a table, with a column for each choice of layers, and a line for each method."""
    yield f"{job.experiment}: networks of {job.architecture} with {_outputs_of_all(outputs)}."
    yield ""
    choices: list[list[Trained]] = []
    for one in [one for one in trained if one.couples] or trained[:1]:
        alike = [choice for choice in choices if _alike(choice[0], one)]
        if alike:
            alike[0].append(one)
        else:
            choices.append([one])
    yield from _padded(_rows(network, seen, choices), right=3)
    yield ""
    lines = [[one.name, _phases(one) if one.couples else "each network alone"] for one in trained]
    yield from _padded(lines)


def _alike(one: Trained, other: Trained) -> bool:
    return one.selection == other.selection and one.pulls == other.pulls


def _outputs_of_all(outputs: Mapping[str, int]) -> str:
    by_count: dict[int, list[str]] = {}
    for dataset, count in outputs.items():
        by_count.setdefault(count, []).append(dataset)
    if len(by_count) == 1:
        return _plural(next(iter(by_count)), "output")
    told = (f"{_plural(count, 'output')} for {_and(names)}" for count, names in by_count.items())
    return "; ".join(told)


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _padded(lines: Iterable[Sequence[str]], right: int = -1) -> Iterator[str]:
    """Yield lines whose cells stand below each other; those of one column end at the right."""
    rows = list(lines)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if k == right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _rows(
    network: nn.Module, seen: Mapping[int, Observed], choices: Sequence[Sequence[Trained]]
) -> Iterator[list[str]]:
    """Yield a row for each layer that has parameters, in the order of the forward pass."""
    names = [", ".join(one.name for one in choice) for choice in choices]
    in_blocks = next((one for choice in choices for one in choice if one.has_blocks), None)
    numbers = _blocks_of(in_blocks) if in_blocks else {}
    only = len(choices) == 1
    yield [
        "layer", "takes", "gives", "parameters",
        *(["coupled"] if only else names),
        *([f"blocks{'' if only else f' of {in_blocks.name}'}"] if in_blocks else []),
    ]  # fmt: skip
    every = layer_parameters(network, couple_batch_norm=True)
    counted = 0
    for layer in layer_names(network):
        own = sum(value.numel() for value in network.get_submodule(layer).parameters())
        if not own:
            continue
        counted += own
        yield [
            layer,
            _shapes([one.takes.get(layer) for one in seen.values()]),
            _shapes([one.gives.get(layer) for one in seen.values()]),
            f"{own:,}",
            *(_whether(layer, network, every, choice[0]) for choice in choices),
            *([", ".join(map(str, numbers.get(layer, [])))] if in_blocks else []),
        ]
    total = sum(value.numel() for value in network.parameters())
    empty = [""] * bool(in_blocks)
    if total > counted:
        yield ["in no layer", "", "", f"{total - counted:,}", *["no" for _ in choices], *empty]
    yield ["together", "", "", f"{total:,}", *["" for _ in choices], *empty]


def _blocks_of(one: Trained) -> dict[str, list[int]]:
    """Return the numbers of the blocks that each layer lies in, counted from 1."""
    membership = membership_of(one.plan)
    return {
        layer: [number + 1 for number in membership[:, at].nonzero().flatten().tolist()]
        for at, layer in enumerate(one.selection.coupled)
    }


def _whether(layer: str, network: nn.Module, every: Mapping[str, Sequence[str]], one: Trained) -> str:
    """Return whether a layer is coupled, or why not, in words."""
    selection = one.selection
    if layer in selection.tied:
        return "one for all"
    if not one.pulls:
        return "no"
    if layer in selection.coupled:
        left = set(every[layer]) - set(selection.coupled[layer])
        count = sum(network.get_parameter(name).numel() for name in left)
        return f"yes, but {count:,} of batch norm" if count else "yes"
    if layer not in every:
        return "no: frozen"
    if layer == selection.head:
        return "no: the head"
    only_norm = layer not in layer_parameters(network, couple_batch_norm=False)
    return "no: batch norm" if only_norm else "no: not named by couple"


def _shapes(shapes: Sequence[Shape | None]) -> str:
    """Return the shapes of a layer in networks of different heads, in words: 64, or 5 or 7."""
    told = [" × ".join(map(str, shape)) if shape else "1" for shape in shapes if shape is not None]
    return " or ".join(dict.fromkeys(told))


def _phases(one: Trained) -> str:
    """Return the phases of a method, in words."""
    blocks, tied = len(membership_of(one.plan)), ", ".join(one.selection.tied)
    told: list[str] = []
    rounds = 0
    for phase in one.plan.phases:
        if phase.reweights:
            rounds += 1
        elif phase.steps:
            told.append(f"{_plural(phase.steps, 'step')} {_words(phase, one)}")
    if rounds:
        of = {"adjacent": "block of two layers", "single": "layer", "whole": "network"}[one.plan.blocks]
        told.append(
            f"{_plural(rounds, 'round')} that find {_plural(blocks, 'weight')} of each pair, one per {of}"
        )
    return (f"{tied} in common; " if tied else "") + ", then ".join(told)


def _words(phase: Phase, one: Trained) -> str:
    """Return the coupling of a phase with given weights, in words."""
    if isinstance(phase.coupling, OneNetwork):
        return "as one network"
    if _is_apart(phase):
        return "apart"
    assert isinstance(phase.coupling, Fixed)
    weights, first = phase.coupling.weights, phase.coupling.first_layers
    if first is not None:
        count = f"{sum(first)} " if sum(first) > 1 else ""
        return f"with weights of 1 in the first {count}of {_plural(len(one.selection.coupled), 'layer')}"
    whole = sum(bool((of_block == 1).all()) for of_block in weights)
    if whole < len(weights):
        return f"with weights of 1 in the first {_plural(whole, 'block')}, and within groups after them"
    return "with weights of 1"


def _is_apart(phase: Phase) -> bool:
    return isinstance(phase.coupling, Fixed) and not phase.coupling.weights.any()


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
