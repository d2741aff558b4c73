"""States in files: the checkpoint that a job leaves, and the point that a killed one resumes from.

Both are one format: safetensors with a header that says what it is; reading refuses another one by name.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jointnn.errors import UserError
from jointnn.io.tensors import check_header, read_header, read_some_tensors, read_tensors, write_tensors
from jointnn.training.state import GLIMPSES, NETWORKS, State, put_module, within

NUMBERS = "state"
"""The entry of the header that holds the numbers of a state, as JSON."""


def save(
    path: str | Path,
    state: State,
    header: Mapping[str, Any],
    *,
    history: bool = True,
    optimizer: bool = True,
) -> None:
    """Write a state: whole or not at all.

    Args:
        header: what the file is: experiment, method, seed, the digest of its settings.
        history: whether it holds the records of this job, which a resumed one goes on with.
        optimizer: whether it holds the states of the optimizer, without which nothing trains on.
    """
    numbers = state.numbers() if history else {**state.numbers(), "history": []}
    tensors = state.tensors(optimizer=optimizer)
    arrays = {name: value.detach().cpu().numpy() for name, value in tensors.items()}
    write_tensors(path, arrays, {**header, NUMBERS: json.dumps(numbers)})


def load(path: str | Path, state: State, expected: Mapping[str, Any]) -> None:
    """Put a state to what a file holds: what it was when it was saved, or networks at their start.

    Args:
        expected: entries of the header that must be there.

    Raises:
        UserError: the file is missing, damaged, of other settings or of another architecture.
    """
    tensors, header = read(path, expected)
    try:
        state.load(tensors, json.loads(header.get(NUMBERS, "{}")))
    except UserError as error:
        raise UserError(f"{path}: {error} Delete it and run the job that makes it.") from error


def read(path: str | Path, expected: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a state and its header.

    Raises:
        UserError: the file is missing, damaged or of other settings.
    """
    arrays, header = read_tensors(path)
    check_header(path, header, expected)
    return {name: torch.from_numpy(value) for name, value in arrays.items()}, header


def load_network(
    path: str | Path, dataset: str, module: nn.Module, expected: Mapping[str, Any]
) -> dict[int, Tensor]:
    """Put one network of a saved state into a module, the others unread; return its glimpses by step.

    Raises:
        UserError: the file is missing, damaged, of other settings or of another architecture.
    """
    check_header(path, read_header(path), expected)
    prefixes = (f"{NETWORKS}/{dataset}/", f"{GLIMPSES}/{dataset}/")
    found = {key: torch.from_numpy(value) for key, value in read_some_tensors(path, prefixes).items()}
    try:
        put_module(module, within(found, f"{NETWORKS}/{dataset}"), dataset)
    except UserError as error:
        raise UserError(f"{path}: {error} Delete it and run the job that makes it.") from error
    glimpses = within(found, f"{GLIMPSES}/{dataset}")
    return {int(step): glimpses[step] for step in sorted(glimpses, key=int)}
