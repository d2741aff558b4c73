"""States in files: the checkpoint that a job leaves, and the point that a killed one resumes from.

Both are one format: safetensors with a header that says what it is; reading refuses another one by name.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jointnn.errors import UserError
from jointnn.io.tensors import check_header, read_header, read_some_tensors, read_tensors, write_tensors
from jointnn.ranks.group import Group
from jointnn.training.state import AVERAGE, GLIMPSES, NETWORKS, OPTIMIZER, ROUNDS, State, put_module, within

NUMBERS = "state"
"""The entry of the header that holds the numbers of a state, as JSON."""


def save(
    path: str | Path,
    state: State,
    header: Mapping[str, Any],
    group: Group,
    *,
    history: bool = True,
    optimizer: bool = True,
) -> None:
    """Write a state: whole or not at all. Every rank calls it, and the first one writes.

    Args:
        header: the identity of the file: experiment, method, seed, the digest of its settings.
        group: the ranks that have the networks.
        history: whether it holds the records of this job, which a resumed one goes on with.
        optimizer: whether it holds the states of the optimizer, without which nothing trains on.
    """
    numbers = state.numbers() if history else {**state.numbers(), "history": []}
    own = {name: value.detach().cpu() for name, value in state.tensors(optimizer=optimizer).items()}
    if of_ranks := group.at_first(own):
        arrays = {name: value.numpy() for name, value in _joined(of_ranks).items()}
        write_tensors(path, arrays, {**header, NUMBERS: json.dumps(numbers)})


def _joined(of_ranks: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of all ranks in one mapping. Each rank has its networks' rows of averages."""
    found = {name: value for tensors in of_ranks for name, value in tensors.items()}
    if len(of_ranks) > 1:
        stacked = [name for name in found if name.startswith(f"{AVERAGE}/")]
        found |= {name: torch.cat([tensors[name] for tensors in of_ranks]) for name in stacked}
    return found


def load(path: str | Path, state: State, expected: Mapping[str, Any], group: Group) -> None:
    """Put a state to what a file holds: what it was when it was saved, or networks at their start.

    Args:
        group: the ranks, of which each reads what is of its own networks.
        expected: entries of the header that must be there.

    Raises:
        UserError: the file is missing, damaged, of other settings or of another architecture.
    """
    tensors, header = read(path, expected) if group.size == 1 else _read_own(path, expected, group)
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


def _read_own(
    path: str | Path, expected: Mapping[str, Any], group: Group
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a state for this rank's networks, or for all, and its header."""
    header = read_header(path)
    check_header(path, header, expected)
    kinds = (NETWORKS, OPTIMIZER, GLIMPSES)
    wanted = (*(f"{kind}/{name}/" for kind in kinds for name in group.own), "sigma", ROUNDS, AVERAGE)
    found = {name: torch.from_numpy(value) for name, value in read_some_tensors(path, wanted).items()}
    share = slice(group.share.start, group.share.stop)
    rows = {name: value[share] for name, value in found.items() if name.startswith(f"{AVERAGE}/")}
    return found | rows, header


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
