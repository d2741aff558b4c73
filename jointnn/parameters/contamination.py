"""Datasets that a network has probably seen: those of ImageNet, where it begins with ImageNet weights."""

from collections.abc import Mapping

from jointnn.data.schema import DatasetParams
from jointnn.parameters.entries import declared
from jointnn.parameters.schema import ExperimentParams

RANDOM = (None, False, "none")
"""Values of an option by which a network goes without its ImageNet weights."""


def knows_imagenet(experiment: ExperimentParams) -> bool:
    """Return whether the trunk or the architecture of an experiment has weights learned on ImageNet."""
    named = {"trunk": experiment.trunk, "architecture": experiment.architecture}
    said = [declared(kind, name).get("imagenet", False) for kind, name in named.items() if name]
    options = experiment.architecture_options
    return any(options.get(fact, True) not in RANDOM if isinstance(fact, str) else fact for fact in said)


def seen_in_pretraining(experiment: ExperimentParams, datasets: Mapping[str, DatasetParams]) -> list[str]:
    """Return the experiment's datasets that are taken from ImageNet, if its networks know ImageNet."""
    known = knows_imagenet(experiment)
    return [name for name in experiment.datasets if known and datasets[name].of_imagenet]
