"""jae_layers: the networks of branches of params.yaml in tables: shapes, parameters, what is tied."""

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jointnn.parameters.load import read_params
from jointnn.parameters.resolve import merged_settings
from jointnn.parameters.schema import ExperimentParams, Params
from jointnn.reporting.tables.markdown import markdown_grid
from jointnn.stages.tools.generated_files import add_check, write_or_check

if TYPE_CHECKING:  # help needs no torch
    from jointnn.models.branched import Branched

PATH = "docs/jae_layers.md"
CLASSES = 10
"""Scores have as many as the datasets have classes; all digits have ten."""
TITLE = """\
# The layers of joint auto-encoders

Written by `python -m jointnn jae_layers` from params.yaml. The layers are ours: those of the paper stand in
figures that we do not have. Shapes are channels × height × width or values; what a branch takes is
concatenated; every layer but the last of an output ends in ReLU. Below the tables, the parameters of all
networks of a method together, tied layers counted once."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn jae_layers [--check]"""
    parser.description = (
        f"Write {PATH}: every network of branches in params.yaml, its layers with shapes and numbers of "
        "parameters, and which of them are tied."
    )
    add_check(parser)


def main(arguments: argparse.Namespace) -> None:
    """Write the page, or see whether it is up to date.

    Raises:
        UserError: with --check, the file is missing or is not that of params.yaml.
    """
    write_or_check(PATH, page(read_params()), "params.yaml", "jae_layers", arguments.check)


def page(params: Params) -> str:
    """Return the page on all experiments with networks of branches, equal networks under one title."""
    sections: dict[str, list[str]] = {}
    for name, experiment in params.experiments.items():
        if experiment.architecture == "branched":
            sections.setdefault(section(params, name), []).append(name)
    titled = [f"## {', '.join(names)}\n\n{text}" for text, names in sections.items()]
    return "\n\n".join([TITLE, *titled]) + "\n"


def section(params: Params, name: str) -> str:
    """Return the tables of the networks of an experiment, as Markdown."""
    experiment = params.experiments[name]
    tied = {
        method: list(merged_settings(params, name, method).get("tied", [])) for method in experiment.methods
    }
    own = [method for method in experiment.methods if method in experiment.architecture_of]
    blocks = [_table(network(experiment), tied.get("jae", []))]
    for method in own:
        blocks += [f"`{method}`:", _table(network(experiment, method), [])]
    blocks.append("\n".join(_sums(experiment, tied)))
    return "\n\n".join(blocks)


def network(experiment: ExperimentParams, method: str = "") -> "Branched":
    """Return a network of an experiment, or of one of its methods, without values: nothing is drawn."""
    import torch

    from jointnn.models.architectures import architecture

    size, channels, options = experiment.image_size, experiment.channels, experiment.options_of(method)
    with torch.device("meta"):
        made: Branched = architecture["branched"](classes=CLASSES, channels=channels, size=size, **options)
    return made


def _table(network: "Branched", tied: Sequence[str]) -> str:
    from jointnn.models.layers import layers_within
    from jointnn.models.parameter_counts import parameters_of

    common = layers_within(network.layers, tied, "tied")
    lines = [["layer", "takes", "tied", "gives", "parameters"]]
    for layer, shape in network.shapes.items():
        branch = layer.split(".")[0]
        first = layer == next(name for name in network.layers if name.startswith(f"{branch}."))
        takes = " + ".join(network.of[branch]) or "the image"
        count = parameters_of(network.get_submodule(layer))
        lines.append(
            [
                f"`{layer}`",
                takes if first else "",
                "yes" if layer in common else "",
                " × ".join(map(str, shape)),
                f"{count:,}" if count else "",
            ]
        )
    return markdown_grid(lines, words=3)


def _sums(experiment: ExperimentParams, tied: dict[str, list[str]]) -> Iterator[str]:
    """Yield a line per method that has networks of its own, or ties some of their layers."""
    from jointnn.models.parameter_counts import together

    count = len(experiment.datasets)
    for method in ("isolated", "pair", "jae", "jae_found"):
        if method in experiment.methods:
            networks = [network(experiment, method)] * count
            told = f", {', '.join(f'`{name}`' for name in tied[method])} tied" if tied[method] else ""
            yield f"- `{method}`: {together(networks, tied[method]):,} parameters in {count} networks{told}"
