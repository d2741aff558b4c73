"""Likeness of generated and real images, their variety and distance from copies. All take features (N, F).

Features come from one network (features.py) and are used by all measures. Whatever the device and type they
come in, everything here is computed in float64 by the processor: a distance between like sets is a small
difference of large numbers. torchmetrics is imported where it is used, as that takes two seconds.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from jointnn.data.sampling import generator
from jointnn.tasks.measures import (
    FRECHET_DISTANCE,
    KERNEL_DISTANCE,
    LEAST_REAL,
    PRECISION,
    RECALL,
    Measure,
)

SUBSETS, SUBSET_SIZE = 100, 500
"""Of the kernel distance: how many subsets, and images of each side in one, fewer where fewer are there."""
NEIGHBOURS = 3
"""k of improved precision and recall, as in the source."""
DISTANCES_AT_ONCE = 1 << 23
"""Distances held in memory at once: 64 MiB."""
OTHERS_AT_ONCE = 1 << 14
"""Images of which copies are made while the nearest to others is looked for: 0.3 GB of 2048 features."""


def fidelity(generated: Tensor, test: Tensor, *key: object) -> dict[Measure, float]:
    """Return how alike generated and test images are, in each way that the number of images allows.

    Tables show an X for other ways.

    Args:
        generated: features of generated images, shape (N, F). Sets that are compared should be of one
            size: Frechet distances of smaller sets are larger.
        test: of test images, shape (M, F). With fewer than 500, `frechet_distance`, `precision` and
            `recall` are left out: a covariance and spheres of so few images say little.
        key: decides the subsets of the kernel distance, and nothing else does.

    Returns:
        Values of `frechet_distance` (squared units of a feature), `kernel_distance`, `precision` and
        `recall` (no units), those that are there in this order.

    Raises:
        ValueError: the sets differ in the number of features.
    """
    enough = len(test) >= LEAST_REAL
    found = {FRECHET_DISTANCE: frechet_distance(test, generated)} if enough else {}
    found[KERNEL_DISTANCE] = kernel_distance(test, generated, *key)
    if enough:
        found[PRECISION], found[RECALL] = precision_and_recall(test, generated)
    return found


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """Return |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) of means m and covariances C: 0 for equal sets.

    Source: Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash
    equilibrium", NeurIPS 2017, eq. (6). It has a bias that falls with the size of both sets.

    Args:
        real: shape (M, F), two images or more.
        generated: shape (N, F), two images or more.

    Returns:
        In squared units of a feature, not below 0.

    Raises:
        ValueError: the sets differ in the number of features, or one of them has fewer than two images.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    real, generated = _comparable(real, generated)
    metric = FrechetInceptionDistance(feature=_Given(real.shape[1]))
    metric.update(real, real=True)
    metric.update(generated, real=False)
    # Rounding can take the distance of equal sets below 0.
    return max(0.0, float(metric.compute()))


def kernel_distance(
    real: Tensor, generated: Tensor, *key: object, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE
) -> float:
    """Return the squared maximum mean discrepancy under (x.y / F + 1)^3, as a mean over random subsets.

    Source: Bińkowski et al., "Demystifying MMD GANs", ICLR 2018, Section 4. Every subset gives the unbiased
    estimate, so neither the size of the subsets nor that of the sets moves the mean, and few real images
    are enough.

    Args:
        real: shape (M, F), two images or more.
        generated: shape (N, F), two images or more.
        key: decides the subsets, and nothing else does.
        subsets: how many of them.
        subset_size: images drawn from each side for one, without repetition; all of the smaller side where
            it has fewer.

    Returns:
        No unit. The mean for images of one distribution is 0, so values fall below it too.

    Raises:
        ValueError: the sets differ in the number of features, or one of them has fewer than two images.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    real, generated = _comparable(real, generated)
    size = min(subset_size, len(real), len(generated))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Metric `Kernel Inception Distance` will save all", UserWarning)
        metric = KernelInceptionDistance(_Given(real.shape[1]), subsets=subsets, subset_size=size)
    metric.update(real, real=True)
    metric.update(generated, real=False)
    with _randomness_of("kernel distance", *key):
        mean, _ = metric.compute()
    return float(mean)


def precision_and_recall(
    real: Tensor, generated: Tensor, neighbours: int = NEIGHBOURS
) -> tuple[float, float]:
    """Return the share of generated images among the real ones, and of real among the generated.

    Source: Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models",
    NeurIPS 2019, eqs. (1) and (2). A set covers the spheres around its images that reach as far as their
    k-th nearest other image. Low precision: images like no real one; low recall: real ones never made. New
    images of the same kind do not reach 1: 1000 other faces against 500 have 0.66 and 0.70, in features of
    EfficientNet-lite0 (and a Frechet distance of 16.5). A table should have a row of real images.

    Args:
        real: shape (M, F).
        generated: shape (N, F).
        neighbours: k.

    Returns:
        Precision and recall, in [0, 1], no unit.

    Raises:
        ValueError: the sets differ in the number of features, or one of them has k images or fewer.
    """
    real, generated = _comparable(real, generated, least=neighbours + 1)
    precision = _share_covered(generated, real, _radii(real, neighbours))
    recall = _share_covered(real, generated, _radii(generated, neighbours))
    return precision, recall


def nearest_distance(images: Tensor, train: Tensor) -> float:
    """Return the mean distance of images to their nearest training image, in units of a feature.

    Args:
        images: shape (N, F).
        train: shape (K, F).

    Raises:
        ValueError: the sets differ in the number of features, or one of them is empty.
    """
    images, train = _comparable(images, train, least=1)
    return float(_nearest_distances(images, train).mean())


def nearest_ratio(generated: Tensor, train: Tensor, distance_of_unseen: float) -> float:
    """Return the distance of generated images to training images over that of test images to them.

    Both are mean distances to the nearest training image.

    At 0 all are copies; below 1: nearer than new images of the same kind are; 1: as far as those; above 1:
    unlike the training images. A mean and no median: if a share p of the images are copies and others are
    as new ones, the mean is 1 - p, while the median shows nothing until p is near 1/2. It has a price: bad
    images, which are far from all others, hide copies. Nor is a ratio below 1 a proof of copies: where real
    images are all unlike, a blur is nearer to one of them than they are. Read it with precision and recall.

    Args:
        generated: shape (N, F).
        train: images that the generator learned from, shape (K, F).
        distance_of_unseen: `nearest_distance` of test images, the same for every generator.

    Returns:
        No unit, 0 or above; infinite if every test image is a training image.

    Raises:
        ValueError: the sets differ in the number of features, or one of them is empty.
    """
    return (
        nearest_distance(generated, train) / distance_of_unseen if distance_of_unseen > 0 else float("inf")
    )


class _Given(nn.Module):
    """A stand-in for the network that makes features, for torchmetrics: the features are there already.

    Args:
        num_features: F. Without it, torchmetrics would find it by an image drawn from torch's own state.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


@contextmanager
def _randomness_of(*key: object) -> Iterator[None]:
    """Give torch, from whose random state torchmetrics draws, the state of a key within the block."""
    with torch.random.fork_rng(devices=[]):  # it draws on the processor alone
        torch.set_rng_state(generator(*key).get_state())
        yield


def _comparable(*sets: Tensor, least: int = 2) -> list[Tensor]:
    """Return the sets in float64 in the computer's memory. Refuse sets that cannot be compared."""
    shapes = [tuple(features.shape) for features in sets]
    if any(len(shape) != 2 or shape[1] != shapes[0][-1] or shape[0] < least for shape in shapes):
        raise ValueError(
            f"Features of shapes {', '.join(map(str, shapes))} cannot be compared. Each set must have at "
            f"least {least} rows, one for each image, and as many features as the others."
        )
    return [features.detach().to("cpu", torch.float64) for features in sets]


def _distances(points: Tensor, others: Tensor) -> Iterator[Tensor]:
    """Yield distances of (N, F) to (M, F), some rows of (N, M) after others, so that memory stays
    bounded."""
    for part in points.split(max(1, DISTANCES_AT_ONCE // len(others))):
        yield torch.cdist(part, others, compute_mode="use_mm_for_euclid_dist")


def _radii(features: Tensor, neighbours: int) -> Tensor:
    """Return the distance of each image to its k-th nearest other one, (N,). The very nearest is itself."""
    return torch.cat([rows.kthvalue(neighbours + 1).values for rows in _distances(features, features)])


def _share_covered(points: Tensor, centres: Tensor, radii: Tensor) -> float:
    """Return the share of points that lie in some sphere."""
    covered = torch.cat([(rows <= radii).any(dim=1) for rows in _distances(points, centres)])
    return float(covered.double().mean())


def _nearest_distances(points: Tensor, others: Tensor) -> Tensor:
    """Return the distance of each point to the nearest of the others, shape (N,)."""
    least = torch.full((len(points),), torch.inf, dtype=points.dtype)
    nearest = torch.zeros(len(points), dtype=torch.int64)
    for k, some in enumerate(others.split(OTHERS_AT_ONCE)):
        found = [rows.min(dim=1) for rows in _distances(points, some)]
        distances, places = (torch.cat(pieces) for pieces in zip(*found, strict=True))
        nearest = torch.where(distances < least, k * OTHERS_AT_ONCE + places, nearest)
        least = torch.minimum(distances, least)
    # From a difference: the matrix product that finds the nearest leaves a copy some way off.
    return torch.cat(
        [
            (part - others[chosen]).norm(dim=1)
            for part, chosen in zip(points.split(1024), nearest.split(1024), strict=True)
        ]
    )
