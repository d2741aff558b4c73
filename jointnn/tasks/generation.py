"""Image generation: network i is a generator and a discriminator of the images of dataset i (Task III)."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from jointnn.data.sampling import generator
from jointnn.data.splits import Split, as_float, as_pixels
from jointnn.errors import UserError
from jointnn.models.gan import Adversaries
from jointnn.tasks import task
from jointnn.tasks.base import WHOLE, Prediction, evaluating
from jointnn.tasks.image_features import check_features, features_of
from jointnn.tasks.image_fidelity import fidelity, nearest_distance, nearest_ratio
from jointnn.tasks.measures import COLLAPSED, LOSS, NEAREST_RATIO, Measure, measure_of

if TYPE_CHECKING:
    from jointnn.tasks.base import Term

FOLLOWED = 256
"""Images that are measured while training."""
GLIMPSED = 1
"""Images that are kept at every record."""
SHOWN = 16
"""Images of each dataset that figures show."""
AT_ONCE = 250
"""Images that are generated at once to be measured."""
ALIKE = 0.05
"""Spread of made images, over that of real ones, below which a generator has collapsed."""
BETWEEN = 8
"""Images of an interpolation, both ends included."""
SPREAD = Measure("spread", "spread of made images", "that of real ones", best=1.0)
"""0 where all made images are alike."""


@task
class generation:  # noqa: N801  the name in parameters
    """Images without labels; a network makes others from latent values, uniform in -1..1.

    f_i is the adversarial loss of the architecture: in a step the discriminator learns from a batch of
    images and as many made ones, then the generator from others. The training `loss` is the sum of the two.
    While training are measured those numbers that the architecture follows, the first of which is the
    validation `loss`, and the spread of made images over that of real ones, 0 where all are alike. What
    tables show takes longer: distances between made and real images, and how far made ones are from those
    of training (`jointnn.tasks.image_fidelity`).

    Args:
        features: the ImageNet network in whose features they are measured.
        generated: how many images are made to be measured; a table says how many where it is given.
    """

    explodes_above = 1e3
    """The cross entropy of scores, or an error of images in -1..1."""
    keeps_diverged = True
    """A rate that suits one method may be too much for the game of another."""
    outputs: Sequence[str] = ()
    labels = ""

    def __init__(self, features: str, generated: int = 2000) -> None:
        check_features(features)
        self.features, self.generated = features, generated
        # Many networks ask, each about the training, validation and test images of one dataset.
        self._features_of = lru_cache(3)(self._features_of)  # type: ignore[method-assign]
        self._distance_of_unseen = lru_cache(2)(self._distance_of_unseen)  # type: ignore[method-assign]

    def numbers(self, network: nn.Module) -> int:
        """Return the number of latent values of an image, for both turns: discriminator and generator."""
        return 2 * adversaries(network).latent

    def wanted(self, batch: Split, _outputs: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of the images: an image for each image."""
        return {WHOLE: tuple(batch.images.shape)}

    def terms(self) -> "dict[str, Term]":
        """Return the losses of the discriminator and the generator, in this order."""
        return {"discriminator": _discriminator_loss, "generator": _generator_loss}

    @torch.no_grad()
    def measures(self, network: nn.Module, split: Split) -> Mapping[Measure, float]:
        """Return the measures to follow, over some images of a split. `loss` is the first of them."""
        chosen = adversaries(network)
        images = as_float(split.take(drawn(len(split), FOLLOWED)))
        with evaluating(network):
            latent = latent_values("followed", len(images), chosen.latent, images.device)
            found = {name: value.item() for name, value in chosen.measures(images, latent).items()}
            spread = (network(latent).std(dim=0).mean() / images.std(dim=0).mean()).item()
        followed = {measure_of(name): value for name, value in found.items()}
        return {LOSS: next(iter(found.values())), **followed, SPREAD: spread}

    @torch.no_grad()
    def results(
        self, network: nn.Module, splits: Mapping[str, Split], train: Split
    ) -> dict[str, Mapping[Measure, float]]:
        """Return the measures of each split, `fidelity` of made images to it, and `nearest_ratio`."""
        length, device = adversaries(network).latent, train.labels.device
        latent = latent_values("measured", self.generated, length, device)
        with evaluating(network):
            made = torch.cat([as_pixels(network(part)) for part in latent.split(AT_ONCE)])
        features, learned = features_of(made, self.features), self._features_of(train)
        collapsed = float(bool(self.alarms(network, train)))
        return {
            name: {**self.measures(network, split), COLLAPSED: collapsed}
            | fidelity(features, self._features_of(split), name)
            | {NEAREST_RATIO: nearest_ratio(features, learned, self._distance_of_unseen(split, train))}
            for name, split in splits.items()
        }

    @torch.no_grad()
    def reference(self, splits: Mapping[str, Split], train: Split) -> dict[str, Mapping[Measure, float]]:
        """Return `fidelity` of as many training images.

        They have no `nearest_ratio`: they are copies.
        """
        learned = self._features_of(train)
        shown = learned[drawn(len(learned), self.generated)]
        return {name: fidelity(shown, self._features_of(split), name) for name, split in splits.items()}

    @torch.no_grad()
    def glimpse(self, network: nn.Module) -> Tensor:
        """Return images made of a few latent values, the same at every record."""
        device = next(network.parameters()).device
        with evaluating(network):
            made = network(latent_values("glimpse", GLIMPSED, adversaries(network).latent, device))
        return as_pixels(made)

    def alarms(self, network: nn.Module, train: Split) -> list[str]:
        """Return the alarms of the architecture, and one if all made images are alike."""
        spread = self.measures(network, train)[SPREAD]
        alike = [f"makes images that hardly differ: {spread:.2g} of the spread of real ones"]
        # Written so that NaN raises it too.
        return adversaries(network).alarms(len(train)) + ([] if spread >= ALIKE else alike)

    def _features_of(self, split: Split) -> Tensor:
        """Return the features of all images of a split."""
        return torch.cat([features_of(batch.images, self.features) for batch in split.batches(AT_ONCE)])

    def _distance_of_unseen(self, split: Split, train: Split) -> float:
        """Return the mean distance of a split's images to the nearest training image."""
        return nearest_distance(self._features_of(split), self._features_of(train))

    @torch.no_grad()
    def evidence(self, network: nn.Module, split: Split) -> dict[str, Tensor]:
        """Return images of the split, made images, and made images between two latent values; uint8.

        Latent values are the same for every network. Shapes are (16, C, H, W), and (8, C, H, W) for those
        on a straight line.
        """
        length, device = adversaries(network).latent, split.labels.device
        ends = latent_values("ends", 2, length, device)
        between = torch.lerp(ends[0], ends[1], torch.linspace(0, 1, BETWEEN, device=device)[:, None])
        with evaluating(network):
            made = network(latent_values("shown", SHOWN, length, device))
            line = network(between)
        real = split.take(drawn(len(split), SHOWN))
        return {
            "real": real,
            "made": as_pixels(made),
            "between": as_pixels(line),
        }

    def predict(self, _network: nn.Module, _images: Tensor) -> Prediction:
        """Refuse images: a generator takes none."""
        raise UserError(
            "A network of the task generation makes images and takes none, so there is nothing to predict. "
            "Load it, network = jointnn.load(FILE) of a file that `jointnn export` wrote, and let it make "
            "some: network(torch.rand(16, network.latent) * 2 - 1)."
        )


def adversaries(network: nn.Module) -> Adversaries:
    """Return the network as `Adversaries`. Its parts were checked when training was set up."""
    assert isinstance(network, Adversaries)
    return network


def drawn(count: int, most: int) -> Tensor:
    """Return at most `most` of `count` places, always the same: a dataset may be sorted by classes."""
    return torch.randperm(count, generator=generator("images"))[:most]


def latent_values(purpose: str, count: int, length: int, device: torch.device) -> Tensor:
    """Return latent values for a purpose, shape (count, length), the same for every network and seed."""
    return torch.rand(count, length, generator=generator("latent", purpose)).mul_(2).sub_(1).to(device)


def _discriminator_loss(network: nn.Module, batch: Split) -> Tensor:
    return adversaries(network).discriminator_loss(batch.images, _latent(batch)[0])


def _generator_loss(network: nn.Module, batch: Split) -> Tensor:
    return adversaries(network).generator_loss(_latent(batch)[1])


def _latent(batch: Split) -> tuple[Tensor, ...]:
    """Return the latent values of both turns, shape (B, latent) each."""
    assert batch.numbers is not None
    return (2 * batch.numbers - 1).chunk(2, dim=1)
