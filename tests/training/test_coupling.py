"""jointnn.Coupling: the proximal step on modules as they are, in a loop of one's own."""

import copy
import inspect
import logging
import math
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional

import jointnn
from jointnn.errors import UserError
from jointnn.irls import consistency, many_networks, solvers
from jointnn.irls.split_halves import split_half_ratios
from jointnn.methods.settings import MethodSettings
from jointnn.training import coupling as module

NAMES = ["one", "two", "three"]


def mlp(seed: int = 0, classes: int = 3, width: int = 6) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        OrderedDict(
            first=nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width)),
            relu=nn.ReLU(),
            second=nn.Linear(width, width),
            third=nn.Linear(width, 4),
            head=nn.Linear(4, classes),
        )
    )


def three(**options) -> dict[str, nn.Module]:
    return {name: mlp(seed, **options) for seed, name in enumerate(NAMES)}


def rows_of(nets, layer: str) -> torch.Tensor:
    """The parameters of a layer, stacked: what the mathematics speaks of."""
    return torch.stack(
        [
            torch.cat([p.detach().flatten() for p in net.get_submodule(layer).parameters()])
            for net in nets.values()
        ]
    )


def train(nets, coupling, steps, *, first=0, lr=0.05, optimizer=None, by_hand=True):
    """A loop of one's own on random data, the same at each step whoever asks."""
    optimizer = optimizer or sgd(nets, lr=lr)
    for step in range(first, first + steps):
        for k, net in enumerate(nets.values()):
            random = torch.Generator().manual_seed(1000 * k + step)
            inputs = torch.randn(8, 5, generator=random).to(next(net.parameters()).dtype)
            functional.cross_entropy(net(inputs), torch.arange(8) % 3).backward()
        optimizer.step()
        optimizer.zero_grad()
        if by_hand:
            coupling.step(lr)


def sgd(nets, **options) -> torch.optim.Optimizer:
    parameters = [p for net in nets.values() for p in net.parameters()]
    return torch.optim.SGD(parameters, **{"lr": 0.05, "momentum": 0.9, **options})


def states(nets) -> list[torch.Tensor]:
    return [value.clone() for net in nets.values() for value in net.state_dict().values()]


def same(found, expected) -> bool:
    return all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("momentum", [None, 0.0, 0.9])
@pytest.mark.parametrize("half_life", [0.5, 3.0])
def test_the_difference_of_two_networks_halves_in_a_half_life(half_life, momentum):
    nets = {"one": mlp(0).double(), "two": mlp(1).double()}
    coupling = jointnn.Coupling(nets, half_life=half_life, momentum=momentum)
    before = {layer: rows_of(nets, layer) for layer in ("second", "head")}
    for _ in range(6):
        coupling.step(lr=0.3)
    after = rows_of(nets, "second")
    factor = 0.5 ** (6 / half_life)
    assert torch.allclose(after[0] - after[1], factor * (before["second"][0] - before["second"][1]))
    assert torch.allclose(after.mean(0), before["second"].mean(0))
    assert torch.equal(rows_of(nets, "head"), before["head"]), "the head is left alone"


def test_a_step_is_the_proximal_step_of_the_solver_to_the_last_bit():
    nets, lambda_ = three(), 2.0
    coupling = jointnn.Coupling(nets, lambda_=lambda_, momentum=0.9, couple_head=True)
    expected = rows_of(nets, "third")
    inner = 2 * (torch.ones(1, 3, 3, dtype=torch.float64) - torch.eye(3, dtype=torch.float64))
    mixer = solvers.Mixer(inner, torch.tensor([lambda_]))
    coupling.step(lr=0.1)
    mixer.mix_([expected], 0.1 / (1 - 0.9))
    assert torch.equal(rows_of(nets, "third"), expected)


@pytest.mark.slow
def test_layers_larger_than_a_piece_are_mixed_and_measured_to_the_last_bit():
    torch.manual_seed(0)
    nets = {name: nn.Sequential(nn.Linear(1500, 901), nn.Linear(901, 3)) for name in NAMES}
    coupling = jointnn.Coupling(nets, half_life=1.0, couple_head=True)
    assert rows_of(nets, "0").shape[1] > max(module.MIXED_AT_ONCE, consistency.COLUMNS_AT_ONCE)
    expected = rows_of(nets, "0")
    ones = torch.ones(1, 3, 3, dtype=torch.float64) - torch.eye(3, dtype=torch.float64)
    strength = consistency.strength_of_half_life(1.0, 0.1, 3)
    solvers.Mixer(ones, torch.tensor([strength])).mix_([expected], 0.1)
    coupling.step(lr=0.1)
    assert torch.equal(rows_of(nets, "0"), expected)
    coupling.reweight()
    squared = consistency.layer_distances_squared([rows_of(nets, layer) for layer in ("0", "1")])
    assert torch.equal(coupling.sigma, consistency.scales(squared.sum(0, keepdim=True)))


def test_many_networks_are_mixed_and_measured_as_stacked_layers_to_the_last_bit(monkeypatch):
    monkeypatch.setattr(many_networks, "GATHERED_AT_ONCE", 1 << 17)
    monkeypatch.setattr(module, "MIXED_AT_ONCE", many_networks.MOST_COLUMNS // 4)
    count = many_networks.MANY
    torch.manual_seed(0)
    nets = {f"n{k}": nn.Sequential(nn.Linear(90, 101), nn.Linear(101, 2)) for k in range(count)}
    coupling = jointnn.Coupling(nets, half_life=1.0, couple_head=True)
    expected = rows_of(nets, "0")
    assert expected.shape[1] > 2 * consistency.columns_measured_at_once(count), "in pieces"
    ones = torch.ones(1, count, count, dtype=torch.float64) - torch.eye(count, dtype=torch.float64)
    strength = consistency.strength_of_half_life(1.0, 0.1, count)
    solvers.Mixer(ones, torch.tensor([strength])).mix_([expected], 0.1)
    coupling.step(lr=0.1)
    assert torch.equal(rows_of(nets, "0"), expected)
    coupling.reweight()
    squared = consistency.layer_distances_squared([rows_of(nets, layer) for layer in ("0", "1")])
    assert torch.equal(coupling.sigma, consistency.scales(squared.sum(0, keepdim=True)))


def test_weights_are_those_of_the_paper_from_distances_between_averaged_parameters():
    nets = three()
    coupling = jointnn.Coupling(nets, half_life=20.0, round_steps=4, couple_batch_norm=True)
    assert torch.equal(coupling.weights, torch.ones(2, 3, 3, dtype=torch.float64))
    assert (coupling.sigma, coupling.groups()) == (None, [NAMES])
    optimizer, kept = sgd(nets), []
    for step in range(4):
        train(nets, coupling, 1, first=step, optimizer=optimizer)
        kept += [[rows_of(nets, layer).double() for layer in coupling.layers]] if step >= 2 else []
    coupling.reweight()
    means = [torch.stack(of_layer).mean(0) for of_layer in zip(*kept, strict=True)]
    layers = consistency.layer_distances_squared(means)
    blocks = consistency.block_distances_squared(layers, consistency.block_membership(3, "adjacent"))
    sigma = consistency.scales(blocks)
    assert torch.allclose(coupling.sigma, sigma)
    assert torch.allclose(coupling.weights, consistency.irls_weights(blocks, sigma), atol=1e-6)
    assert coupling.blocks == ["first-second", "second-third"]


def halves_of(nets, **options) -> jointnn.Coupling:
    return jointnn.Coupling(nets, half_life=3, couple_head=True, **options)


def test_ratios_of_split_halves_are_those_of_the_averaged_distances_in_the_order_asked_for():
    names = ["a.2", "b.1", "a.1", "b.2", "other"]
    nets = {name: mlp(seed) for seed, name in enumerate(names)}
    coupling = halves_of(nets, round_steps=4)
    halves = {"a": ("a.1", "a.2"), "b": ("b.1", "b.2")}
    rows = []
    for step in range(4):
        train(nets, coupling, 1, first=step)
        rows.append({layer: rows_of(nets, layer) for layer in ("second", "third", "head")})
    found, order = coupling.split_half_ratios(halves), [2, 0, 1, 3]
    means = [sum(row[layer] for row in rows[2:]) / 2 for layer in ("second", "third", "head")]
    expected = split_half_ratios(consistency.layer_distances_squared([mean[order] for mean in means]))
    assert coupling.layers == ["first", "second", "third", "head"] and found.shape == (4, 2, 2)
    torch.testing.assert_close(found[1:], expected, rtol=1e-4, atol=0)
    for wrong, sentence in (
        ({"a": ("a.1", "c.1")}, "'c.1' is none of these networks"),
        ({"a": ("a.1", "a.2"), "b": ("a.1", "b.2")}, "'a.1' stands twice among halves"),
        ({"a": ("a.1",)}, "'a' needs two networks"),
    ):
        with pytest.raises(UserError, match=sentence):
            coupling.split_half_ratios(wrong)
    coupling.reweight()
    with pytest.raises(UserError, match="Weights have been found, so networks are not pulled alike"):
        coupling.split_half_ratios(halves)


@pytest.mark.parametrize(("half_life", "equal"), [(0.0, True), (math.inf, False)])
def test_the_corners_are_one_network_and_isolated_ones(half_life, equal):
    nets, alone = three(), three()
    coupling = jointnn.Coupling(nets, half_life=half_life, steps=20)
    train(nets, coupling, 20)
    train(alone, None, 20, by_hand=False)
    assert same(states(nets), states(alone)) != equal
    one, two, _ = rows_of(nets, "second")
    assert torch.allclose(one, two, atol=1e-6) == equal


def test_state_dicts_keep_their_names_and_networks_train_on_without_the_coupling():
    nets = three()
    keys = [list(net.state_dict()) for net in nets.values()]
    coupling = jointnn.Coupling(nets)
    train(nets, coupling, 2)
    assert [list(net.state_dict()) for net in nets.values()] == keys
    del coupling
    train(nets, None, 1, by_hand=False)


@pytest.mark.parametrize("options", [{"steps": 20, "rounds": 3}, {"round_steps": 5}])
def test_a_training_that_was_saved_goes_on_to_the_same_bits(tmp_path, options):
    def reweigh(coupling):
        if "round_steps" in options:
            coupling.reweight()

    whole, cut = three(), three()
    coupling, before = jointnn.Coupling(whole, **options), jointnn.Coupling(cut, **options)
    optimizers = [sgd(whole, momentum=0.0), sgd(cut, momentum=0.0)]
    for one, nets, optimizer in zip((coupling, before), (whole, cut), optimizers, strict=True):
        train(nets, one, 5, optimizer=optimizer)
        reweigh(one)
        train(nets, one, 4, first=5, optimizer=optimizer)
    torch.save(
        {"nets": {n: net.state_dict() for n, net in cut.items()}, "c": before.state_dict()},
        tmp_path / "s.pt",
    )
    saved = torch.load(tmp_path / "s.pt")
    again = three()
    for name, net in again.items():
        net.load_state_dict(saved["nets"][name])
    after = jointnn.Coupling(again, **options)
    after.load_state_dict(saved["c"])
    for one, nets in ((coupling, whole), (after, again)):
        train(nets, one, 1, first=9, optimizer=sgd(nets, momentum=0.0))
        reweigh(one)
        train(nets, one, 6, first=10, optimizer=sgd(nets, momentum=0.0))
    assert same(states(again), states(whole))
    assert torch.equal(after.weights, coupling.weights)
    assert after.rounds == coupling.rounds > 1


def test_a_state_of_other_networks_is_refused():
    state = jointnn.Coupling(three()).state_dict()
    others = dict(zip(["one", "two", "four"], three().values(), strict=True))
    with pytest.raises(UserError, match=r"of other names: one, two, three, not one, two, four"):
        jointnn.Coupling(others).load_state_dict(state)
    with pytest.raises(UserError, match="of other layers"):
        jointnn.Coupling(three(), couple_head=True).load_state_dict(state)


def test_weights_that_have_converged_stay():
    nets = three()
    coupling, found = jointnn.Coupling(nets, tolerance=1.0), []
    for number in range(3):
        train(nets, coupling, 3, first=3 * number)
        coupling.reweight()
        found.append(coupling.weights)
    assert coupling.converged
    assert not torch.equal(found[0], found[1])
    assert torch.equal(found[1], found[2])


# attach


def test_attached_to_an_optimizer_it_steps_with_its_rate_and_momentum():
    by_hand, by_hook = three(), three()
    first, second = jointnn.Coupling(by_hand, steps=12, momentum=0.9), jointnn.Coupling(by_hook, steps=12)
    train(by_hand, first, 12)
    optimizer = sgd(by_hook)
    second.attach(optimizer)
    train(by_hook, second, 12, optimizer=optimizer, by_hand=False)
    assert same(states(by_hook), states(by_hand))


def test_attached_to_an_optimizer_of_each_network_it_waits_for_all_of_them():
    nets, expected = three(), three()
    optimizers = [torch.optim.AdamW(net.parameters(), lr=0.01) for net in nets.values()]
    coupling = jointnn.Coupling(nets)
    coupling.attach(*optimizers)
    for optimizer in optimizers:
        assert "after 0 steps" in repr(coupling)
        optimizer.step()
    assert "after 1 steps" in repr(coupling)
    jointnn.Coupling(expected).step(lr=0.01)
    assert same(states(nets), states(expected))


def test_a_half_life_holds_at_the_rate_that_a_scheduler_warms_up_to():
    nets, expected = three(), three()
    optimizer = sgd(nets, lr=0.2)
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=4)
    coupling = jointnn.Coupling(nets)
    coupling.attach(optimizer)
    optimizer.step()
    warm.step()
    jointnn.Coupling(expected, learning_rate=0.2, momentum=0.9).step(lr=0.02)
    assert same(states(nets), states(expected))


def test_detached_it_leaves_the_optimizer_alone():
    nets = three()
    coupling, optimizer, before = jointnn.Coupling(nets), sgd(nets), states(nets)
    coupling.attach(optimizer)
    with pytest.raises(UserError, match="is attached to an optimizer and steps by itself"):
        coupling.step(0.1)
    with pytest.raises(UserError, match="attached already"):
        coupling.attach(optimizer)
    coupling.detach()
    optimizer.step()
    assert same(states(nets), before)
    coupling.step(0.1)
    assert not same(states(nets), before)


def groups(nets, *rates) -> list[dict]:
    return [
        {"params": list(net.parameters()), "lr": rate}
        for net, rate in zip(nets.values(), rates, strict=True)
    ]


@pytest.mark.parametrize(
    ("optimizer_of", "options", "sentence"),
    [
        (
            lambda nets: sgd({"one": nets["one"]}),
            {},
            r"two\.first\.0\.weight is coupled but in none of the optim",
        ),
        (
            lambda nets: torch.optim.SGD(groups(nets, 0.1, 0.1, 0.2)),
            {},
            r"more than one learning rate: 0\.1, 0\.2",
        ),
        (
            lambda nets: torch.optim.Adam(groups(nets, *3 * [0.1])),
            {"lambda_": 1.0},
            "lambda_ belongs to SGD",
        ),
    ],
)
def test_an_optimizer_that_does_not_fit_is_refused(optimizer_of, options, sentence):
    nets = three()
    with pytest.raises(UserError, match=sentence):
        jointnn.Coupling(nets, **options).attach(optimizer_of(nets))


# what is coupled


def test_what_is_left_out_has_a_reason_and_is_logged(caplog):
    caplog.set_level(logging.INFO, logger="jointnn")
    nets = three()
    for net in nets.values():
        net.third.bias.requires_grad_(False)
        net.register_parameter("scale", nn.Parameter(torch.ones(1)))
    coupling = jointnn.Coupling(nets, couple=["first", "third"])
    assert coupling.layers == ["first", "third"]
    assert coupling.excluded == {
        "scale": "it belongs to no layer",
        "first.1.weight": "of batch norm, couple_batch_norm is False",
        "first.1.bias": "of batch norm, couple_batch_norm is False",
        "second.weight": "not named by couple",
        "second.bias": "not named by couple",
        "third.bias": "it is not trained",
        "head.weight": "of the head, couple_head is False",
        "head.bias": "of the head, couple_head is False",
    }
    assert "one, two, three are coupled in first, third. Left out: scale: it belongs" in caplog.text


def test_heads_of_other_classes_stay_apart_and_everything_else_is_coupled():
    nets = {"one": mlp(0, classes=3), "two": mlp(1, classes=5)}
    jointnn.Coupling(nets, half_life=0.0).step(0.1)
    assert torch.allclose(nets["one"].third.weight, nets["two"].third.weight)
    with pytest.raises(UserError, match=r"head\.weight has the shape \(5, 4\) in two and \(3, 4\) in one"):
        jointnn.Coupling(nets, couple_head=True)


class Blocks(nn.Module):
    """As many write it: a ModuleList by the name of `layers`, and a head that is the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight


def test_layers_are_named_where_they_are_not_the_children():
    nets = {"one": Blocks(), "two": Blocks()}
    assert jointnn.Coupling(nets).layers == ["embed", "layers"]
    names = ["embed", "layers.0", "layers.1", "layers.2", "head"]
    coupling = jointnn.Coupling(nets, layers=names, couple_head=True)
    assert coupling.layers == names[:-1], "the head is the embedding, and coupled once"
    assert coupling.excluded == {"head.weight": "the same tensor as a coupled parameter"}


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (["embed", "body"], "'body' is no submodule of Blocks"),
        (["layers", "layers.0"], r"'layers\.0' lies inside 'layers'"),
        (["embed", "embed"], "a name stands there twice"),
    ],
)
def test_wrong_names_of_layers_are_refused(layers, sentence):
    with pytest.raises(UserError, match=sentence):
        jointnn.Coupling({"one": Blocks(), "two": Blocks()}, layers=layers)


@pytest.mark.slow
def test_networks_may_be_moved_replaced_and_wrapped_afterwards():
    nets, expected = three(), three()
    coupling, again = (jointnn.Coupling(one, round_steps=2, average=True) for one in (nets, expected))
    for name, net in nets.items():
        net.load_state_dict(copy.deepcopy(expected[name].state_dict()), assign=True)
    coupling.step(0.1)
    again.step(0.1)
    assert same(states(nets), states(expected))
    for net in (*nets.values(), *expected.values()):
        net.double()
    coupling.step(0.1)
    again.step(0.1)
    coupling.reweight()
    assert nets["one"].second.weight.dtype == torch.float64
    assert same(states(nets), states(expected))
    wrapped = {name: torch.compile(net) for name, net in nets.items()}
    assert jointnn.Coupling(wrapped).layers == ["first", "second", "third"]


def test_parameters_in_another_memory_format_are_mixed_alike():
    def images(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), nn.Flatten(), nn.Linear(5, 2))

    plain = {name: images(seed) for seed, name in enumerate(NAMES)}
    last = {name: images(seed).to(memory_format=torch.channels_last) for seed, name in enumerate(NAMES)}
    for nets in (plain, last):
        jointnn.Coupling(nets, half_life=1.0).step(0.1)
    assert not last["one"][0].weight.is_contiguous()
    assert same(states(last), states(plain))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_is_mixed_in_float32_and_then_rounded(dtype):
    nets, exact = three(), three()
    for name, net in nets.items():
        exact[name].load_state_dict(net.to(dtype).state_dict())
    for one in (nets, exact):
        jointnn.Coupling(one, half_life=1.0).step(0.1)
    rounded = [value.to(dtype) for value in states(exact)]
    assert same([value.to(dtype) for value in states(nets)], rounded)


# what is refused


def with_nan(nets):
    with torch.no_grad():
        nets["two"].second.weight[0, 0] = math.nan
    return nets


def test_a_network_of_nan_is_named_before_it_reaches_the_others():
    nets = with_nan(three())
    before = states({"one": nets["one"], "three": nets["three"]})
    coupling = jointnn.Coupling(nets)
    with pytest.raises(UserError, match=r"The network 'two' has become NaN or infinite by step 1"):
        coupling.step(0.1)
    assert same(states({"one": nets["one"], "three": nets["three"]}), before)


def of_one_tensor():
    nets = three()
    nets["two"].second = nets["one"].second
    return nets


def frozen():
    nets = three()
    nets["two"].second.weight.requires_grad_(False)
    return nets


@pytest.mark.parametrize(
    ("networks", "options", "sentence"),
    [
        (lambda: {"one": mlp()}, {}, "needs two networks or more, but there are 1"),
        (lambda: [mlp(), mlp()], {}, "Give the networks by name"),
        (
            lambda: {"one": mlp(), "two": mlp(width=7)},
            {},
            r"first\.0\.weight has the shape \(7, 5\) in two",
        ),
        (lambda: {"one": mlp(), "two": Blocks()}, {}, r"two has no parameter first\.0\.weight"),
        (of_one_tensor, {}, r"second\.weight is one tensor in one and two"),
        (frozen, {}, r"second\.weight is trained in one but not in two"),
        (
            lambda: {"one": mlp(), "two": mlp().double()},
            {},
            r"is torch\.float64 in two, where torch\.float32",
        ),
        (lambda: {n: nn.Linear(2, 2) for n in NAMES}, {}, "Linear has no layer to couple besides its head"),
        (
            lambda: {n: nn.Sequential(nn.LazyLinear(2), nn.Linear(2, 2)) for n in NAMES},
            {},
            "has no values yet",
        ),
        (
            lambda: {n: nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)) for n in NAMES},
            {},
            "set blocks: single",
        ),
        (three, {"half_life": -1.0}, r"strength\.half_life: -1\.0 does not fit"),
        (three, {"half_life": 1.0, "lambda_": 1.0}, "give either half_life or lambda"),
        (three, {"couple": ["last"]}, "couple: 'last' holds no layer that can be coupled"),
        (three, {"steps": 10, "round_steps": 5}, "round_steps: 5 does not fit"),
        (three, {"mix_every": 0}, "mix_every: 0 does not fit"),
    ],
)
def test_what_cannot_be_coupled_is_refused_with_a_sentence(networks, options, sentence):
    with pytest.raises(UserError, match=sentence):
        jointnn.Coupling(networks(), **options)


def test_weights_are_not_found_where_nothing_was_trained():
    with pytest.raises(UserError, match="was given steps, so it finds weights by itself"):
        jointnn.Coupling(three(), steps=10).reweight()
    coupling = jointnn.Coupling(three())
    with pytest.raises(UserError, match="without a step before it"):
        coupling.reweight()
    equal = {name: mlp() for name in NAMES}
    coupling = jointnn.Coupling(equal, half_life=math.inf)
    coupling.step(0.1)
    with pytest.raises(UserError, match="sigma must be positive"):
        coupling.reweight()


@pytest.mark.parametrize(
    ("rate", "sentence"), [(math.nan, "lr: nan is no learning rate"), (0.0, "first learning rate is 0")]
)
def test_a_rate_that_no_step_can_have_is_refused(rate, sentence):
    with pytest.raises(UserError, match=sentence):
        jointnn.Coupling(three()).step(rate)


def test_names_and_defaults_are_those_of_params():
    own = {
        "networks",
        "lambda_",
        "half_life",
        "round_steps",
        "layers",
        "steps",
        "learning_rate",
        "momentum",
    }
    settings = MethodSettings()
    for name, parameter in inspect.signature(jointnn.Coupling).parameters.items():
        if name not in own:
            default = getattr(settings, name)
            assert parameter.default == (tuple(default) if isinstance(default, list) else default), name
    assert "half_life" in repr(settings.strength)
    assert settings.strength.half_life == 3.0
