"""Give the site the layout of the repository: a relative link that works on GitHub then works in the site.

README.md is the home page and docs/method.md stays docs/method. A file outside docs/ that a page links to,
such as a module or a test, becomes a page with its lines. So `mkdocs build --strict` refuses dead links.
"""

import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename

PAGES_AT_THE_TOP = "README.md", "CHANGELOG.md", "CONTRIBUTING.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Return the theme's files, the pages with their paths in the repository, and what they link to."""
    repository = Path(config.config_file_path).parent
    own = [repository / name for name in PAGES_AT_THE_TOP]
    own += [path for path in Path(config.docs_dir).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    result = Files(file for file in files if file.src_dir != config.docs_dir)
    for path in sorted(own):
        name = path.relative_to(repository).as_posix()
        result.append(File(name, str(repository), config.site_dir, config.use_directory_urls))
    for path in sorted(_linked(own, repository) - set(own)):
        result.append(_shown(path, path.relative_to(repository).as_posix(), config))
    return result


def _linked(pages: Iterable[Path], repository: Path) -> set[Path]:
    """Return the files and folders of the repository that some page links to."""
    targets = set()
    for page in pages:
        if page.suffix == ".md":
            for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
                targets.add((page.parent / link).resolve())
    return {path for path in targets if path.is_relative_to(repository) and path.exists()}


def _shown(path: Path, name: str, config: MkDocsConfig) -> File:
    """Return a page that shows a file with numbered lines, or the names in a folder."""
    if path.is_dir():
        names = "\n".join(inner.name for inner in sorted(path.iterdir()) if inner.name[0] not in "._")
        html = f"<!doctype html><meta charset=utf-8><title>{escape(name)}</title><pre>{escape(names)}</pre>"
    else:
        formatter = HtmlFormatter(full=True, title=name, linenos="inline", encoding="utf-8")
        html = highlight(path.read_text(encoding="utf-8"), get_lexer_for_filename(path.name), formatter)
    file = File.generated(config, name, content=html)
    file.dest_uri = f"{name}.html"
    return file
