"""The dataset card of the Hugging Face Hub: README.md beside Parquet files, which may name the classes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from jointnn.errors import UserError, one_line
from jointnn.io.yaml import from_yaml

CARD = "README.md"
FENCE = "---"


def card_of(folder: Path) -> Path | None:
    """Return the card of a folder of Parquet files: in it, or around its `data/`, as on the Hub."""
    for near in [folder, *([folder.parent] if folder.name == "data" else [])]:
        names = [
            CARD,
            *sorted(path.name for path in near.glob("*.md") if path.name.lower() == CARD.lower()),
        ]
        for name in names:
            if (near / name).is_file():
                return near / name
    return None


def class_names_in(card: Path) -> list[str] | None:
    """Return the names that a card gives the values of `label`; None where it names none.

    Raises:
        UserError: it names them for several configurations, and not alike.
    """
    found = list(_names_in(_front_matter(card), card))
    if other := next((names for names in found if names != found[0]), None):
        raise UserError(
            f"{card} names the classes of {len(found)} configurations, and not alike: {found[0][:3]} and "
            f"{other[:3]}. Give the right ones with `classes`."
        )
    return found[0] if found else None


def label_meaning_in(card: Path) -> str:
    """Return what a card says of classes, as a text that changes with that alone."""
    try:
        values = _front_matter(card)
    except UserError as error:
        return str(error)
    told = values.get("dataset_info") if isinstance(values, dict) else None
    return json.dumps(told, sort_keys=True, default=str) if told else ""


def names_of_labels(names: Any, where: str) -> list[str]:
    """Return names of classes in the order of their labels: of a list, or of a mapping from labels.

    Raises:
        UserError: labels of a mapping are not 0, 1 and so on.
    """
    if not isinstance(names, dict):
        return [str(name) for name in names]
    by_label = {str(label): str(name) for label, name in names.items()}
    labels = [str(label) for label in range(len(by_label))]
    if by_label.keys() != set(labels):
        raise UserError(
            f"{where} names the classes of the labels {', '.join(sorted(by_label)[:5])}, which are not "
            "0, 1 and so on. Give the names with `classes`."
        )
    return [by_label[label] for label in labels]


def _front_matter(card: Path) -> Any:
    """Return the values at the head of a card; nothing where it is a plain text.

    Raises:
        UserError: its head is no YAML.
    """
    lines = card.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    fences = [number for number, line in enumerate(lines) if line.rstrip() == FENCE]
    if fences[:1] != [0] or len(fences) < 2:
        return {}
    try:
        return from_yaml("\n".join(lines[1 : fences[1]]))
    except YAMLError as error:
        raise UserError(
            f"{card} begins as a dataset card, and its head is no YAML: {one_line(error)}. Mend it, or "
            "give the names with `classes`."
        ) from error


def _names_in(values: Any, card: Path) -> Iterator[list[str]]:
    """Yield the names of `label` in each configuration of a card."""
    told = values.get("dataset_info") if isinstance(values, dict) else None
    for info in told if isinstance(told, list) else [told]:
        features = info.get("features") if isinstance(info, dict) else None
        for feature in features if isinstance(features, list) else []:
            if isinstance(feature, dict) and feature.get("name") == "label":
                kind = feature.get("dtype")
                of_class = kind.get("class_label") if isinstance(kind, dict) else None
                if isinstance(of_class, dict) and of_class.get("names"):
                    yield names_of_labels(of_class["names"], str(card))
