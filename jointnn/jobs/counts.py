"""How many images a dataset has, where that is known before anything is trained, and what asks for more.

A dataset that is fetched says so in its manifest. One's own images can be counted before that: names of
files, lines of a list, the column of labels in a Parquet file. What was counted is kept, so that asking
again is cheap.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jointnn.data.schema import DatasetParams
from jointnn.data.selection import arrange
from jointnn.data.source import source_of
from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import keep, kept, read_json
from jointnn.jobs.specs import FetchJob
from jointnn.parameters.entries import labels_of
from jointnn.parameters.schema import ExperimentParams

KEPT = "work/counts"


@dataclass(frozen=True)
class Counts:
    """Known numbers of a dataset.

    Attributes:
        classes: names of its classes.
        numbers: names of the numbers that its labels are, where they are.
        images: how many there are that training and validation are drawn from.
        of_classes: how many of them are of each class.
    """

    classes: list[str]
    numbers: list[str]
    images: int
    of_classes: dict[str, int]


def counts_of(*jobs: FetchJob) -> dict[str, Counts]:
    """Return the known counts of datasets, by name. A dataset of which nothing is known is left out.

    Raises:
        UserError: the images that are there cannot be fetched: a class is empty, a split is missing.
    """
    before, learned, found = _kept(), {}, {}
    for job in jobs:
        digest, told = before.get(job.dataset, ["", {}])
        if digest == job.digest:
            found[job.dataset] = Counts(**told)
        elif (counts := _fetched(job) or _counted(job)) is not None:
            found[job.dataset] = counts
            learned[job.dataset] = [job.digest, asdict(counts)]
    if learned:
        keep(KEPT, _kept() | learned)
    return found


def _kept() -> dict[str, Any]:
    """Return the counts that were kept before; {} where the file is missing or damaged."""
    before = kept(KEPT)
    return before if isinstance(before, dict) else {}


def _fetched(job: FetchJob) -> Counts | None:
    """Return the counts in the manifest, if the images are those that the job would fetch; else None."""
    record = Path(job.record)
    if not record.exists() or record.read_bytes() != job.text.encode():
        return None
    try:
        manifest = read_json(f"{paths.raw(job.dataset)}/manifest.json")
        train = manifest["splits"]["train"]
        return Counts(
            classes=manifest["classes"],
            numbers=manifest.get("numbers", []),
            images=train["images"],
            of_classes=train.get("images_per_class", {}),
        )
    except (UserError, KeyError, TypeError):  # the job that reads it says what is wrong with it
        return None


def _counted(job: FetchJob) -> Counts | None:
    """Return counts from labels alone; None where files are missing or the source has no way to do so."""
    params = DatasetParams.model_validate(job.source)
    source = source_of(params)
    if source.labels is None or not source.files or not all(file.is_file() for file in source.files):
        return None
    train, _, classes = arrange(source.labels(), params, job.dataset)
    of_labels = Counter(train.labels)
    return Counts(
        classes=classes,
        numbers=params.numbers or [],
        images=len(train),
        of_classes={} if params.numbers else {name: of_labels[k] for k, name in enumerate(classes)},
    )


def check(name: str, experiment: ExperimentParams, counts: Mapping[str, Counts]) -> None:
    """Refuse numbers of images that an experiment asks for and its datasets do not have.

    Raises:
        UserError: with a line for each of them.
    """
    if lines := [f"params/experiments/{name}.yaml: {line}" for line in _too_many(experiment, counts)]:
        raise UserError("\n".join(lines))


def _too_many(experiment: ExperimentParams, counts: Mapping[str, Counts]) -> Iterator[str]:
    """Yield what is asked for and is not there, each once: of the dataset that has least."""
    validation, train = experiment.validation_images, experiment.train_images
    known = {dataset: counts[dataset] for dataset in experiment.datasets if dataset in counts}
    smallest = min(known, key=lambda dataset: known[dataset].images, default=None)
    if smallest is not None and validation + (train or 1) > known[smallest].images:
        yield (
            f"validation_images: {validation} for validation and {train or 'at least 1'} for training are "
            f"more than the {known[smallest].images} images of {smallest} that they are drawn from; lower "
            f"{'train_images or validation_images' if train else 'it'}."
        )
        return
    for dataset, count in experiment.labelled.items():
        if dataset in known and count > (most := train or known[dataset].images - validation):
            yield (
                f"labelled.{dataset}: {count} is more than its {most} images for training; lower it, or "
                "leave it out: then all have labels."
            )
    if labels_of(experiment.task) == "classes":
        used_up = {name: line for name, of in known.items() if (line := _used_up(name, of, validation))}
        if used_up:
            yield used_up[min(used_up, key=lambda name: min(known[name].of_classes.values()))]


def _used_up(dataset: str, counts: Counts, validation: int) -> str:
    """Return the sentence on a class of which validation takes every image; "" where there is none.

    Classes give one image each in turn, as far as their images last.
    """
    of_classes = counts.of_classes
    name = min(of_classes, key=of_classes.__getitem__, default=None)
    if name is None or len(of_classes) * of_classes[name] > validation:
        return ""
    least = of_classes[name]
    most = len(of_classes) * (least - 1)
    return (
        f"validation_images: {validation} leave no image to train on of the class {name!r} of {dataset}, "
        f"which has {least}: classes give one each in turn. "
        f"{f'Lower it to {most}, or add' if most else 'Add'} images of that class."
    )
