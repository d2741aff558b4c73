"""Networks and optimisers between tensors and files: checkpoints of a job, and its resume point.

Checkpoints are safetensors with a header that says what they are; reading refuses another one by name.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jointnn import __version__
from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import digest
from jointnn.io.tensors import Tensors, check_header, read_tensors, write_tensors
from jointnn.models.precision import Form
from jointnn.training.loop import Progress
from jointnn.training.phase_state import progress_from_json, progress_to_json
from jointnn.training.state import Row, Trainer

STATE = "state.safetensors"
GLIMPSE = "glimpse/"


def header_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint of this job says of itself."""
    return {
        "experiment": job["experiment"],
        "method": job.get("method", job["stage"]),
        "seed": job["seed"],
        "round": job.get("round", 0),
        "architecture": job["architecture"],
        "settings": job["identity"],
        "version": __version__,
    }


def save_networks(folder: str, trainer: Trainer, job: Mapping[str, Any]) -> None:
    """A checkpoint per network: parameters, buffers, optimiser; form, schedule and alarm in its header."""
    header = header_of(job) | {
        "form": json.dumps(_form_of(trainer)),
        "schedule": json.dumps(trainer.schedule.state()),
    }
    if trainer.diverged:
        header["diverged"] = trainer.diverged
    for index, name in enumerate(trainer.names):
        alarm = {"alarm": trainer.alarms[name]} if name in trainer.alarms else {}
        write_tensors(paths.network(folder, name), _arrays(trainer, index), header | alarm)


def load_networks(folder: str, trainer: Trainer, expected: Mapping[str, Any]) -> None:
    """Read the checkpoints of a folder into the trainer's networks and optimisers.

    The common start has no state of an optimiser: from there, one begins anew. Where the form is `auto`, a
    round goes on in the one that the job before it has chosen, and a rate that was halved stays so. A run
    that diverged before stays one that did.

    Raises:
        UserError: a file is missing, damaged, of other settings or of another architecture.
    """
    for index, name in enumerate(trainer.names):
        path = paths.network(folder, name)
        arrays, header = read_tensors(path)
        check_header(path, header, expected)
        _restore(path, trainer, index, arrays)
    if trainer.gradients.form is None and "form" in header:
        _use_form(trainer, json.loads(header["form"]))
    if "schedule" in header:
        trainer.schedule.go_on(json.loads(header["schedule"]))
    trainer.diverged = header.get("diverged", "")


def _form_of(trainer: Trainer) -> dict[str, str] | None:
    form = trainer.gradients.form
    return asdict(form) if form else None


def _use_form(trainer: Trainer, form: dict[str, str] | None) -> None:
    if form is not None:
        trainer.gradients.use(Form(**form))


def load_module(path: str, module: nn.Module, expected: Mapping[str, Any]) -> dict[int, Tensor]:
    """Read the parameters and buffers of a checkpoint into a module; returns its glimpses by step."""
    arrays, header = read_tensors(path)
    check_header(path, header, expected)
    _restore_module(path, module, arrays)
    return _glimpses_of(arrays)


def module_arrays(module: nn.Module) -> Tensors:
    """Parameters and buffers of a module, by name in a checkpoint."""
    return {f"network/{name}": _to_numpy(value) for name, value in module.state_dict().items()}


def _arrays(trainer: Trainer, index: int) -> Tensors:
    """Everything of one network that training needs to go on."""
    name = trainer.names[index]
    arrays = module_arrays(trainer.networks.modules[name])
    for state, rows in _states(trainer, index):
        if rows[0].dim() == 0:
            arrays[f"optimiser/{state}"] = _to_numpy(rows[0])
        else:
            for parameter, value in trainer.networks.split(name, rows).items():
                arrays[f"optimiser/{state}/{parameter}"] = _to_numpy(value)
    glimpses = trainer.glimpses[name].items()
    return arrays | {f"{GLIMPSE}{step}": _to_numpy(images) for step, images in glimpses}


def _glimpses_of(arrays: Tensors) -> dict[int, Tensor]:
    found = {key.removeprefix(GLIMPSE): value for key, value in arrays.items() if key.startswith(GLIMPSE)}
    return {int(step): torch.from_numpy(found[step]) for step in sorted(found, key=int)}


def _states(trainer: Trainer, index: int) -> Iterator[tuple[str, list[Tensor]]]:
    """Each state of an optimiser (momentum_buffer, exp_avg, ...), for all rows of the network."""
    optimiser = trainer.optimisers.of_networks[index]
    rows = optimiser.param_groups[0]["params"]
    names = {state: value for state, value in optimiser.state[rows[0]].items() if value is not None}
    for state in sorted(names):
        yield state, [optimiser.state[row][state] for row in rows]


def _restore(path: str, trainer: Trainer, index: int, arrays: Tensors) -> None:
    name = trainer.names[index]
    _restore_module(path, trainer.networks.modules[name], arrays)
    trainer.glimpses[name] = _glimpses_of(arrays)
    optimiser = trainer.optimisers.of_networks[index]
    rows = optimiser.param_groups[0]["params"]
    for row in rows:  # of this network alone: its optimiser shares the states of all
        optimiser.state.pop(row, None)
    for state in sorted({key.split("/")[1] for key in arrays if key.startswith("optimiser/")}):
        if f"optimiser/{state}" in arrays:
            values = [torch.tensor(arrays[f"optimiser/{state}"]) for _ in rows]
        else:
            values = [torch.zeros_like(row) for row in rows]
            for parameter, view in trainer.networks.split(name, values).items():
                view.copy_(torch.from_numpy(arrays[f"optimiser/{state}/{parameter}"]))
        for row, value in zip(rows, values, strict=True):
            optimiser.state[row][state] = value


def _restore_module(path: str, module: nn.Module, arrays: Tensors) -> None:
    """Copy in place: parameters stay views of the stacked tensors."""
    own = module.state_dict()
    found = {
        key.removeprefix("network/"): value for key, value in arrays.items() if key.startswith("network/")
    }
    for name in sorted(own.keys() | found.keys()):
        if name not in own or name not in found or own[name].shape != found[name].shape:
            raise UserError(
                f"{path} holds another architecture: {name!r} is "
                f"{found[name].shape if name in found else 'missing'} there and "
                f"{tuple(own[name].shape) if name in own else 'unknown'} in this job's network. "
                "Delete it and run the job that makes it."
            )
        own[name].copy_(torch.from_numpy(found[name]))


def _to_numpy(value: Tensor) -> np.ndarray:
    return value.detach().cpu().numpy()


def save_state(folder: str, trainer: Trainer, progress: Progress, job: Mapping[str, Any]) -> None:
    """Write a resume point: a job that is killed now goes on from here to the same bytes."""
    arrays = {
        f"{name}/{key}": value
        for index, name in enumerate(trainer.names)
        for key, value in _arrays(trainer, index).items()
    }
    for layer, value in zip(trainer.networks.layers, trainer.average, strict=True):
        arrays[f"average/{layer}"] = _to_numpy(value)
    state = {
        "step": trainer.step,
        "averaged": trainer.averaged,
        "history": trainer.history,
        "form": _form_of(trainer),
        "schedule": trainer.schedule.state(),
        "progress": progress_to_json(progress),
    }
    header = {**header_of(job), "job": digest(job), "state": json.dumps(state)}
    write_tensors(Path(folder, STATE), arrays, header)


def load_state(folder: str, trainer: Trainer, progress: Progress, job: Mapping[str, Any]) -> bool:
    """Go on from a resume point, if there is one of these very settings. Returns whether there was."""
    path = Path(folder, STATE)
    if not path.exists():
        return False
    arrays, header = read_tensors(path)
    if header.get("job") != digest(job):  # of other settings, or of other code
        return False
    for index, name in enumerate(trainer.names):
        own = {k.removeprefix(f"{name}/"): v for k, v in arrays.items() if k.startswith(f"{name}/")}
        _restore(str(path), trainer, index, own)
    for layer, value in zip(trainer.networks.layers, trainer.average, strict=True):
        value.copy_(torch.from_numpy(arrays[f"average/{layer}"]))
    state = json.loads(header["state"])
    trainer.step, trainer.averaged = state["step"], state["averaged"]
    rows: list[Row] = [tuple(row) for row in state["history"]]
    trainer.history[:] = rows
    _use_form(trainer, state["form"])
    trainer.schedule.go_on(state["schedule"])
    progress_from_json(progress, state["progress"])
    return True
