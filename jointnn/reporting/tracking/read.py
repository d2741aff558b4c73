"""The tables of jobs as `tracking` reads them. A file that is not there, or no more, is an empty one:
jobs may write and remove files while they are read.
"""

import csv
import io
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import unsealed
from jointnn.parameters.rows import ALONE, JOINING
from jointnn.reporting.tracking.averages import mean
from jointnn.reporting.tracking.runs import Points, TrackedJob

HISTORIES = ("history.csv", "test_history.csv")
HISTORY_COLUMNS = ("step", "split", "dataset", "metric", "value")
METRICS_COLUMNS = ("method", "dataset", "metric", "split", "value")
SUMMARY_COLUMNS = ("method", "dataset", "metric", "split", "mean", "std")
MEND = " Delete it and run its job again."


def histories(tables: list[Path]) -> tuple[Points, list[str]]:
    """Return all points and the names of the datasets.

    Two jobs that follow each other may both have the step between them. The first one counts, as it does
    when a run is imported while it trains.
    """
    points: Points = {}
    datasets = set()
    for path in tables:
        for row in _rows(path, HISTORY_COLUMNS):
            whole = (row["dataset"], row["split"]) == ("all", "train")
            parts = ("metric",) if whole else ("metric", "split", "dataset")
            place = "/".join(row[part] for part in parts), int(_number(path, row["step"]))
            points.setdefault(place, _number(path, row["value"]))
            datasets.add(row["dataset"])
    return points, sorted(datasets - {"all"})


def finals(path: Path, method: str) -> dict[str, float]:
    """Return the numbers of a method in the metrics.csv of an evaluation, as final/accuracy/test/mnist_a.

    For `joint` they include what joining gave or took, as minus_isolated/accuracy/test/mnist_a.
    """
    by_method: dict[str, dict[str, float]] = {}
    for row in _rows(path, METRICS_COLUMNS):
        name = f"{row['metric']}/{row['split']}/{row['dataset']}"
        by_method.setdefault(row["method"], {})[name] = _number(path, row["value"])
    ours, alone = by_method.get(method, {}), by_method.get(ALONE, {})
    found = {f"final/{name}": value for name, value in ours.items()}
    if method in JOINING:
        shared = [name for name in ours if name in alone and "/test/" in name]
        found |= {f"minus_{ALONE}/{name}": ours[name] - alone[name] for name in shared}
    return found


def ratios(path: Path) -> dict[str, float]:
    """Return distances of datasets by layer, in units of chance, from a ratios.json of split halves.

    For each layer they are the mean over pairs, the closest and the farthest: split_halves/conv1/mean.
    """
    content = read_json(path) or {}
    found: dict[str, float] = {}
    for layer, matrix in zip(content.get("layers", []), content.get("ratios") or [], strict=False):
        of_pairs = [ratio for k, row in enumerate(matrix) for ratio in row[:k] if ratio is not None]
        if of_pairs:
            told = {"mean": mean(of_pairs), "closest": min(of_pairs), "farthest": max(of_pairs)}
            found |= {f"split_halves/{layer}/{which}": value for which, value in told.items()}
    return found


def summary(root: Path, experiment: str) -> dict[str, dict[str, float]]:
    """Return mean and deviation over seeds, by method and metric (final/accuracy/test/mnist_a, std/...)."""
    path = root / "results" / experiment / "summary.csv"
    found: dict[str, dict[str, float]] = {}
    for row in _rows(path, SUMMARY_COLUMNS):
        name = f"final/{row['metric']}/{row['split']}/{row['dataset']}"
        for which, place in (("mean", name), ("std", f"std/{name}")):
            if row[which]:
                found.setdefault(row["method"], {})[place] = _number(path, row[which])
    return found


def costs(root: Path, chain: list[TrackedJob]) -> dict[str, float]:
    """Return wall time [s] and peak memory [MB] of a run; {} if Snakemake did not measure all its jobs."""
    measured = []
    for job in chain:
        folder = job.folder.relative_to("runs")
        name = job.record_path.name.removesuffix("settings.json").rstrip(".")
        path = root / "logs" / (folder / name if name else folder).with_suffix(".tsv")
        measured += [(path, row) for row in _rows(path, ("s", "max_rss"), "\t")[:1]]
    if len(measured) < len(chain) or not chain:
        return {}
    with suppress(UserError):  # a job that ends at once has no memory: "-" or "NA"
        return {
            "cost/seconds": sum(_number(path, row["s"]) for path, row in measured),
            "cost/peak_memory_mb": max(_number(path, row["max_rss"]) for path, row in measured),
        }
    return {}


@dataclass(frozen=True)
class Origin:
    """Origin of the images of a dataset.

    Args:
        origin: in words.
        sha256: of the files of its splits, by split.
        counts: images, by split.
    """

    dataset: str
    origin: str
    licence: str
    sha256: dict[str, str]
    counts: dict[str, int]

    def __str__(self) -> str:
        digests = ", ".join(f"{split} {digest}" for split, digest in self.sha256.items())
        return f"{self.origin}; licence: {self.licence}; sha256: {digests}"


def origins(root: Path, datasets: list[str]) -> list[Origin]:
    """Return the origins of the datasets whose manifests are at hand. Results may be there without data."""
    manifests = {name: read_json(root / paths.raw(name) / "manifest.json") for name in datasets}
    found = []
    for name, manifest in manifests.items():
        splits = (manifest or {}).get("splits", {})
        sha256 = {split: entry["sha256"] for split, entry in splits.items()}
        counts = {split: entry["images"] for split, entry in splits.items()}
        if manifest:
            found.append(Origin(name, manifest["origin"], manifest["licence"], sha256, counts))
    return found


def _content(path: Path) -> bytes | None:
    """Return the content of a file, or None: a job may take a file away at any time."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return path.read_bytes()
    return None


def read_json(path: Path) -> Any:
    """Return the value in a JSON file; None where there is no file."""
    text = _content(path)
    try:
        return None if text is None else unsealed(json.loads(text))
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}.{MEND}") from error


def _rows(path: Path, columns: tuple[str, ...], delimiter: str = ",") -> list[dict[str, str]]:
    """Return the rows of a table; [] where there is no file."""
    text = (_content(path) or b"").decode(errors="replace")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    if any(row.get(column) is None for row in rows for column in columns):
        raise UserError(f"{path} is damaged: it lacks some of the columns {', '.join(columns)}.{MEND}")
    return rows


def _number(path: Path, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{path} is damaged: {text!r} is no number.{MEND}") from None
