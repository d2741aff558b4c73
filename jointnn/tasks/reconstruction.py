"""Reconstruction by auto-encoders of branches, alone or with classes that few images tell (JAE)."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from jointnn.data.sampling import UNLABELLED
from jointnn.data.splits import Split, as_float, as_pixels
from jointnn.errors import UserError
from jointnn.models.branched import Branched
from jointnn.tasks import task
from jointnn.tasks.base import OneLoss, Prediction, evaluating
from jointnn.tasks.measures import ACCURACY, ERROR, LOSS, Measure

SHOWN = 12
"""Images of each dataset that figures show."""
ENCODED = 500
"""Images of each dataset whose codes figures show."""
AT_ONCE = 512
"""Images that go through a network at once to be measured."""


@task
class reconstruction(OneLoss):  # noqa: N801  the name in parameters
    """Images without labels; the network takes an image and gives it back.

    f_i is the mean squared error over all pixels, of images scaled to 0..1, which is what networks take and
    give (Epstein, Meir, Michaeli 2018, supplement). Measure: that error.
    """

    explodes_above = 100.0
    """Images in 0..1 have errors below 1, but for the first steps of a network without limits."""

    outputs: Sequence[str] = ("image",)

    def wanted(self, batch: Split, _outputs: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of the images: an image for each image."""
        return {"image": tuple(batch.images.shape)}

    def loss(self, network: nn.Module, batch: Split) -> Tensor:
        """Return the mean squared error of a batch, a scalar."""
        images = scaled(batch.images)
        return functional.mse_loss(network(images)["image"], images)

    @torch.no_grad()
    def measures(self, network: nn.Module, split: Split) -> Mapping[Measure, float]:
        """Return the mean error over a split. `loss` is the same under the name that all tasks have."""
        total = sum(
            _squares(found["image"], images).sum().item() for images, found in _outputs(network, split)
        )
        return {LOSS: total / len(split), ERROR: total / len(split)}

    @torch.no_grad()
    def evidence(self, network: nn.Module, split: Split) -> dict[str, Tensor]:
        """Return images, their reconstructions by the network and by each branch alone, and codes.

        Images are uint8 (12, C, H, W): `truth`, `reconstructed`, and `alone.BRANCH`, for which the codes of
        the other branches are 0. Codes, `code.BRANCH` (N, D), and labels (N,) are of at most 500 images.
        """
        chosen = _branched(network)
        images = scaled(as_float(split.take(torch.arange(min(ENCODED, len(split))))))
        first = images[:SHOWN]
        with evaluating(network):
            codes = chosen.encoded(images)
            own = {name: codes[name][: len(first)] for name in chosen.codes}
            shown = {"truth": first, "reconstructed": chosen.decoded(_whole(codes, own))["image"]}
            if len(own) > 1:
                for name in own:
                    alone = {other: code * (other == name) for other, code in own.items()}
                    shown[f"alone.{name}"] = chosen.decoded(_whole(codes, alone))["image"]
        return {
            **{name: as_pixels(2 * values - 1) for name, values in shown.items()},
            **{f"code.{name}": codes[name].flatten(1) for name in own},
            "code_label": split.labels[: len(images)],
        }

    def predict(self, network: nn.Module, images: Tensor) -> Prediction:
        """Return the images as the network gives them back."""
        return Prediction(images=as_pixels(2 * network(scaled(images))["image"] - 1))


@task
class transfer(reconstruction):  # noqa: N801
    """Reconstruction of all images, and classification of those that have labels.

    f_i is `weight` times the error of reconstruction, plus the mean cross entropy of the labelled images of
    the batch. Measures: accuracy (0 to 1), the error, and f_i as loss.

    Args:
        weight: of the reconstruction; 4 and 1/4 in the paper.
    """

    labels = "classes"
    explodes_above = 1e3
    """As for classification."""
    outputs = ("image", "classes")

    def __init__(self, weight: float = 1.0) -> None:
        if not weight >= 0:
            raise UserError(f"task_options.weight: {weight} must be at least 0.")
        self.weight = weight

    def wanted(self, batch: Split, outputs: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of an image, and of a score for each class, for each image."""
        return {**super().wanted(batch, outputs), "classes": (len(batch), outputs)}

    def loss(self, network: nn.Module, batch: Split) -> Tensor:
        """Return the sum of both terms of a batch, a scalar. Without labels, the term of classes is 0."""
        images = scaled(batch.images)
        found = network(images)
        told = (batch.labels != UNLABELLED).sum().clamp(min=1)
        wrong = functional.cross_entropy(
            found["classes"], batch.labels, ignore_index=UNLABELLED, reduction="sum"
        )
        return self.weight * functional.mse_loss(found["image"], images) + wrong / told

    @torch.no_grad()
    def measures(self, network: nn.Module, split: Split) -> Mapping[Measure, float]:
        """Return accuracy, error and loss over a split whose images all have labels."""
        error, scores = 0.0, []
        for images, found in _outputs(network, split):
            error += _squares(found["image"], images).sum().item()
            scores.append(found["classes"])
        of_classes = functional.cross_entropy(torch.cat(scores), split.labels).item()
        error /= len(split)
        right = torch.cat(scores).argmax(1) == split.labels
        return {
            LOSS: self.weight * error + of_classes,
            ACCURACY: right.double().mean().item(),
            ERROR: error,
        }

    @torch.no_grad()
    def evidence(self, network: nn.Module, split: Split) -> dict[str, Tensor]:
        """Return the evidence of reconstruction, and label and predicted label of all images, (N,)."""
        predicted = [found["classes"].argmax(1) for _, found in _outputs(network, split)]
        return {
            **super().evidence(network, split),
            "label": split.labels,
            "predicted": torch.cat(predicted),
        }

    def predict(self, network: nn.Module, images: Tensor) -> Prediction:
        """Return the probability of each class, and the most probable class."""
        return Prediction.of_scores(network(scaled(images))["classes"])


def scaled(images: Tensor) -> Tensor:
    """Return floats -1..1 as floats 0..1."""
    return (images + 1) / 2


def _branched(network: nn.Module) -> Branched:
    if not isinstance(network, Branched):
        raise UserError(
            f"reconstruction and transfer need an architecture of branches, and {type(network).__name__} "
            "is none. Choose architecture: branched, or one's own that makes a Branched."
        )
    return network


def _outputs(network: nn.Module, split: Split) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
    """Yield batches of images in 0..1, and what comes out of them."""
    for batch in split.batches(AT_ONCE):
        images = scaled(as_float(batch.images))
        with evaluating(network):
            found = network(images)
        yield images, found


def _squares(made: Tensor, images: Tensor) -> Tensor:
    """Return the mean squared error of each image, (B,)."""
    return (made - images).square().flatten(1).mean(dim=1)


def _whole(codes: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return values of all inner branches: those in `own`, and the others for as many images."""
    count = len(next(iter(own.values())))
    return {name: values[:count] for name, values in codes.items()} | own
