"""Condition: choose which steps run."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.config.fields import ConfigModel, ScalarOrReference
from dagcast.compile.config.step import StepConfig, refuse_request
from dagcast.compile.steps.step_type import StepType
from dagcast.definition.conditions import TYPES_BY_SIGN
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

Operator = Literal[
    "==",
    "!=",
    ">",
    ">=",
    "<",
    "<=",
    "Equals",
    "NotEquals",
    "GreaterThan",
    "GreaterThanOrEqualTo",
    "LessThan",
    "LessThanOrEqualTo",
]

_OTHER_SIGNS = {"=": "==", "===": "==", "<>": "!=", "!==": "!=", "=!": "!=", "≠": "!=", "≥": ">=", "≤": "<="}
_WORDS = {
    "eq": "==",
    "is": "==",
    "ne": "!=",
    "gt": ">",
    "ge": ">=",
    "gte": ">=",
    "lt": "<",
    "le": "<=",
    "lte": "<=",
}
_OTHER_NAMES = {**_OTHER_SIGNS, **_WORDS}
"""Operators of other languages."""


def _own_operator(value: Any) -> Any:
    """For a validator: refuse an operator of another language, with the one to write."""
    meant = _OTHER_NAMES.get(value.lower()) if isinstance(value, str) else None
    if meant is None and value != "in":
        return value
    hint = f"write {meant!r}" if meant is not None else "write {value: ..., in: [...]}"
    raise PydanticCustomError("operator", "unknown operator {given}", {"given": repr(value), "hint": hint})


FORMS = "a condition is {left, op, right}, {value, in}, {not}, {or} or {and}"


class Condition(ConfigModel):
    """One condition, in one of five forms.

    ``{left, op, right}`` compares, ``{value, in}`` tests membership, ``{not: condition}`` negates, and
    ``{or: [...]}`` and ``{and: [...]}`` combine.
    """

    left: Annotated[ScalarOrReference | None, Field(description="Left side of a comparison")] = None
    op: Annotated[
        Operator | None,
        BeforeValidator(_own_operator),
        Field(description="Operator of a comparison: ==, !=, >, >=, < or <="),
    ] = None
    right: Annotated[ScalarOrReference | None, Field(description="Right side of a comparison")] = None
    value: Annotated[ScalarOrReference | None, Field(description="Value to look for")] = None
    in_: Annotated[
        tuple[ScalarOrReference, ...], Field(alias="in", strict=False, description="Values that contain it")
    ] = ()
    not_: Annotated["Condition | None", Field(alias="not", description="Condition that must not hold")] = None
    or_: Annotated[
        tuple["Condition", ...],
        Field(alias="or", strict=False, description="Conditions of which one must hold"),
    ] = ()
    and_: Annotated[
        tuple["Condition", ...], Field(alias="and", strict=False, description="Conditions that must all hold")
    ] = ()

    @model_validator(mode="after")
    def _one_form(self) -> "Condition":
        given = {name for name in type(self).model_fields if getattr(self, name) not in (None, ())}
        if given not in ({"left", "op", "right"}, {"value", "in_"}, {"not_"}, {"or_"}, {"and_"}):
            for alias in ("in", "or", "and"):
                if f"{alias}_" in self.model_fields_set and f"{alias}_" not in given:
                    message = "expected at least 1 item, got 0"
                    raise PydanticCustomError("condition", message, {"path": (alias,)})
            raise PydanticCustomError("condition", FORMS)
        return self

    def to_request(self) -> dict[str, Any]:
        """Return the condition in the form of the pipeline definition.

        The service supports a conjunction at the top level only. A nested ``and`` becomes "not (not a or not b)".
        """
        if self.not_ is not None:
            return _negated(self.not_.to_request())
        if self.or_:
            return {"Type": "Or", "Conditions": [condition.to_request() for condition in self.or_]}
        if self.and_:
            negations = [_negated(condition.to_request()) for condition in self.and_]
            return _negated({"Type": "Or", "Conditions": negations})
        if self.in_:
            return {"Type": "In", "QueryValue": self.value, "Values": list(self.in_)}
        operator = str(self.op)
        if operator in ("!=", "NotEquals"):
            return _negated({"Type": "Equals", "LeftValue": self.left, "RightValue": self.right})
        kind = TYPES_BY_SIGN.get(operator, operator)
        return {"Type": kind, "LeftValue": self.left, "RightValue": self.right}


def _negated(condition: dict[str, Any]) -> dict[str, Any]:
    """Return the negation of a condition. A double negation is removed."""
    if condition["Type"] == "Not":
        inner: dict[str, Any] = condition["Condition"]
        return inner
    return {"Type": "Not", "Condition": condition}


class ConditionConfig(StepConfig):
    """The fields of a Condition step. All conditions must hold for ``if_steps`` to run."""

    type: Literal["Condition"] = "Condition"
    conditions: Annotated[
        tuple[Condition, ...],
        Field(min_length=1, max_length=200, strict=False, description="Conditions that must all hold"),
    ]
    if_steps: Annotated[tuple[str, ...], Field(strict=False, description="Steps that run if they hold")] = ()
    else_steps: Annotated[tuple[str, ...], Field(strict=False, description="Steps that run otherwise")] = ()

    @model_validator(mode="after")
    def _sends_none(self) -> "ConditionConfig":
        refuse_request(self)
        return self


def lower(step: "Lowering", config: ConditionConfig) -> None:
    """Set the conditions. The emitter adds the branches when it writes the definition."""
    step.put("Conditions", [condition.to_request() for condition in config.conditions], "conditions")


STEP_TYPE = StepType(
    name="Condition",
    definition_type="Condition",
    about="Decides which steps run.",
    config=ConditionConfig,
    lower=lower,
    properties=STEP_KINDS["Condition"].properties,
)
