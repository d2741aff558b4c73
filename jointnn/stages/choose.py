"""choose: the best point of each method on validation, as the lines for params.yaml, and the whole grid."""

from typing import Any

import pandas as pd
import yaml

from jointnn.errors import UserError
from jointnn.files import read_json, to_json, write_atomically, write_table
from jointnn.search import choose


def run(job: dict[str, Any]) -> None:
    """Write search/<experiment>/grid.csv and choice.yaml."""
    folder, rows, chosen = f"search/{job['experiment']}", [], {}
    for name, count in job["points"].items():
        results = [read_json(f"{folder}/{name}/point_{k}.json") for k in range(count)]
        try:
            best = choose([result["accuracy"] for result in results])
        except ValueError as error:
            raise UserError(f"{job['experiment']}, {name}: {error}.") from error
        chosen[name] = results[best]["settings"]
        for k, result in enumerate(results):
            settings = to_json(result["settings"]).replace("\n", "")
            rows.append((name, k, settings, result["accuracy"], result["loss"], k == best))
    columns = ["method", "point", "settings", "validation_accuracy", "validation_loss", "chosen"]
    write_table(f"{folder}/grid.csv", pd.DataFrame(rows, columns=columns))
    text = yaml.safe_dump({"tuned": chosen}, sort_keys=False)
    write_atomically(f"{folder}/choice.yaml", text.encode())
