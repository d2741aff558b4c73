"""choose: the best point of each method on validation, in params/chosen, and the whole grid."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import read_json, to_json, write_atomically, write_table
from jointnn.io.yaml import to_yaml_blocks
from jointnn.irls.groups import best_round
from jointnn.irls.tying import layers_to_tie
from jointnn.jobs.specs import ChooseJob
from jointnn.tasks.measures import told_score

FINALISTS = 4


def run(job: ChooseJob) -> None:
    """Write grid.csv and choice.yaml into search/<experiment>, and the same choice into params/chosen.

    There it is read from: no one has to paste it.
    The mean over the tuning seeds decides, among the points that were tried on all of them. The best
    points of the first seed are named as finalists. For `joint`, the round at which groups separate best
    on the first tuning seed is a choice too, and the layers that its weights would tie are one for
    `jae_found`, which has the other settings of `jae`. They are those of its best point on that seed that
    couples all layers: one that is told which layers to couple or to tie cannot find them.

    Raises:
        UserError: every point of some method diverged.
    """
    rows, tuned, ahead, at_edges, groups_round, of_layers = [], {}, {}, {}, None, {}
    first, shown = str(job.tuning_seed), [*job.measures, "loss"]
    for name in job.attempts[first]:
        found = _results(job, name)
        measured = {
            seed: {k: told_score(result, shown[0]) for k, result in of.items()}
            for seed, of in found.items()
        }
        try:
            best = choose(list(measured.values()))
            if job.ties and name == "joint":
                of_layers = _weights_of_all_layers(found[first], measured[first])
        except ValueError as error:
            raise UserError(f"{job.experiment}, {name}: {error}.") from error
        tuned[name] = found[first][best]["settings"]
        ahead[name] = finalists(measured[first], FINALISTS)
        if at := edges([result["settings"] for result in found[first].values()], tuned[name]):
            at_edges[name] = at
        if weights := found[first][best].get("weights_of_rounds") if name == "joint" else None:
            groups_round = best_round([np.asarray(w) for w in weights], job.groups_count)
        for seed, of in found.items():
            for k, result in of.items():
                settings = to_json(result["settings"]).replace("\n", "")
                values = [result["validation"].get(metric) for metric in shown]
                rows.append((name, k, settings, int(seed), *values, k == best))
    if of_layers:
        tuned["jae_found"] = {**tuned.get("jae", {}), "tied": layers_to_tie(of_layers)}
    choice = {"searched": _searched(job, at_edges), "groups_round": groups_round, "tuned": tuned}
    if len(job.attempts) > 1:
        choice["finalists"] = ahead
    columns = ["method", "point", "settings", "seed", *(f"validation_{m}" for m in shown), "chosen"]
    write_table(f"{job.folder}/grid.csv", pd.DataFrame(rows, columns=columns))
    text = f"# Chosen on validation and written by: snakemake search_{job.experiment}\n"
    text += to_yaml_blocks({key: value for key, value in choice.items() if value not in (None, {})})
    for path in (f"{job.folder}/choice.yaml", paths.chosen(job.experiment)):
        write_atomically(path, text.encode())


def _weights_of_all_layers(
    found: Mapping[int, Mapping[str, Any]], measured: Mapping[int, float | None]
) -> dict[str, float]:
    """Return the weight of each layer at the best point that couples all layers; {} where none has one."""
    told_none = {
        k: measured[k]
        for k, result in found.items()
        if result.get("layers") and not {"couple", "tied"} & set(result["settings"])
    }
    return dict(found[choose([told_none])]["layers"]) if _any_finite(told_none) else {}


def _any_finite(scores: Mapping[int, float | None]) -> bool:
    return any(score is not None and math.isfinite(score) for score in scores.values())


def _results(job: ChooseJob, name: str) -> dict[str, dict[int, dict[str, Any]]]:
    """Return the result of each point of a method, by tuning seed and point."""
    return {
        seed: {
            k: read_json(paths.attempt(job.experiment, int(seed), name, k), "validation")
            for k in grid[name]
        }
        for seed, grid in job.attempts.items()
        if name in grid
    }


def _searched(job: ChooseJob, at_edges: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return the record of a search: its seeds, number of points, grid, finalists and edges.

    Finalists are those that were tried on all seeds, edges the settings whose best value was at one.
    """
    first, *further = job.attempts.values()
    tried = [seed for seed, points in job.attempts.items() if any(points.values())]
    found: dict[str, Any] = {
        "seeds": [int(seed) for seed in tried],
        "points": max(map(len, first.values()), default=0),
        "grid": job.grid,
    }
    if len(tried) > 1:
        found["finalists"] = max(len(points) for of in further for points in of.values())
    if at_edges:
        found["edges"] = dict(at_edges)
    return found


def choose(measured: Sequence[Mapping[int, float | None]]) -> int:
    """Return the point with the highest mean score on the validation split; the first of equal ones.

    Args:
        measured: for each tuning seed, the score of each point tried, higher is better. Points that were
            not tried on all seeds are out. None, or no finite number: it diverged and is never chosen.

    Raises:
        ValueError: every point diverged.
    """
    everywhere = set.intersection(*(set(of_seed) for of_seed in measured))
    means = {k: _mean([of_seed[k] for of_seed in measured]) for k in sorted(everywhere)}
    best = max(means, key=lambda k: means[k], default=None)
    if best is None or means[best] == -math.inf:
        raise ValueError("every point diverged; lower the learning rates of the grid")
    return best


def edges(points: Sequence[Mapping[str, Any]], best: Mapping[str, Any]) -> list[str]:
    """Return the settings whose chosen value is the lowest or highest of a method's points.

    Only numbers count, and only if the grid has several. Natural ends, 0 and infinity, do not count: beyond
    them there is nothing.
    """
    values: dict[str, set[float]] = {}
    for point in points:
        for key, value in _numbers(point).items():
            values.setdefault(key, set()).add(value)
    chosen = _numbers(best)
    return [
        key
        for key, tried in values.items()
        if key in chosen
        and len(tried) > 1
        and chosen[key] in (min(tried), max(tried))
        and chosen[key] != 0
        and math.isfinite(chosen[key])
    ]


def _numbers(point: Mapping[str, Any]) -> dict[str, float]:
    """Return the settings of a point that are numbers. A strength has the name of its unit."""
    found: dict[str, float] = {}
    for key, value in point.items():
        if isinstance(value, Mapping):
            found |= _numbers(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[key] = float(value)
    return found


def finalists(measured: Mapping[int, float | None], count: int) -> list[int]:
    """Return the best points of one seed, the best first."""
    return sorted(measured, key=lambda k: -_mean([measured[k]]))[:count]


def _mean(values: Sequence[float | None]) -> float:
    """Return the mean; minus infinity where a value is None or not finite."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return sum(finite) / len(finite) if len(finite) == len(values) else -math.inf
