"""A network by the name of its architecture, and a trained one in a file of its own."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from jointnn.errors import UserError, failed, missing_extra
from jointnn.io.tensors import read_header, read_tensors, write_tensors
from jointnn.models.architectures import architecture
from jointnn.registry import Registry, is_own

KIND = "network"
"""Kind of such a file, as its header says."""
CODE = "code"
"""The folder beside such a file with modules of its author, if it needs any."""


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
        notes: further texts and numbers of the header.
    """
    arrays = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    write_tensors(path, arrays, {**notes, "kind": KIND, "made_of": json.dumps(made_of, sort_keys=True)})


def load(path: str | Path, device: str | torch.device = "cpu") -> nn.Module:
    """Return a trained network in evaluation mode, from a file that `jointnn export` wrote.

    Its inputs are of the kind that it learned from: images as floats from -1 to 1, shape (N, channels,
    size, size). For the tasks reconstruction and transfer they are from 0 to 1. Behind a trunk it takes the
    trunk's activations. `jointnn.Predictor` takes files of images.

    Args:
        device: where it shall lie.

    Raises:
        UserError: the file is missing, damaged, or no such network; its architecture needs an extra, or a
            module of its author.
    """
    return read_network(path)[0].to(device)


def read_network(path: str | Path) -> tuple[nn.Module, dict[str, str]]:
    """Return a network, in evaluation mode, and the header of its file.

    Torch's random state stays as it was.

    Raises:
        UserError: see `load`.
    """
    header = _header_of_network(path)
    made_of = json.loads(header["made_of"])
    own_entry(architecture, made_of["name"], path)
    with torch.random.fork_rng(devices=[]):
        network = make_network(**made_of)
    try:
        arrays, _ = read_tensors(path)
    except UserError as error:
        raise UserError(f"{path} is damaged: {error.__cause__}. Get it again.") from error
    try:
        network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    except RuntimeError as error:
        raise UserError(f"{path} does not fit its architecture as it is now: {error}") from error
    return network.eval(), header


def own_entry(registry: Registry, name: str, path: str | Path) -> None:
    """Look whether an entry that the network in a file needs can be imported, if it is its author's own.

    Raises:
        UserError: it cannot; says where its code lies.
    """
    if not is_own(name):
        return
    module, _, entry = name.partition(":")
    try:
        registry[name]
    except UserError:
        raise
    except Exception as error:  # one's own module can raise anything
        missing = getattr(error, "name", "") or ""
        if missing not in (module, entry) and not module.startswith(f"{missing}."):
            what = f"{path} needs the {registry.kind} {name}, its author's own, which could not be imported"
            raise failed(what, error) from error
        folder = Path(path).parent / CODE
        where = (
            f"Its code lies in {folder}: read it, then put it on Python's path, PYTHONPATH={folder}."
            if folder.is_dir()
            else "Ask for that file, and put its folder on Python's path (PYTHONPATH)."
        )
        what = f"module {missing!r}" if missing != entry else f"{entry!r} in the module {module!r}"
        raise UserError(
            f"{path} needs the {registry.kind} {name}, its author's own, and there is no {what} here. "
            f"{where}"
        ) from error


def _header_of_network(path: str | Path) -> dict[str, str]:
    """Return the header of a network's file.

    Raises:
        UserError: it is no such file; says what it is instead.
    """
    file = Path(path)
    if file.is_dir():
        inside = ", ".join(sorted(found.name for found in file.glob("*.safetensors")))
        raise UserError(
            f"{path} is a folder. " + (f"Load a file in it: {inside}." if inside else "Load a file.")
        )
    if not file.is_file():
        raise UserError(f"{path} is no file. `jointnn export` writes a file for each network of a run.")
    with file.open("rb") as opened:
        start = opened.read(512)
    what = _foreign(start)
    if not what:
        header = _own_header(file)
        if header.get("kind") == KIND:
            return header
        what = _other(header)
    raise UserError(
        f"{path} holds no single network, it is {what}. `jointnn export` writes a file for each network of "
        "a run."
    )


def _own_header(file: Path) -> dict[str, str]:
    """Return the header that jointnn wrote into a safetensors file; {} where it wrote none."""
    try:
        return read_header(file)
    except UserError:
        return {}


BEGINNINGS = {
    b"PK\x03\x04": "a zip file, as torch.save writes too: a pickle, which jointnn does not read",
    b"\x80": "a pickle, which jointnn does not read",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "a database",
    b"\x1f\x8b": "a packed file",
    b"\x89HDF": "an HDF5 file",
}
"""Kinds of files, by the bytes that they begin with."""


def _foreign(start: bytes) -> str:
    """Return the kind of a file by its first bytes, as words that follow on `it is`; "" for safetensors."""
    if start[8:9] == b"{":  # after the length of its header
        return ""
    if not start:
        return "an empty file"
    for beginning, what in BEGINNINGS.items():
        if start.startswith(beginning):
            return what
    try:
        start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # else a letter that is cut in two
            return "a file of an unknown kind"
    return "a text"


def _other(header: Mapping[str, str]) -> str:
    """Return the kind of a safetensors file by its header, as words that follow on `it is`."""
    if not header:
        return "a safetensors file that jointnn did not write, or a part of one"
    if header.get("kind") == "images":
        return f"the images of {header.get('dataset')}"
    if "kind" in header:
        return f"the {header['kind']} of {header.get('experiment')}"
    return f"the state of a whole run, {header.get('experiment')}, {header.get('method')}"
