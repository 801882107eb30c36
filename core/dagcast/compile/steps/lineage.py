"""Lineage: record actions, artifacts and contexts, and how they belong together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.config.fields import ConfigModel, FreeMapping, StrOrReference
from dagcast.compile.config.step import StepConfig
from dagcast.compile.steps.step_type import StepType
from dagcast.sagemaker.step_shapes import PropertyShape, RequestShape

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

EntityType = Literal["Action", "Artifact", "Context"]


class LineageEntity(ConfigModel):
    """One end of an association: an entity of the same step by name and type, or any entity by its ARN."""

    name: Annotated[
        StrOrReference | None, Field(description="Name of an entity that the same step records")
    ] = None
    type: Annotated[EntityType | None, Field(description="Type of that entity")] = None
    arn: Annotated[StrOrReference | None, Field(description="ARN of an entity that exists")] = None

    @model_validator(mode="after")
    def _one_form(self) -> "LineageEntity":
        named = self.name is not None and self.type is not None
        if (self.arn is not None) == named or (self.arn is not None and (self.name or self.type)):
            raise PydanticCustomError(
                "lineage", "an entity is {name, type} or {arn}", {"name": "", "type": ""}
            )
        return self

    def to_request(self) -> dict[str, Any]:
        """Return the entity in the form of the definition."""
        return {"Arn": self.arn} if self.arn is not None else {"Name": self.name, "Type": self.type}


class LineageAssociation(ConfigModel):
    """An association between two entities."""

    source: Annotated[LineageEntity, Field(description="Entity that the association starts from")]
    destination: Annotated[LineageEntity, Field(description="Entity that it leads to")]
    association_type: Annotated[
        Literal["ContributedTo", "AssociatedWith", "DerivedFrom", "Produced", "SameAs"] | None,
        Field(description="What the one is to the other; by default nothing is said"),
    ] = None

    def to_request(self) -> dict[str, Any]:
        """Return the association in the form of the definition."""
        request: dict[str, Any] = {
            "Source": self.source.to_request(),
            "Destination": self.destination.to_request(),
        }
        if self.association_type is not None:
            request["AssociationType"] = self.association_type
        return request


KINDS: tuple[tuple[str, str, EntityType], ...] = (
    ("actions", "Actions", "Action"),
    ("artifacts", "Artifacts", "Artifact"),
    ("contexts", "Contexts", "Context"),
)
"""For each kind of entity: the config field, the member of the request, and the type."""


class LineageConfig(StepConfig):
    """The fields of a Lineage step. Entities are requests of the service's own operations."""

    type: Literal["Lineage"] = "Lineage"
    actions: Annotated[
        tuple[FreeMapping, ...], Field(strict=False, description="Requests of CreateAction")
    ] = ()
    artifacts: Annotated[
        tuple[FreeMapping, ...], Field(strict=False, description="Requests of CreateArtifact")
    ] = ()
    contexts: Annotated[
        tuple[FreeMapping, ...], Field(strict=False, description="Requests of CreateContext")
    ] = ()
    associations: Annotated[
        tuple[LineageAssociation, ...], Field(strict=False, description="How entities belong together")
    ] = ()

    @model_validator(mode="after")
    def _complete(self) -> "LineageConfig":
        if not (self.actions or self.artifacts or self.contexts or self.associations):
            raise PydanticCustomError(
                "lineage", "a Lineage step records one of actions, artifacts, contexts and associations"
            )
        created = {(name, kind) for kind, name in _names(self)}
        for index, association in enumerate(self.associations):
            for end in ("source", "destination"):
                entity: LineageEntity = getattr(association, end)
                if isinstance(entity.name, str) and (entity.name, entity.type) not in created:
                    message = "this step records no {type} {entity}; give the ARN of one that exists"
                    path = ("associations", index, end)
                    context = {"type": entity.type or "", "entity": repr(entity.name), "path": path}
                    raise PydanticCustomError("lineage", message, context)
        return self


def _names(config: LineageConfig) -> Iterator[tuple[EntityType, str]]:
    """Yield the type and name of each recorded entity whose name is known."""
    for field, _, kind in KINDS:
        for entity in getattr(config, field):
            name = entity.get(f"{kind}Name")
            if isinstance(name, str):
                yield kind, name


def lower(step: "Lowering", config: LineageConfig) -> None:
    """Set the entities and associations."""
    for field, member, _ in KINDS:
        entities = list(getattr(config, field))
        step.put(member, entities or None, field)
        for index in range(len(entities)):
            step.origins[("Arguments", member, index)] = step.origin((field, index))
    associations = [association.to_request() for association in config.associations]
    step.put("Associations", associations or None, "associations")


def _shapes(config: LineageConfig) -> tuple[RequestShape, ...]:
    return tuple(
        RequestShape(f"Create{kind}Request", (member, index))
        for field, member, kind in KINDS
        for index in range(len(getattr(config, field)))
    )


def _properties(config: LineageConfig) -> PropertyShape:
    """Return the ARN of each recorded entity. Source: ``LineageStep`` of the SageMaker Python SDK."""
    return PropertyShape(names=tuple(f"{kind}Arns['{name}']" for kind, name in _names(config)))


STEP_TYPE = StepType(
    name="Lineage",
    definition_type="Lineage",
    about="Records lineage: actions, artifacts, contexts and associations between them.",
    config=LineageConfig,
    lower=lower,
    shapes=_shapes,
    properties=_properties,
)
