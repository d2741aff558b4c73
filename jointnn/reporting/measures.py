"""The measures of an experiment, as its task has told them, read beside the numbers."""

from collections.abc import Iterable
from pathlib import Path

from jointnn.io.files import read_json
from jointnn.tasks.measures import Measure, measure_from_json

FILE = "measures.json"


def read_measures(experiment: str, seeds: Iterable[int]) -> dict[str, Measure]:
    """Return the measures of an experiment by name, from results/<experiment>/s<seed>/measures.json.

    Empty for results that were made before tasks told their measures.
    """
    files = [Path("results", experiment, f"s{seed}", FILE) for seed in seeds]
    told = {name: said for file in files if file.exists() for name, said in read_json(file).items()}
    return {name: measure_from_json(name, said) for name, said in told.items()}
