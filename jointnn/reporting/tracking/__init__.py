"""Runs in MLflow: imported from files, by one process at a time, as often as one likes.

One MLflow experiment per experiment; in it a run per method and, below that one, a run per seed, and one
named `report` with the tables and figures. A run of a seed is known by its key, the tag `jointnn.key`:
experiment/method/seed/digest of its settings. Nothing of MLflow's goes into the project's files, so
its store can be deleted at any time and imported again.
"""

from jointnn.reporting.tracking.importer import Imported, import_runs
from jointnn.reporting.tracking.watch import follow

__all__ = ["Imported", "follow", "import_runs"]
