"""Distances of datasets in units of the null of split halves, for figures and tables."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from jointnn.io import paths
from jointnn.io.files import read_json, read_table
from jointnn.irls.groups import planted_labels
from jointnn.parameters.rows import printed

COLUMNS = ["seed", "layer", "first", "second", "ratio"]
ALL_LAYERS = "mean over layers"
TOLD = "1: not told apart"
"""Meaning of a ratio of 1, wherever ratios are shown."""
ENDS = ["closest pair", "farthest pair", "closest", "farthest"]
Rows = list[list[str]]
Pair = tuple[str, str]


def rows_of(content: Mapping[str, Any], seed: int) -> list[tuple[int, str, str, str, float]]:
    """Return a row for each layer and pair of a ratios.json; [] for a run that diverged."""
    pairs = list(combinations(enumerate(content["datasets"]), 2))
    return [
        (seed, layer, first, second, float("nan") if ratios[i][j] is None else ratios[i][j])
        for layer, ratios in zip(content["layers"], content["ratios"] or [], strict=False)
        for (i, first), (j, second) in pairs
    ]


def ratios_of(experiment: str, seeds: Sequence[int], method: str) -> pd.DataFrame:
    """Return the ratios of every seed whose halves were trained and did not diverge.

    Returns:
        Columns seed, layer, first, second, ratio: a row for each layer and pair of datasets.
    """
    files = {seed: Path(paths.halves(experiment, seed, method)) / "ratios.json" for seed in seeds}
    found = [row for seed, file in files.items() if file.exists() for row in rows_of(read_json(file), seed)]
    return pd.DataFrame(found, columns=COLUMNS)


def read_ratios(experiment: str) -> pd.DataFrame:
    """Return the ratios that a job has written, as `ratios_of` does; empty if nobody asked for them."""
    file = Path(paths.ratios(experiment))
    if not file.exists():
        return pd.DataFrame(columns=COLUMNS)
    return read_table(file).astype({"layer": str})  # those of nn.Sequential are numbers


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return the means over seeds: a row per pair, a column per layer, in order of appearance."""
    means = table.groupby(["first", "second", "layer"], sort=False).ratio.mean().unstack("layer")
    pairs = dict.fromkeys(zip(table["first"], table["second"], strict=True))
    return means.reindex(index=list(pairs), columns=list(dict.fromkeys(table.layer)))


def is_inside(pairs: Sequence[Pair], groups: Mapping[str, Sequence[str]]) -> list[bool]:
    """Return for each pair of datasets whether both are of one planted group."""
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    label = dict(zip(names, planted_labels(groups, names), strict=True))
    return [label[first] == label[second] for first, second in pairs]


def by_layer(table: pd.DataFrame, groups: Mapping[str, Sequence[str]] | None) -> Rows:
    """Return a table with a row for each layer: the closest and the farthest pair, means over pairs.

    Args:
        table: of `ratios_of`. Numbers are means over its seeds; those over pairs have the deviation over
            seeds.
        groups: planted ones, inside and across which means are given too.
    """
    if table.empty or table.ratio.isna().all():
        return []
    means = over_seeds(table)
    pairs = [(str(first), str(second)) for first, second in means.index]
    kinds = {"ratio" if len(pairs) == 1 else "all pairs": pairs}
    if groups and len(pairs) > 1:
        inside = dict(zip(pairs, is_inside(pairs, groups), strict=True))
        kinds["inside groups"] = [pair for pair in pairs if inside[pair]]
        kinds["across groups"] = [pair for pair in pairs if not inside[pair]]
    lines = [["layer", *(ENDS if len(pairs) > 1 else []), *kinds]]
    for layer in [*means, None]:
        of_layer = means.mean(axis=1) if layer is None else means[layer]
        of_pairs = dict(zip(pairs, of_layer, strict=True))
        known = {pair: ratio for pair, ratio in of_pairs.items() if not pd.isna(ratio)}
        ends = [min(known, key=known.__getitem__), max(known, key=known.__getitem__)] if known else []
        shown = [*map(_pair, ends), *(number(known[pair]) for pair in ends)] or ["–"] * len(ENDS)
        chosen = table if layer is None else table[table.layer == layer]
        spreads = [_spread(chosen, of_kind) for of_kind in kinds.values()]
        lines.append(
            [ALL_LAYERS if layer is None else str(layer), *(shown if len(pairs) > 1 else []), *spreads]
        )
    return lines


def _spread(table: pd.DataFrame, pairs: Sequence[Pair]) -> str:
    """Return the mean over pairs with its deviation over seeds, in print; a dash where there is none."""
    is_of = [pair in set(pairs) for pair in zip(table["first"], table["second"], strict=True)]
    of_seeds = table[is_of].groupby("seed").ratio.mean().dropna()
    deviation = f" ± {of_seeds.std():.2f}" if len(of_seeds) > 1 else ""
    return number(of_seeds.mean() if len(of_seeds) else None) + deviation


def _pair(pair: Pair) -> str:
    return " – ".join(map(printed, pair))


def number(ratio: float | None) -> str:
    """Return a ratio in print: two decimals, none from 10 on, a dash where there is none."""
    if ratio is None or pd.isna(ratio):
        return "–"
    return f"{ratio:.0f}" if ratio >= 9.995 else f"{ratio:.2f}"
