"""Many networks: each form of distances and mixing gives what the plain formula gives."""

import pytest
import torch
from helpers.tensor import random_layers, random_weights
from torch.testing import assert_close

from jointnn.irls import consistency, many_networks
from jointnn.irls.consistency import columns_measured_at_once, layer_distances_squared
from jointnn.irls.many_networks import MANY, Mixing, are_many, components_of, distances_squared
from jointnn.irls.solvers import Mixer, laplacian

N = MANY + 4
STRENGTHS = [1e-9, 0.3, 10.0, 1e6, 1e15]


def apart(weights: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """The same weights inside groups, 0 across and on the diagonal."""
    inside = groups[:, None] == groups
    return weights * inside * ~torch.eye(len(groups), dtype=torch.bool)


def forms() -> dict[str, torch.Tensor]:
    """Weights of each form of mixing; groups lie in no order."""
    ones, drawn = torch.ones(N, N, dtype=torch.float64), random_weights(0, 1, N)[0]
    one, two, sparse = torch.zeros(N), torch.arange(N) % 2, torch.arange(N) % 7
    sparse[[3, 4]] = torch.tensor([8, 9])  # two networks without a weight
    ring = torch.diag(torch.full((N - 1,), 0.4, dtype=torch.float64), 1)
    alone = torch.zeros(N, N, dtype=torch.float64)
    alone[5, 20] = alone[20, 5] = 0.7
    return {
        "uniform": apart(0.3 * ones, one),
        "dense": apart(drawn, one),
        "two uniform groups": apart(ones, two),
        "sparse": apart(drawn, sparse),
        "uniform and dense groups": apart(torch.where(two[:, None] == 0, ones, drawn), two),
        "a chain": ring + ring.T,
        "one pair": alone,
    }


FORMS = forms()


def mixed(weights: torch.Tensor, layer: torch.Tensor, strength: float, step_size: float) -> torch.Tensor:
    after = layer.clone()
    mixer_of(weights, strength).mix_([after], step_size)
    return after


def mixer_of(weights: torch.Tensor, strength: float) -> Mixer:
    return Mixer(weights[None], torch.tensor([strength], dtype=torch.float64))


def layer_of(seed: int, columns: int = 9) -> torch.Tensor:
    return random_layers(seed, N, (columns,))[0]


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_solves_the_linear_system_of_the_proximal_step(form, strength):
    weights, before = FORMS[form], layer_of(1)
    system = torch.eye(N, dtype=torch.float64) + 2 * 0.1 * strength * laplacian(weights)
    scale = 1 + 2 * 0.1 * strength
    found = mixed(weights, before, strength, 0.1)
    assert_close(system @ found / scale, before / scale, rtol=0, atol=1e-12)


@pytest.mark.parametrize("strength", [*STRENGTHS, torch.inf])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_multiplies_by_the_dense_matrix_and_keeps_the_mean(form, strength):
    weights, before = FORMS[form], layer_of(2)
    found = mixed(weights, before, strength, 0.1)
    (matrix,) = mixer_of(weights, strength).matrices(0.1)
    assert_close(found, matrix @ before, rtol=0, atol=1e-13)
    assert_close(matrix.sum(dim=0), torch.ones(N, dtype=torch.float64))
    assert_close(matrix.sum(dim=1), torch.ones(N, dtype=torch.float64))
    assert_close(found.mean(0), before.mean(0), rtol=0, atol=1e-13)


@pytest.mark.parametrize("strength", [0.3, torch.inf])
@pytest.mark.parametrize("form", FORMS)
def test_few_networks_and_many_are_mixed_alike_in_single_precision(form, strength, monkeypatch):
    weights, before = FORMS[form], layer_of(3).float()
    of_many = mixed(weights, before, strength, 0.1)
    monkeypatch.setattr(many_networks, "MANY", N + 1)
    of_few = mixed(weights, before, strength, 0.1)
    assert_close(of_many, of_few, rtol=0, atol=1e-6)
    assert not torch.equal(before, of_few)


def test_networks_without_a_weight_keep_every_bit():
    before = layer_of(4)
    for form, alone in (("sparse", [3, 4]), ("one pair", [k for k in range(N) if k not in (5, 20)])):
        after = mixed(FORMS[form], before, torch.inf, 0.1)
        assert torch.equal(after[alone], before[alone])
        assert not torch.equal(after, before)


def test_no_component_learns_of_another_one():
    before = layer_of(5)
    lost = before.clone()
    lost[0] = torch.nan  # of the even ones
    after = mixed(FORMS["two uniform groups"], lost, 0.3, 0.1)
    assert torch.equal(after[1::2], mixed(FORMS["two uniform groups"], before, 0.3, 0.1)[1::2])
    assert after[::2].isnan().all()


def test_components_are_those_of_the_graph_and_know_whether_their_pairs_are_alike():
    def told(form: str) -> list[tuple[list[int], bool]]:
        return [(one.networks.tolist(), one.alike) for one in components_of(FORMS[form])]

    everyone, even, odd = list(range(N)), list(range(0, N, 2)), list(range(1, N, 2))
    assert told("uniform") == [(everyone, True)]
    assert told("dense") == told("a chain") == [(everyone, False)]
    assert told("two uniform groups") == [(even, True), (odd, True)]
    assert told("uniform and dense groups") == [(even, True), (odd, False)]
    assert told("one pair") == [([5, 20], True)]
    expected = [[k for k in range(N) if k % 7 == m and k not in (3, 4)] for m in range(7)]
    assert [networks for networks, _ in told("sparse")] == sorted(expected)
    assert components_of(torch.zeros(N, N)) == []


def test_a_mixing_can_be_placed_in_another_type():
    (matrix,) = mixer_of(FORMS["uniform and dense groups"], 1.0).matrices(0.1)
    mixing = Mixing.of(matrix, components_of(FORMS["uniform and dense groups"]))
    single, before = mixing.to(torch.float32).to(torch.device("cpu")), layer_of(6)
    assert {move.dtype for move in single.moves} == {torch.float32}
    found = before.float()
    single.mix_(found)
    assert_close(found, (matrix @ before).float())


@pytest.mark.parametrize("form", ["uniform", "dense", "sparse"])
def test_wide_layers_are_mixed_in_pieces_without_a_difference(form, monkeypatch):
    before = layer_of(7, 11)
    whole = mixed(FORMS[form], before, 0.3, 0.1)
    monkeypatch.setattr(many_networks, "ENTRIES_AT_ONCE", 3 * N)
    assert_close(mixed(FORMS[form], before, 0.3, 0.1), whole)


def test_distances_of_many_networks_are_those_of_the_plain_formula(monkeypatch):
    layers = random_layers(8, N, (11, 1, 4))
    plain = torch.stack([(x[:, None] - x).square().sum(-1) for x in layers])
    assert_close(layer_distances_squared(layers), plain)
    halves = layer_distances_squared(layers, "mean_square")
    assert_close(halves, plain / torch.tensor([11, 1, 4])[:, None, None])
    monkeypatch.setattr(many_networks, "ENTRIES_AT_ONCE", 3 * N)
    assert_close(layer_distances_squared(layers), plain)
    monkeypatch.setattr(many_networks, "MANY", N + 1)
    assert_close(layer_distances_squared(layers), plain)


@pytest.mark.parametrize("far", [1.0, 1e4, 1e8])
def test_distances_of_near_networks_keep_their_digits_however_far_they_lie_from_others(far):
    """Two clusters: a Gram matrix, even of what differs from the mean, would cancel inside each."""
    random = torch.Generator().manual_seed(9)
    near = 1e-4 * torch.randn(N, 50, dtype=torch.float64, generator=random)
    layer = near + far * (torch.arange(N) % 2)[:, None]
    found = distances_squared(layer)
    exact = (layer[:, None] - layer).square().sum(-1)  # of the numbers as they are rounded
    assert_close(found, exact, rtol=1e-14, atol=0)
    if far == 1e8:
        centred = layer - layer.mean(0)
        squares = centred.square().sum(-1)
        gram = squares[:, None] + squares - 2 * centred @ centred.T
        assert (gram - exact).abs().max() > 1e3 * exact[0, 2]


def test_networks_that_differ_in_one_last_bit_have_a_distance():
    layer = torch.ones(N, 100)
    layer[1, 7] = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))
    found, gap = distances_squared(layer), 2.0**-23
    assert found[0, 2] == 0
    assert_close(found[0, 1].sqrt().item(), gap, rtol=1e-15, atol=0)


def test_a_network_that_is_no_number_has_no_distance():
    for wrong in (torch.nan, torch.inf):
        layer = layer_of(10)
        layer[3, 2] = wrong
        others = [k for k in range(N) if k != 3]
        found = distances_squared(layer)
        assert not found[3][others].isfinite().any()
        assert found[others][:, others].isfinite().all()


def test_the_rule_is_a_number_of_networks_alone():
    assert [are_many(n) for n in (2, MANY - 1, MANY, 256)] == [False, False, True, True]
    assert columns_measured_at_once(MANY - 1) == consistency.COLUMNS_AT_ONCE
    for n in (MANY, 100, 256, 10**9):
        assert columns_measured_at_once(n) <= max(1, many_networks.GATHERED_AT_ONCE // n)
        assert columns_measured_at_once(n) % many_networks.columns_at_once(n) == 0


@pytest.mark.parametrize("form", FORMS)
def test_pieces_that_are_brought_together_are_mixed_and_measured_as_whole_layers_to_the_last_bit(
    form, monkeypatch
):
    """So networks that lie apart, in files or modules, give the bits of stacked ones."""
    monkeypatch.setattr(many_networks, "ENTRIES_AT_ONCE", 40 * N)
    monkeypatch.setattr(many_networks, "MOST_COLUMNS", 64)
    monkeypatch.setattr(many_networks, "GATHERED_AT_ONCE", 100 * N)
    whole = layer_of(12, 301).float()
    pieces = [columns.clone() for columns in whole.split(64, dim=1)]
    mixer = mixer_of(FORMS[form], 0.3)
    of_pieces = sum(layer_distances_squared([columns])[0] for columns in pieces)
    assert torch.equal(layer_distances_squared([whole])[0], of_pieces)
    mixer.mix_([whole], 0.1)
    for columns in pieces:
        mixer.mix_([columns], 0.1)
    assert torch.equal(whole, torch.cat(pieces, dim=1))


def test_few_networks_are_mixed_by_their_matrix_to_the_last_bit():
    weights, before = random_weights(11, 1, 16), random_layers(11, 16, (9,))[0].float()
    weights *= 1 - torch.eye(16, dtype=torch.float64)
    mixer = Mixer(weights, torch.ones(1))
    after = before.clone()
    mixer.mix_([after], 0.1)
    assert torch.equal(after, mixer.matrices(0.1)[0].float() @ before)
