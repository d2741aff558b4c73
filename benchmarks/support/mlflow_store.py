"""The view of a person on a store of MLflow: runs and their content, without ids and times of import.

Nor do tags count by which an import knows what it has imported: MLflow hides them, and ids are in them.
"""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

PARTS = {
    "params": "SELECT key, value FROM params WHERE run_uuid = ?",
    "metrics": "SELECT key, step, value, is_nan FROM metrics WHERE run_uuid = ?",
    "last values": "SELECT key, step, value, is_nan FROM latest_metrics WHERE run_uuid = ?",
    "tags": "SELECT key, value FROM tags WHERE run_uuid = ? AND key NOT LIKE 'mlflow.jointnn.%'",
    "datasets": "SELECT d.name, d.digest FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id"
    " WHERE i.destination_id = ?",
}
RUNS = (
    "SELECT r.run_uuid, r.name, r.status, r.end_time - r.start_time, r.artifact_uri, e.name FROM runs r"
    " JOIN experiments e ON e.experiment_id = r.experiment_id WHERE r.lifecycle_stage = 'active'"
)
OWN = re.compile(r"(model_uuid|utc_time_created|artifact_path)\W+[^,\n]*")
"""Values that MLflow draws anew for each model."""


def seen(database: Path) -> dict[str, Any]:
    """Return the runs by experiment and name, each with its status, parts and files."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(RUNS).fetchall()
        names = {row[0]: f"{row[5]}/{row[1]}" for row in rows}
        found: dict[str, Any] = {}
        for identity, _, status, lasts, place, _ in rows:
            parts: dict[str, Any] = {"status": status, "lasts": lasts}
            for part, query in PARTS.items():
                held = sorted(map(repr, connection.execute(query, (identity,))))
                parts[part] = [_named(line, names) for line in held]
            folder = Path(unquote(urlparse(place).path))
            files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
            parts["files"] = {
                path.relative_to(folder).as_posix(): _named(path.read_text("latin-1"), names)
                for path in files
                if not path.name.startswith(".")  # of a call that was killed while it wrote
            }
            name = names[identity]
            while name in found:
                name += " again"
            found[name] = parts
    return found


def _named(text: str, names: dict[str, str]) -> str:
    for identity, name in names.items():
        text = text.replace(identity, name)
    return OWN.sub("", text)
