"""Which datasets a network has probably seen before: those taken from ImageNet, where its weights are."""

from collections.abc import Mapping

from jointnn.data.schema import DatasetParams
from jointnn.parameters.schema import ExperimentParams

OF_IMAGENET = ("dog", "wolf")
"""What stands in the source, path or class of sets whose images are ImageNet's (docs/data.md); the dogs of
CIFAR-10 are not."""


def knows_imagenet(experiment: ExperimentParams) -> bool:
    """Whether networks begin with ImageNet weights: behind a trunk, or as InceptionV3 does by default."""
    options = experiment.architecture_options
    inception = experiment.architecture == "inception_v3" and options.get("weights") != "none"
    return experiment.trunk is not None or inception


def seen(experiment: ExperimentParams, datasets: Mapping[str, DatasetParams]) -> list[str]:
    """The datasets of dogs and wolves, which are taken from ImageNet, where networks know it."""
    if not knows_imagenet(experiment):
        return []

    def of_imagenet(params: DatasetParams) -> bool:
        classes = (params.only_class, *(params.only_classes or ()))
        said = " ".join(filter(None, (params.source, params.path, *classes)))
        return "cifar10" not in said and any(animal in said for animal in OF_IMAGENET)

    return [name for name in experiment.datasets if of_imagenet(datasets[name])]
