"""The protocol of tasks, and the base of those whose networks have one loss and no parts."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from jointnn.data.splits import Split, as_float
from jointnn.errors import UserError
from jointnn.tasks.measures import LOSS, Measure

WHOLE = ""
"""The name of the one term of a network that has no parts."""
Term = Callable[[nn.Module, Split], Tensor]
"""A data term f_i: a scalar of a network and a batch whose images are floats."""


@dataclass(frozen=True)
class Prediction:
    """Answers of a network about images that have no labels. A task gives one of the three kinds.

    Attributes:
        probabilities: of each class, float32 (N, K).
        predicted: then the class of each image, int64 (N,).
        numbers: in the unit of the labels, or what the network gives as it is, float32 (N, K).
        images: made of them, uint8 (N, C, H, W).
    """

    probabilities: Tensor | None = None
    predicted: Tensor | None = None
    numbers: Tensor | None = None
    images: Tensor | None = None

    @classmethod
    def of_scores(cls, scores: Tensor) -> "Prediction":
        """Return the prediction of classes from their scores (N, K) before softmax."""
        return cls(probabilities=scores.softmax(dim=1), predicted=scores.argmax(dim=1))

    @classmethod
    def joined(cls, parts: Sequence["Prediction"]) -> "Prediction":
        """Return predictions of the same kind, one after the other, as one prediction on the CPU."""
        kinds = [(name, value) for name, value in vars(parts[0]).items() if value is not None]
        return cls(**{name: torch.cat([getattr(part, name).cpu() for part in parts]) for name, _ in kinds})


class Task(Protocol):
    """A task that networks learn: the data term f_i, and how a network is measured.

    Attributes:
        explodes_above: a loss that only a diverged network has.
        keeps_diverged: whether a run that diverged is a result, which tables name, and no error.
        outputs: names of the outputs that a network must give; none where it gives one tensor.
        labels: kind of its labels: "classes", "numbers", or "" where it takes any or reads none.
    """

    explodes_above: float
    keeps_diverged: bool
    outputs: Sequence[str]
    labels: str

    def numbers(self, network: nn.Module) -> int:
        """Return how many random numbers, uniform in [0, 1), a batch brings for each image."""

    def wanted(self, batch: Split, outputs: int) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes that a network must give for a batch, by output.

        A single tensor has the name `WHOLE`. It returns nothing where only the loss can tell.

        Args:
            outputs: classes of the dataset, or numbers of each image.
        """

    def terms(self) -> Mapping[str, Term]:
        """Return f_i by the name `WHOLE`: a scalar, of a network and a batch of images as floats.

        A network with parts has a term for each, by name. In a step they take turns in this order, each
        with a gradient and an update of its own part.
        """

    def measures(self, network: nn.Module, split: Split) -> Mapping[Measure, float]:
        """Return the measures to follow of a split while training, `LOSS` too, in evaluation mode."""

    def results(
        self, network: nn.Module, splits: Mapping[str, Split], train: Split
    ) -> Mapping[str, Mapping[Measure, float]]:
        """Return the measures of a trained network for tables, by split.

        They include those that take too long to follow.

        Args:
            train: the images that it learned from.
        """

    def reference(self, splits: Mapping[str, Split], train: Split) -> Mapping[str, Mapping[Measure, float]]:
        """Return the measures of a network that gave nothing but its training images, by split.

        Most tasks return nothing.

        Tables show them below a rule, as the method `real`: a ceiling for made images.
        """

    def glimpse(self, network: nn.Module) -> Tensor | None:
        """Return a few images, uint8 (N, C, H, W), or None.

        They are kept at every record to see how a network learns.
        """

    def alarms(self, network: nn.Module, train: Split) -> list[str]:
        """Return alarms on a trained network whose loss stayed finite, as words that follow on its name."""

    def evidence(self, network: nn.Module, split: Split) -> dict[str, Tensor]:
        """Return arrays of a network that figures show beside its measures, by name."""

    def predict(self, network: nn.Module, images: Tensor) -> Prediction:
        """Return the prediction of a network in evaluation mode on new images, floats (N, C, H, W).

        Raises:
            UserError: networks of this task say nothing of images.
        """


class OneLoss(ABC):
    """A base of tasks with one loss, batches random in their order alone, and followed measures in tables.

    A task that is one of these needs `loss` alone, and its own measures if there are any beside the loss.
    """

    explodes_above = 1e30
    """A loss of any unit: only one that is about to be infinite, or no number, has diverged."""
    keeps_diverged = False
    outputs: Sequence[str] = ()
    labels = ""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Split) -> Tensor:
        """Return f_i on a batch, a scalar: a mean over its images, which are floats in -1..1."""

    @torch.no_grad()
    def measures(self, network: nn.Module, split: Split) -> Mapping[Measure, float]:
        """Return the measures of a split: the mean loss. A task with more measures adds them to this."""
        total = 0.0
        with evaluating(network):
            for batch in float_batches(split):
                total += self.loss(network, batch).item() * len(batch)
        return {LOSS: total / len(split)}

    def numbers(self, _network: nn.Module) -> int:
        """Return 0: no random numbers."""
        return 0

    def wanted(self, _batch: Split, _outputs: int) -> Mapping[str, tuple[int, ...]]:
        """Return no shapes: the loss knows what it takes."""
        return {}

    def terms(self) -> dict[str, Term]:
        """Return the loss as the only term."""
        return {WHOLE: self.loss}

    def results(
        self, network: nn.Module, splits: Mapping[str, Split], _train: Split
    ) -> Mapping[str, Mapping[Measure, float]]:
        """Return the measures of each split."""
        return {name: self.measures(network, split) for name, split in splits.items()}

    def reference(
        self, _splits: Mapping[str, Split], _train: Split
    ) -> Mapping[str, Mapping[Measure, float]]:
        """Return no measures: a perfect network has no error."""
        return {}

    def glimpse(self, _network: nn.Module) -> Tensor | None:
        """Return None, no images: numbers say enough."""
        return None

    def alarms(self, _network: nn.Module, _train: Split) -> list[str]:
        """Return no alarms: a loss that stays finite is all that is asked for."""
        return []

    def evidence(self, _network: nn.Module, _split: Split) -> dict[str, Tensor]:
        """Return no arrays: figures show measures alone."""
        return {}

    def predict(self, network: nn.Module, images: Tensor) -> Prediction:
        """Return the outputs of the network as they are, a row for each image."""
        return Prediction(numbers=network(images).flatten(1).float())


def check_task(task: Task, name: str) -> Task:
    """Return a task. Refuse one that lacks something; one's own may be of any class.

    Raises:
        UserError: it lacks something.
    """
    needed = [*Task.__annotations__, *(key for key in vars(Task) if not key.startswith("_"))]
    if missing := [key for key in needed if not hasattr(task, key) and key != "wanted"]:
        raise UserError(
            f"The task {name} has no {', '.join(missing)}. Derive it from OneLoss, of jointnn.tasks.base, "
            "which needs a loss and has the rest."
        )
    return task


def named(found: Mapping[Measure, float], task: Task) -> dict[str, float]:
    """Return values by the names of their measures, not by the measures.

    Raises:
        UserError: a task gives names in the place of measures.
    """
    for measure in found:
        if not isinstance(measure, Measure):
            raise UserError(
                f"The task {type(task).__name__} measures {measure!r}, which is no Measure. Give an object "
                f"that says its unit and which way is better: Measure({measure!r}, best=LOWEST), from "
                "jointnn.tasks.measures."
            )
    return {measure.name: value for measure, value in found.items()}


def followed(task: Task, network: nn.Module, split: Split) -> dict[str, float]:
    """Return the measures of a split to follow while training, by name, `loss` among them.

    Raises:
        UserError: a task gives no loss, or names in the place of measures.
    """
    found = named(task.measures(network, split), task)
    if LOSS.name not in found:
        raise UserError(
            f"The task {type(task).__name__} measures {', '.join(found) or 'nothing'}, but no loss. Add "
            "LOSS, from jointnn.tasks.measures, to what its `measures` returns."
        )
    return found


def float_batches(split: Split, most: int = 512) -> Iterator[Split]:
    """Yield all images of a split in order, in batches whose images are floats in -1..1."""
    for batch in split.batches(most):
        yield replace(batch, images=as_float(batch.images))


@torch.no_grad()
def predictions(network: nn.Module, split: Split) -> Tensor:
    """Return a network's outputs for all images of a split, in evaluation mode, shape (N, ...)."""
    with evaluating(network):
        return torch.cat([network(batch.images) for batch in float_batches(split)])


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode within the block, and afterwards back in its own mode."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
