"""The settings file of a job holds what it reads: what each change reruns, and what it does not."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from helpers.params import GONE, read

from jointnn.errors import UserError
from jointnn.io.files import digest
from jointnn.jobs.graph import Jobs
from jointnn.jobs.identity import OLD_NAMES, identity
from jointnn.jobs.specs import Before, job_of
from jointnn.parameters.search import attempts

METHODS = ["isolated", "l2reg", "shareall", "finetune", "fedamp", "oracle"]
TOY, OF_TOY = "experiments.toy", "experiments.toy.settings"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One for all tests: digests of code are remembered by folder."""
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def settings_files(edits: Mapping | None = None) -> dict[str, str]:
    """The settings files of all jobs of the experiment `toy`, by a short name for each."""
    params, experiment = read(dict(edits or {})), "toy"
    jobs, chosen = Jobs(params), params.experiments[experiment]
    found = {f"fetch {name}": jobs.fetch(name) for name in chosen.datasets}
    size = chosen.image_size
    found |= {f"prepare {name}": jobs.prepare(name, size) for name in chosen.datasets}
    for seed in chosen.seeds:
        found[f"s{seed} start"] = jobs.initialise(experiment, seed)
        found |= {f"s{seed} {n}": jobs.train(experiment, seed, n) for n in chosen.methods if n != "joint"}
        found[f"s{seed} l2"] = jobs.l2(experiment, seed, "joint")
        found[f"s{seed} sigma"] = jobs.sigma(experiment, seed, "joint")
        rounds = range(1, jobs.rounds(experiment, "joint") + 1)
        found |= {f"s{seed} round {k}": jobs.irls(experiment, seed, "joint", k) for k in rounds}
        found[f"s{seed} evaluate"] = jobs.evaluate(experiment, seed)
    found |= {job.stage: job for job in jobs.results(experiment)}
    for seed, grid in attempts(jobs.params.experiments[experiment]).items():
        for name, points in grid.items():
            found |= {f"attempt {name} {k}": jobs.attempt(experiment, seed, name, k) for k in points}
    found["choose"] = jobs.choose(experiment)
    return {name: job.text for name, job in found.items()}


@cache
def settings_files_of_toy() -> dict[str, str]:
    """Without any edit."""
    return settings_files()


def changed(edits: Mapping) -> set[str]:
    """Names of the jobs that an edit of parameters runs again, of those that were there before."""
    before, after = settings_files_of_toy(), settings_files(edits)
    return {name for name in before.keys() & after.keys() if before[name] != after[name]}


def of_seeds(*names: str) -> set[str]:
    """The jobs of both seeds."""
    return {f"s{seed} {name}" for seed in (0, 1) for name in names}


ROUNDS = of_seeds("round 1", "round 2", "round 3")
SHOWN = {"collect", "figures"}
AFTER = of_seeds("evaluate") | SHOWN
SEARCHES = {f"attempt {name} {k}" for name in ("isolated", "joint") for k in range(2)} | {"choose"}
SEARCHES_OF_JOINT = {"attempt joint 0", "attempt joint 1", "choose"}
TRAINING = of_seeds(*METHODS, "l2", "sigma") | ROUNDS

WHAT_RERUNS = {
    "nothing": ({}, set()),
    "lambda": (
        {f"{OF_TOY}.strength": {"half_life": 5}},
        of_seeds("l2reg", "oracle", "fedamp", "l2", "sigma") | ROUNDS | AFTER | SEARCHES_OF_JOINT,
    ),
    "the scale factor": (
        {f"{OF_TOY}.scale_factor": 3},
        of_seeds("fedamp", "sigma") | ROUNDS | AFTER | {"attempt joint 0", "choose"},
    ),
    "the weighting": ({f"{OF_TOY}.weighting": "geman_mcclure"}, ROUNDS | AFTER | SEARCHES_OF_JOINT),
    "the tolerance": (
        {f"{OF_TOY}.tolerance": 0.1},
        of_seeds("fedamp") | ROUNDS | AFTER | SEARCHES_OF_JOINT,
    ),
    "the shared part of finetune": (
        {f"{OF_TOY}.shared_fraction": 0.3},
        of_seeds("finetune", "l2", "sigma") | ROUNDS | AFTER | SEARCHES_OF_JOINT,
    ),
    "the learning rate": (
        {f"{OF_TOY}.learning_rate": 0.3},
        (TRAINING - of_seeds("isolated")) | AFTER,  # it is tuned for isolated, and in both grids
    ),
    "the budget": ({f"{OF_TOY}.steps": 90}, TRAINING | AFTER | SEARCHES),
    "what is tuned for isolated": (
        {f"{TOY}.tuned.isolated": {"learning_rate": 0.5}},
        of_seeds("isolated") | AFTER,
    ),
    "what is tuned for joint": (
        {f"{TOY}.tuned.joint": {"scale_factor": 3}},
        of_seeds("sigma") | ROUNDS | AFTER,
    ),
    "the figures": ({f"{TOY}.figures": ["weights", "separation"]}, {"figures"}),
    "the round at which groups are read": ({f"{TOY}.groups_round": 2}, {"figures"}),
    "the planted groups": (
        {f"{TOY}.groups": {"some": ["first"], "other": ["second", "third"]}},
        of_seeds("oracle") | AFTER,
    ),
    "a seed": ({f"{TOY}.seeds": [0, 1, 2]}, SHOWN),
    "a method less": (
        {f"{TOY}.methods": ["isolated", "joint"], f"{TOY}.groups": None},
        AFTER | {"choose"},  # it reads groups
    ),
    "the tuning seed": ({f"{TOY}.tuning_seed": 7}, SEARCHES),
    "one point of a grid": (
        {f"{TOY}.search.isolated": [{"learning_rate": 0.01}, {"learning_rate": 0.1, "weight_decay": 0.1}]},
        {"attempt isolated 1", "choose"},
    ),
    "an unused dataset": ({"datasets.unused.pool": 10}, set()),
    "another experiment": ({"experiments.heir.settings": {"steps": 99}}, set()),
    "another preset": ({"presets.paper": {"strength": {"lambda": 1}}}, set()),
    "one dataset": (
        {"datasets.third.pool": 130},
        {"fetch third", "prepare third"} | of_seeds("start") | TRAINING | AFTER | SEARCHES,
    ),
    "the architecture's options": (
        {f"{TOY}.architecture_options": {"width": 5}},
        of_seeds("start") | TRAINING | AFTER | SEARCHES,
    ),
    "the network of one method": (
        {f"{TOY}.architecture_of": {"shareall": {"width": 5}}},
        of_seeds("shareall") | AFTER,
    ),
    "how many labels are told": (
        {f"{TOY}.labelled": {"first": 3}, f"{TOY}.task": "transfer", "experiments.heir.task": "transfer"},
        of_seeds("start") | TRAINING | AFTER | SEARCHES,
    ),
    "the size of images": (
        {f"{TOY}.image_size": 24},
        {f"prepare {name}" for name in ("first", "second", "third")}
        | of_seeds("start")
        | TRAINING
        | AFTER
        | SEARCHES,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WHAT_RERUNS)
def test_a_change_reruns_what_reads_it_and_nothing_else(name):
    edits, expected = WHAT_RERUNS[name]
    assert changed(edits) == expected


@pytest.mark.slow
def test_a_preset_reruns_what_the_experiment_takes_from_it():
    assert changed({"presets.default": {"momentum": 0.5}}) == TRAINING | AFTER | SEARCHES
    assert changed({"presets.default": {"steps": 7}}) == set()  # the experiment says otherwise


@pytest.mark.slow
def test_a_setting_written_out_as_it_is_by_default_reruns_nothing():
    same = {
        "learning_rate": 0.02,
        "momentum": 0.9,
        "rounds": 3,
        "steps": 60,
        "strength": {"half_life": 2.0},
    }
    assert changed({OF_TOY: same}) == set()


@pytest.mark.slow
def test_no_two_jobs_have_the_same_record():
    records = [job_of(json.loads(job)).record for job in settings_files().values()]
    assert len(set(records)) == len(records)


def test_a_job_of_the_search_knows_no_seed_that_is_reported_and_no_test_split():
    jobs = Jobs(read())
    for name in ("isolated", "joint"):
        job = jobs.attempt("toy", 1000, name, 1)
        assert (job.seed, job.curves, job.reads_test) == (1000, False, False)
        assert job.overrides.items() <= {"learning_rate": 0.1, "scale_factor": 2}.items()
        assert job.settings["learning_rate"] == 0.1


def test_a_point_of_the_search_is_over_the_settings_and_not_over_what_was_tuned():
    point = Jobs(read({f"{TOY}.tuned.joint": {"momentum": 0.1, "scale_factor": 9}})).attempt(
        "toy", 1000, "joint", 0
    )
    assert (point.settings["momentum"], point.settings["scale_factor"]) == (0.9, 1.0)
    assert (point.settings["learning_rate"], point.settings["steps"]) == (0.01, 60)


def test_a_network_that_knows_imagenet_has_seen_the_dogs():
    experiments = {
        "experiments.toy.datasets": ["first", "breeds", "small_dogs", "beasts"],
        "experiments.toy.groups": GONE,
        "experiments.toy.methods": ["isolated", "joint"],
        "datasets.breeds": {"source": "mirror", "path": "dogs", "of_imagenet": True},
        "datasets.small_dogs": {"source": "cifar10", "only_classes": ["cat", "dog"]},
        "datasets.beasts": {"source": "mirror", "path": "completion8", "of_imagenet": True},
        "experiments.toy.trunk": "efficientnet_lite0",
        "experiments.toy.architecture": "efficientnet_lite0_end",
        "experiments.toy.architecture_options": {},
        "experiments.toy.image_size": 96,
        "experiments.toy.channels": 3,
        "experiments.heir": GONE,
    }
    assert Jobs(read(experiments)).collect("toy").seen == ["breeds", "beasts"]
    assert Jobs(read()).collect("toy").seen == []


def test_only_the_oracle_and_the_figures_know_the_planted_groups():
    knows = {name for name, job in settings_files().items() if '"groups":' in job}
    assert knows == of_seeds("oracle") | {"figures"}


def test_an_infinite_setting_is_written_as_json_knows_it():
    corners = {
        f"{TOY}.tuned.joint": {"scale_factor": float("inf")},
        f"{OF_TOY}.strength": {"half_life": float("inf")},
    }
    for name, job in settings_files(corners).items():
        assert "Infinity" not in job.replace('"Infinity"', ""), name


def test_a_method_with_a_network_of_its_own_has_a_start_of_its_own():
    params = read({f"{TOY}.architecture_of": {"shareall": {"width": 5}}})
    jobs = Jobs(params)
    own, common = jobs.initialise("toy", 0, "shareall"), jobs.initialise("toy", 0)
    assert own.start == "runs/toy/s0/start_shareall"
    assert (own.architecture_options, common.architecture_options) == ({"width": 5}, {"width": 4})
    trained = jobs.train("toy", 0, "shareall")
    assert (trained.start, trained.architecture_options) == (own.start, {"width": 5})
    assert trained.before["start"] == Before(identity=own.identity, record=digest(json.loads(own.text)))
    assert jobs.train("toy", 0, "isolated").start == common.start
    made = {job.folder for job in jobs.of_experiment("toy") if job.stage == "initialise"}
    assert {folder for folder in made if "/s0/" in folder} == {own.start, common.start}
    records = {job.record for job in (own, common, jobs.search_start("toy", 7, "shareall"))}
    assert len(records) == 3


def test_code_is_in_records_and_in_no_identity(monkeypatch):
    """A moved file makes a job run again, and no network foreign."""
    before = {name: json.loads(text) for name, text in settings_files().items()}
    monkeypatch.setattr("jointnn.jobs.graph.code_digests", lambda *_: {"elsewhere.py": "another"})
    after = {name: json.loads(text) for name, text in settings_files().items()}
    assert all(digest(before[name]) != digest(after[name]) for name in before)
    assert {name: job["identity"] for name, job in before.items()} == {
        name: job["identity"] for name, job in after.items()
    }


def test_an_identity_knows_no_default_and_no_new_name(monkeypatch):
    """A new setting at its default, and a renamed one, leave every network what it was."""
    settings = {"stage": "train", "trunk": None, "settings": {"steps": 7, "batch_size": 32}}
    known = identity(settings, {"start": "abc"})
    assert known == identity({"stage": "train", "settings": {"steps": 7}}, {"start": "abc"})
    assert known != identity({"stage": "train", "settings": {"steps": 8}}, {"start": "abc"})
    assert known != identity(settings, {"start": "abd"})
    monkeypatch.setitem(OLD_NAMES, "updates", "steps")
    assert known == identity({"stage": "train", "settings": {"updates": 7}}, {"start": "abc"})


def test_every_job_comes_once_and_after_those_that_it_needs():
    jobs = Jobs(read())
    order = list(jobs.of_experiment("toy"))
    places = {job.record: place for place, job in enumerate(order)}
    assert len(places) == len(order)
    for job in order:
        assert all(places[other.record] < places[job.record] for other in jobs.before(job).values())
        assert job.before == {name: other.known for name, other in jobs.before(job).items()}


def test_what_a_job_reads_was_made_by_jobs_before_it_and_a_search_reads_no_test_split():
    jobs = Jobs(read())
    for job in jobs.of_experiment("toy"):
        made = {file for other in jobs.before(job).values() for file in other.outputs}
        read_by_it = jobs.inputs(job)
        assert set(read_by_it) <= made
        assert any("-test" in file for file in read_by_it) == (job.stage in ("train", "evaluate"))
        assert not any("data/prepared" in file for file in jobs.inputs(job, images=False))


def test_a_settings_file_gives_its_job_back():
    jobs = Jobs(read())
    for job in [*jobs.of_experiment("toy")]:
        again = job_of(json.loads(job.settings_text))
        assert (again, again.text, again.digest) == (job, job.text, job.digest)


def test_a_job_is_worked_out_once():
    jobs = Jobs(read())
    assert jobs.evaluate("toy", 0) is jobs.evaluate("toy", 0)
    assert jobs.before(jobs.evaluate("toy", 0))["joint"] is jobs.final("toy", 0, "joint")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (lambda jobs: jobs.irls("toy", 0, "joint", 9), "joint has the rounds 1 to 3, and no round 9"),
        (lambda jobs: jobs.l2("toy", 0, "isolated"), "isolated is trained in one job"),
        (lambda jobs: jobs.split_halves("toy", 0, "isolated"), "isolated is trained in one job"),
        (lambda jobs: jobs.train("toy", 0, "isolate"), "toy has no method 'isolate'; did you mean"),
        (lambda jobs: jobs.attempt("toy", 1000, "joint", 99), "2 points of joint, counted from 0, and no"),
    ],
    ids=range(5),
)
def test_a_job_that_no_method_has_is_refused(asked, sentence):
    with pytest.raises(UserError, match=sentence):
        asked(Jobs(read()))


def test_a_job_is_worked_out_once_whether_asked_for_by_place_or_by_name():
    jobs = Jobs(read())
    assert jobs.l2("toy", 0, "joint") is jobs.l2(experiment="toy", seed=0, method="joint")
    assert jobs.initialise("toy", 0) is jobs.initialise("toy", 0, own="", searched=False)
