"""irls: one IRLS round: weights (7) from the networks before it, then training with them."""

from typing import Any

from jointnn.io import paths
from jointnn.io.files import read_json, write_atomically, write_json
from jointnn.io.tensors import read_tensors, write_tensors

TABLES = ("history.csv", "test_history.csv")


def run(job: dict[str, Any]) -> None:
    """Write runs/<experiment>/s<seed>/joint/round_<k>/: weights, networks, history, distances."""
    experiment, seed, number = job["experiment"], job["seed"], job["round"]
    before = paths.round_(experiment, seed, number - 1)
    after = paths.round_(experiment, seed, number)
    if job["settings"]["stop_when_converged"] and number > 1:
        weights = read_json(f"{before}/weights.json")
        if weights["converged"]:
            _repeat(before, after, weights, job)
            return
    _train(before, after, job)


def _repeat(before: str, after: str, weights: dict[str, Any], job: dict[str, Any]) -> None:
    """After convergence nothing is trained: the files of the round before, under this round's header."""
    header = {"round": job["round"], "settings": job["identity"]}
    for dataset in job["datasets"]:
        arrays, old = read_tensors(paths.network(before, dataset))
        write_tensors(paths.network(after, dataset), arrays, {**old, **header})
    write_json(f"{after}/distances.json", read_json(f"{before}/distances.json"))
    for name in TABLES:
        write_atomically(f"{after}/{name}", b"step,split,dataset,metric,value\n")
    write_json(f"{after}/weights.json", {**weights, "round": job["round"], "delta": 0.0})


def _train(before: str, after: str, job: dict[str, Any]) -> None:
    from jointnn.stages.build import trainer_of
    from jointnn.stages.run_training import say_if_degenerated, train_phases, weights_of, write_outputs
    from jointnn.training.checkpoints import load_networks
    from jointnn.training.loop import Progress

    trainer, plan = trainer_of(job)
    phase = next(phase for phase in plan.phases if phase.name == f"round_{job['round']}")
    progress = Progress()

    def begin() -> None:
        trainer.step = phase.start
        load_networks(before, trainer, _expected(job))
        _read_progress(before, progress, job)

    train_phases(trainer, plan, [phase], progress, job, begin)
    assert progress.found is not None
    if progress.found.delta is not None:
        trainer.history.insert(0, (phase.start, "train", "all", "delta", progress.found.delta))
    write_json(f"{after}/weights.json", weights_of(trainer, plan, progress, job["round"]))
    write_outputs(after, trainer, plan, progress, job)
    if phase.end == trainer.settings.steps and not trainer.diverged:
        say_if_degenerated(job["method"], _weights_of_rounds(job), job["datasets"])


def _expected(job: dict[str, Any]) -> dict[str, Any]:
    """What the header of the networks before this round must say."""
    return {
        "experiment": job["experiment"],
        "seed": job["seed"],
        "round": job["round"] - 1,
        "architecture": job["architecture"],
        "settings": job["before"]["before"]["identity"],
    }


def _read_progress(before: str, progress: Any, job: dict[str, Any]) -> None:
    """Distances, sigma and weights as the jobs before left them."""
    import torch

    from jointnn.training.phase_state import round_from_json

    distances = read_json(f"{before}/distances.json")["layer_distances_squared"]
    progress.layer_distances_squared = torch.tensor(distances, dtype=torch.float64)
    sigma = read_json(paths.sigma(job["experiment"], job["seed"]))["sigma"]
    progress.sigma = torch.tensor(sigma, dtype=torch.float64)
    if job["round"] > 1:
        progress.found = round_from_json(read_json(f"{before}/weights.json"))


def _weights_of_rounds(job: dict[str, Any]) -> list[Any]:
    """The weights of every round so far, from their files."""
    experiment, seed = job["experiment"], job["seed"]
    rounds = range(1, job["round"] + 1)
    return [read_json(f"{paths.round_(experiment, seed, k)}/weights.json")["weights"] for k in rounds]
