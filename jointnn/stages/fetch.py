"""fetch: a dataset from its source into Parquet files, every image checked, and a manifest."""

from collections import Counter
from dataclasses import replace
from typing import Any

from jointnn.data.digests import ABSENT, digests_of_files, source_digest
from jointnn.data.image_formats import further_frames
from jointnn.data.images import decode, rotated
from jointnn.data.left_out import LeftOut
from jointnn.data.parquet import to_parquet
from jointnn.data.remarks import OF_DUPLICATES, picture, remarks
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
    found = source.read()
    train, test, classes = arrange(found, params, name)
    _check_source(name, params, job.source_digest)
    said = remarks(
        train, test, (_pictures(train, found.left_out), _pictures(test, found.left_out)), classes
    )
    if params.ignore_labels or params.only_class is not None:
        said.pop("one class", "")  # is what the dataset asks for
    _refuse_duplicates(name, params, said)
    said |= found.remarks
    if found.joined:
        said["joined"] = (
            f"The source has {found.joined} images for validation. They join those for training, and "
            "validation is drawn from all of them, by seed."
        )
    sources = digests_of_files(source)  # before the first is written: a name may be none of UTF-8
    splits = {}
    for split, images in {"train": train, "test": test}.items():
        kept = _turned(images, params.rotate) if params.rotate else images
        content = to_parquet(kept, classes, params.numbers or ())
        files.write_atomically(f"{paths.raw(name)}/{split}.parquet", content)
        splits[split] = _describe(images, classes, params.numbers or []) | {"sha256": files.sha256(content)}
    manifest: dict[str, Any] = {
        "dataset": name,
        "source": params.model_dump(exclude_defaults=True),
        "origin": source.origin,
        "licence": source.licence,
        "classes": classes,
        "splits": splits,
        "source_files": sources,
    }
    if params.numbers:
        manifest["numbers"] = params.numbers
    if found.left_out:
        manifest["left_out"] = found.left_out.entries()
    if said:
        manifest["remarks"] = said
    files.write_json(f"{paths.raw(name)}/manifest.json", manifest, seal=True)
    for sentence in said.values():
        print(f"{name}: {sentence}", flush=True)  # noqa: T201
    if found.left_out:
        print(f"{name}: left out: {found.left_out}.", flush=True)  # noqa: T201


def _turned(images: Images, degrees: float) -> Images:
    """Return the images turned about their centres by `degrees`, counterclockwise."""
    named = zip(images.content, images.places, strict=True)
    return replace(images, content=[rotated(content, place, degrees) for content, place in named])


def _pictures(images: Images, left_out: LeftOut) -> list[bytes]:
    """Return the digest of each picture. Later frames of an image are counted as left out.

    Raises:
        UserError: an image is damaged.
    """
    found = []
    for content, name, place in zip(images.content, images.names, images.places, strict=True):
        found.append(picture(decode(content, place)))
        kind, more = further_frames(content)
        if more:
            left_out.add(f"of {kind}", "later pages or frames; the first of each is read", name, more)
    return found


def _refuse_duplicates(name: str, params: DatasetParams, said: dict[str, str]) -> None:
    if params.refuse == "duplicates" and (
        duplicates := [said[kind] for kind in OF_DUPLICATES if kind in said]
    ):
        raise UserError(
            f"{name}: {' '.join(duplicates)} Its `refuse: duplicates` allows none. Take them out, or leave "
            "that line out."
        )


def _describe(images: Images, classes: list[str], numbers: list[str]) -> dict[str, Any]:
    """Return the counts of a split, in all and per class, or the range of its numbers."""
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
