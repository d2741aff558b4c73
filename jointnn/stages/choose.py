"""choose: the best point of each method on validation, as lines for params.yaml, and the whole grid."""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
import yaml

from jointnn.errors import UserError
from jointnn.files import read_json, to_json, write_atomically, write_table
from jointnn.groups import best_round
from jointnn.search import choose

COLUMNS = ["method", "point", "settings", "validation_accuracy", "validation_loss", "chosen"]


def run(job: dict[str, Any]) -> None:
    """Write search/<experiment>/grid.csv and choice.yaml.

    For `joint`, the round at which groups separate best on the tuning seed is a choice too.

    Raises:
        UserError: every point of some method diverged.
    """
    experiment, rows, chosen, groups_round = job["experiment"], [], {}, None
    folder = f"search/{experiment}"
    for name, count in job["points"].items():
        results = [read_json(f"{folder}/{name}/point_{k}.json") for k in range(count)]
        try:
            best = choose([result["accuracy"] for result in results])
        except ValueError as error:
            raise UserError(f"{experiment}, {name}: {error}.") from error
        chosen[name] = results[best]["settings"]
        if weights := results[best].get("weights_of_rounds") if name == "joint" else None:
            groups_round = best_round([np.asarray(w) for w in weights], job["groups_count"])
        for k, result in enumerate(results):
            settings = to_json(result["settings"]).replace("\n", "")
            rows.append((name, k, settings, result["accuracy"], result["loss"], k == best))
    write_table(f"{folder}/grid.csv", pd.DataFrame(rows, columns=COLUMNS))
    choice = {"tuned": chosen} | ({} if groups_round is None else {"groups_round": groups_round})
    write_atomically(f"{folder}/choice.yaml", _lines(choice, experiment, job["tuning_seed"]).encode())


def _lines(choice: dict[str, Any], experiment: str, seed: int) -> str:
    """Lines to paste under the experiment in params.yaml."""
    tuned = yaml.safe_dump(choice, sort_keys=False, default_flow_style=None, width=1000)
    source = f"# Chosen on the validation split of seed {seed} by: snakemake search_{experiment}\n"
    return textwrap.indent(source + tuned, "    ")
