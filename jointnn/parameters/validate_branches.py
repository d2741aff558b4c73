"""Mistakes in an experiment with joint auto-encoders, each with its path."""

from collections.abc import Iterator

from jointnn.errors import UserError
from jointnn.methods.catalogue import settings_read_by
from jointnn.methods.settings import Tied
from jointnn.parameters.entries import options_of
from jointnn.parameters.messages import unknown
from jointnn.parameters.resolve import merged_settings
from jointnn.parameters.rows import row_of, trained_rows
from jointnn.parameters.schema import ExperimentParams, Params
from jointnn.registry import nearest


def wrong_branches(at: str, name: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    """Yield one line for each mistake."""
    yield from _wrong_networks(f"{at}.architecture_of", experiment)
    yield from _wrong_labelled(f"{at}.labelled", experiment)
    if "pair" in experiment.methods and "pair" not in experiment.architecture_of:
        yield f"{at}.methods: pair has a network of its own; give it under architecture_of.pair."
    for tying in experiment.methods:
        ties = tying in trained_rows() and settings_read_by(row_of(tying).plan) is Tied
        if ties and not merged_settings(params, name, tying).get("tied"):
            yield (
                f"{at}.methods: {tying} has no layers in common; name them in `tied`, such as [shared], "
                f"under settings or tuned.{tying}."
            )


def _wrong_networks(at: str, experiment: ExperimentParams) -> Iterator[str]:
    try:
        known = options_of("architecture", experiment.architecture)
    except UserError:
        return  # that it is no architecture is said elsewhere
    for name, options in experiment.architecture_of.items():
        yield from unknown(at, [name], trained_rows())
        if name == "joint":
            yield f"{at}.joint: joint has the architecture of the experiment; use architecture_options."
        if known is not None:
            yield from unknown(f"{at}.{name}", list(options), known)


def _wrong_labelled(at: str, experiment: ExperimentParams) -> Iterator[str]:
    if experiment.labelled and experiment.task != "transfer":
        yield f"{at}: the task {experiment.task} learns from all labels or from none; use task: transfer."
    for dataset, count in experiment.labelled.items():
        if dataset not in experiment.datasets:
            yield f"{at}: {dataset!r} is not among datasets{nearest(dataset, experiment.datasets)}"
        elif experiment.train_images is not None and count > experiment.train_images:
            yield f"{at}.{dataset}: {count} is more than train_images, {experiment.train_images}; lower it."
