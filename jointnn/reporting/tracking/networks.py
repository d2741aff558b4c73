"""The networks of a run as a model of MLflow: safetensors files, an example, a signature; no pickle."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any, Protocol

from jointnn.io.files import write_atomically, write_json
from jointnn.reporting.tracking import notes
from jointnn.reporting.tracking.runs import RunFiles
from jointnn.reporting.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.models import ModelSignature

FOLDER = "networks"
EXAMPLE = "input_example.json"
LOADER = "jointnn.models.pyfunc"
HISTORY = "mlflow.log-model.history"
"""The tag by which MLflow shows a folder of a run as a model: with its inputs and outputs."""
LEFT = "mlflow.jointnn.left"
"""The tag of a run whose networks were too large to be copied."""
Shape = tuple[int, ...]


@dataclass(frozen=True)
class LoggedNetworks:
    """Networks that were written to a folder, a file DATASET.safetensors for each.

    Args:
        datasets: those that have one.
        inputs: inputs of a network, in words.
        example: one input, nested lists of shape (1, ...); None where no data is at hand.
        outputs: shapes of a network's outputs, -1 where any size goes; by name if there are several,
            otherwise under "".
    """

    datasets: list[str]
    inputs: str
    example: list[Any] | None
    taken: Shape
    outputs: Mapping[str, Shape]


class NetworkWriter(Protocol):
    """Writes the networks of runs."""

    def expect(self, runs: Sequence[RunFiles]) -> None:
        """Be told which networks will be asked for."""

    def close(self) -> None:
        """Be told that no more will be asked for."""

    def takes(self, run: RunFiles) -> bool:
        """Return whether the networks of a run are small enough to be copied."""

    def __call__(self, run: RunFiles, folder: Path) -> LoggedNetworks | str:
        """Write the networks of a run to a folder; or say, in Markdown, why not."""


def put_networks(
    store: Store, run: "Run", files: RunFiles, networks: NetworkWriter
) -> tuple[str, dict[str, str]]:
    """Show the networks of a run as its artifacts; return its description, and tags."""
    if not networks.takes(files) and files.state:
        told = {"experiment": files.experiment, "method": files.method, "seed": files.seed}
        place, size = files.state.relative_to(store.root), files.state.stat().st_size / 1e6
        return notes.LEFT.format(**told, state=place, size=size), {LEFT: "true"}
    with _folder_for(store, run) as folder:
        written = networks(files, folder)
        if isinstance(written, str):
            return written, {}
        model = _model(run, written)
        if written.example is not None:
            write_json(folder / EXAMPLE, written.example)
        write_atomically(folder / "MLmodel", model.to_yaml().encode())
    lies = store.folder(run)
    first = f"{FOLDER}/{written.datasets[0]}.safetensors"
    if lies and lies.is_relative_to(store.root.resolve()):
        path = (lies.relative_to(store.root.resolve()) / first).as_posix()
        note = notes.NETWORKS.format(path=path, inputs=written.inputs)
    else:
        note = notes.DOWNLOADED.format(run=run.info.run_id, path=first, inputs=written.inputs)
    return note, {HISTORY: json.dumps([model.get_tags_dict()])}


@contextmanager
def _folder_for(store: Store, run: "Run") -> Iterator[Path]:
    """Give a folder whose files become artifacts of a run: where these lie, or one to be sent."""
    if place := store.folder(run):
        yield place / FOLDER
        return
    with tempfile.TemporaryDirectory(prefix="jointnn-") as folder:
        yield Path(folder)
        if any(Path(folder).iterdir()):
            store.client.log_artifacts(run.info.run_id, folder, FOLDER)


def _model(run: "Run", written: LoggedNetworks) -> Any:
    """Return the description of the networks for MLflow's file MLmodel."""
    from mlflow.models import Model

    example = {"artifact_path": EXAMPLE, "type": "ndarray", "format": "tf-serving"}
    model = Model(
        artifact_path=FOLDER,
        run_id=run.info.run_id,
        signature=_signature(written),
        saved_input_example_info=example if written.example is not None else None,
    )
    model.add_flavor("python_function", loader_module=LOADER, python_version=python_version())
    return model


def _signature(written: LoggedNetworks) -> "ModelSignature":
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

    def spec(shape: Shape, name: str = "") -> TensorSpec:
        return TensorSpec(np.dtype("float32"), (-1, *shape[1:]), name or None)

    outputs: list[ColSpec | TensorSpec] = [spec(shape, name) for name, shape in written.outputs.items()]
    return ModelSignature(
        Schema([spec(written.taken)]),
        Schema(outputs) if outputs else None,
        ParamSchema([ParamSpec("dataset", "string", written.datasets[0])]),
    )
