"""The jobs, one frozen model per stage: the settings, files and earlier jobs that each is given.

A job's settings file is its JSON, and a copy of that, the record, lies beside its outputs. A stage gets the
model and nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, ValidationError

from jointnn.io import paths
from jointnn.io.files import SEAL, sealed, sha256, to_json
from jointnn.schema import Strict

MEMORY_ALONE = ("checkpoint_activations", "others_on_disk")
"""Settings that decide how much memory a training takes and how long, and no number that comes of it. That
is shown on the CPU; on a GPU, last bits may differ."""


class Before(Strict):
    """A job before another one, as that one knows it."""

    identity: str
    """The digest of all that decides its numbers: the networks of that job bear it."""
    record: str
    """The digest of its whole record, code included: it says what is out of date."""


class Job(Strict, ABC):
    """A job of the workflow: its settings, its code, the jobs before it. `outputs`, `log` and the like
    follow from the settings."""

    model_config = ConfigDict(use_attribute_docstrings=False)  # no schema is made of jobs

    makes_images: ClassVar[bool] = False
    """Whether its outputs are images: DVC versions none, and a job that is up to date asks for none."""
    reads_test: ClassVar[bool] = False
    """Whether it is given the test split."""
    only_looked_at: ClassVar[frozenset[str]] = frozenset()
    """Fields that its settings file has and its record has not: nothing that it writes depends on them."""

    not_passed_on: ClassVar[frozenset[str]] = frozenset()
    """Fields that its record has and jobs after it do not see: they change what it tells, and no number."""

    stage: str
    code: dict[str, str] = {}
    """Digests of the code that it runs, by file."""
    before: dict[str, Before] = {}
    """The jobs before it, by their relation to it."""
    identity: str = ""
    """The digest of all that decides its numbers: its settings and the identities before it, never code."""

    def settings_alone(self) -> dict[str, Any]:
        """Return the settings of the record, without the code and the jobs before it: no digests."""
        return {name: value for name, value in self._recorded().items() if name not in OF_CODE}

    @cached_property
    def text(self) -> str:
        """Return the content of its record."""
        return to_json(self._recorded())

    @cached_property
    def settings_text(self) -> str:
        """Return the content of its settings file: that of the record, and the fields only looked at."""
        return sealed(self._set())

    def _set(self) -> dict[str, Any]:
        return {"stage": self.stage, **self.model_dump(exclude_unset=True)}

    def _recorded(self) -> dict[str, Any]:
        return {name: value for name, value in self._set().items() if name not in self.only_looked_at}

    @cached_property
    def digest(self) -> str:
        """Return the digest of its record, as far as jobs after it see it."""
        seen = {name: value for name, value in self._recorded().items() if name not in self.not_passed_on}
        return sha256(to_json(seen).encode())[:16]

    @cached_property
    def known(self) -> Before:
        """Return the digests by which the jobs after it know it."""
        return Before(identity=self.identity, record=self.digest)

    @property
    def record(self) -> str:
        """Return the path of its record, the copy of its settings beside its outputs."""
        return f"{self.folder}/settings.json"

    @property
    def settings_file(self) -> str:
        """Return the path of its settings file, which is written before it runs."""
        return f"{paths.SETTINGS}/{self.record}"

    @property
    def rule(self) -> str:
        """Return the name of the rule of the workflow that runs it."""
        return self.stage

    @property
    def resume(self) -> str:
        """Return the folder in which it keeps its last state while it trains."""
        return paths.resume_of(self.record)

    @property
    @abstractmethod
    def folder(self) -> str:
        """Return the folder of its outputs."""

    @property
    @abstractmethod
    def made(self) -> list[str]:
        """Return its outputs besides the record and `of_test`."""

    @property
    def of_test(self) -> list[str]:
        """Return the outputs that are given only to jobs with `reads_test`."""
        return []

    @property
    def of_choice(self) -> list[str]:
        """Return the outputs that a user chooses, so that no rule of Snakemake can name them."""
        return []

    @property
    def outputs(self) -> list[str]:
        """Return all its outputs, the record last."""
        return [*self.made, *self.of_test, self.record]

    @property
    @abstractmethod
    def log_stem(self) -> str:
        """Return the path of its log and its costs, without the ending."""

    @property
    def log(self) -> str:
        """Return the path of its log."""
        return f"{self.log_stem}.log"

    @property
    def benchmark(self) -> str:
        """Return the path where Snakemake writes its costs: time [s], peak memory [MB], ..."""
        return f"{self.log_stem}.tsv"

    @property
    def gpus(self) -> int:
        """Return how many GPUs it asks for."""
        return 0


class FetchJob(Job):
    """A job that brings a dataset into the Parquet layout."""

    makes_images: ClassVar[bool] = True
    not_passed_on: ClassVar[frozenset[str]] = frozenset({"left_out"})
    stage: Literal["fetch"] = "fetch"
    dataset: str
    source: dict[str, Any]
    """An entry of the parameters, see DatasetParams."""
    source_digest: str = "absent"
    left_out: str = ""
    """The digest of the names of what its source holds and is not read."""

    @property
    def folder(self) -> str:
        return paths.raw(self.dataset)

    @property
    def made(self) -> list[str]:
        return [f"{self.folder}/{name}" for name in ("train.parquet", "manifest.json")]

    @property
    def of_test(self) -> list[str]:
        return [f"{self.folder}/test.parquet"]

    @property
    def log_stem(self) -> str:
        return f"logs/data/{self.dataset}.fetch"


class InventoryJob(Job):
    """A job that says which data an experiment learns from."""

    stage: Literal["inventory"] = "inventory"
    experiment: str
    datasets: list[str]
    left_out: dict[str, str] = {}
    """Of datasets of which something is left out: see FetchJob."""

    @property
    def folder(self) -> str:
        return paths.INVENTORIES

    @property
    def record(self) -> str:
        return f"{self.folder}/{self.experiment}.settings.json"

    @property
    def made(self) -> list[str]:
        return [paths.inventory(self.experiment)]

    @property
    def log_stem(self) -> str:
        return f"logs/data/{self.experiment}.inventory"


class _ImagesJob(Job):
    """A job that makes images, or activations of a trunk."""

    makes_images: ClassVar[bool] = True
    dataset: str
    size: int
    channels: int
    trunk: str | None = None

    @property
    def folder(self) -> str:
        return "data/prepared"

    @property
    def record(self) -> str:
        return self.made[0].replace(".safetensors", ".settings.json")

    @property
    def made(self) -> list[str]:
        return [paths.prepared(self.dataset, self.size, trunk=self.trunk)]

    @property
    def of_test(self) -> list[str]:
        return [paths.prepared(self.dataset, self.size, test=True, trunk=self.trunk)]

    @property
    def log_stem(self) -> str:
        return f"logs/data/{PurePosixPath(self.made[0]).stem}.{self.stage}"


class PrepareJob(_ImagesJob):
    """A job that decodes and resizes the images of a dataset."""

    reads_test: ClassVar[bool] = True
    stage: Literal["prepare"] = "prepare"
    trunk: None = None
    fit: str
    mirrored: bool


class ActivationsJob(_ImagesJob):
    """A job that sends the images of a dataset through a frozen trunk."""

    reads_test: ClassVar[bool] = True
    stage: Literal["activations"] = "activations"
    trunk: str


class ProblemJob(Job):
    """Data and network of an experiment, or of a method with a network of its own."""

    experiment: str
    seed: int
    datasets: list[str]
    size: int
    channels: int
    trunk: str | None
    train_images: int | None
    validation_images: int
    architecture: str
    architecture_options: dict[str, Any]
    labelled: dict[str, int]
    architecture_of: dict[str, dict[str, Any]] = {}
    """Options of single methods, over those."""

    def options_of(self, method: str) -> dict[str, Any]:
        """Return the options of the architecture for the network of a method."""
        return {**self.architecture_options, **self.architecture_of.get(method, {})}


class Method(Strict):
    """A method that is to train networks."""

    plan: str
    settings: dict[str, Any]
    groups: dict[str, list[str]] | None = None
    shared_blocks: int = 0


class Purpose(Strict):
    """Use of networks: their task, and the methods that are to train them."""

    task: str
    task_options: dict[str, Any]
    augmentation: str | None
    methods: dict[str, Method]
    """By the row of the table, or by that and a point of the search."""


class InitialiseJob(ProblemJob):
    """The start of a seed, the same parameters for every network."""

    only_looked_at: ClassVar[frozenset[str]] = frozenset({"purpose"})
    stage: Literal["initialise"] = "initialise"
    start: str
    """Its folder."""
    purpose: Purpose | None = None
    """The use of its networks, by which they are checked before anything is trained."""

    @property
    def rule(self) -> str:
        return "initialise_search" if self.start.startswith("search/") else "initialise"

    @property
    def folder(self) -> str:
        return self.start

    @property
    def made(self) -> list[str]:
        return [paths.state(self.folder)]

    @property
    def log_stem(self) -> str:
        return paths.log_stem(self.folder)


class TrainingJob(ProblemJob):
    """A job that trains."""

    only_looked_at: ClassVar[frozenset[str]] = frozenset({"processes"})
    groups: dict[str, list[str]] | None = None
    shared_blocks: int = 0
    start: str
    """The folder of the common start of its seed, or of the start that its method has for itself."""
    method: str
    """The row of the table that it trains."""
    plan: str
    """The method by which it trains."""
    task: str
    task_options: dict[str, Any]
    settings: dict[str, Any]
    """Of the method: those that it reads."""
    augmentation: str | None
    curves: bool
    """Whether the test split is measured along training."""
    until: str = ""
    """The phase of its method that it ends with; none: the last."""
    round: int | None = None
    """The IRLS round that it is, where it is one."""
    processes: int = 1
    """How many share its networks: it decides no number, and a killed job can go on with another."""

    def _recorded(self) -> dict[str, Any]:
        """Return the content of its record. Settings of memory alone are off there, whatever they are.

        So a job that found too little memory goes on under others, and what is trained stays as it is.
        """
        recorded = super()._recorded()
        off = {key: False for key in MEMORY_ALONE if key in self.settings}
        return {**recorded, "settings": {**recorded["settings"], **off}}

    @property
    def begins_at(self) -> str:
        """Return the folder of the state that it begins with."""
        return self.start

    @property
    def purpose(self) -> Purpose:
        """Return the use of its networks."""
        method = Method(
            plan=self.plan,
            settings=self.settings,
            groups=self.groups,
            shared_blocks=self.shared_blocks,
        )
        return Purpose(
            task=self.task,
            task_options=self.task_options,
            augmentation=self.augmentation,
            methods={self.method: method},
        )

    @property
    def learners(self) -> dict[str, str]:
        """Return the networks that it trains, in order, each with the dataset that it learns."""
        return {name: name for name in self.datasets}

    @property
    def threads(self) -> int:
        """Return the number of threads on the CPU, of all its processes."""
        return int(self.settings["threads"]) * self.processes

    @property
    def gpus(self) -> int:
        return gpus_of(self.settings["device"]) * self.processes


class TrainJob(TrainingJob):
    """A job from a state to a later one: an L2 start (5), one IRLS round, or a whole method."""

    reads_test: ClassVar[bool] = True
    stage: Literal["train"] = "train"

    @property
    def begins_at(self) -> str:
        """Return the folder of the start, or of the phase before a round."""
        if self.round is None:
            return self.start
        return paths.round_(self.experiment, self.seed, self.method, self.round - 1)

    @property
    def rule(self) -> str:
        """Return `train`, or `l2` or `irls` for a phase of a method with rounds."""
        return ("l2" if self.round is None else "irls") if self.until else "train"

    @property
    def sigma(self) -> str:
        """Return the file of the scales with which a round weighs distances."""
        return paths.sigma(self.experiment, self.seed, self.method)

    @property
    def folder(self) -> str:
        """Return the folder of its method, or of its phase in there."""
        if not self.until:
            return paths.method(self.experiment, self.seed, self.method)
        return paths.round_(self.experiment, self.seed, self.method, self.round or 0)

    @property
    def made(self) -> list[str]:
        """Return the files of the state, histories and distances, and for a round of its weights."""
        of_round = [] if self.round is None else ["weights.json"]
        names = ["history.csv", "test_history.csv", "distances.json", *of_round]
        return [paths.state(self.folder), *(f"{self.folder}/{name}" for name in names)]

    @property
    def log_stem(self) -> str:
        return paths.log_stem(self.folder)


class SplitHalvesJob(TrainingJob):
    """The null of a method's distances: networks of two halves of every dataset, under its L2 start."""

    stage: Literal["split_halves"] = "split_halves"
    halves: str
    """Its folder."""

    @property
    def learners(self) -> dict[str, str]:
        """Return the networks of the two halves of each dataset, one after the other.

        No dataset has a dot in its name.
        """
        return {f"{dataset}.{half}": dataset for dataset in self.datasets for half in (1, 2)}

    @property
    def folder(self) -> str:
        return self.halves

    @property
    def distances(self) -> str:
        """Return the file of the distances between all halves."""
        return f"{self.folder}/distances.json"

    @property
    def ratios(self) -> str:
        """Return the file of the distances of datasets in units of that null."""
        return f"{self.folder}/ratios.json"

    @property
    def made(self) -> list[str]:
        return [self.ratios, self.distances, f"{self.folder}/history.csv"]

    @property
    def log_stem(self) -> str:
        return paths.log_stem(self.folder)


class TrialJob(TrainingJob):
    """A trial of a scale: the first IRLS round under it, measured on validation, its networks not kept."""

    only_looked_at: ClassVar[frozenset[str]] = TrainingJob.only_looked_at | {"trial"}
    stage: Literal["trial"] = "trial"
    trial: str
    """Its folder."""
    number: int
    """Of the scale factors that are tried, counted from 1."""
    measures: list[str]
    """The one that decides."""

    @property
    def begins_at(self) -> str:
        """Return the folder of the L2 start, or of the start where the L2 start is no job."""
        return paths.round_(self.experiment, self.seed, self.method, 0) if self.round else self.start

    @property
    def folder(self) -> str:
        return self.trial

    @property
    def result(self) -> str:
        """Return the file of its result on validation."""
        return paths.reached(self.folder)

    @property
    def made(self) -> list[str]:
        return [self.result]

    @property
    def log_stem(self) -> str:
        return paths.log_stem(self.folder)


class SigmaJob(Job):
    """The scale of each block, 4.2.1."""

    stage: Literal["sigma"] = "sigma"
    experiment: str
    seed: int
    method: str
    settings: dict[str, Any]

    @property
    def sigma(self) -> str:
        """Return the file of the scales."""
        return paths.sigma(self.experiment, self.seed, self.method)

    @property
    def l2(self) -> str:
        """Return the folder of the L2 start."""
        return paths.round_(self.experiment, self.seed, self.method, 0)

    @property
    def halves(self) -> str:
        """Return the folder of the networks of halves, where the scales come from those."""
        return paths.halves(self.experiment, self.seed, self.method)

    @property
    def trials(self) -> list[str]:
        """Return the files of the results of the trials, where those choose the scale."""
        tried = sorted(name for name in self.before if name.startswith("trial_"))
        return [paths.reached(f"{self.folder}/{name}") for name in tried]

    @property
    def folder(self) -> str:
        return paths.method(self.experiment, self.seed, self.method)

    @property
    def record(self) -> str:
        return f"{self.folder}/sigma.settings.json"

    @property
    def made(self) -> list[str]:
        return [self.sigma]

    @property
    def log_stem(self) -> str:
        return paths.log_stem(f"{self.folder}/sigma")


class AttemptJob(TrainingJob):
    """A point of the search, on a tuning seed. It is never given the test split."""

    stage: Literal["attempt"] = "attempt"
    point: int
    overrides: dict[str, Any]
    measures: list[str]

    @property
    def folder(self) -> str:
        return str(PurePosixPath(self.made[0]).parent)

    @property
    def record(self) -> str:
        return self.made[0].replace(".json", ".settings.json")

    @property
    def result(self) -> str:
        """Return the file of its result on validation."""
        return paths.attempt(self.experiment, self.seed, self.method, self.point)

    @property
    def made(self) -> list[str]:
        return [self.result]

    @property
    def log_stem(self) -> str:
        return paths.log_stem(
            f"{paths.search_folder(self.experiment, self.seed)}/{self.method}_{self.point}"
        )


class ChooseJob(Job):
    """The choice of the search."""

    stage: Literal["choose"] = "choose"
    experiment: str
    attempts: dict[str, dict[str, list[int]]]
    """Points of each method by tuning seed."""
    grid: str
    """Digest of what the points are."""
    measures: list[str]
    groups_count: int | None
    ties: bool
    """Whether layers are chosen that `jae_found` is to tie."""
    tuning_seed: int

    @property
    def folder(self) -> str:
        return f"search/{self.experiment}"

    @property
    def made(self) -> list[str]:
        return [f"{self.folder}/{name}" for name in ("grid.csv", "choice.yaml")]

    @property
    def log_stem(self) -> str:
        return f"logs/{self.experiment}/search/choose"


class EvaluateJob(ProblemJob):
    """A job that measures every method of a seed."""

    reads_test: ClassVar[bool] = True
    stage: Literal["evaluate"] = "evaluate"
    task: str
    task_options: dict[str, Any]
    device: str
    runs: dict[str, str]
    """The folder of each method's networks."""

    @property
    def folder(self) -> str:
        return f"results/{self.experiment}/s{self.seed}"

    @property
    def made(self) -> list[str]:
        return [
            f"{self.folder}/{name}" for name in ("metrics.csv", "measures.json", "evidence.safetensors")
        ]

    @property
    def log_stem(self) -> str:
        return f"logs/{self.experiment}/s{self.seed}/evaluate"

    @property
    def gpus(self) -> int:
        return gpus_of(self.device)


class CollectJob(Job):
    """All seeds of an experiment in tables."""

    stage: Literal["collect"] = "collect"
    experiment: str
    methods: list[str]
    datasets: list[str]
    seeds: list[int]
    measures: list[str]
    """A table for each."""
    reference: list[str] = []
    """Methods that are no competitors."""
    selection: str = ""
    sources: dict[str, str] = {}
    seen: list[str] = []
    corners: dict[str, str] = {}
    """Rows that are another method under the name of `joint`, and which one."""
    task: str = ""
    features: str | None = None
    generated: int | None = None
    left_out: dict[str, str] = {}
    """Of datasets of which something is left out: see FetchJob."""

    @property
    def folder(self) -> str:
        return f"results/{self.experiment}"

    @property
    def made(self) -> list[str]:
        """Return the files of the tables, and of the means for DVC, apart from them."""
        names = ("metrics.csv", "summary.csv", "table.md", "table.tex")
        return [*(f"{self.folder}/{name}" for name in names), paths.metrics(self.experiment)]

    @property
    def log_stem(self) -> str:
        return f"logs/{self.experiment}/collect"


class FiguresJob(Job):
    """The figures of an experiment."""

    stage: Literal["figures"] = "figures"
    experiment: str
    methods: list[str]
    datasets: list[str]
    seeds: list[int]
    measures: list[str]
    rounds: dict[str, int] = {}
    """Of each method whose rounds are jobs of their own, how many there are."""
    groups: dict[str, list[str]] | None = None
    groups_round: int | None = None
    size: int | None = None
    figures: list[str]
    tried: list[str] = []
    """Methods that choose a scale by trials."""

    @property
    def folder(self) -> str:
        return f"results/{self.experiment}/figures"

    @property
    def of_choice(self) -> list[str]:
        """Return the files of the figures, and the table of trials beside them."""
        drawn = [paths.figure(self.experiment, name) for name in self.figures]
        return [*drawn, *([paths.trials(self.experiment)] if self.tried else [])]

    @property
    def made(self) -> list[str]:
        return [*self.of_choice, f"{self.folder}/groups.csv", paths.curves(self.experiment)]

    @property
    def log_stem(self) -> str:
        return f"logs/{self.experiment}/figures"


class RatiosJob(Job):
    """The ratios of split halves in a table and a figure: by how much the data tell networks apart."""

    stage: Literal["ratios"] = "ratios"
    experiment: str
    method: str
    """The one under whose L2 start the halves were trained."""
    datasets: list[str]
    seeds: list[int]
    groups: dict[str, list[str]] | None = None

    @property
    def folder(self) -> str:
        return f"results/{self.experiment}/figures"

    @property
    def record(self) -> str:
        return f"{self.folder}/{paths.SPLIT_HALVES}.settings.json"

    @property
    def table(self) -> str:
        """Return the file of the ratio of each seed, layer and pair."""
        return paths.ratios(self.experiment)

    @property
    def drawing(self) -> str:
        """Return the file of the figure."""
        return paths.figure(self.experiment, paths.SPLIT_HALVES)

    @property
    def made(self) -> list[str]:
        return [self.table, self.drawing]

    @property
    def log_stem(self) -> str:
        return f"logs/{self.experiment}/ratios"


class SweepJob(Job):
    """Several experiments that differ in one number, seen together."""

    stage: Literal["sweep"] = "sweep"
    sweep: str
    dataset: str
    measure: str
    along: str
    experiments: dict[str, float]
    yardsticks: dict[str, float] = {}
    methods: list[str]
    datasets: list[str]
    seeds: list[int]
    reference: list[str] = []
    features: str | None = None
    generated: int | None = None
    selections: dict[str, str]
    seen: list[str] = []
    corners: dict[str, str] = {}

    @property
    def folder(self) -> str:
        return paths.sweep(self.sweep)

    @property
    def made(self) -> list[str]:
        return [f"{self.folder}/{name}" for name in ("summary.csv", "table.md", "curve.svg")]

    @property
    def log_stem(self) -> str:
        return f"logs/sweeps/{self.sweep}"


OF_CODE = frozenset({"code", "before", "identity"})
"""Fields of a job that are no settings of its own."""
MODELS: dict[str, type[Job]] = {
    "fetch": FetchJob,
    "inventory": InventoryJob,
    "prepare": PrepareJob,
    "activations": ActivationsJob,
    "initialise": InitialiseJob,
    "train": TrainJob,
    "split_halves": SplitHalvesJob,
    "trial": TrialJob,
    "sigma": SigmaJob,
    "attempt": AttemptJob,
    "choose": ChooseJob,
    "evaluate": EvaluateJob,
    "collect": CollectJob,
    "figures": FiguresJob,
    "ratios": RatiosJob,
    "sweep": SweepJob,
}
"""The model of each stage."""


def gpus_of(device: str) -> int:
    """Return how many GPUs a job asks for if its networks compute on `device`: 0 or 1."""
    return 0 if device == "cpu" else 1


class NoJobError(ValueError):
    """A content that is not the settings of a job."""


def job_of(content: Any) -> Job:
    """Return the job with this content of a settings file or record.

    Raises:
        NoJobError: it is none, or has other fields than a job of today.
    """
    if isinstance(content, Mapping):
        content = {name: value for name, value in content.items() if name != SEAL}
    stage = content.get("stage") if isinstance(content, Mapping) else None
    if stage not in MODELS:
        raise NoJobError("it names no stage")
    try:
        return MODELS[stage].model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise NoJobError(f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error
