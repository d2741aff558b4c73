"""A method's phases one after the other: train, measure distances, find weights, train again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from jointnn.irls import consistency
from jointnn.irls.rounds import Round, next_round
from jointnn.methods.plan import Phase, Plan
from jointnn.training.couplings import couplings_of, membership_of, scales_of
from jointnn.training.state import Trainer


@dataclass
class Progress:
    """What a phase hands to the next, besides networks and optimisers.

    Attributes:
        layer_distances_squared: after the last finished phase, shape (L, N, N).
        sigma: once the L2 start has ended, shape (B,).
        found: the weights in force, once there are any.
        weights_of_rounds: of every round begun in this job, shape (B, N, N) each.
    """

    layer_distances_squared: Tensor | None = None
    sigma: Tensor | None = None
    found: Round | None = None
    weights_of_rounds: list[Tensor] = field(default_factory=list)


def run_phases(
    trainer: Trainer,
    plan: Plan,
    phases: Sequence[Phase],
    progress: Progress,
    on_record: Callable[[], None] = lambda: None,
    restart: Callable[[], None] = lambda: None,
) -> None:
    """Run those of `phases` that the trainer's step has not passed.

    Args:
        on_record: called after each record of the history.
        restart: puts the trainer's networks back to the common start.
    """
    trainer.membership = membership_of(plan)
    trainer.averages = trainer.settings.average and any(map(finds_weights, plan.phases))
    for phase in phases:
        if trainer.step < phase.end:
            if trainer.step == phase.start:
                if _stops(phase, trainer, progress):
                    return
                _begin(trainer, plan, phase, progress)
                if phase.restart and not trainer.diverged:
                    restart()
            if not trainer.diverged:  # in a job before this one
                _train(trainer, plan, phase, progress, on_record)


def _train(
    trainer: Trainer, plan: Plan, phase: Phase, progress: Progress, on_record: Callable[[], None]
) -> None:
    """Take the steps of a phase under its couplings."""
    found = progress.found if finds_weights(phase) else None
    sigma = progress.sigma if finds_weights(phase) else None
    couplings = couplings_of(phase, plan, found, trainer.networks.coupled, trainer.settings)

    def recorded() -> None:
        # Before the record: a job that is killed right after it starts with the next phase.
        if trainer.step == phase.end:
            progress.layer_distances_squared = trainer.layer_distances_squared()
        on_record()

    trainer.run(couplings, phase.start, phase.end, recorded, sigma)


def finds_weights(phase: Phase) -> bool:
    """Whether a phase is an IRLS round."""
    return phase.weights is None and not phase.one_network


def _stops(phase: Phase, trainer: Trainer, progress: Progress) -> bool:
    """Whether training ends before this round, since the one before it has converged."""
    converged = progress.found is not None and progress.found.converged
    return converged and finds_weights(phase) and trainer.settings.stop_when_converged


def _begin(trainer: Trainer, plan: Plan, phase: Phase, progress: Progress) -> None:
    """Find the weights of a round from the distances at the end of the phase before it."""
    if not finds_weights(phase):
        return
    assert progress.layer_distances_squared is not None
    distances = consistency.block_distances_squared(progress.layer_distances_squared, trainer.membership)
    if progress.sigma is None:
        progress.sigma = scales_of(distances, trainer.settings)
    tolerance = trainer.settings.tolerance
    progress.found = next_round(distances, progress.sigma, progress.found, plan.weighting, tolerance)
    progress.weights_of_rounds.append(progress.found.weights)
