"""Departure 7: start, order and budget are the same; the last half of a round is averaged."""

import pytest
import torch
from helpers.departures import METHODS, batches_of
from helpers.tensor import real
from helpers.training import additive, mlps, regression, run, scores

from jointnn.irls.rounds import next_round


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.departure(number=7)
def test_every_method_takes_the_same_number_of_steps_on_the_same_batches(method):
    seen: list[tuple[int, int]] = []

    class watching(scores):  # noqa: N801
        def loss(self, network, batch):
            which = list(training.networks.modules.values()).index(network)
            seen.append((which, hash(batch.images.numpy().tobytes())))
            return super().loss(network, batch)

    training = mlps(steps=11)
    training.with_task(watching())
    run(training, method)
    order = mlps(steps=11)
    expected = [
        (i, hash(batches_of(order, i, step).images.numpy().tobytes()))
        for step in range(11)
        for i in range(3)
    ]
    assert seen == expected


@pytest.mark.departure(number=7)
def test_the_weights_stay_after_convergence_unless_training_stops_there():
    squared = [real([[0.0, d], [d, 0.0]]) for d in (1.0, 1.001, 9.0)]
    rounds = [next_round(squared[0], real(1.0), None, "paper", 0.01)]
    for distance in squared[1:]:
        rounds.append(next_round(distance, real(1.0), rounds[-1], "paper", 0.01))
    assert [r.converged for r in rounds] == [False, True, True]
    assert torch.equal(rounds[2].weights, rounds[1].weights)
    assert rounds[1].delta == pytest.approx(1 / 2 - 1 / 2.001)
    ends = []
    for stop in (False, True):
        training = mlps(tolerance=1.0, stop_when_converged=stop, rounds=4)
        run(training, "joint")
        ends.append(training.step)
    # L2 start 6 of 20 steps, rounds end at 9, 13, 16, 20; the second has converged.
    assert ends == [20, 13]


@pytest.mark.slow
@pytest.mark.parametrize(("average", "expelled"), [(True, False), (False, True)])
@pytest.mark.departure(number=7)
def test_a_passing_spike_of_one_network_does_not_expel_it_when_distances_are_averaged(average, expelled):
    random = torch.Generator().manual_seed(0)
    truths = torch.randn(1, 9, dtype=torch.float64, generator=random)
    truths = truths + 0.3 * torch.randn(6, 9, dtype=torch.float64, generator=random)
    splits = [regression(i, truth, size=200) for i, truth in enumerate(truths)]
    settings = {"batch_size": 1, "steps": 200, "learning_rate": 0.02, "momentum": 0.0, "rounds": 1}
    settings |= {"l2_fraction": 0.5, "strength": {"half_life": 60}, "average": average}
    calm = run(additive(splits, **settings), "joint").rounds[-1].weights
    # One wrong label, met in the last step of the L2 start.
    splits[0].labels[additive(splits, **settings).setup.batches[0].at(99)] += 1000
    weights = run(additive(splits, **settings), "joint").rounds[-1].weights
    pairs = ~torch.eye(6, dtype=torch.bool)
    assert calm[:, pairs].min() > 0.1
    if expelled:
        assert weights[:, 0, 1:].max() < 0.05
        assert weights[:, 1:, 1:].min() > 0.9
    else:
        assert weights[:, 0, 1:].min() > 0.15
