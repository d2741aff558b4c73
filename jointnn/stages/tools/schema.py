"""schema: workflow/params.schema.json, generated from the models of params.yaml, for editors."""

import argparse
from typing import Any

from jointnn.io.files import to_json
from jointnn.methods.settings import MethodSettings
from jointnn.parameters.schema import Params
from jointnn.stages.tools.generated_files import add_check, write_or_check

PATH = "workflow/params.schema.json"


def schema() -> dict[str, object]:
    """The JSON schema of params.yaml; settings appear where they are written, as partial mappings."""
    whole = Params.model_json_schema(by_alias=True)
    settings = MethodSettings.model_json_schema(by_alias=True)
    definitions = whole["$defs"] | settings.pop("$defs", {}) | {"MethodSettings": settings}
    reference = {"$ref": "#/$defs/MethodSettings"}
    experiment = definitions["ExperimentParams"]
    properties = experiment["properties"]
    properties["settings"] = {**reference, "description": properties["settings"]["description"]}
    for entry in (properties["tuned"], whole["properties"]["presets"]):
        entry["patternProperties"] = dict.fromkeys(entry["patternProperties"], reference)
    of_sweeps = definitions["SweepParams"]["properties"]
    for entry in [*properties.values(), *of_sweeps.values(), *whole["properties"].values()]:
        if "patternProperties" in entry:  # names of another form are refused
            entry["additionalProperties"] = False
    for entry in properties.values():  # null takes away what would be inherited, also within a mapping
        if entry.get("type") in ("object", "array"):
            entry["type"] = [entry["type"], "null"]
        within = entry.get("patternProperties", {})
        within.update({names: _or_null(value) for names, value in within.items()})
    within = definitions["MethodSettings"]["properties"]
    within.update({name: _or_null(value) for name, value in within.items()})
    # One that extends another may leave out everything else.
    experiment["anyOf"] = [{"required": ["extends"]}, {"required": experiment.pop("required")}]
    return {**whole, "$defs": definitions}


def _or_null(entry: dict[str, Any]) -> dict[str, Any]:
    """The same entry, which may be null."""
    told: dict[str, Any] = {key: entry[key] for key in ("description", "default") if key in entry}
    form = {key: value for key, value in entry.items() if key not in told}
    return told | {"anyOf": [form, {"type": "null"}]}


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
