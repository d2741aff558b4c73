"""Code that changes no number: results are accepted once golden bytes are equal, and nothing runs again."""

import pytest
from helpers.engine import NOTHING, Project, finished

from jointnn.io.files import read_json
from jointnn.stages.tools import golden_bytes as golden


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> Project:
    """Results on a machine that has golden digests; one that has none yet is added first."""
    project = finished(tmp_path_factory)
    if golden.machine() not in read_json(project.path(str(golden.FOLDER / "digests.json"))):
        project = project.copy(tmp_path_factory.mktemp("known"))
        project.run("python", "-m", "jointnn", "golden", "--add")
        project.commit()
    return project


@pytest.mark.slow
def test_results_of_older_code_are_accepted_and_nothing_runs_again(known, tmp_path):
    project = known.copy(tmp_path)
    accept = ("python", "-m", "jointnn", "accept", "tiny", "--because", "A name alone is another.")
    assert "no results that differ" in project.run(*accept, fails=True)
    before = project.content("runs/**/*.safetensors", "results/tiny/*.csv")
    project.edit(
        "jointnn/irls/consistency.py",
        "def over_pairs(values: Tensor)",
        "def over_pairs(values: Tensor, _=0)",
    )
    assert NOTHING not in project.snakemake("-n")
    assert "the tree is dirty" in project.run(*accept, fails=True)
    project.commit()
    project.write("my_tasks.py", "")
    assert "my_tasks.py. Commit first." in project.run(*accept, fails=True)
    project.path("my_tasks.py").unlink()
    assert "arrays are the golden ones" in project.run(*accept)
    assert NOTHING in project.snakemake("-n")
    assert project.content("runs/**/*.safetensors", "results/tiny/*.csv") == before
    assert "A name alone is another." in project.path("workflow/accepted.csv").read_text()


@pytest.mark.slow
def test_other_numbers_and_other_settings_are_not_accepted(known, tmp_path):
    project = known.copy(tmp_path)
    accept = ("python", "-m", "jointnn", "accept", "tiny", "--because", "Nothing.")
    project.edit(
        "jointnn/irls/solvers.py", "2 * step_size * self.strength", "2.001 * step_size * self.strength"
    )
    project.commit()
    assert "golden arrays are others" in project.run(*accept, fails=True)
    project.edit(
        "jointnn/irls/solvers.py", "2.001 * step_size * self.strength", "2 * step_size * self.strength"
    )
    project.settle(settings={"learning_rate": 0.5})
    project.commit()
    assert "no results that differ" in project.run(*accept, fails=True)
