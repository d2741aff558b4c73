"""A method's phases one after the other: train, measure distances, find weights, train again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from jointnn import consistency
from jointnn.methods import Phase, Plan
from jointnn.rounds import Round, couplings_of, membership_of, next_round, scales_of
from jointnn.training import Trainer


@dataclass
class Progress:
    """What a phase hands to the next, besides networks and optimisers.

    Attributes:
        layer_distances_squared: after the last finished phase, shape (L, N, N).
        sigma: once the L2 start has ended, shape (B,).
        found: the weights in force, once there are any.
    """

    layer_distances_squared: Tensor | None = None
    sigma: Tensor | None = None
    found: Round | None = None


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
    trainer.membership = membership_of(plan, len(trainer.networks.layers))
    trainer.averages = trainer.settings.average and any(map(finds_weights, plan.phases))
    for phase in phases:
        if trainer.step < phase.end:
            if trainer.step == phase.start:
                _begin(trainer, plan, phase, progress)
                if phase.restart:
                    restart()
            found = progress.found if finds_weights(phase) else None
            couplings = couplings_of(phase, plan, found, trainer.networks.coupled, trainer.settings)
            sigma = progress.sigma if finds_weights(phase) else None
            trainer.run(couplings, phase.start, phase.end, on_record, sigma)
            progress.layer_distances_squared = trainer.layer_distances_squared()


def finds_weights(phase: Phase) -> bool:
    """Whether a phase is an IRLS round."""
    return phase.weights is None and not phase.one_network


def _begin(trainer: Trainer, plan: Plan, phase: Phase, progress: Progress) -> None:
    """Find the weights of a round from the distances at the end of the phase before it."""
    if not finds_weights(phase):
        return
    assert progress.layer_distances_squared is not None
    distances = consistency.block_distances_squared(progress.layer_distances_squared, trainer.membership)
    if progress.sigma is None:
        progress.sigma = scales_of(distances, trainer.settings)
    progress.found = next_round(
        distances, progress.sigma, progress.found, plan.weighting, trainer.settings.tolerance
    )
