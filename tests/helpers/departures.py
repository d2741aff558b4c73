"""Helpers for tests of several departures: problems whose solution is known, and their batches."""

import torch

from helpers.training import additive, plan_of, regression
from jointnn.data.splits import Split
from jointnn.irls.solvers import laplacian
from jointnn.training.couplings import couplings_of

MOMENTA = [0.0, 0.9]


def without_pull_of_data(networks: int = 3, sizes=(2, 3, 4), **settings):
    """Networks that differ, and data whose loss does not depend on them."""
    blank = Split(torch.zeros(4, sum(sizes), dtype=torch.float64), torch.zeros(4, dtype=torch.float64))
    training = additive([blank] * networks, sizes=sizes, **settings)
    torch.manual_seed(1)
    for layer in training.networks.coupled:
        layer.data.normal_()
    return training


def shrinkage(training, steps: int | None = None) -> list[float]:
    """Return the factors by which every layer's differences shrink in a run of l2reg."""
    before = [layer.data[0] - layer.data[1] for layer in training.networks.coupled]
    made = plan_of(training, "l2reg")
    couplings = couplings_of(
        made.phases[0], made, [], training.networks.coupled, training.setup.strength, training.settings
    )
    training.descend(couplings, 0, steps or training.settings.steps)
    after = [layer.data[0] - layer.data[1] for layer in training.networks.coupled]
    ratios = [a / b for a, b in zip(after, before, strict=True)]
    assert all(ratio.max() - ratio.min() < 1e-12 for ratio in ratios)
    return [ratio[0].item() for ratio in ratios]


class Quadratics:
    """n convex quadratic data terms of linear networks, and (6) solved exactly in one linear system."""

    def __init__(self, splits: list[Split], sizes=(2, 3, 4)) -> None:
        self.sizes, self.splits = sizes, splits
        self.hessians = [s.images.T @ s.images / len(s) for s in splits]
        self.pulls = [s.images.T @ s.labels / len(s) for s in splits]

    def loss(self, theta: torch.Tensor) -> torch.Tensor:
        return sum(
            0.5 * (s.images @ x - s.labels).square().mean() for s, x in zip(self.splits, theta, strict=True)
        )

    def minimiser(self, couplings: torch.Tensor) -> torch.Tensor:
        """theta (n, D) at which the gradient of (6) is zero, for c (L, n, n)."""
        width = sum(self.sizes)
        system = torch.block_diag(*self.hessians).view(len(self.splits), width, -1, width)
        columns = torch.arange(width)
        which = torch.repeat_interleave(torch.arange(len(self.sizes)), torch.tensor(self.sizes))
        for column, layer in zip(columns, which, strict=True):
            system[:, column, :, column] += 2 * laplacian(couplings[layer])
        n = len(self.splits)
        return torch.linalg.solve(system.reshape(n * width, -1), torch.cat(self.pulls)).view(n, width)

    def layers(self, theta: torch.Tensor) -> list[torch.Tensor]:
        return list(theta.split(self.sizes, dim=1))


def toy(seed: int, networks: int = 4, noise: float = 0.3) -> Quadratics:
    random = torch.Generator().manual_seed(seed)
    truths = torch.randn(networks, 9, dtype=torch.float64, generator=random)
    return Quadratics([regression(10 * seed + i, truth, noise=noise) for i, truth in enumerate(truths)])


def batches_of(training, index: int, step: int) -> Split:
    """The batch of a step, in the order that the training's own class gives."""
    train, chosen = training.data[training.names[index]].train, training.setup.batches[index].at(step)
    return Split(train.images[chosen], train.labels[chosen])


METHODS = ["isolated", "l2reg", "l2reg_25", "l2reg_50", "shareall", "finetune", "joint", "fedamp"]
