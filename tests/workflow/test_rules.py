"""The rules as a person sees them: few, named by the steps of the paper, and those of the graph of jobs."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import networkx
import pytest
from helpers.engine import PARAMS, Project
from helpers.params import PROJECT

from jointnn.io.yaml import read_yaml
from jointnn.jobs import specs
from jointnn.parameters.load import read_params
from jointnn.parameters.validation import TAKEN

pytestmark = pytest.mark.slow
PICTURE = PROJECT / "docs/images/rulegraph.svg"
SVG = "{http://www.w3.org/2000/svg}"
COMPUTES = {"l2", "irls", "train", "split_halves", "trial", "attempt", "evaluate"}
MORE = """\
  searched:
    extends: tiny
    datasets: [usual, other]
    search: {isolated: {learning_rate: [0.1, 0.2]}, joint: {learning_rate: [0.1, 0.2]}}
  other:
    extends: tiny
    datasets: [usual, other]
    figures: [split_halves]
    train_images: 10
  chosen_in_its_run:
    extends: tiny
    datasets: [usual, other]
    methods: [isolated, joint]
    settings: {scale: trials}
sweeps:
  small: {dataset: other, along: images, experiments: {tiny: 20, other: 10}}
"""
ASKED = ("tiny", "other", "chosen_in_its_run", "search_searched", "sweep_small")


def snakemake(*arguments: str, cwd: Path = PROJECT) -> str:
    """Return the standard output of a call."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """Nothing made yet: an experiment, one with a search, and a sweep."""
    return Project.new(tmp_path_factory.mktemp("rules"), PARAMS + MORE)


@pytest.fixture(scope="module")
def planned(project) -> list[tuple[str, dict[str, str]]]:
    """Every job that a call would run: its rule, and what Snakemake says of it."""
    said = project.snakemake("-n", "--verbose", *ASKED)
    found = re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)*)", said, flags=re.MULTILINE)
    return [(rule, dict(re.findall(r"^ {4}(\w+): (.*)$", text, re.MULTILINE))) for rule, text in found]


def job_of(told: dict[str, str]) -> specs.Job | None:
    """The job whose settings file is an input of a rule."""
    files = told.get("input", "").split(", ")
    read = (Path(file).read_text() for file in files if file.startswith("work/settings/"))
    return next((specs.job_of(json.loads(text)) for text in read), None)


def test_there_are_at_most_twenty_rules_and_a_line_for_every_target():
    listed = snakemake("--list").splitlines()
    params = read_params(PROJECT)
    experiments, sweeps = params.experiments, params.sweeps
    names = {line.split(" ", maxsplit=1)[0] for line in listed}
    targets = {f"{kind}{name}" for kind in ("", "train_", "search_") for name in experiments}
    rules = names - targets - {f"sweep_{name}" for name in sweeps}
    assert rules >= {"fetch", "prepare", "initialise", "l2", "sigma", "irls", "train", "evaluate"}
    assert rules == TAKEN and len(rules - {"all", "paper", "track"}) <= 20  # with wildcards
    assert names >= {*experiments, *(f"train_{name}" for name in params.versioned)}
    assert len(names) == len(listed) <= 120
    assert all(re.fullmatch(r"\w+ \(.+\)", line) for line in listed)


def test_rules_write_what_the_jobs_of_the_graph_say_and_where(project, planned, monkeypatch):
    monkeypatch.chdir(project.root)
    made = [(rule, told) for rule, told in planned if "output" in told]
    assert {rule for rule, _ in made} >= COMPUTES | {"fetch", "prepare", "sigma", "choose", "sweep"}
    for rule, told in made:
        job = job_of(told)
        assert job is not None, rule
        assert set(told["output"].split(", ")) == set(job.outputs) - set(job.of_choice), rule
        assert (rule, told["log"], told["benchmark"]) == (job.rule, job.log, job.benchmark)


def test_no_job_of_a_search_has_a_test_split_among_its_inputs(planned):
    for rule, told in planned:
        if rule in ("initialise_search", "attempt", "choose", "trial"):
            assert "-test" not in told["input"]
            assert "data/prepared/" in told["input"] or rule == "choose"


def test_the_groups_of_the_profile_for_slurm_go_with_every_kind_of_experiment(project):
    groups = read_yaml(PROJECT / "profiles/slurm/config.yaml")["groups"]
    project.snakemake("-n", "--groups", *groups, "--", *ASKED)


def test_what_a_call_does_not_ask_for_is_not_worked_out(project, planned):
    assert planned
    known = {path.name for path in project.path("work/settings/runs").iterdir()}
    assert known == {"tiny", "other", "chosen_in_its_run"}
    assert {path.name for path in project.path("work/settings/search").iterdir()} == {"searched"}


def test_jobs_that_compute_networks_ask_for_a_gpu_unless_the_device_is_the_cpu(project, planned, tmp_path):
    for rule, told in planned:
        assert ("gpu=1" in told.get("resources", "")) == (rule in COMPUTES), rule
    other = project.copy(tmp_path / "other")
    other.settle(settings={"device": "cpu"})
    assert "gpu=1" not in other.snakemake("-n", "--verbose", *ASKED)


def test_names_that_params_do_not_know_are_refused_in_a_sentence(project):
    said = project.snakemake("-n", "results/tinny/table.md", fails=True)
    assert "there is no experiment 'tinny'; did you mean 'tiny'?" in said
    said = project.snakemake("-n", "data/prepared/usual-99.safetensors", fails=True)
    assert "there is no experiment with usual at 99 pixels." in said


def test_the_picture_in_the_docs_is_the_graph_of_rules_without_arrows_that_follow_from_others():
    asked = re.search(r"^GRAPH := (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    dot = snakemake(*asked[1].split(), "--rulegraph")
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', dot, re.MULTILINE))
    edges = {(names[a], names[b]) for a, b in re.findall(r"^\s*(\d+) -> (\d+)$", dot, re.MULTILINE)}
    again = {(a, b) for a, b in edges if a == b}
    edges = {*networkx.transitive_reduction(networkx.DiGraph(edges - again)).edges, *again}
    drawn, arrows = {}, set()
    for group in ElementTree.parse(PICTURE).iter(f"{SVG}g"):
        title = group.findtext(f"{SVG}title") or ""
        if group.get("class") == "node":
            drawn[title] = group.findtext(f"{SVG}text")
        elif group.get("class") == "edge":
            arrows.add(tuple(title.split("->")))
    assert set(drawn.values()) == set(names.values())
    assert {(drawn[a], drawn[b]) for a, b in arrows} == edges, "make graph"
