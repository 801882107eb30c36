"""Validate a config: its base config, parameters, defaults and steps."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType, NoneType
from typing import Any

from pydantic import BaseModel, ValidationError

from dagcast.compile.config.check_defaults import check_defaults
from dagcast.compile.config.config import OpenedConfig, PipelineConfig, StepTypes
from dagcast.compile.config.merge import deep_merge
from dagcast.compile.config.models import BasePipelineConfig, ParameterConfig
from dagcast.compile.config.pipeline_dag import PipelineDAG
from dagcast.compile.config.reference_syntax import is_reference
from dagcast.compile.config.respelling import respell_fields
from dagcast.compile.config.stand_ins import add_stand_ins
from dagcast.compile.config.step import StepConfig, WithInputs
from dagcast.compile.config.unknown_types import explain_unknown_type
from dagcast.compile.config.validation_errors import (
    explain_key,
    report_validation,
    unknown_fields,
    wrong_fields,
)
from dagcast.definition.model import is_step_name
from dagcast.definition.values import SCALARS
from dagcast.errors import DiagnosticSink, did_you_mean
from dagcast.paths import FieldPath
from dagcast.sagemaker.limits import (
    PARAMETER_NAME_MAX_LENGTH,
    PARAMETER_NAME_PATTERN,
    STEP_NAME_MAX_LENGTH,
)

UNNAMED = "unnamed"
"""Replaces an invalid or missing name of the pipeline, so that later stages can look for further errors."""

STRUCTURAL = frozenset(
    {"", "type", "inputs", "outputs", "property_files", "conditions", "if_steps", "else_steps", "depends_on"}
)
"""Fields that connect steps. A step without a valid value of one of these is left out of later stages."""

_ABOUT_KEYS = frozenset({"config.unknown-field", "config.invalid-name", "reference.in-key"})
"""Codes of mistakes in a key: reported at the line of the key, not of its value."""


def validate_config(opened: OpenedConfig, sink: DiagnosticSink, catalog: StepTypes) -> PipelineConfig:
    """Validate a config with the step types that it may use.

    Args:
        opened: The config.
        sink: Collects the errors.
        catalog: The step types.

    Returns:
        The valid parts of the config.
    """
    return _Validator(opened, catalog, sink).validate()


_LISTED = {"steps": "load: {type: Processing}", "parameters": "Rows: 100"}
"""By section: an entry of it, for those who write a list."""


class _Validator:
    def __init__(self, opened: OpenedConfig, catalog: StepTypes, sink: DiagnosticSink) -> None:
        self.opened = opened
        self.catalog = catalog
        self.models = opened.models
        self.sink = sink
        self.source = respell_fields(opened.source, catalog, self._base_model(), self._step_model)
        self.defaults = self._section("defaults")
        self.incomplete: set[str] = set()
        self.unread: set[str] = set()

    def validate(self) -> PipelineConfig:
        for section in ("pipeline", "parameters", "defaults", "steps"):
            self._check_keys(self.source.merged.get(section), (section,))
        pipeline = self._pipeline()
        stand_ins = frozenset[str]()
        if self.opened.local:
            pipeline, stand_ins = add_stand_ins(pipeline)
        parameters = self._parameters()
        steps, invalid = self._steps()
        nodes = {name: self.source.locate(("steps", name)) for name in self._section("steps")}
        # Without steps, every edge would end nowhere.
        has_steps = isinstance(self.source.merged.get("steps"), (dict, NoneType))
        edges = self.source.merged.get("edges") if has_steps else None
        dag, unclear = PipelineDAG.from_edges(edges, nodes, self.source.locate, self.sink)
        return PipelineConfig(
            source=self.source,
            root=self.opened.root,
            project=self.opened.project,
            code_limit=self.opened.code_limit,
            local=self.opened.local,
            stand_ins=stand_ins,
            pipeline=pipeline,
            parameters=MappingProxyType(parameters),
            steps=MappingProxyType(steps),
            plugins=self.opened.plugins,
            ignore_rules=MappingProxyType(self._ignored_rules()),
            dag=dag,
            catalog=self.catalog,
            invalid_steps=frozenset(invalid),
            incomplete=frozenset(self.incomplete),
            unclear_nodes=unclear,
            unread_steps=frozenset(self.unread),
        )

    def _base_model(self) -> type[BaseModel]:
        model = self.models.get(("pipeline",), BasePipelineConfig)
        return model if issubclass(model, BasePipelineConfig) else BasePipelineConfig

    def _step_model(self, path: FieldPath, type_name: str) -> type[BaseModel]:
        own: type[BaseModel] = self.catalog[type_name].config
        model = self.models.get(path, StepConfig)
        return model if issubclass(model, own) else own

    def _ignored_rules(self) -> dict[str, str]:
        """Read ``ignore_rules``: a list of ids, or a mapping of ids and reasons."""
        section = self.source.data.get("ignore_rules")
        if section is None:
            return {}
        entries: list[tuple[Any, Any, FieldPath]]
        if isinstance(section, Mapping):
            entries = [(key, reason, (key,)) for key, reason in section.items()]
        elif isinstance(section, (list, tuple)):
            entries = [(item, "", (index,)) for index, item in enumerate(section)]
        else:
            entries = [(None, "", ())]
        ignored: dict[str, str] = {}
        for rule, reason, path in entries:
            if isinstance(rule, str) and (reason is None or isinstance(reason, str)):
                ignored[rule] = reason or ""
            else:
                self._error(
                    "ignore_rules: expected a list of ids, or a mapping of ids and reasons",
                    ("ignore_rules", *path),
                    code="config.wrong-type",
                    hint="such as ignore_rules: {training.spot-wait: our account has another limit}",
                )
        return ignored

    def _pipeline(self) -> BasePipelineConfig:
        model = self._base_model()
        fields = _without_nulls(self._section("pipeline"))
        given = self.source.merged.get("pipeline")
        if given is None:
            self._error(
                "the section 'pipeline' is missing",
                (),
                code="config.missing-field",
                hint="give pipeline.name",
            )
        if not isinstance(given, dict):
            fields = {"name": UNNAMED}
            self.incomplete.add("pipeline")
        # Without a bucket, each step that needs one would fail as well.
        stand_ins = {"name": UNNAMED, "bucket": UNNAMED}
        pipeline: BasePipelineConfig | None = self._validate_most(
            model, fields, ("pipeline",), "pipeline", stand_ins
        )
        return pipeline if pipeline is not None else BasePipelineConfig(name=UNNAMED)

    def _parameters(self) -> dict[str, ParameterConfig]:
        parameters: dict[str, ParameterConfig] = {}
        for name, value in self._section("parameters").items():
            path: FieldPath = ("parameters", name)
            if (
                not re.fullmatch(PARAMETER_NAME_PATTERN, name)
                or not 1 <= len(name) <= PARAMETER_NAME_MAX_LENGTH
            ):
                hint = f"1 to {PARAMETER_NAME_MAX_LENGTH} letters, digits, hyphens and underscores"
                self._error(f"invalid parameter name {name!r}", path, code="config.invalid-name", hint=hint)
            parameter = self._validate(ParameterConfig, value, path, f"parameter {name!r}")
            fits = parameter is not None and self._default_fits(name, parameter)
            # A reference to a parameter with an invalid declaration is valid.
            parameters[name] = parameter if fits else ParameterConfig.of_unknown_type()
        return parameters or dict.fromkeys(self._listed_parameters(), ParameterConfig.of_unknown_type())

    def _listed_parameters(self) -> Iterator[str]:
        """Yield the names of parameters that are wrongly declared in a list: references to them are valid."""
        section = self.source.merged.get("parameters")
        for item in section if isinstance(section, list) else ():
            name = item.get("name", next(iter(item), None)) if isinstance(item, dict) else item
            if isinstance(name, str):
                yield name

    def _default_fits(self, name: str, parameter: ParameterConfig) -> bool:
        path: FieldPath = ("parameters", name)
        problem = parameter.problem()
        if problem is not None:
            field_name, message, hint = problem
            at = (*path, field_name) if isinstance(self.source.merged["parameters"][name], dict) else path
            self._error(f"parameter {name!r}: {message}", at, code="parameter.invalid", hint=hint)
        return problem is None

    def _steps(self) -> tuple[dict[str, StepConfig], list[str]]:
        steps: dict[str, StepConfig] = {}
        invalid: list[str] = []
        section = self._section("steps")
        for name, value in section.items():
            if not is_step_name(name):
                hint = f"up to {STEP_NAME_MAX_LENGTH} letters, digits, hyphens and underscores; a letter or digit first"
                self._error(
                    f"invalid step name {name!r}",
                    ("steps", name),
                    code="config.invalid-name",
                    hint=hint,
                )
            step = self._step(name, value)
            if step is None:
                invalid.append(name)
            else:
                steps[name] = step
        written = [item.get("type") for item in section.values() if isinstance(item, dict)]
        types = [name for name in self.catalog.names if name in written]
        if not check_defaults(self.defaults, self.source, self.catalog, types, self.sink):
            self.incomplete.update(section)
        return steps, invalid

    def _step(self, name: str, value: Any) -> StepConfig | None:
        path: FieldPath = ("steps", name)
        if not isinstance(value, dict):
            self._error(f"step {name!r} is not a mapping of fields", path, code="config.wrong-type")
            return None
        type_name = value.get("type")
        if type_name is None and self.source.is_added(name):
            others = [other for other in self._section("steps") if not self.source.is_added(other)]
            message = f"step {name!r} is only in the environment {self.source.env!r}, and has no type"
            hint = did_you_mean(name, others) or "give it a type to add it"
            self._error(message, path, code="config.missing-field", hint=hint)
            return None
        if type_name is None:
            hint = f"one of {', '.join(self.catalog.names)}"
            for key, item in value.items():
                if isinstance(item, str) and item in self.catalog:
                    hint = f"write type: {item} in place of {key}: {item}"
            self._error(f"step {name!r} has no type", path, code="config.missing-field", hint=hint)
            return None
        if not isinstance(type_name, str) or type_name not in self.catalog:
            message, hint = explain_unknown_type(type_name, self.catalog.names)
            at: FieldPath = (*path, "type")
            self._error(f"step {name!r}: {message}", at, code="config.unknown-type", hint=hint)
            return None
        model = self._step_model(path, type_name)
        inherited = self._defaults_for(type_name, model)
        merged = deep_merge(inherited, value) if inherited else value
        subject = f"step {name!r} ({type_name})"
        step: StepConfig | None = self._validate_most(model, _without_nulls(merged), path, subject, {})
        return step

    def _defaults_for(self, type_name: str, model: type[BaseModel]) -> dict[str, Any]:
        fields = model.model_fields
        common = {key: value for key, value in self.defaults.items() if key in fields}
        own = self.defaults.get(type_name)
        if not isinstance(own, dict):
            return common
        # Those that the type does not have are reported once, where they are written.
        return deep_merge(common, {key: value for key, value in own.items() if key in fields})

    def _validate(self, model: type[Any], value: Any, path: FieldPath, subject: str) -> Any:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self._report(error, subject, model, path)
            return None

    def _validate_most(
        self,
        model: type[Any],
        fields: dict[str, Any],
        path: FieldPath,
        subject: str,
        stand_ins: dict[str, Any],
    ) -> Any:
        """Validate a model. Return one without its invalid fields, so that later stages find further errors."""
        guessed = self._report_respelt(subject, model, path)
        try:
            return model.model_validate(fields)
        except ValidationError as error:
            self._report(error, subject, model, path, guessed)
            wrong = wrong_fields(error)
            if not wrong.isdisjoint(unknown_fields(error)):
                self.unread.add(str(path[-1]))
        self.incomplete.add(str(path[-1]))
        if wrong & STRUCTURAL:
            return None
        rest = {**stand_ins, **{name: value for name, value in fields.items() if name not in wrong}}
        try:
            return model.model_validate(rest)
        except ValidationError:
            return None

    def _report_respelt(self, subject: str, model: type[Any], path: FieldPath) -> frozenset[FieldPath]:
        """Report the misspelt fields of a model that are read as others; return the paths of those others."""
        respelt = [at for at in self.source.respelt if at[:-1] == path]
        for at in respelt:
            message, code, hint = explain_key((self.source.respelt[at],), model)
            self.sink.error(f"{subject}: {message}", self.source.locate(at, key=True), code=code, hint=hint)
        return frozenset(at[-1:] for at in respelt)

    def _report(
        self,
        error: ValidationError,
        subject: str,
        model: type[Any],
        path: FieldPath,
        guessed: Collection[FieldPath] = (),
    ) -> None:
        report_validation(
            error,
            subject,
            model,
            lambda tail, *, key=False: self.source.locate((*path, *tail), key=key),
            self.sink,
            inherited=lambda tail: self.source.inherited((*path, *tail)),
            step=str(path[1]) if path[0] == "steps" else None,
            guessed=guessed,
            inputs=self._inputs_of(path),
        )

    def _inputs_of(self, path: FieldPath) -> frozenset[str]:
        """Return the names of the inputs that a step has by its type."""
        if path[0] != "steps":
            return frozenset()
        step_type = self.catalog[self.source.merged["steps"][path[1]]["type"]]
        if not issubclass(step_type.config, WithInputs):
            return frozenset()
        sample = step_type.config.model_construct(**step_type.sample)
        return frozenset(port.name for port in step_type.inputs(sample))

    def _check_keys(self, value: Any, path: FieldPath) -> None:
        """Report references in keys. References are replaced only in values."""
        for tail in _find_dollar_keys(value):
            if is_reference(str(tail[-1])):
                message = f"{tail[-1]!r} is a key, and references are resolved in values only"
                self._error(
                    message, (*path, *tail), code="reference.in-key", hint="write references in values"
                )

    def _section(self, name: str) -> dict[str, Any]:
        section = self.source.merged.get(name)
        if section is None:
            return {}
        if not isinstance(section, dict):
            hint = None
            if isinstance(section, list) and name in _LISTED:
                hint = f"write each under its name, such as {_LISTED[name]}"
            self._error(f"{name!r} is not a mapping", (name,), code="config.wrong-type", hint=hint)
            return {}
        return section

    def _error(self, message: str, path: FieldPath, *, code: str, hint: str | None = None) -> None:
        at_key = code in _ABOUT_KEYS
        self.sink.error(message, self.source.locate(path, key=at_key), code=code, hint=hint)


def _find_dollar_keys(value: Any) -> list[FieldPath]:
    """Return the paths of all keys that hold ``${``, each before those inside of its value."""
    found: list[FieldPath] = []
    items: Iterable[tuple[str | int, Any]]
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return found
    for key, item in items:
        if isinstance(key, str) and "${" in key:
            found.append((key,))
        if type(item) not in SCALARS:
            # Paths are made on the way back: most configs have no such key.
            found += [(key, *tail) for tail in _find_dollar_keys(item)]
    return found


def _without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are not ``null``: ``null`` removes an inherited field."""
    return {key: value for key, value in fields.items() if value is not None}
