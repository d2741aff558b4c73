"""Parameters as they were checked before: the workflow is read often, and they are seldom edited."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jointnn.io import paths
from jointnn.io.files import digest, keep, kept, sha256_of_file, write_atomically
from jointnn.parameters import load
from jointnn.parameters.entries import PACKAGE, file_of
from jointnn.parameters.files import files_of
from jointnn.parameters.schema import Params
from jointnn.registry import is_own

KEPT = "work/params"


def read_kept_params() -> Params:
    """Return the checked parameters. They are checked again only when they or the code change.

    Raises:
        UserError: with one line for each mistake found.
    """
    before = _kept()
    if before is not None and before["of"] == _state(before["own"]):
        return Params.model_validate(before["params"])
    params = load.read_params()
    own = sorted(str(file) for file in _own_files(params))
    content = {"of": _state(own), "own": own, "params": params.model_dump()}
    # What JSON cannot hold is read anew each time.
    try:
        text = json.dumps(content)
    except (TypeError, ValueError):
        return params
    if Params.model_validate(json.loads(text)["params"]) == params:
        keep(KEPT, content)
    return params


def write_missing_choices(versioned: Iterable[str]) -> None:
    """Write an empty file of choices for each experiment that has none: DVC depends on files that are."""
    for experiment in versioned:
        if not Path(path := paths.chosen(experiment)).exists():
            text = f"# `snakemake search_{experiment}` writes here what it chooses.\ntuned: {{}}\n"
            write_atomically(path, text.encode())


def _kept() -> dict[str, Any] | None:
    """Return the kept content, or None where it is missing or damaged."""
    before = kept(KEPT)
    return before if isinstance(before, dict) and {"of", "own", "params"} <= before.keys() else None


def _state(own: Iterable[str]) -> str:
    """Return the digest of all that the checks depend on: files of parameters, one's own code, the package.

    Size and time tell a change of the package.
    """
    files = [*map(str, files_of()), *own]
    contents = [(file, sha256_of_file(file) if Path(file).is_file() else "") for file in files]
    code = [
        (str(file), status.st_size, status.st_mtime_ns)
        for file in sorted(PACKAGE.rglob("*.py"))
        if (status := file.stat())
    ]
    return digest([contents, code])


def _own_files(params: Params) -> set[Path]:
    """Return the files of one's own entries, which the checks of parameters have read."""
    named = {("dataset", chosen.source) for chosen in params.datasets.values()}
    for chosen in params.experiments.values():
        named |= {
            (kind, getattr(chosen, kind)) for kind in ("architecture", "task", "trunk", "augmentation")
        }
        named |= {("figure", name) for name in chosen.figures}
    return {file_of(kind, name) for kind, name in named if name and is_own(name)}
