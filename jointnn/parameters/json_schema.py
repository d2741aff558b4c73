"""The JSON schemas of the files of parameters, with which an editor completes and explains their keys."""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from jointnn.data.schema import DatasetParams
from jointnn.methods.settings import MethodSettings
from jointnn.parameters.schema import ExperimentFile, GridFile, Overrides, SweepParams, TopFile
from jointnn.schema import Name

TAKES_AWAY = (ExperimentFile, MethodSettings)
"""Models of which a null takes away what would be inherited, also within a mapping."""


FILES: dict[str, Any] = {
    "params": TopFile,
    "experiment": ExperimentFile,
    "grid": GridFile,
    "sweep": SweepParams,
    "datasets": dict[Name, DatasetParams],
    "presets": dict[Name, Overrides],
}
"""Content of the files of each kind: params.yaml, params/experiments/NAME.yaml and so on."""


def schema(kind: str) -> dict[str, Any]:
    """Return the schema of a kind of files. Settings are partial mappings, as they are written."""
    return TypeAdapter(FILES[kind]).json_schema(schema_generator=_AsWritten)


class _AsWritten(GenerateJsonSchema):
    """A generator of the schema of a file as it is written.

    That is before one experiment is put over the one that it extends.
    """

    def dict_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of a mapping, which refuses names of another form."""
        made = super().dict_schema(schema)
        return made | {"additionalProperties": False} if "patternProperties" in made else made

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of a model, in which inherited entries may be null."""
        made = super().model_schema(schema)
        if schema["cls"] in TAKES_AWAY:
            made["properties"] = {name: _or_null(entry) for name, entry in made["properties"].items()}
        if schema["cls"] is ExperimentFile:  # one that extends another may leave out everything else
            made["anyOf"] = [{"required": ["extends", "datasets"]}, {"required": made.pop("required")}]
        return made


def _or_null(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an entry that may be null, and whose values may be null."""
    if names := entry.get("patternProperties"):
        entry = entry | {"patternProperties": {name: _or_null(value) for name, value in names.items()}}
    if isinstance(entry.get("type"), str) and "enum" not in entry:
        return entry | {"type": [entry["type"], "null"]}
    if {"type": "null"} in entry.get("anyOf", []):
        return entry
    told = {key: entry[key] for key in ("description", "default") if key in entry}
    form = {key: value for key, value in entry.items() if key not in told}
    return told | {"anyOf": [form, {"type": "null"}]}
