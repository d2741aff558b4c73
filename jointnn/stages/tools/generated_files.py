"""Files of the repository that a command writes, and that are checked to be up to date."""

import argparse
from pathlib import Path

from jointnn.errors import UserError
from jointnn.io.files import read_text, write_atomically


def add_check(parser: argparse.ArgumentParser) -> None:
    """Declare the argument --check."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the file is out of date"
    )


def write_or_check(path: str, text: str, source: str, stage: str, check: bool) -> None:
    """Write a file, or see whether it is up to date.

    Args:
        source: its origin, for the message.
        stage: that writes it.

    Raises:
        UserError: with `check`, the file is missing or has another text.
    """
    if not check:
        write_atomically(path, text.encode())
    elif not Path(path).is_file() or read_text(path) != text:
        raise UserError(f"{path} is not that of {source}. Write it: python -m jointnn {stage}")
