"""Parameters: every entry, its type, range, meaning and default; checked before anything runs.

The models below, and those of methods and datasets, are the only place where an entry is declared. The
schemas in workflow/schemas are generated from them, for editors (`python -m jointnn schema`).
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, GetJsonSchemaHandler, Tag
from pydantic_core.core_schema import chain_schema

from jointnn.data.schema import DatasetParams
from jointnn.methods.settings import MethodSettings
from jointnn.schema import Count, Name, Number, Strict


class _PartOfSettings:
    """Some of the settings of a method: checked when all are put together, explained to editors at once."""

    def __get_pydantic_json_schema__(self, _: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return a reference to the schema of MethodSettings: the first step of a chain may be one."""
        return handler(chain_schema([MethodSettings.__pydantic_core_schema__]))


Overrides = Annotated[dict[str, Any], _PartOfSettings()]
Grid = Annotated[
    Annotated[dict[str, list[Any]], Tag("grid")] | Annotated[list[dict[str, Any]], Tag("points")],
    Discriminator(lambda value: "points" if isinstance(value, list) else "grid"),
]


class ExperimentFile(Strict):
    """An experiment: its data, its network, its methods, its settings. params/experiments/NAME.yaml"""

    extends: Name | None = None
    """Another experiment, whose entries, and what was chosen for it, hold where this one names none; null
    takes one away, also within a mapping."""
    preset: Name = "default"
    """A set of settings, of params/presets.yaml or under `presets` in params.yaml."""
    task: str
    """Task that networks learn: classification, completion, generation, reconstruction, regression or
    transfer; or one's own, package.module:name."""
    task_options: dict[str, Any] = {}
    """Passed to the task: for generation features, the ImageNet network in which images are measured."""
    measures: Annotated[list[Name], Field(min_length=1)] = ["accuracy"]
    """Measures that tables show, by name; the first one decides the search."""
    architecture: str
    """A registered architecture, or one's own, package.module:name."""
    architecture_options: dict[str, Any] = {}
    """Passed to the architecture: widths and the like."""
    architecture_of: dict[Name, dict[str, Any]] = {}
    """Of single methods, such as `pair`: options over those. Its networks have a start of their own."""
    trunk: str | None = None
    """A frozen network that all images go through once; networks learn from its activations."""
    augmentation: str | None = None
    """Change of training images, anew in every epoch: flip, flip_shift, inception, or one's own,
    package.module:name."""
    datasets: (
        Annotated[list[Name], Field(min_length=2)]
        | Annotated[dict[Name, DatasetParams | None], Field(min_length=2)]
    )
    """At least two: names of datasets that are known; or, for own ones, a mapping from names to where their
    images come from. They are not inherited."""
    groups: dict[Name, list[Name]] | None = None
    """Planted groups. Only `oracle` and the figures read them."""
    shared_blocks: Annotated[int, Field(ge=0)] = 2
    """Blocks that `oracle` shares across its groups."""
    groups_round: Count | None = None
    """The round at which the figures read groups (chosen on the tuning seed); none: the last."""
    image_size: Annotated[int, Field(ge=4, le=1024)] = 32
    """Pixels of a side after resizing."""
    channels: Literal[1, 3] = 3
    """1 grey, 3 colour."""
    train_images: Count | None = None
    """Images per dataset drawn for training, by seed and dataset, balanced over classes; none: all."""
    labelled: dict[Name, Annotated[int, Field(ge=0)]] = {}
    """Per dataset, training images that have labels (task: transfer), balanced over classes; none: all."""
    validation_images: Count
    """Images per dataset drawn for validation, disjoint from those for training."""
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    """Seeds of the reported numbers."""
    methods: Annotated[list[Name], Field(min_length=1)]
    """Methods in the order of the table."""
    figures: list[str] = []
    """Figures to draw, by name or as package.module:name; none: tables alone."""
    settings: Overrides = {}
    """Settings of all methods of this experiment, over the preset."""
    tuned: dict[Name, Overrides] = {}
    """Settings of one method, over those. What a search chose stands in params/chosen."""


class GridFile(Strict):
    """The search of an experiment. params/grids/NAME.yaml"""

    tuning_seed: Annotated[int, Field(ge=0)] = 1000
    """The seed of the search. No reported number uses it."""
    further_tuning_seeds: list[Annotated[int, Field(ge=0)]] = []
    """Seeds on which the finalists of the search are tried too; then the mean over tuning seeds decides."""
    search: dict[Name, Grid] = {}
    """Per method a grid (setting: values) or a list of points; as many points for each method."""


class SearchedParams(Strict):
    """How a search chose."""

    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    """Tuning seeds on whose validation splits points were compared."""
    points: Count
    """Points of each method on the first seed."""
    finalists: Annotated[int, Field(ge=0)] = 0
    """How many of them were tried on all seeds; 0: there was one seed."""
    grid: str | None = None
    """Digest of the points of all methods. None: an older search, when learning rates might differ."""
    edges: dict[Name, list[Name]] = {}
    """Per method the settings whose best value was the lowest or highest that was tried."""


class ChosenFile(Strict):
    """Choice of a search; the stage `choose` writes it. params/chosen/NAME.yaml"""

    searched: SearchedParams | None = None
    """How it was chosen."""
    groups_round: Count | None = None
    """The round at which the figures read groups."""
    tuned: dict[Name, Overrides] = {}
    """Settings of each method, over those of the experiment."""
    finalists: dict[Name, list[Annotated[int, Field(ge=0)]]] = {}
    """Per method the points (from 0) that were best on the tuning seed; as many for each method."""


class ExperimentParams(ExperimentFile, GridFile):
    """An experiment as a whole: what its files say, and those of the one that it extends."""

    datasets: Annotated[list[Name], Field(min_length=2)]
    """Names of datasets, at least two. They are not inherited."""
    searched: SearchedParams | None = None
    """How its own search chose, where there was one."""
    finalists: dict[Name, list[Annotated[int, Field(ge=0)]]] = {}
    """Per method the points (from 0) that were best on the tuning seed; as many for each method."""
    chosen_in: dict[Name, Name] = {}
    """Of each method whose settings a search chose, the experiment of that search."""

    def options_of(self, method: str = "") -> dict[str, Any]:
        """Return the options of the architecture, with those of a method over them."""
        return self.architecture_options | self.architecture_of.get(method, {})


class YardstickParams(Strict):
    """A figure that others report."""

    value: Number
    """As the measure itself is: 0.884 for 88.4 per cent."""
    source: Annotated[str, Field(min_length=1)]
    """Who reports it, in words: what tables and figures say."""


class SweepParams(Strict):
    """Experiments that differ in one number, seen together: a measure against that number.
    params/sweeps/NAME.yaml"""

    dataset: Name
    """The dataset whose measure is drawn, or average: the mean over all datasets."""
    measure: Name = "accuracy"
    """Measure that is drawn, one of those of the experiments."""
    along: Annotated[str, Field(min_length=1)]
    """Meaning of the number, in words: the label of the horizontal axis."""
    experiments: Annotated[dict[Name, Annotated[Number, Field(ge=0)]], Field(min_length=2)]
    """Each experiment with its number; the methods are those of the first."""
    yardsticks: dict[Name, YardstickParams] = {}
    """Figures that others report, by short names."""


class TopFile(Strict):
    """List of what is run, and of what is yours. params.yaml"""

    default: Annotated[list[Name], Field(min_length=1)]
    """Experiments that plain `snakemake` builds."""
    experiments: dict[Name, Name] = {}
    """Experiments that DVC makes and versions, each with the one that it extends, or its own name again."""
    sweeps: dict[Name, Name] = {}
    """Sweeps that DVC makes and versions, each with its own name again."""
    datasets: dict[Name, DatasetParams] = {}
    """Your datasets that several experiments have in common."""
    presets: dict[Name, Overrides] = {}
    """Your sets of settings."""


class Params(Strict):
    """All parameters: params.yaml and the files in params/."""

    default: Annotated[list[Name], Field(min_length=1)]
    """Experiments that plain `snakemake` builds."""
    paper: list[Name] = []
    """Experiments at the scale of the paper: `snakemake paper`."""
    datasets: dict[Name, DatasetParams]
    """Where images come from."""
    presets: dict[Name, Overrides]
    """Sets of settings: default, paper, authors_code."""
    experiments: dict[Name, ExperimentParams]
    """Experiments that can be run."""
    sweeps: dict[Name, SweepParams] = {}
    """Experiments that differ in one number: `snakemake sweep_NAME` shows them together."""
    versioned: list[Name] = []
    """Experiments that params.yaml names for DVC."""
    versioned_sweeps: list[Name] = []
    """Sweeps that it names."""
