"""Field types of config models: plain values, and their variants that also accept a reference.

``StrOrReference``, ``IntOrReference``, ``FloatOrReference`` and ``BoolOrReference`` accept a value of the type, or a
reference. ``Body`` accepts JSON data with references anywhere in it. Validation is strict: ``"30"`` is not an integer,
so a quoted number is an error and never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from dagcast.compile.config.reference_syntax import ReferenceSyntaxError, parse_string
from dagcast.definition.references import Reference
from dagcast.definition.values import FrozenDict, freeze
from dagcast.paths import FieldPath

REFERENCE_PATTERN = r"\$\{(param|exec|step|json)\.[^{}]+\}"


EMPTY: Final = FrozenDict()
"""The default of fields that are mappings. Pydantic copies a default for each model, unless it is hashable."""

_OPEN = frozenset({dict, list})


class ConfigModel(BaseModel):
    """Base of every config model: unknown fields are refused, types are strict, values are frozen.

    Modules that define models have no ``from __future__ import annotations``. Pydantic would evaluate the text of each
    annotation, in each model that inherits the field, which was a tenth of a small compile.

    Example:
        >>> class TeamOptions(ConfigModel):
        ...     owner: str
        ...     strict: bool = False
        >>> TeamOptions(owner="risk").strict
        False
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        populate_by_name=True,
        arbitrary_types_allowed=True,
        defer_build=True,  # a model that is only a field's type, or a base, needs no validator of its own
    )

    def model_post_init(self, context: Any) -> None:
        """Freeze mappings and lists in the model, which pydantic's ``frozen`` does not."""
        values = self.__dict__
        for name, value in values.items():
            if type(value) in _OPEN:
                values[name] = freeze(value)


def renamed_fields(model: type[BaseModel] | None) -> Mapping[str, str]:
    """Return the new name of each field of a config model that had another one: the model's ``renamed``."""
    renamed: Mapping[str, str] = getattr(model, "renamed", {})
    return renamed


_PLAIN_SCHEMAS: Final[Mapping[Any, Callable[[], CoreSchema]]] = {
    str: core_schema.str_schema,
    int: core_schema.int_schema,
    bool: core_schema.bool_schema,
}
"""The schemas of most plain types. Pydantic takes long to find them, and a config has hundreds of fields."""


class Referable:
    """Pydantic metadata: the field accepts a reference, or a string that contains one, besides ``plain``."""

    def __init__(self, plain: Any) -> None:
        self.plain = plain

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        make = _PLAIN_SCHEMAS.get(self.plain)
        plain = handler.generate_schema(self.plain) if make is None else make()
        return core_schema.no_info_wrap_validator_function(_reference_or_plain, plain)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        plain = handler(schema["schema"])
        if plain.get("type") == "string" and len(plain) == 1:
            return plain
        return {"anyOf": [plain, {"type": "string", "pattern": REFERENCE_PATTERN}]}


def _reference_or_plain(value: Any, validate: Callable[[Any], Any]) -> Any:
    if isinstance(value, Reference):
        return value
    if isinstance(value, str) and "${" in value:
        value = read_string(value)
        if isinstance(value, Reference):
            return value
    return validate(value)


def read_string(text: str, path: FieldPath = ()) -> str | Reference:
    """Call :func:`parse_string` in a validator: an error becomes a validation error with the path of the text."""
    try:
        return parse_string(text)
    except ReferenceSyntaxError as error:
        context: dict[str, Any] = {"hint": error.hint, "path": path}
        raise PydanticCustomError("reference", "{reason}", {**context, "reason": str(error)}) from error


def read_fixed(text: str) -> str:
    """Return a string that may contain no reference, with its escapes replaced.

    Raises:
        PydanticCustomError: If it holds a reference.
    """
    if "${" not in text:
        return text
    read = read_string(text)
    if isinstance(read, Reference):
        message = "{reference} has no value when the pipeline is compiled, and this field needs one"
        raise PydanticCustomError("reference", message, {"reference": str(read)})
    return read


class _FreeData:
    """Pydantic metadata: any JSON data, with references in its strings."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(read_body)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {}


class _FreeMapping(_FreeData):
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(read_body, core_schema.dict_schema(strict=True))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {"type": "object"}


def read_body(value: Any, path: FieldPath = ()) -> Any:
    """Return JSON data with the references in its strings parsed.

    Raises:
        PydanticCustomError: If a reference cannot be read or a value is not JSON data; it holds the path.
    """
    if isinstance(value, str):
        return read_string(value, path)
    if isinstance(value, dict):
        return {str(key): read_body(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [read_body(item, (*path, index)) for index, item in enumerate(value)]
    if value is None or isinstance(value, (bool, int, Reference)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    kind = type(value).__name__
    raise PydanticCustomError("json", "{kind} is not JSON data", {"kind": kind, "path": path})


def _to_text(value: Any) -> Any:
    """Convert a number or a boolean to the text that JSON writes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return value


class _CoercedStr(Referable):
    def __init__(self) -> None:
        super().__init__(str)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            _to_text, super().__get_pydantic_core_schema__(source, handler)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {"type": ["string", "number", "boolean"]}


class _FixedText:
    """Pydantic metadata: ``AfterValidator(read_fixed)`` on a string, with a schema that takes less time to make."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(read_fixed, core_schema.str_schema())


Fixed = Annotated[str, _FixedText()]
"""A string without references."""
StrOrReference = Annotated[str | Reference, Referable(str)]
"""A string or a reference."""
IntOrReference = Annotated[int | Reference, Referable(int)]
"""An integer or a reference."""
FloatOrReference = Annotated[float | Reference, Referable(float)]
"""A number or a reference."""
BoolOrReference = Annotated[bool | Reference, Referable(bool)]
"""A boolean or a reference."""
ScalarOrReference = Annotated[str | int | float | bool | Reference, Referable(bool | int | float | str)]
"""A string, a number, a boolean or a reference."""
CoercedStrOrReference = Annotated[str | Reference, _CoercedStr()]
"""A string or a reference. Numbers and booleans become strings, as environment variables and arguments need."""
Body = Annotated[Any, _FreeData()]
"""Free JSON data."""
FreeMapping = Annotated[dict[str, Any], _FreeMapping()]
"""A mapping of free JSON data."""
