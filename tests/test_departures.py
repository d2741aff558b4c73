"""Each departure from the paper in docs/method.md, by its number, and the presets."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from test_consistency import real
from torch.testing import assert_close
from training_helpers import (
    ROOT,
    additive,
    labelled,
    mlp,
    mlps,
    parameters,
    plan_of,
    regression,
    run,
    scores,
    trainer_of,
)

from jointnn import consistency, descent
from jointnn.consistency import (
    block_distances_squared,
    block_membership,
    geman_mcclure,
    irls_weights,
    layer_distances_squared,
    layer_weights,
    lorentzian,
    over_pairs,
    scales,
)
from jointnn.data import Split
from jointnn.errors import UserError
from jointnn.groups import diagnosis
from jointnn.methods import Problem, plan
from jointnn.params import MethodSettings
from jointnn.reading import read_params
from jointnn.rounds import Couplings, base_strength, couplings_of, next_round
from jointnn.solvers import laplacian

MOMENTA = [0.0, 0.9]


# 1. Blocks run over 1..L-1, pairs over i < j, lambda counts once.


def test_1_blocks_are_the_pairs_of_adjacent_layers_and_an_end_layer_stands_in_one():
    membership = block_membership(4, "adjacent")
    assert membership.tolist() == [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    assert membership.sum(0).tolist() == [1, 2, 2, 1]


def test_1_the_l2_start_counts_each_pair_and_lambda_once():
    trainer = additive(
        [Split(torch.zeros(4, 9).double(), torch.zeros(4).double())] * 3, strength={"lambda": 5}
    )
    phase = plan_of(trainer, "l2reg").phases[0]
    couplings = couplings_of(
        phase, plan_of(trainer, "l2reg"), None, trainer.networks.coupled, trainer.settings
    )
    values = couplings.strength[:, None, None] * couplings.weights
    # c of (6): 5 for an end layer, 10 for an inner one, once for each pair i < j.
    assert [layer.unique().tolist() for layer in values] == [[0, 5], [0, 10], [0, 5]]
    layers = [real([0.0], [1.0], [2.0])] * 3
    penalty = over_pairs(values * layer_distances_squared(layers))
    assert penalty.item() == (5 + 10 + 5) * (1 + 1 + 4)


# 2. Strength is a half-life, and so is found in steps; lambda stays when the learning rate decays.


def without_pull_of_data(networks: int = 3, sizes=(2, 3, 4), **settings):
    """Networks that differ, and data whose loss does not depend on them."""
    blank = Split(torch.zeros(4, sum(sizes), dtype=torch.float64), torch.zeros(4, dtype=torch.float64))
    trainer = additive([blank] * networks, sizes=sizes, **settings)
    torch.manual_seed(1)
    for layer in trainer.networks.coupled:
        layer.data.normal_()
    return trainer


def shrinkage(trainer, steps: int | None = None) -> list[float]:
    """What every layer's differences are multiplied by in a run of l2reg."""
    before = [layer.data[0] - layer.data[1] for layer in trainer.networks.coupled]
    made = plan_of(trainer, "l2reg")
    couplings = couplings_of(made.phases[0], made, None, trainer.networks.coupled, trainer.settings)
    trainer.run(couplings, 0, steps or trainer.settings.steps)
    after = [layer.data[0] - layer.data[1] for layer in trainer.networks.coupled]
    ratios = [a / b for a, b in zip(after, before, strict=True)]
    assert all(ratio.max() - ratio.min() < 1e-12 for ratio in ratios)
    return [ratio[0].item() for ratio in ratios]


@pytest.mark.parametrize("half_life", [1, 3, 7])
@pytest.mark.parametrize("networks", [2, 5])
@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("metric", ["sum_square", "mean_square"])
def test_2_the_difference_of_two_coupled_networks_halves_in_a_half_life(
    half_life, networks, momentum, metric
):
    trainer = without_pull_of_data(
        networks,
        sizes=(2, 3, 4),  # the inner layer has the median size
        steps=half_life,
        strength={"half_life": half_life},
        momentum=momentum,
        metric=metric,
    )
    factors = shrinkage(trainer)
    assert factors[1] == pytest.approx(0.5, abs=1e-12)
    per_step = 2 ** (1 / half_life) - 1  # 2 tau n c of the inner layer; c of an end layer is half of it
    sizes = {"sum_square": (1, 1, 1), "mean_square": (2, 3, 4)}[metric]
    ends = [(1 + per_step / 2 * sizes[1] / size) ** -half_life for size in sizes]
    assert (factors[0], factors[2]) == (pytest.approx(ends[0]), pytest.approx(ends[2]))


def test_2_with_mean_square_small_layers_are_coupled_more():
    equal = shrinkage(without_pull_of_data(sizes=(5, 5, 5), steps=3, metric="mean_square"))
    unequal = shrinkage(without_pull_of_data(sizes=(2, 5, 8), steps=3, metric="mean_square"))
    assert unequal[0] < equal[0] and unequal[1] == pytest.approx(equal[1]) and unequal[2] > equal[2]


def test_2_lambda_can_be_given_as_in_the_paper():
    trainer = without_pull_of_data(steps=1, strength={"lambda": 10}, learning_rate=0.01, momentum=0.0)
    assert base_strength(trainer.networks.coupled, trainer.settings) == 10
    assert shrinkage(trainer)[1] == pytest.approx(1 / (1 + 2 * 0.01 * 3 * 2 * 10))


def test_2_when_the_learning_rate_decays_the_step_follows_it_and_lambda_stays():
    steps, rate, given = 10, 0.05, 2.0
    trainer = without_pull_of_data(
        steps=steps, strength={"lambda": given}, learning_rate=rate, schedule="cosine", momentum=0.5
    )
    rates = [rate * (1 + math.cos(math.pi * t / steps)) / 2 for t in range(steps)]
    expected = math.prod(1 / (1 + 2 * (r / (1 - 0.5)) * 3 * 2 * given) for r in rates)
    assert shrinkage(trainer)[1] == pytest.approx(expected, rel=1e-10)
    constant = without_pull_of_data(strength={"half_life": 3}, schedule="constant")
    decaying = without_pull_of_data(strength={"half_life": 3}, schedule="cosine")
    strengths = [base_strength(t.networks.coupled, t.settings) for t in (constant, decaying)]
    assert strengths[0] == strengths[1]


# 3. (7) as printed majorises the Lorentzian; the weight that descends (4) is its square.


def test_3_each_weighting_touches_and_majorises_its_own_penalty():
    sigma, distances = real(0.7), torch.linspace(0, 6, 301, dtype=torch.float64)
    for weighting, penalty in {"paper": lorentzian, "geman_mcclure": geman_mcclure}.items():
        at = penalty(distances.square()[:, None, None], sigma).flatten()
        for k in range(1, len(distances), 7):
            touching = distances[k]
            weight = irls_weights(touching.square().view(1, 1, 1), sigma, weighting).item()
            quadratic = at[k] + weight * (distances.square() - touching.square())
            assert (quadratic >= at - 1e-12).all()
            assert quadratic[k] == at[k]
            # Tangent there: half the slope of the penalty over the distance is the weight.
            x = touching.clone().requires_grad_()
            (slope,) = torch.autograd.grad(penalty(x.square().view(1, 1, 1), sigma).sum(), x)
            assert (slope / (2 * touching)).item() == pytest.approx(weight)


def test_3_the_weight_as_printed_does_not_majorise_the_penalty_of_equation_3():
    sigma, touching = real(1.0), 2.0
    weight = irls_weights(real([[touching**2]]), sigma, "paper").item()
    below = [
        geman_mcclure(real([[touching**2]]), sigma).item() + weight * (x * x - touching**2)
        < geman_mcclure(real([[x * x]]), sigma).item() - 1e-3
        for x in (0.5, 1.0, 1.5)
    ]
    assert any(below)


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


@pytest.mark.parametrize(
    ("weighting", "penalty"), [("paper", lorentzian), ("geman_mcclure", geman_mcclure)]
)
@pytest.mark.parametrize("seed", range(4))
def test_3_each_irls_round_descends_its_objective(weighting, penalty, seed):
    problem, membership, given = toy(seed), block_membership(3, "adjacent"), 0.02

    def distances(theta):
        return block_distances_squared(layer_distances_squared(problem.layers(theta)), membership)

    def objective(theta):
        return (problem.loss(theta) + given * over_pairs(penalty(distances(theta), sigma))).item()

    ones = torch.ones(2, 4, 4, dtype=torch.float64)
    theta = problem.minimiser(given * layer_weights(ones, membership))
    sigma = scales(distances(theta), 1.5)
    values = [objective(theta)]
    for _ in range(12):
        weights = irls_weights(distances(theta), sigma, weighting)
        theta = problem.minimiser(given * layer_weights(weights, membership))
        values.append(objective(theta))
    assert all(after <= before + 1e-12 for before, after in pairwise(values))
    assert values[-1] < values[0] - 1e-4


def test_3_both_objectives_are_recorded_and_are_loss_plus_lambda_times_penalty():
    problem = toy(0)
    trainer = additive(problem.splits, steps=20, record_every=1, strength={"lambda": 0.1}, rounds=2)
    sigma_of = {}

    def look():
        layers = [layer.detach() for layer in trainer.networks.coupled]
        sigma_of[trainer.step] = block_distances_squared(
            layer_distances_squared(layers), block_membership(3, "adjacent")
        )

    progress = run(trainer, "joint", look)
    rows = {(row[0], row[3]): row[4] for row in trainer.history if row[1:3] == ("train", "all")}
    loss = sum(row[4] for row in trainer.history if row[:2] == (20, "train") and row[3] == "loss")
    rho = over_pairs(geman_mcclure(sigma_of[20], progress.sigma)).item()
    log = over_pairs(lorentzian(sigma_of[20], progress.sigma)).item()
    assert rows[20, "consistency_loss"] == pytest.approx(rho)
    assert rows[20, "objective_geman_mcclure"] == pytest.approx(loss + 0.1 * rho)
    assert rows[20, "objective_lorentzian"] == pytest.approx(loss + 0.1 * log)
    assert (6, "objective_lorentzian") not in rows, "there is no sigma during the L2 start"


# 4. Collapse: a pair stays coupled only if its distance under full coupling is small against sigma.


def coupled_pair(kappa: float, weighting: str, rounds: int = 3000, stiffness: float = 1e9) -> float:
    """The weight at which two stiffly coupled networks end, with data terms (theta - t)^2 / 2 apart by 1.

    At equilibrium under coupling c = w * stiffness they are 1 / (1 + 4 c) apart.
    """
    start = real([[0.0, (1 / (1 + 4 * stiffness)) ** 2], [(1 / (1 + 4 * stiffness)) ** 2, 0.0]])
    sigma = scales(start, scale_factor=1 / kappa)  # for two networks d0 / (s d0)
    weight = 1.0
    for _ in range(rounds):
        distance = 1 / (1 + 4 * stiffness * weight)
        weight = irls_weights(real([[distance**2]]), sigma, weighting).item()
    return weight


@pytest.mark.parametrize("kappa", [0.05, 0.3, 0.45, 0.499])
def test_4_a_pair_with_kappa_below_one_half_ends_at_the_root_of_its_equation(kappa):
    weight = coupled_pair(kappa, "paper")
    assert weight**2 - weight + kappa**2 == pytest.approx(0, abs=1e-6)
    assert weight == pytest.approx((1 + math.sqrt(1 - 4 * kappa**2)) / 2, rel=1e-3)


@pytest.mark.parametrize(("weighting", "limit"), [("paper", 0.5), ("geman_mcclure", math.sqrt(27 / 256))])
def test_4_a_pair_stays_coupled_only_below_the_critical_kappa(weighting, limit):
    assert coupled_pair(0.99 * limit, weighting) > 0.5
    assert coupled_pair(1.01 * limit, weighting) < 1e-6
    assert coupled_pair(1.0, weighting) < 1e-6, "with the paper's sigma, s = 1, a pair lets go"
    assert limit == pytest.approx({"paper": 0.5, "geman_mcclure": 0.325}[weighting], abs=5e-4)


def test_4_after_the_collapse_the_weight_is_that_of_networks_trained_apart():
    kappa, stiffness = 1.0, 50.0
    sigma_squared = (1 / (1 + 4 * stiffness)) ** 2
    weight = coupled_pair(kappa, "paper", stiffness=stiffness)
    assert weight == pytest.approx(sigma_squared / (sigma_squared + 1), rel=0.02)


@pytest.mark.parametrize(
    ("scale_factor", "said"), [(1e-3, "degenerated to isolated training"), (1e3, "degenerated to L2")]
)
def test_4_a_run_that_degenerates_says_so(scale_factor, said):
    trainer = additive(toy(0).splits, steps=60, scale_factor=scale_factor, rounds=2)
    progress = run(trainer, "joint")
    assert said in diagnosis([progress.found.weights.numpy()])


# 5. The solver: its fixed point is that of (6), and its limits are one network and isolated ones.


def weights_of(seed: int, networks: int = 4) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    weights = torch.rand(2, networks, networks, dtype=torch.float64, generator=random)
    return layer_weights((weights + weights.mT) / 2, block_membership(3, "adjacent"))


def fixed_point(problem: Quadratics, weights: torch.Tensor, **settings) -> torch.Tensor:
    """Where training under c = 0.1 w ends, shape (n, D)."""
    momentum = settings.setdefault("momentum", 0.0)
    base = {"learning_rate": 0.1, "steps": 550} if momentum else {"learning_rate": 0.5, "steps": 120}
    trainer = additive(problem.splits, **{**base, **settings})
    couplings = Couplings(weights, torch.full((3,), 0.1, dtype=torch.float64))
    trainer.run(couplings, 0, trainer.settings.steps)
    return torch.cat([layer.detach() for layer in trainer.networks.coupled], dim=1)


SOLVERS = {
    "proximal": {"solver": "proximal"},
    "block coordinate": {"solver": "block_coordinate", "turn": "step"},
    "gradient": {"solver": "block_coordinate", "pull": "gradient"},
}


@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("solver", SOLVERS)
def test_5_the_fixed_point_of_every_solver_is_that_of_equation_6(solver, momentum):
    problem, weights = toy(1, 3), weights_of(1, 3)
    found = fixed_point(problem, weights, momentum=momentum, **SOLVERS[solver])
    assert_close(found, problem.minimiser(0.1 * weights), rtol=0, atol=1e-8)
    assert (found - problem.minimiser(0.09 * weights)).abs().max() > 1e-3, "the test tells strengths apart"


def test_5_a_step_size_without_momentum_would_miss_the_fixed_point(monkeypatch):
    problem, weights = toy(1, 3), weights_of(1, 3)
    monkeypatch.setattr(descent, "effective_step", lambda _, rate: rate)
    found = fixed_point(problem, weights, momentum=0.9)
    assert (found - problem.minimiser(0.1 * weights)).abs().max() > 1e-2
    # It is that of a lambda ten times smaller.
    assert_close(found, problem.minimiser(0.01 * weights), rtol=0, atol=1e-8)


def test_5_mixing_less_often_solves_equation_6_to_the_order_of_the_step():
    problem, weights = toy(1, 3), weights_of(1, 3)
    exact = problem.minimiser(0.1 * weights)
    errors = [
        (fixed_point(problem, weights, mix_every=4, learning_rate=rate, steps=int(24 / rate)) - exact)
        for rate in (0.1, 0.05)
    ]
    first, second = (error.abs().max() for error in errors)
    assert 1e-3 < first < 0.2
    assert second / first == pytest.approx(0.5, abs=0.1)


def batches_of(trainer, index: int, step: int) -> Split:
    """The batch of a step, in the order that the trainer's own class gives."""
    train, chosen = trainer.data[trainer.names[index]].train, trainer.batches[index].at(step)
    return Split(train.images[chosen], train.labels[chosen])


def trained_alone(trainer, decay: float) -> list[torch.Tensor]:
    """Each network in a loop of its own, with torch's own optimiser and no package code."""
    result = []
    for index in range(len(trainer.names)):
        network = mlp()
        optimiser = torch.optim.SGD(
            network.parameters(), 0.05, momentum=trainer.settings.momentum, weight_decay=decay
        )
        for step in range(trainer.settings.steps):
            optimiser.zero_grad()
            scores().loss(network, batches_of(trainer, index, step)).backward()
            optimiser.step()
        result += [value.detach() for value in network.state_dict().values()]
    return result


@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("method", ["isolated", "l2reg", "joint"])
def test_5_without_coupling_every_network_is_trained_alone(method, momentum):
    settings = {"strength": {"half_life": "inf"}, "momentum": momentum, "weight_decay": 0.01}
    trainer = mlps(**settings)
    expected = trained_alone(mlps(**settings), 0.01)
    run(trainer, method)
    assert_close(parameters(trainer), expected, rtol=0, atol=1e-13)


def trained_as_one(trainer) -> list[torch.Tensor]:
    """One trunk on the mean of the losses; batch norm and head of each dataset on its own loss."""
    settings, networks = trainer.settings, [mlp() for _ in trainer.names]
    trunk = [networks[0].first.linear, networks[0].second, networks[0].third]
    shared = [p for layer in trunk for p in layer.parameters()]
    own = [p for n in networks for part in (n.first.norm, n.head) for p in part.parameters()]
    optimisers = [torch.optim.SGD(group, 0.05, momentum=settings.momentum) for group in (shared, own)]
    for step in range(settings.steps):
        losses = []
        for index, network in enumerate(networks):
            batch = batches_of(trainer, index, step)
            hidden = torch.relu(network.first.norm(trunk[0](batch.images)))
            output = network.head(trunk[2](trunk[1](hidden)))
            losses.append(torch.nn.functional.cross_entropy(output, batch.labels))
        for optimiser in optimisers:
            optimiser.zero_grad()
        sum(losses).backward()
        for parameter in shared:
            parameter.grad /= len(losses)
        for optimiser in optimisers:
            optimiser.step()
    for network in networks[1:]:
        network.first.linear, network.second, network.third = trunk
    return [value.detach() for network in networks for value in network.state_dict().values()]


@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize(
    ("method", "strength"),
    [
        ("shareall", None),
        ("l2reg", {"half_life": 0}),
        ("joint", {"half_life": 0}),
        ("l2reg", {"lambda": 1e13}),
    ],
)
def test_5_with_weights_1_and_an_infinite_lambda_all_is_one_network(method, strength, momentum):
    settings = {"momentum": momentum} | ({"strength": strength} if strength else {})
    trainer = mlps(**settings)
    expected = trained_as_one(mlps(**settings))
    run(trainer, method)
    assert_close(parameters(trainer), expected, rtol=0, atol=1e-9)


def test_5_a_pull_by_gradient_that_would_diverge_is_refused():
    blank = Split(torch.zeros(4, 9).double(), torch.zeros(4).double())
    settings = {"solver": "block_coordinate", "pull": "gradient", "learning_rate": 0.1, "momentum": 0.5}
    # 2 lr sum(c) = 2 * 0.1 * (2 networks * 2 lambda) = 0.8 lambda, against 2 (1 + 0.5) = 3.
    run(additive([blank] * 3, strength={"lambda": 3.7}, steps=2, **settings), "l2reg")
    with pytest.raises(UserError, match="pull: gradient diverges here"):
        run(additive([blank] * 3, strength={"lambda": 3.8}, steps=2, **settings), "l2reg")


def test_5_with_adam_the_strength_must_be_a_half_life_and_no_objective_is_claimed():
    with pytest.raises(ValidationError, match="with adam, strength must be a half_life"):
        MethodSettings.model_validate({"optimiser": "adam", "strength": {"lambda": 1}})
    trainer = without_pull_of_data(steps=3, strength={"half_life": 3}, optimiser="adam", learning_rate=1e-3)
    assert shrinkage(trainer)[1] == pytest.approx(0.5, abs=1e-9)
    trainer = mlps(optimiser="adam", rounds=2)
    run(trainer, "joint")
    recorded = {row[3] for row in trainer.history}
    assert "consistency_loss" in recorded and not any(name.startswith("objective") for name in recorded)


# 6. What is coupled.


def coupled_names(trainer) -> set[str]:
    return {
        name
        for name, place in trainer.networks.places["one"].items()
        if place.slot < len(trainer.networks.layers)
    }


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("head", [False, True])
def test_6_batch_norm_and_head_are_coupled_where_asked_for_and_its_statistics_never(batch_norm, head):
    trainer = mlps(couple_batch_norm=batch_norm, couple_head=head)
    run(trainer, "shareall")
    first, second, _ = trainer.networks.modules.values()
    others = second.state_dict()
    equal = {
        name for name, value in first.state_dict().items() if torch.allclose(value, others[name], 0, 1e-14)
    }
    trunk = {
        f"{layer}.{kind}" for layer in ("first.linear", "second", "third") for kind in ("weight", "bias")
    }
    expected = trunk | ({"first.norm.weight", "first.norm.bias"} if batch_norm else set())
    expected |= {"head.weight", "head.bias"} if head else set()
    assert coupled_names(trainer) == expected
    assert equal == expected | {"first.norm.num_batches_tracked"}


def test_6_heads_of_different_classes_are_not_coupled_and_refused_where_that_is_asked_for():
    splits, networks = [labelled(0, 3), labelled(1, 4)], [mlp(3), mlp(4)]
    run(trainer_of(networks, splits, scores(), steps=4, batch_size=8), "shareall")
    with pytest.raises(
        UserError, match=r"Layer 'head' has other shapes for two than for one.*couple_head: false"
    ):
        trainer_of([mlp(3), mlp(4)], splits, scores(), couple_head=True)


def test_6_a_frozen_layer_is_not_coupled():
    networks = [mlp(), mlp()]
    for network in networks:
        network.second.requires_grad_(False)
    trainer = trainer_of(networks, [labelled(0), labelled(1)], scores(), steps=4, batch_size=8)
    assert trainer.networks.layers == ["first", "third"]
    before = networks[0].second.weight.clone()
    run(trainer, "l2reg")
    assert torch.equal(networks[0].second.weight, before)


# 7. Start, order and budget; the last half of a round is averaged.


METHODS = ["isolated", "l2reg", "l2reg_25", "l2reg_50", "shareall", "finetune", "joint", "fedamp"]


@pytest.mark.parametrize("method", METHODS)
def test_7_every_method_takes_the_same_number_of_steps_on_the_same_batches(method):
    seen: list[tuple[int, int]] = []

    class watching(scores):  # noqa: N801
        def loss(self, network, batch):
            which = list(trainer.networks.modules.values()).index(network)
            seen.append((which, hash(batch.images.numpy().tobytes())))
            return super().loss(network, batch)

    trainer = mlps(steps=11)
    trainer.task = watching()
    run(trainer, method)
    order = mlps(steps=11)
    expected = [
        (i, hash(batches_of(order, i, step).images.numpy().tobytes()))
        for step in range(11)
        for i in range(3)
    ]
    assert seen == expected


def test_7_the_weights_stay_after_convergence_unless_training_stops_there():
    squared = [real([[0.0, d], [d, 0.0]]) for d in (1.0, 1.001, 9.0)]
    rounds = [next_round(squared[0], real(1.0), None, "paper", 0.01)]
    for distance in squared[1:]:
        rounds.append(next_round(distance, real(1.0), rounds[-1], "paper", 0.01))
    assert [r.converged for r in rounds] == [False, True, True]
    assert torch.equal(rounds[2].weights, rounds[1].weights)
    assert rounds[1].delta == pytest.approx(1 / 2 - 1 / 2.001)
    ends = []
    for stop in (False, True):
        trainer = mlps(tolerance=1.0, stop_when_converged=stop, rounds=4)
        run(trainer, "joint")
        ends.append(trainer.step)
    # L2 start 6 of 20 steps, rounds end at 9, 13, 16, 20; the second has converged.
    assert ends == [20, 13]


@pytest.mark.parametrize(("average", "expelled"), [(True, False), (False, True)])
def test_7_a_passing_spike_of_one_network_does_not_expel_it_when_distances_are_averaged(average, expelled):
    random = torch.Generator().manual_seed(0)
    truths = torch.randn(1, 9, dtype=torch.float64, generator=random)
    truths = truths + 0.3 * torch.randn(6, 9, dtype=torch.float64, generator=random)
    splits = [regression(i, truth, size=200) for i, truth in enumerate(truths)]
    settings = {"batch_size": 1, "steps": 200, "learning_rate": 0.02, "momentum": 0.0, "rounds": 1}
    settings |= {"l2_fraction": 0.5, "strength": {"half_life": 60}, "average": average}
    calm = run(additive(splits, **settings), "joint").found.weights
    # One wrong label, met in the last step of the L2 start.
    splits[0].labels[additive(splits, **settings).batches[0].at(99)] += 1000
    weights = run(additive(splits, **settings), "joint").found.weights
    pairs = ~torch.eye(6, dtype=torch.bool)
    assert calm[:, pairs].min() > 0.1
    if expelled:
        assert weights[:, 0, 1:].max() < 0.05
        assert weights[:, 1:, 1:].min() > 0.9
    else:
        assert weights[:, 0, 1:].min() > 0.15


# The presets of params.yaml.


def penalty_of(preset: str, found=None) -> tuple[MethodSettings, float]:
    """The coupling term of two networks of three layers, 1, 2 and 3 apart in one parameter each."""
    params = read_params(ROOT / "params.yaml")
    settings = MethodSettings.model_validate({**params.presets[preset], "couple_head": True})
    layers = [real([0.0], [float(d)]) for d in (1, 2, 3)]
    made = plan("joint", Problem(["a", "b"], 3), settings)
    phase = made.phases[0] if found is None else made.phases[1]
    couplings = couplings_of(phase, made, found, layers, settings)
    values = couplings.strength[:, None, None] * couplings.weights
    return settings, over_pairs(values * layer_distances_squared(layers)).item()


def found_weights(*values: float):
    """A round that found these weights for a pair, one per block."""
    weights = torch.stack([real([1, v], [v, 1]) for v in values])
    squared = torch.zeros(len(values), 2, 2, dtype=torch.float64)
    given = next_round(squared, torch.ones(len(values), dtype=torch.float64), None, "paper", 0.01)
    return replace(given, weights=weights)


def test_the_preset_paper_has_sums_lambda_10_and_blocks():
    settings, start = penalty_of("paper")
    assert start == 10 * ((1 + 4) + (4 + 9))
    assert penalty_of("paper", found_weights(0.5, 0.25))[1] == 10 * (0.5 * (1 + 4) + 0.25 * (4 + 9))
    chosen = (settings.solver, settings.turn, settings.pull, settings.scale_factor, settings.weighting)
    assert chosen == ("block_coordinate", "epoch", "exact", 1, "paper")
    assert settings.stop_when_converged and not settings.average and settings.tolerance == 0.01


def test_the_preset_authors_code_has_single_layers_and_a_fixed_lambda_per_pair():
    settings, start = penalty_of("authors_code")
    assert start == pytest.approx(0.0025 * (1 + 4 + 9))
    found = found_weights(1.0, 0.5, 0.0)
    assert penalty_of("authors_code", found)[1] == pytest.approx(0.0025 * (1 + 0.5 * 4))
    made = plan("joint", Problem(["a", "b"], 3), settings)
    assert [phase.restart for phase in made.phases] == [False, True], "see test_resume.py for the restart"
    assert (settings.solver, settings.turn, settings.average) == ("block_coordinate", "step", False)
    params = read_params(ROOT / "params.yaml").presets["authors_code"]
    assert params["couple_head"] is False and params["couple_batch_norm"] is False


def test_the_preset_authors_code_weighs_pairs_against_the_median_distance():
    # Distances of three networks: 1, 2 and 3, so 1 is below the median, 2 at it, 3 above.
    weights = irls_weights(real([[0, 1, 9], [1, 0, 4], [9, 4, 0]]), real(1.0), "median")
    assert weights[0].tolist() == [[1, 1, 0], [1, 1, 0.5], [0, 0.5, 1]]


def test_the_preset_default_has_a_half_life_and_the_proximal_solver():
    settings, start = penalty_of("default")
    assert (settings.solver, settings.average, settings.metric) == ("proximal", True, "sum_square")
    assert settings.strength.half_life is not None
    tau, networks = settings.learning_rate / (1 - settings.momentum), 2
    given = (2 ** (1 / settings.strength.half_life) - 1) / (4 * tau * networks)
    assert start == pytest.approx(given * ((1 + 4) + (4 + 9)))


def test_every_preset_gives_a_plan_for_every_method():
    params = read_params(ROOT / "params.yaml")
    assert set(params.presets) == {"default", "paper", "authors_code"}
    for preset in params.presets.values():
        settings = MethodSettings.model_validate(preset)
        for method in METHODS:
            phases = plan(method, Problem(["a", "b"], 5), settings).phases
            assert sum(phase.steps for phase in phases) == settings.steps
    assert consistency.strength_of_half_life(math.inf, 0.1, 2) == 0
