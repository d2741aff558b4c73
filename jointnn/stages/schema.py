"""schema: workflow/params.schema.json, generated from the models of params.yaml."""

import argparse

from jointnn.files import write_json
from jointnn.params import MethodSettings, Params

PATH = "workflow/params.schema.json"


def schema() -> dict[str, object]:
    """The JSON schema of params.yaml; settings appear where they are written, as partial mappings."""
    whole = Params.model_json_schema(by_alias=True)
    settings = MethodSettings.model_json_schema(by_alias=True)
    definitions = whole["$defs"] | settings.pop("$defs", {}) | {"MethodSettings": settings}
    reference = {"$ref": "#/$defs/MethodSettings"}
    experiment = definitions["ExperimentParams"]["properties"]
    experiment["settings"] = reference
    experiment["tuned"]["additionalProperties"] = reference
    whole["properties"]["presets"]["additionalProperties"] = reference
    return {**whole, "$defs": definitions}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None: the schema has one place."""


def main(_arguments: argparse.Namespace) -> None:
    """Write the schema."""
    write_json(PATH, schema())
