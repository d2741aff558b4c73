"""Descriptions that MLflow shows: of an experiment, of a method, of a run whose networks can be loaded."""

import re
from collections.abc import Sequence
from pathlib import Path

from jointnn.parameters.rows import printed
from jointnn.reporting.tracking import find
from jointnn.reporting.tracking.runs import RunFiles
from jointnn.reporting.words import HARMS

REPORT = "Tables and figures of the experiment: see its artifacts."
METHOD = """\
Means over {seeds}: curves and figures have the names that they have in the runs below. What begins with \
`std/` is the standard deviation over seeds. The duration is that of the jobs of all seeds together."""
NETWORKS = """\
One network for each dataset, `networks/DATASET.safetensors`. To load one, in the folder of the project:

```python
import jointnn
network = jointnn.load("{path}")
outputs = network(images)  # {inputs}
```
"""
DOWNLOADED = """\
One network for each dataset, `networks/DATASET.safetensors`. To load one:

```python
import jointnn, mlflow
file = mlflow.artifacts.download_artifacts("runs:/{run}/{path}")
network = jointnn.load(file)
outputs = network(images)  # {inputs}
```
"""
LEFT = """\
Its networks stay in `{state}`, of {size:.0f} MB; `python -m jointnn track --networks MB` copies larger \
ones too. To write a file for each:

```sh
python -m jointnn export {experiment} --method {method} --seed {seed} --to networks
```
"""

NOT_SHOWN = "Its networks are not shown here. {why}"


def of_method(seeds: Sequence[int]) -> str:
    """Return the description of a method, by its seeds."""
    if not seeds:
        return "Means over seeds, from the table: its networks are not trained here, or not at hand."
    told = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
    return METHOD.format(seeds=told)


def harm(root: Path, experiment: str, method: str) -> str:
    """Return the table's sentences on the datasets that a method harms, a paragraph per measure, or ""."""
    table = _text(root / "results" / experiment / "table.md")
    sentence = rf"`{re.escape(printed(method))}` minus .*({HARMS} .*)"
    said, measure = [], ""
    for line in table.splitlines():
        if heading := re.match("##+ (.+)", line):
            measure = f"{heading[1]}: "
        elif found := re.search(sentence, line):
            said.append(f"\n\n{measure}{found[1]}")
    return "".join(said)


def of_experiment(root: Path, name: str, runs: Sequence[RunFiles], shown: str) -> str:
    """Return the description of an experiment: its problem, its table, the place of its page.

    Args:
        shown: the address of the artifacts of its report in MLflow; empty without one.
    """
    table = _text(root / "results" / name / "table.md")
    page = find.page(root, name)
    parts = [
        _first_paragraph(_text(page)) if page else "",
        _problem(runs[-1]) if runs else "",
        f"`snakemake {name}` makes it.",
        _tables(table),
    ]
    if shown:
        where = f" ({page.relative_to(root).as_posix()})" if page else ""
        link = f"[The page of its results]({shown}/{page.name}){where}. " if page else ""
        parts.append(f"{link}[Tables and figures]({shown}).")
    return "\n\n".join(filter(None, parts))


def _problem(run: RunFiles) -> str:
    """Return the problem of an experiment in a sentence, from the parameters of a run."""
    told = run.parameters
    count = told.get("train_images")
    images = f"{count} training images each" if count else "all their training images"
    return (
        f"Task {told.get('task')}, a network `{told.get('architecture')}` for each of "
        f"{len(run.datasets)} datasets ({', '.join(run.datasets)}), {images}."
    )


def _tables(text: str) -> str:
    """Return the tables of results without headline and list of sources."""
    return re.split(r"^Data:", text.partition("\n")[2], flags=re.MULTILINE)[0].strip()


def _first_paragraph(text: str) -> str:
    """Return the first paragraph of text on a page: no headline, comment, table or link."""
    parts = (part.strip() for part in text.split("\n\n"))
    return next((" ".join(part.split()) for part in parts if re.match(r"[A-Za-z`*]", part)), "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
