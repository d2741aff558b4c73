"""Whether results that are there were made with other settings than the parameters say now."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from jointnn.io import paths
from jointnn.io.files import read_json, read_table, to_json
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import OF_CODE
from jointnn.methods.settings import MethodSettings
from jointnn.parameters import search
from jointnn.parameters.resolve import method_settings, settings_for
from jointnn.parameters.rows import shown_in_rounds
from jointnn.parameters.schema import ExperimentParams, Params

SHOWN = {"methods", "datasets", "seeds", "measures"}
"""Parameters that a table shows, by their names there and in the record of the table."""
PROBLEM = {
    "task", "task_options", "architecture", "architecture_options", "trunk", "augmentation", "channels",
    "train_images", "validation_images", "labelled",
}  # fmt: skip
"""Parameters of data and network, by their names there and in the record of a run."""


def outdated_in_experiment(params: Params, name: str) -> list[str]:
    """Return the parameters of an experiment that differ from those in its records, by name.

    Records of runs and of the search are compared where they exist; that of the tables must exist.
    """
    experiment = params.experiments[name]
    record = read_json(Path("results", name, "settings.json"))
    now = {
        **experiment.model_dump(mode="json", include=SHOWN),
        "selection": search.rule(params, name),
    }
    found = sorted(key for key, value in now.items() if record.get(key) != value)
    found += _problem_otherwise(name, experiment)
    found += [method for method in experiment.methods if _trained_otherwise(params, name, method)]
    searched = [method for method in experiment.search if _searched_otherwise(name, method, experiment)]
    return found + [f"search.{method}" for method in searched]


def outdated_in_sweep(params: Params, name: str) -> list[str]:
    """Return the parameters of a sweep, and of its finished experiments, that differ from the records."""
    now = json.loads(Jobs(params).sweep(name).text)
    record = read_json(Path(paths.sweep(name), "settings.json"))
    found = sorted(key for key in now.keys() - OF_CODE if record.get(key) != now[key])
    for one in params.sweeps[name].experiments:
        if Path("results", one, "settings.json").exists():
            found += [f"{difference} of {one}" for difference in outdated_in_experiment(params, one)]
    return found


def outdated_in_ratios(params: Params, name: str) -> list[str]:
    """Return the parameters that differ from those in the records of the ratios of an experiment.

    The record of the ratios themselves must be there; those of the halves are compared where they exist.
    """
    if shown_in_rounds(params.experiments[name].methods) is None:
        return ["methods"]
    jobs = Jobs(params)
    ratios = jobs.ratios(name)
    halves = [job for job in jobs.halves(name).values() if Path(job.record).exists()]
    found: dict[str, None] = {}
    if not Path(ratios.record).exists():
        return [f"{ratios.record} (missing)"]
    for job in [ratios, *halves]:
        was, now = read_json(job.record), json.loads(job.text)
        found |= dict.fromkeys(key for key in now.keys() - OF_CODE if was.get(key) != now[key])
    return sorted(found)


def _problem_otherwise(name: str, experiment: ExperimentParams) -> list[str]:
    """Return the parameters of data and network that differ from the record of a run.

    Any run will do, of a seed and a method of today: all runs of an experiment have the same.
    """
    now = {**experiment.model_dump(mode="json", include=PROBLEM), "size": experiment.image_size}
    for record in _first_records(name, experiment.seeds, experiment.methods):
        was = read_json(record)
        now["architecture_options"] = experiment.options_of(was.get("method", ""))
        return sorted(key for key, value in now.items() if was.get(key, value) != value)
    return []


def _trained_otherwise(params: Params, name: str, method: str) -> bool:
    """Return whether a method was trained with other settings, or other rounds of it.

    A setting that only the record has, or only the parameters, must be off there.
    """
    jobs = Jobs(params)
    now = settings_for(method, method_settings(params, name, method))
    usual = settings_for(method, MethodSettings())
    for seed in params.experiments[name].seeds:
        record = Path(paths.run(name, seed, method, jobs.rounds(name, method)), "settings.json")
        if record.exists():
            was = read_json(record)["settings"]
            gone = any(value for key, value in was.items() if key not in now)
            if gone or any(was.get(key, usual.get(key)) != value for key, value in now.items()):
                return True
        elif any(_first_records(name, [seed], [method])):  # then its last round was another one
            return True
    return False


def _first_records(name: str, seeds: Iterable[int], methods: Iterable[str]) -> Iterator[Path]:
    """Yield the records that are there of whole methods, and of the L2 starts of those with rounds."""
    for seed in seeds:
        for method in methods:
            folder = Path(paths.method(name, seed, method))
            yield from filter(Path.exists, (folder / "settings.json", folder / "l2" / "settings.json"))


def _searched_otherwise(name: str, method: str, experiment: ExperimentParams) -> bool:
    """Return whether the points of a method on the tuning seed were others."""
    table = Path("search", name, "grid.csv")
    if not table.exists():
        return False
    rows = read_table(table)
    rows = rows[(rows.method == method) & (rows.seed == experiment.tuning_seed)].sort_values("point")
    now = [json.loads(to_json(point)) for point in search.points(experiment, method)]
    return bool(len(rows)) and [json.loads(settings) for settings in rows.settings] != now
