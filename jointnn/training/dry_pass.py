"""A dry pass: a network and its task on two images, before anything is trained.

What would end in a traceback, or train something else than was meant without a word, is a sentence here.
"""

import random
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jointnn.data.augmentations import Augmentation
from jointnn.data.sampling import generator
from jointnn.data.splits import Split, as_float
from jointnn.errors import UserError, failed
from jointnn.models.layers import by_parts, check_names, layer_parameters, part_of
from jointnn.models.observed import Observed, Shape, observed
from jointnn.models.precision import Form, in_form
from jointnn.tasks.base import WHOLE, Task, Term, evaluating, followed
from jointnn.training.gradients import only

IMAGES = 2
"""As few as batch norm can train on."""
MEASURED = 1 << 21
"""Values of images that are measured, too: where a validation split has more, it is left for later."""
STRETCHED = "Using a target size"
"""How torch's warning begins of a loss that stretches one of two shapes to the other."""


@dataclass(frozen=True)
class Names:
    """Names of a network and its task in messages.

    Attributes:
        network: the name of the architecture.
        task: the name of the task.
        outputs: how many outputs the network was asked for, and of what, in words: `5 classes of leaves`.
    """

    network: str
    task: str
    outputs: str = ""


def dry_pass(
    network: nn.Module,
    task: Task,
    images: Split,
    outputs: int,
    named: Names,
    *,
    validation: Split | None = None,
    augmentation: Augmentation | None = None,
    forms: Collection[Form] = (),
) -> Observed:
    """Return the observations of a network on two images, on which it computes losses and gradients.

    Random states are afterwards as they were. The network is used up: its buffers have seen the images.

    Args:
        network: a new one, on the CPU.
        images: pixels, or activations, of which the first two are looked at, with their labels.
        outputs: classes of the dataset, or numbers of each image.
        validation: images for the task to measure, if they are few enough.
        augmentation: the change of a batch's pixels.
        forms: other forms in which it will compute gradients.

    Raises:
        UserError: network and task do not go together, in a sentence.
    """
    check_names(network)
    _check_parameters(network, named)
    chosen = torch.arange(IMAGES) % len(images)
    with nothing_left(), warnings.catch_warnings(), observed(network) as seen:
        warnings.filterwarnings("error", STRETCHED)
        drawn = torch.Generator().manual_seed(generator("dry pass").initial_seed())
        pixels = _augmented(images.take(chosen).cpu(), augmentation, drawn)
        with _sentence(f"`numbers` of the task {named.task} fails"):
            numbers = torch.rand(IMAGES, task.numbers(network), generator=drawn)
        batch = Split(as_float(pixels), images.labels[chosen].cpu(), numbers)
        learned = _descend(network.train(), task, batch, outputs, named, seen)
        if learned < (trained := _trained(network)):  # some layers may be left out at random
            learned |= _descend(network.eval(), task, batch, outputs, named, seen)
        _check_order(network, seen, named)
        _check_learned(network, trained - learned, named)
        for form in forms:
            _check_form(network.train(), task, batch, form, named, seen)
        if validation is not None and validation.images[0].numel() * len(validation) <= MEASURED:
            with _sentence(f"`measures` of the task {named.task} fails", seen):
                followed(task, network, validation)
            with _sentence(f"`evidence` of the task {named.task} fails", seen), evaluating(network):
                for value in task.evidence(network, validation).values():
                    value.cpu().numpy()
        network.zero_grad()
    return seen


def made_images(shape: Shape, outputs: int, labels: str) -> Split:
    """Return two images of noise, uint8 (2, C, H, W), with labels, where no images are prepared yet.

    Args:
        labels: `numbers`, or else classes.
    """
    drawn = torch.Generator().manual_seed(generator("made images").initial_seed())
    pixels = torch.randint(256, (IMAGES, *shape), dtype=torch.uint8, generator=drawn)
    if labels == "numbers":
        return Split(pixels, torch.randn(IMAGES, outputs, generator=drawn))
    return Split(pixels, torch.arange(IMAGES) % outputs)


@contextmanager
def nothing_left() -> Iterator[None]:
    """Use one thread within the block, and put random states and threads back at its end."""
    here, arrays, threads = random.getstate(), np.random.get_state(), torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        try:
            torch.set_num_threads(1)  # two images are no work to share
            yield
        finally:
            torch.set_num_threads(threads)
            random.setstate(here)
            np.random.set_state(arrays)


@contextmanager
def _sentence(what: str, seen: Observed | None = None, network: str = "") -> Iterator[None]:
    """Turn whatever goes wrong within it into a sentence: what, where in the network and in whose file.

    Args:
        what: the failure in words.
        seen: of the network, whose innermost module at work is named.
        network: the failure while the network is at work, instead of `what`.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:  # one's own code can raise anything
        what = network if network and seen and seen.running else what
        raise failed(f"{what}{_at_work(seen)}", error) from error


def _at_work(seen: Observed | None) -> str:
    """Return the module that failed and its inputs, in words; "" if none was at work."""
    if seen is None or not seen.running:
        return ""
    name, kind, shapes = seen.running[-1]
    where = f" in {name!r}, a {kind}" if name else f" in {kind}"
    return f"{where}, given {_listed(shapes)}" if shapes else where


def _listed(shapes: Sequence[Shape]) -> str:
    return f"{'a tensor' if len(shapes) == 1 else 'tensors'} of shape {', '.join(map(str, shapes))}"


def _check_parameters(network: nn.Module, named: Names) -> None:
    for name, value in (*network.named_parameters(), *network.named_buffers()):
        if nn.parameter.is_lazy(value):
            raise UserError(
                f"{named.network} has no shape for {name} before it is used: it cannot be lazy. Say how "
                "many inputs its layers take."
            )


def _augmented(pixels: Tensor, augmentation: Augmentation | None, drawn: torch.Generator) -> Tensor:
    """Return the images of a batch as training has them."""
    if augmentation is None:
        return pixels
    name = getattr(augmentation, "__name__", "")
    with _sentence(f"The augmentation {name} fails on {_listed([tuple(pixels.shape)])}"):
        numbers = torch.rand(len(pixels), augmentation.numbers, generator=drawn)
        made = augmentation(pixels, numbers)
        if not isinstance(made, Tensor) or made.shape != pixels.shape or not made.is_floating_point():
            raise UserError(
                f"The augmentation {name} gives {_described(made)} for {_listed([tuple(pixels.shape)])}; "
                "it must give floats (images.float()) of the same shape."
            )
        return made.div_(127.5).sub_(1)


def _trained(network: nn.Module) -> set[str]:
    return {name for name, value in network.named_parameters() if value.requires_grad}


def _descend(
    network: nn.Module, task: Task, batch: Split, outputs: int, named: Names, seen: Observed
) -> set[str]:
    """Compute each term with its gradient; return the names of the parameters that got one."""
    network.zero_grad()
    learned = set()
    for part, term in task.terms().items():
        of_part = f" of the {part}" if part != WHOLE else ""
        with only(network, part):
            _put_gradient(term, network, task, batch, outputs, named, seen, of_part)
        got = {name for name, value in network.named_parameters() if value.grad is not None}
        learned |= got
        network.zero_grad()
    return learned


def _check_form(
    network: nn.Module, task: Task, batch: Split, form: Form, named: Names, seen: Observed
) -> None:
    """Refuse a form of which a network that computes as it comes is not capable."""
    if form == Form():
        return
    computing = by_parts(network, partial(in_form, form=form))
    what = (
        f"{named.network} computes as it comes, but not in {form}: leave precision and memory_format out, "
        "or mend what fails"
    )
    for part, term in task.terms().items():
        with only(network, part), _sentence(what, seen):
            term(computing, batch).backward()


def _put_gradient(
    term: Term,
    network: nn.Module,
    task: Task,
    batch: Split,
    outputs: int,
    named: Names,
    seen: Observed,
    of_part: str,
) -> None:
    """Compute a term and its gradient."""
    calls, wanted = len(seen.outputs), _wanted(task, batch, outputs)
    what = f"The loss{of_part} of the task {named.task}"
    try:
        signature(term).bind(network, batch)
    except TypeError:
        raise UserError(
            f"{what} is a function of {signature(term)}, but it is given a network and a batch: "
            "def loss(self, network, batch)."
        ) from None
    images = " × ".join(map(str, batch.images.shape[1:]))
    seen.running.clear()
    try:
        with _sentence(f"{what} fails", seen, f"{named.network} cannot take images of {images} and fails"):
            loss = term(network, batch)
    except UserError:
        # A network that gives something else is the reason, and not the line that could not take it.
        _check_outputs(seen.outputs[calls:], wanted, named)
        raise
    _check_outputs(seen.outputs[calls:], wanted, named)
    if not isinstance(loss, Tensor) or loss.dim() > 0:
        raise UserError(
            f"{what} is {_described(loss)}, and must be a scalar: a mean over the batch's images."
        )
    if not loss.requires_grad:
        raise UserError(
            f"{what} does not depend on the parameters of {named.network}, so nothing would be learned: it "
            "is detached, or computed without gradients."
        )
    if not torch.isfinite(loss):
        raise UserError(_not_finite(what, loss, seen.outputs[calls:], named))
    with _sentence(f"{what} has no gradient"):
        loss.backward()


def _not_finite(what: str, loss: Tensor, outputs: Sequence[Any], named: Names) -> str:
    given = [value for value in outputs if isinstance(value, Tensor)]
    if any(not bool(torch.isfinite(value).all()) for value in given):
        return (
            f"{named.network} gives {loss.item()} at once, at its start. Look for a division by zero, a "
            "logarithm or a square root in its layers, or for weights that are too large."
        )
    return (
        f"{what} is {loss.item()} at once, on {IMAGES} images at the start. Look for a division by zero, a "
        "logarithm of zero or a mean of nothing in it."
    )


def _wanted(task: Task, batch: Split, outputs: int) -> Mapping[str, Shape]:
    """Return the shapes of outputs that a task needs. One's own task may say none."""
    says = getattr(task, "wanted", None)
    return says(batch, outputs) if says else {}


def _check_outputs(found: Sequence[Any], wanted: Mapping[str, Shape], named: Names) -> None:
    """Refuse outputs of another kind or shape than the task needs; where it does not say, it is its own
    affair."""
    for given in found if wanted else ():
        if WHOLE in wanted:
            told = {WHOLE: given}
        elif isinstance(given, Mapping):
            told = dict(given)
        else:
            raise UserError(
                f"{named.network} gives {_described(given)}, but the task {named.task} needs a dict of "
                f"{' and '.join(wanted)}."
            )
        for name, shape in wanted.items():
            value = told.get(name)
            if not isinstance(value, Tensor) or tuple(value.shape) != shape:
                raise UserError(f"{named.network} {_instead(shape, value, name, named)}")


def _instead(shape: Shape, found: Any, name: str, named: Names) -> str:
    """Return in words what a network gives instead of the shape that the task needs."""
    images, *rest = shape
    as_name = f" as {name!r}" if name else ""
    if isinstance(found, Tensor) and found.dim() == len(shape) == 2 and len(found) == images:
        return (
            f"gives {found.shape[1]} outputs for each image{as_name}, but the task {named.task} needs "
            f"{rest[0]}: there are {named.outputs or rest[0]}. It must have as many as the argument "
            "`classes` says."
        )
    needs = f"but the task {named.task} needs a tensor of shape {shape} for {images} images"
    end = "" if isinstance(found, Tensor) else ", which its `forward` must return"
    return f"gives {_described(found)}{as_name}, {needs}{end}."


def _described(value: Any) -> str:
    """Return a description of a value, in words."""
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        shape = tuple(value.shape)
        return f"a tensor of shape {shape}" if shape else "a scalar tensor"
    if isinstance(value, Mapping):
        return f"a dict of {', '.join(map(repr, value)) or 'nothing'}"
    if isinstance(value, list | tuple):
        kind = type(value).__name__
        return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind} of {len(value)}"
    return f"{value!r}, a {type(value).__name__}"[:80]


def _check_order(network: nn.Module, seen: Observed, named: Names) -> None:
    """Refuse layers that do not stand in the order of the forward pass."""
    found = seen.out_of_order(network)
    if found is None:
        return
    layer, other = found
    part = part_of(network, layer)
    have_parameters = layer_parameters(network, couple_batch_norm=True)
    order = [name for name in seen.behind if name in have_parameters and part_of(network, name) == part]
    order = [name.removeprefix(f"{part}.") for name in order]
    holder = network.get_submodule(part)
    declared = isinstance(getattr(holder, "layers", None), list | tuple)
    where = "names in its attribute `layers`" if declared else "defines"
    raise UserError(
        f"{named.network} {where} {layer!r} before {other!r}, but {layer!r} takes what {other!r} gives. "
        "Layers must stand in the order of the forward pass: the last counts as the head, and neighbours "
        f"are a block. {'Write' if declared else 'Define them so, or write in it'} self.layers = {order}"
    )


def _check_learned(network: nn.Module, without: set[str], named: Names) -> None:
    """Refuse parameters that no gradient reaches: they would be coupled, and mean nothing."""
    if not without:
        return
    layers = layer_parameters(network, couple_batch_norm=True)
    idle = [layer for layer, names in layers.items() if without.issuperset(names)]
    if idle:
        what, many = f"{'its layer' if len(idle) == 1 else 'its layers'} {_few(idle)}", len(idle) > 1
    else:
        names = sorted(without)
        what, many = (
            f"{'its parameter' if len(names) == 1 else 'its parameters'} {_few(names)}",
            len(names) > 1,
        )
    raise UserError(
        f"{named.network} never learns {what}: the loss of the task {named.task} does not depend on "
        f"{'them' if many else 'it'}. Use {'them' if many else 'it'} in `forward`, leave "
        f"{'them' if many else 'it'} out, or freeze {'them' if many else 'it'}: requires_grad_(False)."
    )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more
