"""inventory: which data an experiment learns from, for DVC to see whether they are the same ones."""

from jointnn.io import paths
from jointnn.io.files import read_json, write_json
from jointnn.jobs.specs import InventoryJob

OF_MANIFEST = ("source", "origin", "licence", "classes", "numbers", "splits", "left_out", "remarks")


def run(job: InventoryJob) -> None:
    """Write data/inventories/<experiment>.json: sources, counts and digests of content."""
    manifests = {name: read_json(f"{paths.raw(name)}/manifest.json", "splits") for name in job.datasets}
    write_json(
        job.made[0],
        {name: {key: of[key] for key in OF_MANIFEST if key in of} for name, of in manifests.items()},
    )
