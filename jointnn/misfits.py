"""Settings of a method that are right one by one but not together, each with one sentence."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jointnn.methods.settings import MethodSettings


def misfit(settings: "MethodSettings") -> str | None:
    """The sentence about the first combination that does not go together, if there is one."""
    return next((sentence for sentence, found in MISFITS.items() if found(settings)), None)


MISFITS: "dict[str, Callable[[MethodSettings], bool]]" = {
    "with adam, strength must be a half_life: no lambda is claimed there": (
        lambda s: s.optimiser == "adam" and s.strength.lambda_ is not None
    ),
    "mix_every belongs to solver: proximal; block_coordinate needs 1": (
        lambda s: s.solver == "block_coordinate" and s.mix_every != 1
    ),
    "pull: gradient belongs to solver: block_coordinate with sgd": (
        lambda s: s.pull == "gradient" and (s.solver == "proximal" or s.optimiser == "adam")
    ),
    "accumulate must be at most batch_size: each piece of a batch needs an image": (
        lambda s: s.accumulate > s.batch_size
    ),
    "tied layers belong to all networks at once: others_on_disk and block_coordinate cannot have them": (
        lambda s: bool(s.tied) and (s.others_on_disk or s.solver == "block_coordinate")
    ),
    "restart decides the weights once, so it needs rounds: 1": lambda s: s.restart and s.rounds != 1,
    "scale_factor .inf (the corner L2) does not go with weighting: median": (
        lambda s: math.isinf(s.scale_factor) and s.weighting == "median"
    ),
}
"""What does not go together, by the sentence about it."""
