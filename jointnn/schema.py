"""The base of all models of parameters: no key that is not declared, no true for a number."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from jointnn.errors import UserError

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Strict(BaseModel):
    """A model that refuses unknown keys, with infinity written as a text, since JSON has none."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        ser_json_inf_nan="strings",
        populate_by_name=True,
        use_attribute_docstrings=True,
        defer_build=True,  # a job uses a few of the models, and need not wait for the others
    )

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true for a number: Python takes it for 1; here `steps: true` is a mistake."""
        wants = cls.model_fields[info.field_name or ""].annotation
        found = value if isinstance(value, list) else [value]
        if wants is not bool and any(isinstance(entry, bool) for entry in found):
            raise ValueError("must not be true or false")
        return value

    @classmethod
    def checked(cls, **values: Any) -> Self:
        """Return the model of values given in Python.

        Raises:
            UserError: one of them is unknown or wrong; names it.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "settings"
            if first["type"] == "value_error":
                raise UserError(f"{place}: {first['ctx']['error']}.") from None
            if first["type"] == "extra_forbidden":
                known = ", ".join(sorted(cls.model_fields))
                raise UserError(f"{place} is no setting. Known: {known}.") from None
            raise UserError(f"{place}: {first['input']!r} does not fit: {first['msg']}.") from None
