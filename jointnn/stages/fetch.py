"""fetch: a dataset from its source into Parquet files, every image checked, and a manifest."""

from collections import Counter
from typing import Any

from jointnn.data.digests import ABSENT, digests_of_files, source_digest
from jointnn.data.images import decode
from jointnn.data.parquet import to_parquet
from jointnn.data.schema import DatasetParams
from jointnn.data.selection import arrange
from jointnn.data.source import Images, source_of
from jointnn.errors import UserError
from jointnn.io import files, paths
from jointnn.jobs.specs import FetchJob


def run(job: FetchJob) -> None:
    """Write data/raw/<dataset>/{train,test}.parquet and, last, manifest.json.

    Raises:
        UserError: a damaged image, a wrong label, an empty class, a missing split, a path that
            leads outside, a part or labelling that does not fit; always with the name of the file.
    """
    name, params = job.dataset, DatasetParams.model_validate(job.source)
    source = source_of(params)
    train, test, classes = arrange(source.read(), params, name)
    _check_source(name, params, job.source_digest)
    for images in (train, test):
        for content, place in zip(images.content, images.places, strict=True):
            decode(content, place)
    splits = {}
    for split, images in {"train": train, "test": test}.items():
        content = to_parquet(images, classes, params.numbers or ())
        files.write_atomically(f"{paths.raw(name)}/{split}.parquet", content)
        splits[split] = _describe(images, classes, params.numbers or []) | {"sha256": files.sha256(content)}
    manifest = {
        "dataset": name,
        "source": params.model_dump(exclude_defaults=True),
        "origin": source.origin,
        "licence": source.licence,
        "classes": classes,
        "splits": splits,
        "source_files": digests_of_files(source),
    }
    if params.numbers:
        manifest["numbers"] = params.numbers
    files.write_json(f"{paths.raw(name)}/manifest.json", manifest)


def _describe(images: Images, classes: list[str], numbers: list[str]) -> dict[str, Any]:
    """Return counts of a split, in all and per class, or how far its numbers reach."""
    if numbers:
        columns = zip(numbers, zip(*images.numbers, strict=True), strict=True)
        return {"images": len(images), "numbers": {name: [min(of), max(of)] for name, of in columns}}
    counts = Counter(images.labels)
    return {
        "images": len(images),
        "images_per_class": {name: counts[label] for label, name in enumerate(classes)},
    }


def _check_source(name: str, params: DatasetParams, expected: str) -> None:
    """Refuse files other than those that the settings are about: the record would tell a lie."""
    if expected not in (ABSENT, source_digest(params)):
        raise UserError(
            f"{name}: the files of its source changed after the workflow was read, or this job "
            "sees another JOINTNN_MIRROR. Start snakemake again."
        )
