"""What the models of params.yaml have in common: no key that is not declared, no true for a number."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Strict(BaseModel):
    """Unknown keys are refused; infinity is written as a text, since JSON has none."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        ser_json_inf_nan="strings",
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Python takes true for 1; here `steps: true` is a mistake."""
        wants = cls.model_fields[info.field_name or ""].annotation
        found = value if isinstance(value, list) else [value]
        if wants is not bool and any(isinstance(entry, bool) for entry in found):
            raise ValueError("must not be true or false")
        return value
