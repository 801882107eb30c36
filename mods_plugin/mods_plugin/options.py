"""The plugin's options: ``plugins.options.mods`` of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from dagcast.plugin import Location
from mods_plugin.metadata import FIELDS, find_problem

OBJECT_PATTERN = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"

StandardParameters = Literal["apply", "declare", "off"]


class ExecutionEntry(BaseModel):
    """The config of one step's entry in the execution document.

    Attributes:
        step_type: The ``STEP_TYPE``: a name, or a name and a subtype. The default is that of the step's type.
        step_config: Values of the ``STEP_CONFIG``, which override those from fields of the step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    step_type: str | Annotated[tuple[str, str], Field(strict=False)] | None = None
    step_config: dict[str, Any] = {}


class ModsOptions(BaseModel):
    """The options of the ``mods`` plugin.

    Attributes:
        author: The author of the template.
        version: The template's version, by PEP 440 or Semantic Versioning.
        description: A description in one line, at most 3072 characters.
        module: The module of the template class.
        name: The name of the template class.
        package_name: The package that contains the template.
        commit_id: The id of the commit that contains the template.
        providers: Names of metadata providers, in order of precedence.
        strict: Whether missing metadata are an error; otherwise they have a default and a warning.
        decorator: ``package.module:Name`` of the decorator that replaces the ``mods`` package's or this plugin's own.
        standard_parameters: ``apply`` declares the parameters that MODS sets at each start, and sets network and
            encryption of steps from them; ``declare`` only declares them; ``off`` does neither.
        tags: Whether the metadata become tags of the pipeline.
        regional_aliases: The environment of each regional alias; an environment with the alias as its name needs none.
        execution: The entry of each step in the execution document.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    author: str | None = None
    version: str | None = None
    description: str | None = None
    module: str | None = None
    name: str | None = None
    package_name: str | None = None
    commit_id: str | None = None
    providers: Annotated[tuple[str, ...], Field(strict=False)] = ()
    strict: bool = False
    decorator: Annotated[str, Field(pattern=OBJECT_PATTERN)] | None = None
    standard_parameters: StandardParameters = "apply"
    tags: bool = True
    regional_aliases: dict[str, str] = {}
    execution: dict[str, ExecutionEntry] = {}

    @field_validator(*FIELDS)
    @classmethod
    def _metadata(cls, value: str | None, info: ValidationInfo) -> str | None:
        problem = find_problem(str(info.field_name), value) if value is not None else None
        if problem is not None:
            raise PydanticCustomError("metadata", "{problem}", {"problem": f"value {problem}"})
        return value

    _places: dict[str, Location | None] = PrivateAttr(default_factory=dict)

    def remember_places(self, places: Mapping[str, Location | None]) -> None:
        """Remember where each metadata field was written. Options are those of one config, as the places are.

        Args:
            places: By field: the place of its value.
        """
        self._places = dict(places)

    def place_of(self, field: str) -> Location | None:
        """Return where a metadata field was written; ``None`` if that is unknown."""
        return self._places.get(field)

    def metadata(self) -> dict[str, str]:
        """Return the metadata that are set in the options."""
        given = {field: getattr(self, field) for field in FIELDS}
        return {field: value for field, value in given.items() if value is not None}
