"""How what is measured is printed, and which way is better."""

import math
from dataclasses import dataclass

HIGHEST, LOWEST = math.inf, -math.inf


@dataclass(frozen=True)
class Measure:
    """How a metric is printed: `factor` turns its unit into the printed one.

    Attributes:
        name: the metric in words, for tables and axes.
        best: the value that others should come near: HIGHEST, LOWEST, or one between.
        relative: whether differences are told in per cent, too: of an error, whose 0 is the best there is.
        least: test images of a dataset that it needs.
    """

    name: str
    unit: str
    factor: float
    decimals: int
    best: float
    relative: bool = False
    least: int = 0

    @property
    def better(self) -> str:
        """Which values are better, in words."""
        return {HIGHEST: "higher", LOWEST: "lower"}.get(self.best, f"nearer to {self.best:g}")

    @property
    def higher_is_better(self) -> bool:
        return self.best == HIGHEST

    def number(self, value: float, sign: str = "") -> str:
        return format(self.factor * value, f"{sign}.{self.decimals}f")

    def score(self, value: float) -> float:
        """A number that is higher for better values."""
        return {HIGHEST: value, LOWEST: -value}.get(self.best, -abs(value - self.best))


COLLAPSED, DIVERGED = "collapsed", "diverged"
"""Metrics that are 1 for a network that ended in an alarm of its task, or whose run diverged."""

LEAST_REAL = 500
"""Real images below which there is no Fréchet distance, precision or recall."""

FEATURES = {
    # It was trained on 224 pixels; images of 64 show no more there than at 128, for three times the work.
    "efficientnet_lite0": ("EfficientNet-lite0", 128),
    "inception_v3": ("torchvision's InceptionV3", 299),
}
"""ImageNet networks in whose features generated images are measured: in words, and at how many pixels."""

MEASURES = {
    "accuracy": Measure("accuracy", "per cent", 100.0, 1, best=HIGHEST),
    "error": Measure("squared error over the image", "thousandths", 1000.0, 2, best=LOWEST, relative=True),
    "hole_error": Measure(
        "squared error in the hole", "thousandths", 1000.0, 2, best=LOWEST, relative=True
    ),
    "kernel_distance": Measure("kernel distance", "thousandths", 1000.0, 1, best=LOWEST),
    "frechet_distance": Measure(
        "Fréchet distance", "squared features", 1.0, 1, best=LOWEST, least=LEAST_REAL
    ),
    "convergence": Measure("convergence measure M", "for pixels in -1..1", 1.0, 3, best=LOWEST),
    "precision": Measure("precision", "per cent", 100.0, 1, best=HIGHEST, least=LEAST_REAL),
    "recall": Measure("recall", "per cent", 100.0, 1, best=HIGHEST, least=LEAST_REAL),
    "nearest_ratio": Measure(
        # Copies are nearer than images of the test split, and bad images farther.
        "distance to the nearest training image",
        "those of test images",
        1.0,
        3,
        best=1.0,
    ),
}


def measure_of(metric: str) -> Measure:
    """How `metric` is printed; one that is not known counts as a loss."""
    return MEASURES.get(metric, Measure(metric, "its own unit", 1.0, 4, best=LOWEST))
