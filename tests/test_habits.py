"""The habits around the code: the site, the hooks, the workflow on GitHub, what CONTRIBUTING.md says."""

import re
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest
from helpers.params import PROJECT

from jointnn import __version__
from jointnn.io.yaml import from_yaml

MKDOCS_WITHOUT_A_NETWORK = """
import socket

def refuse(*arguments):
    raise OSError("a build of the documentation asks the network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from mkdocs.__main__ import cli
cli()
"""


def text_of(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def build(project: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MKDOCS_WITHOUT_A_NETWORK, "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


class Loads(HTMLParser):
    """Files that a browser fetches to show a page, without those of links that a person may follow."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.found += [values[name] or "" for name in ("src", "srcset", "data", "poster") if name in values]
        if tag == "link":
            self.found.append(values["href"] or "")
        assert "mermaid" not in (values.get("class") or ""), "the theme would fetch a script for a diagram"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("documentation") / "site"
    built = build(PROJECT, folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.slow
def test_the_site_is_built_without_a_network_and_has_every_page(site):
    assert "You have several related datasets" in (site / "index.html").read_text()
    for page in (PROJECT / "docs").rglob("*.md"):
        built = site / page.relative_to(PROJECT).with_suffix(".html")
        assert built.is_file() != ("readings" in page.parts), page


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        parser = Loads()
        parser.feed(page.read_text(encoding="utf-8"))
        assert [url for url in parser.found if re.match(r"(\w+:)?//", url)] == [], page
    for sheet in site.rglob("*.css"):
        loaded = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s]+)", sheet.read_text(encoding="utf-8"))
        assert [url for url in loaded if re.match(r"(\w+:)?//", url)] == [], sheet


@pytest.mark.slow
def test_the_api_page_explains_the_functions_of_its_modules(site):
    page = (site / "docs/api.html").read_text(encoding="utf-8")
    for module in re.findall(r"^::: ([\w.]+)$", text_of("docs/api.md"), re.MULTILINE):
        assert re.search(rf'id="{re.escape(module)}[."]', page), f"{module} has nothing to show"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("link", "refusal"),
    [
        ("own.py", ""),
        ("gone.py", "a link 'gone.py', but the target is not found"),
        ("docs/a.md#b", ""),
        ("docs/a.md#c", "does not contain an anchor '#c'"),
    ],
)
def test_a_link_to_what_is_not_there_ends_the_build(tmp_path, link, refusal):
    for name in ("docs", "jointnn"):
        (tmp_path / name).mkdir()
    shutil.copy(PROJECT / "docs/hooks.py", tmp_path / "docs")
    settings = text_of("mkdocs.yml").split("\nnav:")[0]
    pages = "README.md, CHANGELOG.md, CONTRIBUTING.md, docs/a.md"
    (tmp_path / "mkdocs.yml").write_text(f"{settings}\nnav: [{pages}]\n")
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "own.py"):
        (tmp_path / name).write_text("# One\n")
    (tmp_path / "docs/a.md").write_text("# A\n\n## B\n")
    (tmp_path / "README.md").write_text(f"# Home\n\n[a link]({link})\n")
    built = build(tmp_path, tmp_path / "site")
    assert (built.returncode != 0) == bool(refusal), built.stderr
    assert refusal in built.stderr


def test_every_python_that_is_promised_runs_on_github():
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    job = from_yaml(text_of(".github/workflows/ci.yml"))["jobs"]["checks"]
    assert job["strategy"]["matrix"]["python"] == promised
    assert project["requires-python"] == f">={promised[0]}"
    for page in ("CONTRIBUTING.md", "README.md"):
        assert f"Python {', '.join(promised[:-1])} or {promised[-1]}" in text_of(page)


def test_github_runs_what_must_pass():
    jobs = from_yaml(text_of(".github/workflows/ci.yml"))["jobs"]
    assert {step["run"] for job in jobs.values() for step in job["steps"] if "run" in step} == {
        "bash .ci/run",
        "make docs",
    }


def test_hooks_are_commands_of_make_check():
    check = text_of("Makefile").split("\ncheck:")[1].split("\n\n")[0]
    commands = [line.strip() for line in check.splitlines()[1:]]
    (repository,) = from_yaml(text_of(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["entry"].removeprefix(".venv/bin/") in commands


def test_pre_commit_reads_its_hooks():
    command = [sys.executable, "-m", "pre_commit", "validate-config"]
    subprocess.run(command, cwd=PROJECT, check=True)


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_an_issue_form_asks_each_thing_once(name):
    form = from_yaml(text_of(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert form["name"] and form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids) > 0
    assert all(field["attributes"]["label"] for field in form["body"])


def test_contributing_names_targets_and_files_that_exist():
    text = text_of("CONTRIBUTING.md")
    targets = set(re.findall(r"^([\w./]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([\w./]+)", text, re.MULTILINE)) <= targets
    for name in re.findall(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|yml|yaml|cff))`", text):
        assert (PROJECT / name).is_file(), name


@pytest.mark.slow
def test_the_environment_of_make_has_the_command_by_its_name(tmp_path):
    command = Path(sys.executable).parent / "jointnn"
    told = subprocess.run([command, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "usage: jointnn " in told.stdout
    assert "Each explains itself: jointnn STAGE --help" in told.stdout
    words = [sys.executable, "-m", "jointnn", "--help"]
    told = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "usage: python -m jointnn " in told.stdout


def test_the_version_is_the_same_everywhere():
    assert tomllib.loads(text_of("pyproject.toml"))["project"]["version"] == __version__
    assert from_yaml(text_of("CITATION.cff"))["version"] == __version__
    assert f"\n## {__version__}" in text_of("CHANGELOG.md")
