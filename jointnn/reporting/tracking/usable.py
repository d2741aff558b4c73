"""Whether a store of MLflow can be used, found out within seconds and said in a sentence."""

import re
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from jointnn.errors import UserError

DATABASE = "sqlite:///"
PATIENCE = 5
"""Seconds to wait for a lock, and for a server."""
REVISIONS = "store/db_migrations/versions/*.py"
AGAIN = "everything that jointnn put into it is imported again"


def database(store: str) -> str:
    """Return the file of an SQLite store; "" for a server or another kind of database."""
    return store.removeprefix(DATABASE) if store.startswith(DATABASE) else ""


def check(store: str, path: Path | None) -> None:
    """Look at a store before MLflow does, which would try for a minute or fail with a traceback.

    Args:
        store: its URI.
        path: its file, if it is one of SQLite.

    Raises:
        UserError: it is locked, damaged, of another program or of a newer MLflow; or nobody answers.
    """
    if path and path.exists():
        _check_file(store, path)
    elif store.startswith(("http://", "https://")):
        _check_server(store)


def sentence(store: str, error: str) -> str | None:
    """Return our sentence on an error that MLflow raised about a store; None for any other error."""
    for pattern, said in SENTENCES.items():
        if found := re.search(pattern, error, re.DOTALL):
            return f"The MLflow store {store} " + said.format(
                *found.groups(), store=store, version=version("mlflow"), again=AGAIN
            )
    return None


SENTENCES = {
    r"database (?:table )?is locked": (
        "is in use: another program holds it locked. Wait for it, or end it, and try again."
    ),
    r"readonly|read-only|unable to open database": "cannot be written. Choose another one (--store).",
    r"not a database|malformed": (
        "cannot be used: its file is no database, or a damaged one. Move it away; {again}."
    ),
    r"Can't locate revision": (
        "was made by a newer MLflow than the installed {version}. Update MLflow, choose another store "
        "(--store), or move the file away; {again}."
    ),
    r"out-of-date database schema": (
        "was made by an older MLflow than the installed {version}. Bring it up to date: "
        "mlflow db upgrade {store}"
    ),
    r"disk is full|No space left": "cannot be written: the disk is full. Make room and try again.",
    r"failed with exception|Connection refused|Max retries exceeded": (
        "does not answer. Start its server, or choose another store (--store)."
    ),
    r"API request to .* failed with .*?(\d+)": "refuses: error {0}. Is it a server of MLflow?",
    r"(?i)unsupported URI|could not find a registered|invalid database|database engine": (
        "cannot be used: MLflow knows no such kind. Give a file, sqlite:///mlflow.db, or a server, "
        "http://HOST:PORT."
    ),
}
"""Our sentences, by patterns of those of MLflow, SQLAlchemy and SQLite."""


def _check_file(store: str, path: Path) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")  # may it be written?
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if "alembic_version" in tables:
                made_by = [
                    name for (name,) in connection.execute("SELECT version_num FROM alembic_version")
                ]
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        said = sentence(store, str(error)) or f"The MLflow store {store} cannot be used: {error}."
        raise UserError(said) from error
    if "alembic_version" in tables and not set(made_by) <= _revisions():
        raise UserError(sentence(store, "Can't locate revision") or "")
    if tables and "experiments" not in tables:
        raise UserError(
            f"The MLflow store {store} is a database of another program. Choose another one (--store)."
        )


def _revisions() -> set[str]:
    """Return the versions of the tables that the installed MLflow knows, without importing it."""
    spec = find_spec("mlflow")
    folders = spec.submodule_search_locations if spec else None
    files = [
        file for each in folders or () for file in Path(each).glob("store/db_migrations/versions/*.py")
    ]
    texts = (file.read_text(encoding="utf-8") for file in files)
    return {
        name for text in texts for name in re.findall(r'^revision = ["\'](\w+)["\']', text, re.MULTILINE)
    }


def _check_server(store: str) -> None:
    """Ask a server for a sign of life: any answer is one."""
    try:
        with urllib.request.urlopen(f"{store.rstrip('/')}/health", timeout=PATIENCE):
            pass
    except urllib.error.HTTPError:
        pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        why = getattr(reason, "strerror", None) or reason
        raise UserError(
            f"The MLflow server {store} does not answer: {why}. Start it, or choose another one (--store)."
        ) from error
