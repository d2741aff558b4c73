"""schema: workflow/params.schema.json, generated from the models of params.yaml, for editors."""

import argparse

from jointnn.io.files import to_json
from jointnn.parameters.json_schema import schema
from jointnn.stages.tools.generated_files import add_check, write_or_check

PATH = "workflow/params.schema.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: python -m jointnn schema [--check]"""
    parser.description = (
        f"Write {PATH}, with which an editor completes and explains the keys of params.yaml. It is "
        "generated from the models in jointnn/parameters/schema.py: run this after a change there."
    )
    add_check(parser)


def main(arguments: argparse.Namespace) -> None:
    """Write the schema, or see whether it is up to date.

    Raises:
        UserError: with --check, the file is missing or differs from the models.
    """
    write_or_check(PATH, to_json(schema()), "jointnn/parameters/schema.py", "schema", arguments.check)
