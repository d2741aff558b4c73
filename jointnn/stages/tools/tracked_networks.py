"""Networks of finished runs for MLflow: files as `export` writes them, an example, what goes in and out."""

import argparse
import contextlib
import io
import json
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open

from jointnn.errors import UnwrittenError, UserError
from jointnn.io import paths
from jointnn.io.files import write_atomically
from jointnn.io.tensors import read_header
from jointnn.jobs.graph import Jobs
from jointnn.jobs.kept_params import read_kept_params
from jointnn.reporting.tracking.networks import LoggedNetworks
from jointnn.reporting.tracking.notes import NOT_SHOWN
from jointnn.reporting.tracking.runs import RunFiles
from jointnn.stages.tools import export

if TYPE_CHECKING:
    from torch import Tensor, nn


MEGABYTE = 1_000_000
FROM_ZERO = ("reconstruction", "transfer")
"""Tasks whose networks take pixels from 0 to 1; others from -1 to 1."""


class ExportedNetworks:
    """A writer of the networks of runs whose state is no larger than a limit; params.yaml is read once.

    Those of many runs are written by a second process, while MLflow is started in this one: the import
    of torch alone takes two seconds.

    Args:
        most_megabytes: the limit.
        many: how many runs that are.
    """

    def __init__(self, most_megabytes: float, many: int = 8) -> None:
        self.most_megabytes, self.many = most_megabytes, many
        self.jobs: Jobs | None = None
        self.tried: dict[str, LoggedNetworks] = {}
        self.ahead = contextlib.ExitStack()
        self.expected: dict[str, Future[tuple[LoggedNetworks | str, Path]]] = {}

    def expect(self, runs: Sequence[RunFiles]) -> None:
        """Begin with the networks of these runs, if they are many."""
        wanted = [run for run in runs if self.takes(run)]
        if len(wanted) < self.many:
            return
        Path("work").mkdir(exist_ok=True)
        staged = Path(self.ahead.enter_context(tempfile.TemporaryDirectory(prefix="networks-", dir="work")))
        pool = ProcessPoolExecutor(1, get_context("spawn"), _begin, (self.most_megabytes,))
        self.ahead.callback(pool.shutdown, cancel_futures=True)
        self.expected = {run.key: pool.submit(_write_ahead, run, staged / run.digest) for run in wanted}

    def close(self) -> None:
        """End the second process, and delete what nobody asked for."""
        self.expected = {}
        self.ahead.close()

    def takes(self, run: RunFiles) -> bool:
        """Return whether the state of a run is within the limit. A missing state is."""
        most = self.most_megabytes * MEGABYTE
        return not (run.state and run.state.is_file() and run.state.stat().st_size > most)

    def __call__(self, run: RunFiles, folder: Path) -> LoggedNetworks | str:
        """Write DATASET.safetensors for each, or say why not."""
        if run.key in self.expected:
            written, staged = self.expected.pop(run.key).result()
            if not isinstance(written, str):
                for file in sorted(path for path in staged.rglob("*") if path.is_file()):
                    write_atomically(folder / file.relative_to(staged), file.read_bytes())
            return written
        named = {"experiment": run.experiment, "method": run.method, "seed": run.seed}
        try:
            self.jobs = self.jobs or Jobs(read_kept_params())
            with contextlib.redirect_stdout(io.StringIO()):
                export.main(argparse.Namespace(**named, to=folder), self.jobs)
            return self._as_logged(run, folder)
        except UnwrittenError:
            raise
        except UserError as error:  # of an older params.yaml, or its images are not at hand
            shutil.rmtree(folder, ignore_errors=True)
            return NOT_SHOWN.format(why=error)

    def _as_logged(self, run: RunFiles, folder: Path) -> LoggedNetworks:
        """Return the inputs and outputs of the networks in a folder. One of each kind is tried."""
        files = {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
        headers = {name: read_header(files[name]) for name in run.datasets if name in files}
        kind = json.dumps(
            [run.parameters["task"], [[name, each["made_of"]] for name, each in headers.items()]]
        )
        if kind not in self.tried:
            self.tried[kind] = _tried(run, files, headers)
        return self.tried[kind]


_HERE: list[ExportedNetworks] = []
"""In the second process: what writes there."""


def _begin(most_megabytes: float) -> None:
    """Make a second process ready; Ctrl-C is the first one's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _HERE.append(ExportedNetworks(most_megabytes))


def _write_ahead(run: RunFiles, folder: Path) -> tuple[LoggedNetworks | str, Path]:
    """Write the networks of a run to a folder, in the second process."""
    return _HERE[0](run, folder), folder


def _tried(
    run: RunFiles, files: Mapping[str, Path], headers: Mapping[str, Mapping[str, str]]
) -> LoggedNetworks:
    import torch

    from jointnn.models.saved import load

    names = list(headers)
    network = load(files[names[0]])
    example, inputs = _example(run, names[0], network)
    with torch.no_grad():
        found = network(example)
    outputs = found if isinstance(found, Mapping) else {"": found}
    counts = {json.loads(header["made_of"])["classes"] for header in headers.values()}
    return LoggedNetworks(
        datasets=names,
        inputs=inputs,
        example=example.tolist(),
        taken=tuple(example.shape),
        outputs={name: _shape(value, counts) for name, value in outputs.items()},
    )


def _example(run: RunFiles, dataset: str, network: "nn.Module") -> tuple["Tensor", str]:
    """Return one input of a network, and its inputs in words."""
    import torch

    from jointnn.data.splits import as_float
    from jointnn.models.gan import Adversaries

    if isinstance(network, Adversaries):
        latent = torch.rand(1, network.latent, generator=torch.Generator().manual_seed(0)) * 2 - 1
        return latent, f"latent values from -1 to 1, shape (N, {network.latent})"
    told = run.parameters
    size, channels, trunk = told["size"], told["channels"], told.get("trunk")
    path = Path(paths.prepared(dataset, size, trunk=trunk))
    if path.is_file():
        with safe_open(str(path), "pt") as file:
            example = as_float(file.get_slice("images")[:1])
    elif trunk:
        raise UserError(f"{path} is missing, which says what they take")
    else:
        example = torch.zeros(1, channels, size, size)
    low = 0 if told.get("task") in FROM_ZERO else -1
    example = example if low else (example + 1) / 2
    inputs = f"floats in {low}..1, shape (N, {channels}, {size}, {size})"
    return example, f"what the frozen trunk {trunk} makes of {inputs}" if trunk else inputs


def _shape(value: "Tensor", counts: set[int]) -> tuple[int, ...]:
    """Return the shape of an output. It ends in -1 for scores if datasets differ in their classes."""
    shape = tuple(value.shape)
    return (*shape[:-1], -1) if len(shape) == 2 and len(counts) > 1 else shape
