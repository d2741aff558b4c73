"""Notes of fetching on the images of an experiment, for its tables: left-out files and remarks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jointnn.data.left_out import in_words
from jointnn.io import paths
from jointnn.io.files import read_json
from jointnn.parameters.entries import labels_of

OF_CLASSES = ("one class", "rare classes")
"""Remarks that matter to tasks with classes alone."""


@dataclass(frozen=True)
class NotesOnData:
    """Notes by dataset. A dataset without any is left out.

    Attributes:
        left_out: files of the source that were not taken, in words.
        remarks: sentences that a reader must know before believing a score.
    """

    left_out: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)


def notes_on_data(experiment: str, datasets: Sequence[str], task: str) -> NotesOnData:
    """Return the notes of the datasets of an experiment.

    They come from the manifests or, where the images are not at hand, from the experiment's inventory.
    """
    notes = NotesOnData()
    has_classes = not task or labels_of(task) == "classes"
    inventory = _read(paths.inventory(experiment))
    for name in datasets:
        of = _read(f"{paths.raw(name)}/manifest.json") or inventory.get(name, {})
        if entries := of.get("left_out"):
            notes.left_out[name] = in_words(entries)
        remarks = [
            sentence
            for kind, sentence in of.get("remarks", {}).items()
            if has_classes or kind not in OF_CLASSES
        ]
        if remarks:
            notes.remarks[name] = remarks
    return notes


def _read(path: str) -> dict[str, Any]:
    found: dict[str, Any] = read_json(path) if Path(path).is_file() else {}
    return found
