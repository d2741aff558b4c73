"""What is wrong in params.yaml and cannot be seen in one value alone, each with its path."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from jointnn.data.source import source_of
from jointnn.errors import UserError
from jointnn.methods.catalogue import method, plan, settings_read_by
from jointnn.methods.plan import OneNetwork, Problem
from jointnn.methods.settings import MethodSettings
from jointnn.parameters import search
from jointnn.parameters.entries import file_of, labels_of, measures_of, options_of
from jointnn.parameters.messages import lines_of
from jointnn.parameters.resolve import merged_settings, method_settings
from jointnn.parameters.schema import ExperimentParams, Params
from jointnn.parameters.validate_branches import jae_mistakes
from jointnn.parameters.validate_sweeps import sweep_mistakes
from jointnn.registry import nearest, short

RESERVED = {
    "all": "histories call the figures of the whole problem so",
    "average": "tables call the mean over datasets so",
    "nan": "tables call a missing value so",
    "null": "tables call a missing value so",
}
"""Names that no dataset can have."""
NAMED = ("task", "architecture", "trunk", "augmentation")
"""What an experiment names of a registry, under the kind's own name."""
TAKEN = {"activations", "all", "fetch", "paper", "prepare", "tidy", "track"}
"""Rules of the workflow, whose names no experiment can have."""


def mistakes(params: Params) -> Iterator[str]:
    """One line for each mistake."""
    yield from _unknown("default", params.default, params.experiments)
    yield from _unknown("paper", params.paper, params.experiments)
    yield from _dataset_mistakes(params)
    for name, preset in params.presets.items():
        yield from _wrong_settings(f"presets.{name}", preset)
    yield from _channel_mistakes(params)
    for name, experiment in params.experiments.items():
        if name in TAKEN:
            yield f"experiments.{name}: a rule of the workflow has this name; choose another one."
        yield from _experiment_mistakes(f"experiments.{name}", name, experiment, params)
    yield from sweep_mistakes(params)


def _dataset_mistakes(params: Params) -> Iterator[str]:
    for name, dataset in params.datasets.items():
        if name in RESERVED:
            yield f"datasets.{name}: {RESERVED[name]}; choose another name."
        try:
            file_of("dataset", dataset.source)  # a mistake in one's own is said by its line
            source_of(dataset)
        except UserError as error:
            yield f"datasets.{name}: {error}"


def _experiment_mistakes(at: str, name: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    yield from _wrong_names(at, experiment, params)
    yield from _wrong_labels(at, experiment, params)
    yield from _wrong_measures(at, experiment)
    yield from _wrong_groups(at, experiment)
    yield from _wrong_counts(at, experiment, params)
    yield from jae_mistakes(at, name, experiment, params)
    parts = {"settings": experiment.settings}
    parts |= {f"tuned.{chosen}": settings for chosen, settings in experiment.tuned.items()}
    # Whether settings fit together is asked of the whole, below.
    broken = [
        line for key, part in parts.items() for line in _wrong_settings(f"{at}.{key}", part, alone=False)
    ]
    yield from broken
    for chosen, settings in experiment.tuned.items():
        yield from _unread(f"{at}.tuned.{chosen}", chosen, settings)
    if (
        not broken
        and experiment.preset in params.presets
        and not list(_preset_mistakes(experiment, params))
    ):
        wrong = list(_wrong_methods(at, name, experiment, params))
        yield from wrong or _wrong_search(f"{at}.search", name, experiment, params)
        yield from _wrong_finalists(at, experiment)


def _preset_mistakes(experiment: ExperimentParams, params: Params) -> Iterator[str]:
    return _wrong_settings("", params.presets[experiment.preset])


def _wrong_names(at: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    yield from _unknown(f"{at}.preset", [experiment.preset], params.presets)
    yield from _unknown(f"{at}.datasets", experiment.datasets, params.datasets)
    for key in ("methods", "tuned", "search"):
        yield from _unknown(f"{at}.{key}", list(getattr(experiment, key)), method)
    for key in ("datasets", "methods", "seeds", "figures"):
        entries = getattr(experiment, key)
        # Figures are files under their own names, whatever module they are from.
        for entry, count in Counter(map(short, entries) if key == "figures" else entries).items():
            if count > 1:
                yield f"{at}.{key}: {entry!r} stands here {count} times; once is enough."
    named = [(kind, kind, getattr(experiment, kind)) for kind in NAMED if getattr(experiment, kind)]
    for key, kind, entry in [*named, *(("figures", "figure", figure) for figure in experiment.figures)]:
        try:
            file_of(kind, entry)
        except UserError as error:
            yield f"{at}.{key}: {error}"
            continue
        options = options_of(kind, entry) if kind in ("architecture", "task") else None
        if options is not None:
            yield from _unknown(
                f"{at}.{kind}_options", list(getattr(experiment, f"{kind}_options")), options
            )
    if experiment.trunk and experiment.augmentation:
        yield f"{at}.augmentation: images go through the trunk once and cannot change; drop one of the two."


def _wrong_measures(at: str, experiment: ExperimentParams) -> Iterator[str]:
    """Measures that the task cannot give, as far as its source tells."""
    try:
        known = measures_of(experiment.task)
    except UserError:  # an unknown task, which is said elsewhere
        return
    for name in experiment.measures:
        if known is not None and name not in known:
            yield f"{at}.measures: {experiment.task} does not measure {name!r}{nearest(name, known)}"


def _wrong_labels(at: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    """Datasets whose labels are numbers where the task learns classes, or the other way round."""
    try:
        wanted = labels_of(experiment.task)
    except UserError:  # an unknown task, which is said elsewhere
        return
    for name in (name for name in experiment.datasets if name in params.datasets):
        numbers = params.datasets[name].numbers is not None
        if wanted == "numbers" and not numbers:
            yield (
                f"{at}.task: {experiment.task} learns numbers, but the labels of {name} are classes; name "
                f"its numbers under datasets.{name}.numbers, or choose another task."
            )
            return  # the same would be said of every dataset
        if wanted == "classes" and numbers:
            yield (
                f"{at}.task: {experiment.task} learns classes, but the labels of {name} are numbers; use "
                "task: regression."
            )
            return


def _wrong_groups(at: str, experiment: ExperimentParams) -> Iterator[str]:
    group_of: dict[str, str] = {}
    for group, members in (experiment.groups or {}).items():
        for dataset in members:
            if dataset not in experiment.datasets:
                end = nearest(dataset, experiment.datasets)
                yield f"{at}.groups.{group}: {dataset!r} is not among datasets{end}"
            elif dataset in group_of:
                yield f"{at}.groups.{group}: {dataset!r} already stands in the group {group_of[dataset]!r}."
            group_of[dataset] = group
    missing = [dataset for dataset in experiment.datasets if dataset not in group_of]
    if experiment.groups is not None and missing:
        yield f"{at}.groups: {missing[0]!r} stands in no group; each dataset needs one."
    if experiment.groups is None and "oracle" in experiment.methods:
        yield f"{at}.methods: oracle needs planted groups; add `groups` to the experiment or drop it."


def _wrong_counts(at: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    tuning = {
        "tuning_seed": [experiment.tuning_seed],
        "further_tuning_seeds": experiment.further_tuning_seeds,
    }
    for key, seeds in tuning.items():
        if reported := sorted(set(seeds) & set(experiment.seeds)):
            yield (
                f"{at}.{key}: {reported[0]} is also among seeds, whose numbers are reported; "
                "choose another one."
            )
    if experiment.tuning_seed in experiment.further_tuning_seeds:
        yield f"{at}.further_tuning_seeds: {experiment.tuning_seed} is the tuning seed already."
    asked = (experiment.train_images or 1) + experiment.validation_images
    known = {name: params.datasets[name].pool for name in experiment.datasets if name in params.datasets}
    pools = {name: pool for name, pool in known.items() if pool is not None}
    smallest = min(pools, key=lambda name: pools[name], default=None)
    if smallest is not None and pools[smallest] < asked:
        yield (
            f"{at}.train_images: {experiment.train_images or 'at least 1'} for training and "
            f"{experiment.validation_images} for validation are more than datasets.{smallest}.pool, "
            f"{pools[smallest]}; lower them or raise it."
        )


def _channel_mistakes(params: Params) -> Iterator[str]:
    """A prepared file is named by dataset and size, so its users must agree on its channels."""
    seen: dict[tuple[str, int], tuple[str, int]] = {}
    for name, experiment in params.experiments.items():
        for dataset in experiment.datasets:
            key = (dataset, experiment.image_size)
            other, channels = seen.setdefault(key, (name, experiment.channels))
            if channels != experiment.channels:
                yield (
                    f"experiments.{name}.channels: {experiment.channels}, but {other} uses {dataset} at "
                    f"{experiment.image_size} pixels with {channels}; declare it under a second name."
                )
                break


def _wrong_methods(at: str, name: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    """Settings of each method as a whole. A line that several methods share is one line."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    # The workflow asks for the rounds of joint, whether it is among the methods or not.
    for chosen in dict.fromkeys([*experiment.methods, *experiment.tuned, "joint"]):
        if chosen not in method:
            continue
        lines = list(_wrong_settings("", merged_settings(params, name, chosen)))
        for line in lines or _wrong_plan(chosen, experiment, method_settings(params, name, chosen)):
            found[line].append(chosen)
    for line, names in found.items():
        yield f"{at} ({', '.join(names)}): {line}"
    if not found and experiment.groups_round is not None:
        rounds = method_settings(params, name, "joint").rounds
        if experiment.groups_round > rounds:
            yield f"{at}.groups_round: {experiment.groups_round} is more than the {rounds} rounds of joint."


def _wrong_plan(name: str, experiment: ExperimentParams, settings: MethodSettings) -> Iterator[str]:
    """A budget that is too small for the parts of a method."""
    if name == "oracle":  # needs groups, which are looked at elsewhere; one part
        return
    layers = [2]  # how many makes no difference to the steps
    phases = plan(name, Problem(experiment.datasets, layers), settings).phases
    if any(
        phase.steps < 1
        for phase in phases
        if not isinstance(phase.coupling, OneNetwork) and phase.name != "apart"
    ):
        yield (
            f"steps: {settings.steps} are too few for an L2 start and {settings.rounds} rounds; raise "
            "steps, or lower rounds or l2_fraction."
        )


def _wrong_finalists(at: str, experiment: ExperimentParams) -> Iterator[str]:
    """Finalists that are no points of the grid, or not as many for each method."""
    yield from _unknown(f"{at}.finalists", list(experiment.finalists), experiment.search)
    for name, points in experiment.finalists.items():
        count = len(search.points(experiment, name))
        for point in points:
            if name in experiment.search and point >= count:
                yield f"{at}.finalists.{name}: {point} is none of the {count} points from 0."
    sizes = {name: len(experiment.finalists.get(name, [])) for name in experiment.search}
    if experiment.further_tuning_seeds and len(set(sizes.values())) > 1:
        shown = ", ".join(f"{name} {size}" for name, size in sizes.items())
        yield f"{at}.finalists: every method needs the same number of finalists, but there are {shown}."


def _wrong_search(at: str, name: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    """Points that are no settings, and grids of unequal size, which would starve some method."""
    sizes = {chosen: len(search.points(experiment, chosen)) for chosen in experiment.search}
    for chosen in sizes:
        said: set[str] = set()
        for number, point in enumerate(search.points(experiment, chosen)):
            here = f"{at}.{chosen} (point {number})"
            if chosen in method:
                wrong = [*_wrong_settings("", merged_settings(params, name, chosen, point))]
                for line in [*wrong, *_unread("", chosen, point)]:
                    if line not in said:
                        yield f"{here}: {line}"
                    said.add(line)
    for chosen in (chosen for chosen, size in sizes.items() if not size):
        yield f"{at}.{chosen}: there are no points; give each setting at least one value, or drop it."
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{chosen} {size}" for chosen, size in sizes.items())
        yield f"{at}: every method needs the same number of points, but there are {shown}."


def _unread(at: str, name: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Settings that are chosen for a method, but that it does not read."""
    read = settings_read_by(name).model_fields if name in method else MethodSettings.model_fields
    for key in settings:
        if key in MethodSettings.model_fields and key not in read:
            yield f"{at}.{key}: {name} does not read this setting; leave it out.".removeprefix(".")


def _wrong_settings(at: str, settings: dict[str, Any], alone: bool = True) -> Iterator[str]:
    """Mistakes in a set of settings.

    Args:
        alone: whether they must fit together, too.
    """
    try:
        MethodSettings.model_validate(settings)
    except ValidationError as error:
        if not alone and all(details["loc"] == () for details in error.errors()):
            return
        yield from lines_of(error, MethodSettings, settings, at)


def _unknown(at: str, names: Sequence[str], known: Mapping[str, Any] | Sequence[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"{at}: {name!r} is not known{nearest(name, known)}"
