"""schema: workflow/schemas, generated from the models of parameters, for editors."""

import argparse

from jointnn.io.files import to_json
from jointnn.parameters.json_schema import FILES, schema
from jointnn.stages.tools.generated_files import add_check, write_or_check

FOLDER = "workflow/schemas"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn schema [--check]"""
    parser.description = (
        f"Write {FOLDER}, with which an editor completes and explains the keys of params.yaml and of the "
        "files in params/. They are generated from the models in jointnn/parameters/schema.py: "
        "run this after a change there."
    )
    add_check(parser)


def main(arguments: argparse.Namespace) -> None:
    """Write the schemas, or see whether they are up to date.

    Raises:
        UserError: with --check, a file is missing or differs from the models.
    """
    for kind in FILES:
        path, text = f"{FOLDER}/{kind}.schema.json", to_json(schema(kind))
        write_or_check(path, text, "jointnn/parameters/schema.py", "schema", arguments.check)
