"""Measures between features of generated and real images, on Gaussians whose answers are known."""

import math

import pytest
import torch
from helpers.tensor import real
from torch.testing import assert_close

from jointnn.tasks import image_fidelity as module
from jointnn.tasks.image_fidelity import (
    fidelity,
    frechet_distance,
    kernel_distance,
    nearest_distance,
    nearest_ratio,
    precision_and_recall,
)
from jointnn.tasks.measures import FRECHET_DISTANCE, KERNEL_DISTANCE, PRECISION, RECALL

ALL = [FRECHET_DISTANCE, KERNEL_DISTANCE, PRECISION, RECALL]


def drawn(key: int, count: int, features: int = 4) -> torch.Tensor:
    """Standard normal features."""
    return torch.randn(count, features, dtype=torch.float64, generator=torch.Generator().manual_seed(key))


def with_moments(features: torch.Tensor, mean: torch.Tensor, covariance: torch.Tensor) -> torch.Tensor:
    """The features, moved and stretched to have exactly this mean and covariance."""
    centred = features - features.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(centred.T.cov()), centred.T, upper=False)
    return mean + (torch.linalg.cholesky(covariance) @ white).T


def test_the_frechet_distance_of_two_gaussians_is_that_of_the_closed_form():
    means = real([1.0, -2.0], [0.5, 3.0])
    first, second = real([[2.0, 0.6], [0.6, 1.0]], [[0.5, -0.4], [-0.4, 3.0]])
    sets = [with_moments(drawn(k, 50, 2), means[k], c) for k, c in enumerate([first, second])]
    # The trace of the root of a 2 x 2 matrix P is sqrt(tr P + 2 sqrt(det P)).
    product = first @ second
    root = (product.trace() + 2 * product.det().sqrt()).sqrt()
    expected = (means[0] - means[1]).square().sum() + first.trace() + second.trace() - 2 * root
    assert frechet_distance(*sets) == pytest.approx(expected.item(), rel=1e-9)
    assert frechet_distance(*reversed(sets)) == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("features", [4, 60], ids=["more images than features", "fewer"])
def test_the_frechet_distance_of_equal_sets_is_0(features):
    images = drawn(0, 40, features)
    assert 0 <= frechet_distance(images, images.flip(0)) < 1e-5
    assert frechet_distance(images, images + 1) == pytest.approx(features, rel=1e-5)


def by_every_pair(first: torch.Tensor, second: torch.Tensor) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy, a pair at a time."""

    def kernel(x: torch.Tensor, y: torch.Tensor) -> float:
        return (x.dot(y).item() / len(x) + 1) ** 3

    def inside(images: torch.Tensor) -> float:
        pairs = [kernel(x, y) for i, x in enumerate(images) for j, y in enumerate(images) if i != j]
        return sum(pairs) / len(pairs)

    across = [kernel(x, y) for x in first for y in second]
    return inside(first) + inside(second) - 2 * sum(across) / len(across)


def test_the_kernel_distance_of_whole_sets_is_that_over_every_pair():
    first, second = drawn(0, 30), 1.5 * drawn(1, 30) + 0.2
    expected = by_every_pair(first, second)
    assert kernel_distance(first, second, subsets=1) == pytest.approx(expected, rel=1e-9)
    # Subsets of all images differ in their order alone.
    assert kernel_distance(first, second, 7, subsets=3, subset_size=500) == pytest.approx(
        expected, rel=1e-9
    )


@pytest.mark.parametrize("size", [5, 20])
def test_the_kernel_distance_has_no_bias_however_few_the_images(size):
    values = torch.tensor(
        [
            kernel_distance(drawn(2 * k, 20), drawn(2 * k + 1, 40), k, subsets=3, subset_size=size)
            for k in range(150)
        ]
    )
    error = values.std() / math.sqrt(len(values))
    # With the pairs of an image and itself, the mean would be above 0.5.
    assert values.mean().abs() < 3 * error < 0.3
    assert (values < 0).any()


def test_the_key_alone_decides_the_subsets():
    first, second = drawn(0, 60), drawn(1, 60)

    def value(*key: object) -> float:
        return kernel_distance(first, second, *key, subsets=2, subset_size=10)

    torch.manual_seed(0)
    once = value(0, "birds")
    torch.manual_seed(1)
    assert value(0, "birds") == once
    assert len({once, value(1, "birds"), value(0, "cars")}) == 3


@pytest.mark.slow
def test_no_measure_moves_the_random_state_of_torch():
    before = torch.get_rng_state()
    fidelity(drawn(0, 2000), drawn(1, 500), 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_identical_sets_have_all_precision_and_recall_and_far_ones_none():
    images = drawn(0, 100)
    assert precision_and_recall(images, images) == (1, 1)
    assert precision_and_recall(images, images + 100) == (0, 0)


def test_a_generator_of_one_mode_of_two_is_precise_and_recalls_half():
    modes = torch.cat([drawn(0, 300, 2), drawn(1, 300, 2) + 100])
    precision, recall = precision_and_recall(modes, drawn(2, 600, 2))
    assert precision > 0.9 and 0.45 < recall <= 0.5
    # The other way round: half of what is generated is like nothing real.
    assert precision_and_recall(drawn(2, 600, 2), modes) == (recall, precision)


def test_precision_counts_those_within_the_third_neighbour_as_by_hand():
    on_a_line = real([0.0], [1.0], [2.0], [3.0], [10.0])
    # Radii are 3, 2, 2, 3 and 9: spheres reach from -3 to 19.
    generated = real([-3.1], [-2.9], [6.0], [18.9], [19.1])
    assert precision_and_recall(on_a_line, generated)[0] == 3 / 5
    # With one neighbour they are 1, 1, 1, 1 and 7: from -1 to 17.
    assert precision_and_recall(on_a_line, generated, neighbours=1)[0] == 1 / 5


def test_copies_of_training_images_have_a_nearest_ratio_of_0_and_new_ones_of_1():
    train = drawn(0, 1000)
    unseen = nearest_distance(drawn(1, 1000), train)
    assert nearest_ratio(train.flip(0), train, unseen) == 0
    assert nearest_ratio(drawn(2, 1000), train, unseen) == pytest.approx(1, abs=0.1)
    assert nearest_ratio(drawn(2, 1000) + 10, train, unseen) > 5


def test_the_nearest_ratio_tells_the_share_of_copies():
    train, new = drawn(0, 1000), drawn(2, 1000)
    some_copied = torch.cat([train[:300], new[:700]])
    unseen = nearest_distance(drawn(1, 1000), train)
    assert nearest_ratio(some_copied, train, unseen) == pytest.approx(0.7, abs=0.07)


def test_a_test_split_of_training_images_gives_an_infinite_ratio():
    train = drawn(0, 10)
    assert nearest_ratio(drawn(1, 10), train, nearest_distance(train, train)) == math.inf


def test_distances_are_taken_in_pieces_without_a_difference(monkeypatch):
    generated, test, train = drawn(0, 50), drawn(1, 40), drawn(2, 30)
    whole = (*precision_and_recall(test, generated), nearest_distance(generated, train))
    monkeypatch.setattr(module, "DISTANCES_AT_ONCE", 90)
    monkeypatch.setattr(module, "OTHERS_AT_ONCE", 7)
    pieces = (*precision_and_recall(test, generated), nearest_distance(generated, train))
    assert_close(pieces, whole)
    assert_close(whole[-1], torch.cdist(generated, train).min(dim=1).values.mean().item())


@pytest.mark.slow
@pytest.mark.parametrize(("test_images", "names"), [(500, ALL), (499, [KERNEL_DISTANCE])])
def test_a_small_test_split_has_only_the_measures_that_it_allows(test_images, names):
    found = fidelity(drawn(0, 2000).float(), drawn(1, test_images).float(), 0)
    assert list(found) == names
    assert all(type(value) is float and math.isfinite(value) for value in found.values())


@pytest.mark.slow
def test_images_like_the_real_ones_are_better_in_every_measure():
    test = drawn(0, 500)
    good, bad = fidelity(drawn(2, 2000), test), fidelity(drawn(2, 2000) * 0.3 + 3, test)
    assert good[FRECHET_DISTANCE] < 0.1 < bad[FRECHET_DISTANCE]
    assert good[KERNEL_DISTANCE] < 0.1 < bad[KERNEL_DISTANCE]
    assert min(good[PRECISION], good[RECALL]) > 0.8
    assert max(bad[PRECISION], bad[RECALL]) < 0.2


@pytest.mark.parametrize("shapes", [((9, 3), (9, 4)), ((9, 3), (1, 3)), ((9, 3), (9,))])
@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance, precision_and_recall])
def test_sets_that_cannot_be_compared_are_refused_with_their_shapes(measure, shapes):
    with pytest.raises(ValueError, match=r"shapes \(9, 3\), .* cannot be compared"):
        measure(*map(torch.zeros, shapes))
