"""A network by the name of its architecture, and a trained one in a file of its own."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from jointnn.errors import UserError, failed, missing_extra
from jointnn.io.tensors import read_tensors, write_tensors
from jointnn.models.architectures import architecture

KIND = "network"
"""What the header of such a file says that it is."""


def make_network(
    name: str, options: Mapping[str, Any], classes: int, channels: int, size: int
) -> nn.Module:
    """Return a new network of an architecture.

    Args:
        name: of a registered architecture, or of one's own: package.module:function.
        options: of the architecture.
        classes, channels, size: outputs, channels of the images, and pixels of a side.

    Raises:
        UserError: the name, an option or a package is missing, or no module can be made.
    """
    try:
        made: nn.Module = architecture[name](classes=classes, channels=channels, size=size, **options)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # one's own function can raise anything
        missing = missing_extra(error) if isinstance(error, ModuleNotFoundError) else None
        what = f"architecture {name} could not be made with the options {dict(options)}"
        raise missing or failed(what, error) from error
    if not isinstance(made, nn.Module):
        raise UserError(
            f"architecture {name} returns {type(made).__name__} and no torch.nn.Module; it must return the "
            "network that it makes."
        )
    return made


def write_network(
    path: str | Path, network: nn.Module, made_of: Mapping[str, Any], notes: Mapping[str, Any]
) -> None:
    """Write a network as an ordinary state dict, with a header of which `load` makes it anew.

    Args:
        made_of: the arguments of `make_network`.
        notes: what else the header says: texts and numbers.
    """
    arrays = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    write_tensors(path, arrays, {**notes, "kind": KIND, "made_of": json.dumps(made_of, sort_keys=True)})


def load(path: str | Path, device: str | torch.device = "cpu") -> nn.Module:
    """Return a trained network from a file that `jointnn export` wrote, in evaluation mode.

    A network takes what it learned from: images as floats from -1 to 1, shape (N, channels, size, size).

    Args:
        device: where it shall lie.

    Raises:
        UserError: the file is missing, damaged, or no such network; its architecture needs an extra.
    """
    if not Path(path).is_file():
        raise UserError(f"{path} is no file. `jointnn export` writes a file for each network of a run.")
    arrays, header = read_tensors(path)
    if header.get("kind") != KIND:
        raise UserError(
            f"{path} holds no single network. `jointnn export` writes a file for each of a run."
        )
    network = make_network(**json.loads(header["made_of"]))
    try:
        network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    except RuntimeError as error:
        raise UserError(f"{path} does not fit its architecture as it is now: {error}") from error
    return network.to(device).eval()
