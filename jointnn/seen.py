"""Which datasets a network has probably seen before: those taken from ImageNet, where its weights are."""

from jointnn.params import ExperimentParams


def knows_imagenet(experiment: ExperimentParams) -> bool:
    """Whether networks begin with ImageNet weights: behind a trunk, or as InceptionV3 does by default."""
    options = experiment.architecture_options
    inception = experiment.architecture == "inception_v3" and options.get("weights") != "none"
    return experiment.trunk is not None or inception


def seen(experiment: ExperimentParams) -> list[str]:
    """The datasets of dogs, all of which are taken from ImageNet, where networks know it."""
    return [name for name in experiment.datasets if "dog" in name and knows_imagenet(experiment)]
