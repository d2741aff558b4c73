"""Every benchmark runs and prints its table. No time is asserted: the machine may be busy."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import many_networks  # noqa: E402
import peers  # noqa: E402
import penalty  # noqa: E402
import support  # noqa: E402
from support.tensors import Counted  # noqa: E402

from jointnn.irls.consistency import block_membership, layer_distances_squared, layer_weights  # noqa: E402
from jointnn.irls.solvers import Mixer, laplacian  # noqa: E402

BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))
ELSEWHERE = {"gpu", "install"}
"""gpu: run by tests/test_wheel.py, in an environment as bare as the machine that it is for. install: what
CI does itself, with gigabytes."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [path for path in BENCHMARKS if path.stem not in ELSEWHERE], ids=lambda path: path.stem
)
def test_a_benchmark_prints_one_table(path):
    done = subprocess.run(
        [sys.executable, f"benchmarks/{path.name}", "--quick"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    title, _, *table = done.stdout.rstrip().splitlines()
    assert title.endswith("cores)")
    assert len(table) > 2
    assert len({line.count("|") for line in table}) == 1


@pytest.mark.slow
def test_faults_are_counted_by_a_command():
    command = [sys.executable, "benchmarks/faults/damaged_files.py", "--examples", "5", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5 damaged files (") and "| all " in done.stdout


def test_the_obvious_penalty_has_the_gradient_that_our_step_takes():
    layers, weights = penalty.problem("small", 3)
    by_layer = layer_weights(weights.double(), block_membership(len(layers), "adjacent"))
    networks = [[layer[i].clone().requires_grad_() for layer in layers] for i in range(3)]
    penalty.obvious_penalty(networks, weights).backward()
    for place, (layer, couplings) in enumerate(zip(layers, by_layer, strict=True)):
        obvious = torch.stack([network[place].grad for network in networks])
        torch.testing.assert_close(obvious, 2 * laplacian(couplings).float() @ layer)


@pytest.mark.slow
@pytest.mark.parametrize("coupled_by", ["nothing", "penalty in the loss", "jointnn.Coupling"])
def test_peers_learn_the_same_in_a_plain_loop_and_in_that_of_lightning(coupled_by):
    learned = [peers.networks(), peers.networks()]
    for train, nets in zip((peers.plain, peers.lightning), learned, strict=True):
        assert train(coupled_by, 8, nets) > 0
    for one, other in zip(*(nets.values() for nets in learned), strict=True):
        torch.testing.assert_close(one.state_dict(), other.state_dict())


@pytest.mark.slow
def test_the_penalty_of_peers_is_that_of_equation_6_and_pulls_networks_together():
    apart, together = peers.networks(), peers.networks()
    for coupled_by, nets in (("nothing", apart), ("penalty in the loss", together)):
        peers.plain(coupled_by, 20, nets)
    layers = [
        [torch.cat([p.detach().flatten() for p in child.parameters()]) for child in net.children()]
        for net in apart.values()
    ]
    ones = torch.ones(len(layers[0]) - 1, peers.NETWORKS, peers.NETWORKS)
    torch.testing.assert_close(peers.penalty(apart), peers.LAMBDA * penalty.obvious_penalty(layers, ones))
    assert peers.penalty(together) < peers.penalty(apart) / 2


def test_cases_run_in_turns_and_the_first_turn_is_not_counted():
    calls = []
    times = support.interleaved([lambda: calls.append("a"), lambda: calls.append("b")], repeats=2)
    assert "".join(calls) == "ababab"
    assert [len(taken) for taken in times] == [2, 2]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["uniform", "two groups", "dense IRLS"])
def test_memory_of_many_networks_does_not_grow_with_their_parameters(form):
    def peak(networks: int, columns: int) -> int:
        layer = torch.randn(networks, columns)
        weights = many_networks.weights_of(form, networks)
        mixer = Mixer(layer_weights(weights[None], block_membership(2, "adjacent"))[:1], torch.ones(1))
        with Counted(elsewhere=[layer]) as counted:
            layer_distances_squared([layer])
            mixer.mix_([layer], 0.1)
        return counted.peak

    assert peak(64, 60_000) == peak(64, 20_000) < 8e6
    assert peak(256, 10_000) < 8e6


def test_the_benchmark_of_many_networks_has_weights_of_each_form():
    sparse, dense = (many_networks.weights_of(form, 64) for form in ("sparse IRLS", "dense IRLS"))
    group = torch.arange(64) // 16
    assert torch.equal(sparse != 0, group[:, None] == group)
    assert (dense > 0).all() and len(dense.unique()) > 2000
