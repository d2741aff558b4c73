"""Golden bytes: tiny jobs of every kind, and the SHA-256 of every array that they make.

They guard what no sentence in the code can: that a rebuilt program computes the same numbers to the last
bit. Bytes depend on torch's version, on what the processor can do and on the number of threads, so there
are digests for each such machine, and the arrays themselves for machines that have none yet.
"""

import hashlib
import importlib
import io
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from jointnn.errors import UserError
from jointnn.io.files import read_json, read_table, write_json
from jointnn.io.tensors import read_tensors, write_tensors
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params

FOLDER = Path("tests/golden")
SHOWN = 8
"""Values of an array that are kept: some from all over it."""
NAMES_IN_STATES = {"networks": "network", "optimizer": "optimiser", "glimpses": "glimpse"}
"""Names of the arrays of a saved state here, where names outlive file formats."""
OF_NUMBERS = {"weights.json", "sigma.json", "distances.json", "ratios.json", "validation.json"}
"""JSON files whose numbers are golden, beside those of the points of a search."""
TOLERANCE = 1e-5
"""Relative, and absolute for values below 1: what another machine's rounding does to an array at first."""
LEAST_NEAR = 0.5
"""The part of all groups that is within the tolerance on any machine. Steps of training enlarge what
another processor rounds otherwise: from Intel's AVX-512 to AMD's AVX2, 599 of 738 groups were within it."""


def machine(threads: int = 1) -> str:
    """Return all that bytes depend on: version of torch, abilities and vendor of the processor, threads."""
    import torch

    vendor = platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        lines = (line.partition(":") for line in info.read_text(encoding="utf-8").splitlines())
        vendor = next((value.strip() for key, _, value in lines if key.strip() == "vendor_id"), vendor)
    return (
        f"torch {torch.__version__}, {vendor}, {torch.backends.cpu.get_cpu_capability()}, {threads} thread"
    )


def made_now(project: Path = FOLDER) -> dict[str, np.ndarray]:
    """Run every golden job in a scratch folder, in this process, and return all that they made."""
    with TemporaryDirectory(prefix="jointnn-") as folder:
        _run_jobs(project.resolve(), Path(folder))
        return arrays_in(Path(folder))


def _run_jobs(project: Path, folder: Path) -> None:
    here = Path.cwd()
    os.chdir(folder)
    try:
        jobs = Jobs(read_params(project))
        every = [job for name in jobs.params.experiments for job in jobs.asked_for(name)]
        every += jobs.in_order(*map(jobs.sweep, jobs.params.sweeps))
        for job in {job.record: job for job in every}.values():
            with redirect_stdout(io.StringIO()):  # what a job says of its training goes to its log
                importlib.import_module(f"jointnn.stages.{job.stage}").run(job)
    finally:
        os.chdir(here)


def arrays_in(folder: Path) -> dict[str, np.ndarray]:
    """Return all arrays that jobs have written below a folder, under names apart from file formats."""
    found: dict[str, np.ndarray] = {}
    for path in sorted(folder.rglob("*")):
        near = path.relative_to(folder)
        if near.parts[0] in ("data", "runs", "search", "results"):
            found |= dict(_arrays_of(path, near))
    return found


def _arrays_of(path: Path, near: Path) -> Iterator[tuple[str, np.ndarray]]:
    place = near.with_suffix("").as_posix()
    if near.suffix == ".safetensors":
        is_state = near.name == "state.safetensors"
        for name, value in read_tensors(path)[0].items():
            kind, _, rest = name.partition("/")
            if is_state and kind not in NAMES_IN_STATES:
                continue
            yield (
                (f"{near.parent}/{NAMES_IN_STATES[kind]}/{rest}" if is_state else f"{place}/{name}"),
                value,
            )
    elif path.name in OF_NUMBERS or near.stem.startswith("point_"):
        if not near.name.endswith("settings.json"):
            yield from _numbers(read_json(path), place)
    elif near.name in ("history.csv", "test_history.csv"):
        for key, rows in read_table(path).groupby(["split", "dataset", "metric"]):
            names = "/".join(map(str, key))
            yield f"{near.parent}/history/{names}", rows[["step", "value"]].to_numpy(np.float64)
    elif near.name == "metrics.csv" and near.parent.name.startswith("s"):
        for key, rows in read_table(path).groupby(["method", "dataset", "metric", "split"]):
            names = "/".join(map(str, key))
            yield f"{near.parent}/metrics/{names}", rows["value"].to_numpy(np.float64)


def _numbers(value: Any, place: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the numbers of a JSON value with their names, lists of one shape as one array."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{place}/{key}")
    elif isinstance(value, bool | int | float) or (isinstance(value, list) and value):
        array = np.array(value, dtype=object)
        if all(isinstance(entry, bool | int | float) for entry in array.flat):
            yield place, array.astype(np.float64)


def digests_of(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, str]]:
    """Return the SHA-256 of each array (type, shape and bytes), its first 16 digits, by group and name."""
    found: dict[str, dict[str, str]] = {}
    for place, value in arrays.items():
        group, name = _split(place)
        form = f"{value.dtype.str} {value.shape} ".encode()
        digest = hashlib.sha256(form + np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
        found.setdefault(group, {})[name] = digest
    return found


def samples_of(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return some values from all over the arrays of each group, in one array, for other machines."""
    found: dict[str, list[np.ndarray]] = {}
    for place, value in sorted(arrays.items()):
        flat = value.reshape(-1)
        chosen = np.linspace(0, flat.size - 1, min(SHOWN, flat.size)).astype(int)
        found.setdefault(_split(place)[0], []).append(flat[chosen].astype(np.float64))
    return {group: np.concatenate(values) for group, values in found.items()}


def _split(place: str) -> tuple[str, str]:
    """Return the group of an array, such as a network, and its name in the group."""
    group, _, name = place.rpartition("/")
    return group, name


def write(arrays: Mapping[str, np.ndarray], folder: Path = FOLDER) -> None:
    """Make golden bytes anew: digests for this machine alone, since those of others are out of date."""
    write_json(folder / "digests.json", {machine(): digests_of(arrays)})
    write_tensors(folder / "arrays.safetensors", samples_of(arrays), {"kind": "golden"})


def compare(arrays: Mapping[str, np.ndarray], folder: Path = FOLDER) -> str:
    """Compare arrays with the golden ones: to the bit where this machine is known, else most within 1e-5.

    Returns:
        A sentence that says how they were compared.

    Raises:
        UserError: an array is missing, new or different; the first of them are named. On a machine that is
            not known: more than half of the groups are different.
    """
    of_machines = read_json(folder / "digests.json")
    known, now = of_machines.get(machine()), digests_of(arrays)
    names = _places(known or next(iter(of_machines.values())))
    if missing := sorted(names ^ _places(now)):
        raise UserError(
            f"{len(missing)} arrays stand in golden bytes or were made now, and not in both; the first: "
            f"{', '.join(missing[:5])}. If that is meant, make them anew: python -m jointnn golden --write"
        )
    if known is None:
        return _compare_on_another_machine(arrays, folder)
    if different := [
        f"{g}/{n}" for g, of in now.items() for n, digest in of.items() if known[g][n] != digest
    ]:
        raise _are_others(different, "to the bit")
    return f"{len(arrays)} arrays are the golden ones, to the bit."


def _compare_on_another_machine(arrays: Mapping[str, np.ndarray], folder: Path) -> str:
    kept, _ = read_tensors(folder / "arrays.safetensors")
    different = [group for group, value in samples_of(arrays).items() if not _near(value, kept[group])]
    if len(different) > (1 - LEAST_NEAR) * len(kept):
        raise _are_others(different, f"within {TOLERANCE:g}")
    return (
        f"{len(arrays)} arrays are there as in the golden ones. This machine ({machine()}) has no digests: "
        f"of {len(kept)} groups, {len(kept) - len(different)} are equal within {TOLERANCE:g}, and whether "
        "its rounding or a change of code moved the others cannot be told here. To compare to the bit from "
        "now on, run this at a commit that is golden elsewhere: python -m jointnn golden --add"
    )


def _are_others(different: list[str], how: str) -> UserError:
    return UserError(
        f"{len(different)} golden arrays are others (compared {how}); the first: "
        f"{', '.join(different[:5])}. Find the change of code that does it; if it is "
        "meant, say so in a commit of its own with: python -m jointnn golden --write"
    )


def _places(digests: Mapping[str, Mapping[str, str]]) -> set[str]:
    return {f"{group}/{name}" for group, names in digests.items() for name in names}


def _near(value: np.ndarray, kept: np.ndarray) -> bool:
    return value.shape == kept.shape and np.allclose(
        value, kept, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True
    )


def write_digests_of_this_machine(arrays: Mapping[str, np.ndarray], folder: Path = FOLDER) -> None:
    """Add digests for this machine to those that are there."""
    known = read_json(folder / "digests.json")
    write_json(folder / "digests.json", {**known, machine(): digests_of(arrays)})
