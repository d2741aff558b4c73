"""params.yaml: every entry, its type, range, meaning and default; checked before anything runs.

The models below, and those of methods and datasets, are the only place where an entry is declared.
`workflow/params.schema.json` is generated from them, for editors (`python -m jointnn schema`).
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
        """Return a reference to that of MethodSettings: the first step of a chain may be one."""
        return handler(chain_schema([MethodSettings.__pydantic_core_schema__]))


Overrides = Annotated[dict[str, Any], _PartOfSettings()]
Grid = Annotated[
    Annotated[dict[str, list[Any]], Tag("grid")] | Annotated[list[dict[str, Any]], Tag("points")],
    Discriminator(lambda value: "points" if isinstance(value, list) else "grid"),
]


class ExperimentParams(Strict):
    """One experiment: its data, its network, its methods, its settings and what was chosen for each."""

    extends: Name | None = None
    """Another experiment, whose entries hold where this one names none; null takes one away,
    also within a mapping."""
    preset: Name = "default"
    """A set of settings under `presets`."""
    task: str
    """What is learned: classification, completion, generation, reconstruction, regression or transfer; or
    one's own task, package.module:name."""
    task_options: dict[str, Any] = {}
    """Passed to the task: for generation features, the ImageNet network in which images are measured."""
    measures: Annotated[list[Name], Field(min_length=1)] = ["accuracy"]
    """What tables show, by name; the first one decides the search."""
    architecture: str
    """A registered architecture, or one's own, package.module:name."""
    architecture_options: dict[str, Any] = {}
    """Passed to the architecture: widths and the like."""
    architecture_of: dict[Name, dict[str, Any]] = {}
    """Of single methods, such as `pair`: options over those. Its networks have a start of their own."""
    trunk: str | None = None
    """A frozen network that all images go through once; networks learn from its activations."""
    augmentation: str | None = None
    """What is done to training images, anew in every epoch: flip, flip_shift, inception, or one's own,
    package.module:name."""
    datasets: Annotated[list[Name], Field(min_length=2)]
    """Names under `datasets`, at least two."""
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
    tuning_seed: Annotated[int, Field(ge=0)] = 1000
    """The seed of the search. No reported number uses it."""
    further_tuning_seeds: list[Annotated[int, Field(ge=0)]] = []
    """Seeds on which the finalists of the search are tried too; then the mean over tuning seeds decides."""
    finalists: dict[Name, list[Annotated[int, Field(ge=0)]]] = {}
    """Per method the points (from 0) that were best on the tuning seed; as many for each method."""
    methods: Annotated[list[Name], Field(min_length=1)]
    """Methods in the order of the table."""
    figures: list[str] = []
    """Figures to draw, by name or as package.module:name; none: tables alone."""
    settings: Overrides = {}
    """Settings of all methods of this experiment, over the preset."""
    tuned: dict[Name, Overrides] = {}
    """Settings of one method, over those: what the search chose."""
    search: dict[Name, Grid] = {}
    """Per method a grid (setting: values) or a list of points; as many points for each method."""

    def options_of(self, method: str = "") -> dict[str, Any]:
        """Return the options of the architecture, for a method with those that are its own."""
        return self.architecture_options | self.architecture_of.get(method, {})


class SweepParams(Strict):
    """Experiments that differ in one number, seen together: a measure against that number."""

    dataset: Name
    """The dataset whose measure is drawn, or average: the mean over all datasets."""
    measure: Name = "accuracy"
    """What is drawn, one of the measures of the experiments."""
    along: Annotated[str, Field(min_length=1)]
    """What the number is, in words: the label of the horizontal axis."""
    experiments: Annotated[dict[Name, Annotated[Number, Field(ge=0)]], Field(min_length=2)]
    """Each experiment with its number; the methods are those of the first."""
    yardsticks: dict[Annotated[str, Field(min_length=1)], Number] = {}
    """Figures that others report, by their sources, as the measure itself is: 0.884 for 88.4 per cent."""


class Params(Strict):
    """The whole file."""

    default: Annotated[list[Name], Field(min_length=1)]
    """Experiments that plain `snakemake` builds."""
    paper: list[Name] = []
    """Experiments at the scale of the paper: `snakemake paper`."""
    datasets: dict[Name, DatasetParams]
    """Where images come from."""
    presets: dict[Name, Overrides]
    """Sets of settings: default, paper, authors_code."""
    experiments: dict[Name, ExperimentParams]
    """What can be run."""
    sweeps: dict[Name, SweepParams] = {}
    """Experiments that differ in one number: `snakemake sweep_NAME` shows them together."""
