"""Measures of a network: a number, its unit, how it is printed, and which way is better.

A task, ours or one's own, returns its measures as objects of the class `Measure`. The stage that measures
writes them beside the numbers, so that tables, figures and the search know them without the task.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from jointnn.errors import UserError

HIGHEST, LOWEST = math.inf, -math.inf
_DIRECTIONS = {HIGHEST: "highest", LOWEST: "lowest"}


@dataclass(frozen=True)
class Measure:
    """A number that a task measures of a network on a split, told apart from others by its name.

    Attributes:
        name: in `measures` of an experiment and in metrics.csv: small letters, digits and _.
        words: the same for tables and axes; without any, the name.
        unit: the printed one.
        best: the value that others should come near: HIGHEST, LOWEST, or one between.
        factor: turns the unit of the number into the printed one: 100 for per cent.
        decimals: printed digits after the point.
        relative: whether differences are told in per cent, too: of an error, whose 0 is the best there is.
        least: test images of a dataset that it needs; a task leaves it out where there are fewer.
        logarithmic: whether its curves have a logarithmic scale, if it is an error and never 0.
    """

    name: str
    words: str = field(default="", compare=False)
    unit: str = field(default="its own unit", compare=False)
    best: float = field(default=LOWEST, compare=False)
    factor: float = field(default=1.0, compare=False)
    decimals: int = field(default=4, compare=False)
    relative: bool = field(default=False, compare=False)
    least: int = field(default=0, compare=False)
    logarithmic: bool = field(default=True, compare=False)

    def __post_init__(self) -> None:
        """Refuse a name that parameters could not hold, and a direction that is none."""
        if not isinstance(self.name, str) or not re.fullmatch("[a-z][a-z0-9_]*", self.name):
            raise UserError(
                f"A measure is named {self.name!r}: a name holds small letters, digits and _ alone, and "
                "begins with a letter."
            )
        if math.isnan(self.best):
            raise UserError(f"The measure {self.name!r} has no best value: NaN. Say HIGHEST or LOWEST.")

    @property
    def title(self) -> str:
        """Return its name in words."""
        return self.words or self.name.replace("_", " ")

    @property
    def unit_of_differences(self) -> str:
        """Return the printed unit of differences: points for per cent, which would read as relative."""
        return "points" if self.unit == "per cent" else self.unit

    @property
    def better(self) -> str:
        """Return which values are better, in words."""
        return {HIGHEST: "higher", LOWEST: "lower"}.get(self.best, f"nearer to {self.best:g}")

    @property
    def higher_is_better(self) -> bool:
        return self.best == HIGHEST

    def number(self, value: float, sign: str = "") -> str:
        """Return a value as it is printed, without its unit."""
        return format(self.factor * value, f"{sign}.{self.decimals}f")

    def score(self, value: float) -> float:
        """Return a number that is higher for better values."""
        return {HIGHEST: value, LOWEST: -value}.get(self.best, -abs(value - self.best))

    def as_json(self) -> dict[str, Any]:
        """Return all entries but the name, as JSON holds them. Infinity is no number there, but a word."""
        said = asdict(self)
        del said["name"]
        return {**said, "best": self.direction}

    @property
    def direction(self) -> str:
        """Return the best value as a text: highest, lowest, or the number."""
        return _DIRECTIONS.get(self.best, repr(float(self.best)))


def measure_from_json(name: str, said: Mapping[str, Any]) -> Measure:
    """Return the measure that `Measure.as_json` has written, whole or in part."""
    of = {direction: best for best, direction in _DIRECTIONS.items()}
    best = of[said["best"]] if said["best"] in of else float(said["best"])
    return Measure(name, **{**said, "best": best})


LEAST_REAL = 500
"""Real images below which there is no Fréchet distance, precision or recall."""

FEATURES = {
    # It was trained on 224 pixels; images of 64 show no more there than at 128, for three times the work.
    "efficientnet_lite0": ("EfficientNet-lite0", 128),
    "inception_v3": ("torchvision's InceptionV3", 299),
}
"""ImageNet networks in whose features generated images are measured: in words, and at how many pixels."""

LOSS = Measure("loss")
"""f_i itself, over a split. Every task measures it."""
ACCURACY = Measure("accuracy", unit="per cent", best=HIGHEST, factor=100.0, decimals=1)
ERROR = Measure(
    "error", "squared error over the image", "thousandths", factor=1000.0, decimals=2, relative=True
)
HOLE_ERROR = Measure(
    "hole_error", "squared error in the hole", "thousandths", factor=1000.0, decimals=2, relative=True
)
SQUARED_ERROR = Measure("squared_error", "mean squared error", "squared units of the labels", relative=True)
ABSOLUTE_ERROR = Measure("absolute_error", "mean absolute error", "units of the labels", relative=True)
R_SQUARED = Measure("r_squared", "R²", "shares of the variance", best=HIGHEST, decimals=3)
KERNEL_DISTANCE = Measure("kernel_distance", unit="thousandths", factor=1000.0, decimals=1)
FRECHET_DISTANCE = Measure(
    "frechet_distance", "Fréchet distance", "squared features", decimals=1, least=LEAST_REAL
)
CONVERGENCE = Measure("convergence", "convergence measure M", "for pixels in -1..1", decimals=3)
PRECISION = Measure("precision", unit="per cent", best=HIGHEST, factor=100.0, decimals=1, least=LEAST_REAL)
RECALL = Measure("recall", unit="per cent", best=HIGHEST, factor=100.0, decimals=1, least=LEAST_REAL)
NEAREST_RATIO = Measure(
    # Copies are nearer than images of the test split, and bad images farther.
    "nearest_ratio",
    "distance to the nearest training image",
    "those of test images",
    best=1.0,
    decimals=3,
)
COLLAPSED, DIVERGED = Measure("collapsed"), Measure("diverged")
"""1 for a network that ended in an alarm of its task, or whose run diverged: marks, and no measures."""

OURS = {
    measure.name: measure
    for measure in (
        LOSS, ACCURACY, ERROR, HOLE_ERROR, SQUARED_ERROR, ABSOLUTE_ERROR, R_SQUARED, KERNEL_DISTANCE,
        FRECHET_DISTANCE, CONVERGENCE, PRECISION, RECALL, NEAREST_RATIO, COLLAPSED, DIVERGED,
    )
}  # fmt: skip
"""The measures of the tasks that come with the package, by name."""


def measure_of(name: str, told: Mapping[str, Measure] | None = None) -> Measure:
    """Return the measure of a name: as the task has told it, else one of ours, else a plain loss.

    Results that were made before tasks told their measures hold names alone.
    """
    return (told or {}).get(name) or OURS.get(name) or Measure(name)


def check_given(
    wanted: Sequence[str], given: Iterable[str], where: str, *, first_decides: bool = False
) -> None:
    """Refuse measures that a task does not give; one that needs many images may be left out.

    Args:
        where: follows on "the task gives no ...", such as "on the test split".
        first_decides: whether the first measure must be there, however many images there are.

    Raises:
        UserError: a measure of the experiment is not among those given.
    """
    known = sorted(set(given) - {COLLAPSED.name, DIVERGED.name})
    for name in wanted if known else ():  # where every run diverged, nothing is known
        if name not in known and (not measure_of(name).least or (first_decides and name == wanted[0])):
            raise UserError(
                f"measures: the task gives no {name!r} {where}, only {', '.join(known)}. "
                "Mend `measures` of the experiment."
            )


def told_score(result: Mapping[str, Any], name: str) -> float | None:
    """Return the score of a result on validation by a measure; higher is better.

    Args:
        result: `validation`, values by measure, and `best`, the direction that the task told of each.

    Returns:
        The score; None where there is no finite value: the training has diverged.
    """
    value = result["validation"].get(name)
    if value is None or not math.isfinite(value):
        return None
    direction = result.get("best", {}).get(name)
    measure = measure_from_json(name, {"best": direction}) if direction else measure_of(name)
    return measure.score(value)


def best_trial(tried: Sequence[Mapping[str, Any]]) -> int:
    """Return the place of the trial of a scale that is best on validation; the first of equal ones.

    If every trial diverged, it is the first one too: the round after it reports that by itself.
    """
    scores = [told_score(trial, trial["decides"]) for trial in tried]
    worth = [-math.inf if score is None else score for score in scores]
    return worth.index(max(worth))
