"""Mistakes in parameters that no value shows alone: in names, groups and counts, each with its path."""

from collections import Counter
from collections.abc import Iterator

from jointnn.data.source import source_of
from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.methods.catalogue import IN_ROUNDS
from jointnn.parameters.entries import file_of, labels_of, measures_of, options_of
from jointnn.parameters.messages import unknown
from jointnn.parameters.rows import row_of, shown_in_rounds, trained_rows
from jointnn.parameters.schema import ExperimentParams, Params
from jointnn.parameters.validate_branches import wrong_branches
from jointnn.parameters.validate_methods import wrong_finalists, wrong_methods, wrong_search
from jointnn.parameters.validate_settings import unread, wrong_settings
from jointnn.parameters.validate_sweeps import wrong_sweeps
from jointnn.registry import nearest, short

RESERVED = {
    "all": "histories call the figures of the whole problem so",
    "average": "tables call the mean over datasets so",
    "nan": "tables call a missing value so",
    "null": "tables call a missing value so",
}
"""Names that no dataset can have."""
NAMED = ("task", "architecture", "trunk", "augmentation")
"""Kinds of registered entries that an experiment names, each under the kind's own name."""
TAKEN = {
    "activations", "all", "attempt", "choose", "collect", "evaluate", "fetch", "figures", "initialise",
    "initialise_search", "inventory", "irls", "l2", "paper", "prepare", "ratios", "sigma", "split_halves",
    "sweep", "tidy", "track", "train", "trial",
}  # fmt: skip
"""Rules of the workflow, whose names no experiment can have."""
TARGETS = ("search_", "train_")
"""Beginnings of targets that an experiment can have besides its own name."""


def wrong_parameters(params: Params) -> Iterator[str]:
    """Yield one line for each mistake."""
    yield from unknown("default", params.default, params.experiments)
    yield from unknown("paper", params.paper, params.experiments)
    yield from _wrong_datasets(params)
    for name, preset in params.presets.items():
        if "source" in preset:
            yield f"presets.{name}: this looks like a dataset; move it to `datasets`."
        else:
            yield from wrong_settings(f"presets.{name}", preset)
    yield from _wrong_channels(params)
    for name, experiment in params.experiments.items():
        if name in TAKEN:
            yield f"experiments.{name}: a rule of the workflow has this name; choose another one."
        for target in TARGETS:
            if name.startswith(target) and name.removeprefix(target) in params.experiments:
                yield (
                    f"experiments.{name}: it is what a target of {name.removeprefix(target)} is called; "
                    "choose another name."
                )
        yield from _wrong_experiment(f"experiments.{name}", name, experiment, params)
    yield from wrong_sweeps(params)


def _wrong_datasets(params: Params) -> Iterator[str]:
    for name, dataset in params.datasets.items():
        if name in RESERVED:
            yield f"datasets.{name}: {RESERVED[name]}; choose another name."
        try:
            file_of("dataset", dataset.source)  # a mistake in one's own is said by its line
            source_of(dataset)
        except UserError as error:
            yield f"datasets.{name}: {error}"


def _wrong_experiment(at: str, name: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    yield from _wrong_names(at, experiment, params)
    yield from _wrong_labels(at, experiment, params)
    yield from _wrong_measures(at, experiment)
    yield from _wrong_groups(at, experiment)
    yield from _wrong_counts(at, experiment, params)
    yield from wrong_branches(at, name, experiment, params)
    parts = {"settings": experiment.settings}
    parts |= {f"tuned.{chosen}": settings for chosen, settings in experiment.tuned.items()}
    # Whether settings fit together is asked of the whole, below.
    broken = [
        line for key, part in parts.items() for line in wrong_settings(f"{at}.{key}", part, alone=False)
    ]
    missing = list(_missing_presets(at, experiment, params))
    yield from broken + missing
    for chosen, settings in experiment.tuned.items():
        yield from unread(f"{at}.tuned.{chosen}", chosen, settings)
    if broken or missing or experiment.preset not in params.presets:
        return
    if not list(_wrong_presets(experiment, params)):
        wrong = list(wrong_methods(at, name, experiment, params))
        yield from wrong or wrong_search(f"{at}.search", name, experiment, params)
        yield from wrong_finalists(at, experiment)


def _missing_presets(at: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    """Yield rows of which the settings are those of a preset that is not there."""
    for key in ("methods", "tuned", "search"):
        for chosen in filter(trained_rows().__contains__, getattr(experiment, key)):
            if (own := row_of(chosen).preset) and own not in params.presets:
                yield (
                    f"{at}.{key}: {chosen} takes its settings from the preset {own!r}, which is not there. "
                    f"Put it back, or leave {chosen} out."
                )


def _wrong_presets(experiment: ExperimentParams, params: Params) -> Iterator[str]:
    return wrong_settings("", params.presets[experiment.preset])


def _wrong_names(at: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    yield from unknown(f"{at}.preset", [experiment.preset], params.presets)
    yield from unknown(f"{at}.datasets", experiment.datasets, params.datasets)
    for key in ("methods", "tuned", "search"):
        yield from unknown(f"{at}.{key}", list(getattr(experiment, key)), trained_rows())
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
            given = list(getattr(experiment, f"{kind}_options"))
            yield from unknown(f"{at}.{kind}_options", given, options)
    for own in experiment.figures:
        if short(own) == paths.SPLIT_HALVES != own:
            yield f"{at}.figures: {own} has the file of our {paths.SPLIT_HALVES}; give it another name."
    if paths.SPLIT_HALVES in experiment.figures and shown_in_rounds(experiment.methods) is None:
        yield (
            f"{at}.figures: {paths.SPLIT_HALVES} shows networks under the L2 start of a method with "
            f"rounds; add {' or '.join(sorted(IN_ROUNDS))} to methods, or drop it."
        )
    if experiment.trunk and experiment.augmentation:
        yield f"{at}.augmentation: images go through the trunk once and cannot change; drop one of the two."


def _wrong_measures(at: str, experiment: ExperimentParams) -> Iterator[str]:
    """Yield measures that the task cannot give, as far as its source tells."""
    try:
        known = measures_of(experiment.task)
    except UserError:  # an unknown task, which is said elsewhere
        return
    for name in experiment.measures:
        if known is not None and name not in known:
            yield f"{at}.measures: {experiment.task} does not measure {name!r}{nearest(name, known)}"


def _wrong_labels(at: str, experiment: ExperimentParams, params: Params) -> Iterator[str]:
    """Yield datasets whose labels are numbers where the task learns classes, or the other way round."""
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
    for origin in sorted(set(experiment.chosen_in.values())):
        searched = params.experiments[origin].searched
        if searched and (reported := sorted(set(searched.seeds) & set(experiment.seeds))):
            yield f"{at}.seeds: {reported[0]} is a seed of the search in {origin}; choose another one."
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


def _wrong_channels(params: Params) -> Iterator[str]:
    """Yield channels that differ: a prepared file is named by dataset and size, its users must agree."""
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
