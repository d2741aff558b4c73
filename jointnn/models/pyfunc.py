"""Exported networks as `mlflow.pyfunc.load_model` loads them: from safetensors files, without a pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jointnn.errors import UserError
from jointnn.models.saved import load
from jointnn.registry import nearest


class Networks:
    """Networks of a folder, a file DATASET.safetensors for each; loaded when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.datasets = sorted(path.stem for path in folder.glob("*.safetensors"))

    def predict(
        self, model_input: np.ndarray, params: Mapping[str, Any] | None = None
    ) -> np.ndarray | dict[str, np.ndarray]:
        """Return the outputs of a network as arrays, by name where it has several.

        Args:
            model_input: inputs of the network, float32, shape (N, ...).
            params: `dataset`, whose network it is; default: the first by name.

        Raises:
            UserError: no network is that of this dataset.
        """
        dataset = (params or {}).get("dataset") or self.datasets[0]
        if dataset not in self.datasets:
            raise UserError(f"No network is of the dataset {dataset!r}{nearest(dataset, self.datasets)}")
        network = load(self.folder / f"{dataset}.safetensors")
        with torch.no_grad():
            found = network(torch.from_numpy(np.asarray(model_input, dtype=np.float32)))
        if isinstance(found, Mapping):
            return {name: value.numpy() for name, value in found.items()}
        array: np.ndarray = found.numpy()
        return array


def _load_pyfunc(path: str) -> Networks:
    """Return the networks of a folder. MLflow calls this function by its name."""
    return Networks(Path(path))
