"""The report: the pages of all experiments that were run, as one HTML file that needs no network.

Pages are those of `page`, in HTML by Python-Markdown. So tables stand in the page, captions below their
figures, and all is in the order of the results. Figures and tables of numbers are part of the file.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown import Markdown

from jointnn.io.files import read_bytes

GRAPH = Path("docs/images/rulegraph.svg")
"""The rules of the workflow, a box each: `make graph`."""
KINDS = {".svg": "image/svg+xml", ".csv": "text/csv", ".tex": "text/plain"}


@dataclass(frozen=True)
class Chapter:
    """An experiment or a sweep in the report.

    Attributes:
        page: as Markdown; its links begin in results/.
        outdated: settings that are others in params.yaml by now.
    """

    name: str
    page: str
    outdated: list[str]


def report_of(chapters: list[Chapter], missing: list[str]) -> str:
    """Return the report as HTML.

    Args:
        missing: experiments that run by default and have no results yet.
    """
    environment = Environment(
        loader=PackageLoader("jointnn.reporting.pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    parts = [_part(chapter) for chapter in chapters]
    graph = _embedded(GRAPH) if GRAPH.exists() else None
    return environment.get_template("report.html").render(parts=parts, graph=graph, missing=missing)


def _part(chapter: Chapter) -> Mapping[str, object]:
    """Return a chapter as HTML, with the names and anchors of its sections for the contents."""

    def anchor(heading: str, separator: str) -> str:
        words = re.findall(r"\w+", heading.lower())
        return separator.join([chapter.name, *words])

    reader = Markdown(
        extensions=["tables", "toc"], extension_configs={"toc": {"slugify": anchor}}, output_format="html"
    )
    made = reader.convert(chapter.page)
    made = re.sub(r'(?<=src=")([^":]+)(?=")', lambda found: _embedded(Path("results", found[1])), made)
    made = re.sub(r'<a href="([^":#]+)">', _download, made)
    made = re.sub(r"<table>.*?</table>", r'<div class="wide">\g<0></div>', made, flags=re.DOTALL)
    (title,) = reader.toc_tokens
    sections = [(section["id"], section["name"]) for section in title["children"]]
    return {
        "name": chapter.name,
        "anchor": title["id"],
        "sections": sections,
        "html": made,
        "outdated": chapter.outdated,
    }


def _download(found: re.Match[str]) -> str:
    """Return a link that saves a file of results, embedded in the page: no browser opens such files."""
    file = Path("results", found[1])
    return f'<a download="{escape(file.name)}" href="{_embedded(file)}">'


def _embedded(file: Path) -> str:
    """Return a file as a data URI."""
    content = base64.b64encode(read_bytes(file)).decode()
    return f"data:{KINDS[file.suffix]};base64,{content}"
