"""The plugin's options: ``plugins.options.mods`` of a config."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from mods_plugin.metadata import FIELDS, problem_of

OBJECT_PATTERN = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"

StandardParameters = Literal["apply", "declare", "off"]


class ExecutionEntry(BaseModel):
    """What the config says of one step's entry in the execution document.

    Attributes:
        step_type: The ``STEP_TYPE``: a name, or a name and a subtype; that of the step's type if left out.
        step_config: Goes into the ``STEP_CONFIG``, over what the fields of the step give.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    step_type: str | Annotated[tuple[str, str], Field(strict=False)] | None = None
    step_config: dict[str, Any] = {}


class ModsOptions(BaseModel):
    """The options.

    Attributes:
        author: Who answers for the template.
        version: The template's version, by PEP 440 or Semantic Versioning.
        description: One line about it, up to 3072 characters.
        module: The module that the template class says it is from.
        name: The name that the template class goes by.
        package_name: The package that the template is part of.
        commit_id: The commit that it was made from.
        providers: Metadata providers that are asked, by name, in this order.
        strict: Whether metadata that nothing gives is an error; else it has a default, and is a warning.
        decorator: ``package.module:Name`` of the decorator, in place of that of the ``mods`` package or this plugin's.
        standard_parameters: ``apply`` declares the parameters that MODS gives at each start, and lets steps take
            network and encryption from them; ``declare`` only declares them; ``off`` does neither.
        tags: Whether the metadata become tags of the pipeline.
        regional_aliases: By regional alias: the environment of the config; a name that equals the alias needs no entry.
        execution: By step: what goes into the execution document.
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
        problem = problem_of(str(info.field_name), value) if value is not None else None
        if problem is not None:
            raise PydanticCustomError("metadata", "{problem}", {"problem": f"it {problem}"})
        return value

    def metadata(self) -> dict[str, str]:
        """The metadata that the options give."""
        given = {field: getattr(self, field) for field in FIELDS}
        return {field: value for field, value in given.items() if value is not None}
