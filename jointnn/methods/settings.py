"""The settings of methods: type, range, meaning and default of each.

The models below are the only place where such a setting is declared. Each method reads those of one class.
"""

import math
from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from jointnn.schema import Count, Fraction, Positive, Strict

LayerName = Annotated[str, Field(pattern=r"^\S+$")]


class Strength(Strict):
    """lambda, given as a half-life or as a number (departure 2). One of the two."""

    half_life: Annotated[float, Field(ge=0)] | None = None
    """Steps in which the difference of two fully coupled networks halves; 0: one network, .inf: none."""
    lambda_: Annotated[float | None, Field(alias="lambda", ge=0, allow_inf_nan=False)] = None
    """lambda as in the paper (10 there)."""

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.half_life is None) == (self.lambda_ is None):
            raise ValueError("give either half_life or lambda")
        return self

    @property
    def pulls_nothing(self) -> bool:
        """Return whether lambda is 0, so that each network trains alone."""
        return self.lambda_ == 0 or self.half_life == math.inf


class Training(Strict):
    """Settings that every method reads: the optimiser and the budget."""

    steps: Count = 1000
    """Gradient steps per network: the same budget for every method."""
    batch_size: Count = 32
    """Images per step and network."""
    optimiser: Literal["sgd", "adam"] = "sgd"
    """sgd, or adam with decoupled mixing (then the strength must be a half-life)."""
    learning_rate: Positive = 0.02
    """Base learning rate."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of sgd, beta_1 of adam."""
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """L2 penalty on the parameters, in the gradient."""
    schedule: Literal["constant", "cosine", "staircase", "stalled"] = "constant"
    """How the learning rate goes over the whole budget of a method; the coupling's step follows it."""
    decay_every: Count = 10000
    """schedule: staircase divides the learning rate by 10 whenever so many steps have passed."""
    patience: Count = 5
    """schedule: stalled halves it after so many times `record_every` without a lower validation loss."""
    record_every: Count = 100
    """Steps between two records of the history, which are also the points a killed job resumes from."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:1. It must know float64, which Apple's mps does not."""
    threads: Count = 1
    """Threads of one job on the CPU. Another number can give other roundings."""
    processes: Count = 1
    """Processes of one job, which share its networks: on CPUs, or each with a GPU. The numbers stay."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """In which precision networks compute. `benchmarks/forms.py` prints which is faster on a machine."""
    memory_format: Literal["contiguous", "channels_last"] = "contiguous"
    """How images lie in memory: it decides speed alone, and last bits."""
    batched: bool = False
    """Compute the gradients of all networks in one pass: it decides speed alone, and last bits."""
    accumulate: Count = 1
    """Pieces of a batch that go through a network in turn, for less memory; batch norm sees pieces."""
    checkpoint_activations: bool = False
    """Compute the activations of a layer again for its gradient instead of keeping them: less memory."""
    others_on_disk: bool = False
    """Keep networks in files while one is at work. With proximal, each step then moves every network."""


class Coupled(Training):
    """Settings of what is coupled: read by every method but `isolated`."""

    couple_head: bool = False
    """Couple the last layer too; only where all datasets have the same number of classes."""
    couple: list[LayerName] = []
    """Layers to couple, or parts or branches such as a generator; none named: all layers."""
    couple_batch_norm: bool = False
    """Couple the scale and shift of batch norm; its statistics never are (departure 6)."""


class Tied(Coupled):
    """Joint auto-encoders: layers that all networks have in common, by hand or as IRLS found them."""

    tied: list[LayerName] = []
    """Layers, or branches such as `shared`, that are one tensor for all networks; others are private."""


class Pulled(Coupled):
    """How strongly networks are pulled together, and how (6) is solved."""

    strength: Strength = Strength(half_life=3.0)
    """lambda: {half_life: h} or {lambda: x}."""
    metric: Literal["sum_square", "mean_square"] = "sum_square"
    """Distance of layers: the sum of squares as in (3), or its mean, which couples small layers more."""
    solver: Literal["proximal", "block_coordinate"] = "proximal"
    """All networks at once with an exact mixing step, or the paper's 4.2.3, one network at a time."""
    mix_every: Count = 1
    """Steps between two mixings of the proximal solver."""
    turn: Literal["epoch", "step"] = "epoch"
    """How long block_coordinate stays with one network."""
    pull: Literal["exact", "gradient"] = "exact"
    """block_coordinate: the pull solved exactly, or by gradient (refused where that diverges)."""


class Shared(Coupled):
    """The method `finetune`."""

    shared_fraction: Fraction = 0.5
    """Part of the budget that is trained as one network before each goes on alone."""


class Adaptive(Pulled):
    """Weights that are found: read by `joint` and `fedamp`."""

    l2_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Part of the budget for the L2 start (5)."""
    rounds: Annotated[int, Field(ge=1, le=100)] = 6
    """IRLS rounds after it, at most 100: they share the rest of the budget."""
    scale_factor: Annotated[float, Field(gt=0)] = 1.0
    """s: sigma is s times the mean nearest distance (1 is the paper, .inf is L2)."""
    tolerance: Annotated[float, Field(ge=0)] = 0.01
    """The largest change of a weight at which IRLS counts as converged (paper: 0.01)."""
    stop_when_converged: bool = False
    """End training there, as the paper does, instead of at the end of the budget."""
    average: bool = True
    """Take distances between parameters averaged over the last half of a round (paper: the last ones)."""


class Irls(Adaptive, Shared, Tied):
    """Settings of `joint`: those that it alone reads, and layers that are tied while others are weighed."""

    weighting: Literal["paper", "geman_mcclure", "welsch", "median"] = "paper"
    """(7) as printed; its square, which descends (4); exp(-d2/s2); the authors' step at the median."""
    scale: Literal["nearest", "split_half", "trials"] = "nearest"
    """Sigma from nearest distances (paper), from halves of one dataset, or by trials of three scales."""
    blocks: Literal["adjacent", "single"] = "adjacent"
    """Blocks of two adjacent layers as in (3), or each layer alone, as in the authors' code."""
    start: Literal["common", "shareall"] = "common"
    """Where the L2 start begins: the common start, or one network for all, trained for shared_fraction."""
    restart: bool = False
    """Begin again from the common start once the weights are known, as the authors' code does."""
    strength_decay: Fraction = 0.0
    """By how much the coupling falls, linearly, from the first to the last layer; 1 releases the last."""


class MethodSettings(Irls):
    """All settings of a method in one flat list; each method reads those of its own class."""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for sentence, found in DO_NOT_FIT.items():
            if found(self):
                raise ValueError(sentence)
        return self


DO_NOT_FIT: dict[str, Callable[[MethodSettings], bool]] = {
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
    "tied layers belong to all networks at once, which processes would share: set processes: 1": (
        lambda s: bool(s.tied) and s.processes > 1
    ),
    "others_on_disk keeps the networks of one process in files; set it to false, or processes: 1": (
        lambda s: s.others_on_disk and s.processes > 1
    ),
    "restart decides the weights once, so it needs rounds: 1": lambda s: s.restart and s.rounds != 1,
    "scale: split_half does not go with weighting: median, which reads no scale": (
        lambda s: s.scale == "split_half" and s.weighting == "median"
    ),
    "scale_factor .inf (the corner L2) does not go with weighting: median": (
        lambda s: math.isinf(s.scale_factor) and s.weighting == "median"
    ),
}
"""Tests of settings that do not go together, by the sentence that refuses them."""
ONE_BY_ONE = [
    *("precision", "memory_format", "accumulate", "checkpoint_activations", "others_on_disk"),
    *("processes", "tied", "solver"),
]
"""Settings that, but for their defaults, need each network by itself."""


def _with_batched(name: str) -> Callable[[MethodSettings], bool]:
    usual = getattr(MethodSettings(), name)
    return lambda s: s.batched and getattr(s, name) != usual


DO_NOT_FIT |= {
    f"batched computes all networks at once, and {name} needs each by itself; leave one of them out": (
        _with_batched(name)
    )
    for name in ONE_BY_ONE
}
