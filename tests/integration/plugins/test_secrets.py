"""Values of secret options leave the process nowhere: no message, report, lock, registry or event holds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, field_serializer, field_validator

from dagcast import DagcastError, PipelineDAGCompiler
from dagcast.errors import InvalidInputError
from dagcast.plugin import Diagnostic, ParameterSpec, hookimpl

SECRET = "hunter2-is-secret"
PIPELINE = {"name": "demo", "role": "arn:aws:iam::123456789012:role/R", "bucket": "my-bucket"}
STEP = {
    "type": "Processing",
    "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1",
    "instance_type": "ml.m5.xlarge",
}


class Nested(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[SecretStr, ...] = ()
    by_name: dict[str, SecretStr | None] = {}


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr = SecretStr("none")
    nested: Nested = Nested()
    level: int = 1

    @field_serializer("token", when_used="json")
    def _reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()

    @field_validator("token")
    @classmethod
    def _valid(cls, token: SecretStr) -> SecretStr:
        if "wrong" in token.get_secret_value():
            raise ValueError(f"{token.get_secret_value()} is wrong")
        return token


class Plugin:
    name = "vault"

    @hookimpl
    def options_model(self) -> type[Options]:
        return Options


def compiler(plugin: Any, *, options: Any) -> PipelineDAGCompiler:
    config = {"pipeline": PIPELINE, "steps": {"run": STEP}, "plugins": {"options": {"vault": options}}}
    return PipelineDAGCompiler(config, plugins=[plugin])


def digest(options: Any) -> str:
    report = compiler(Plugin(), options=options).compile_definition().report
    assert SECRET not in json.dumps(report.as_dict())
    return str(report.plugins[0]["options_sha256"])


def test_digests_of_options_do_not_depend_on_secrets() -> None:
    assert digest({"token": SECRET}) == digest({"token": "another"})
    assert digest({"nested": {"keys": [SECRET]}}) == digest({"nested": {"keys": ["another"]}})
    assert digest({"level": 2}) != digest({"level": 1})


def test_a_class_is_decorated_again_for_another_secret() -> None:
    class Decorating(Plugin):
        @hookimpl
        def decorate_template_class(self, template_class: type, options: Options) -> type:
            return type(template_class)("Wrapped", (template_class,), {"token": options.token})

    plugin = Decorating()
    first = compiler(plugin, options={"token": "first"}).create_decorated_class()
    second = compiler(plugin, options={"token": "second"}).create_decorated_class()
    assert first.token.get_secret_value() == "first"  # type: ignore[attr-defined]
    assert second.token.get_secret_value() == "second"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "options",
    [
        {"token": SECRET + "wrong"},
        {"token": [SECRET]},
        {"token": {"value": SECRET}},
        {"token": 812812812},
        {"nested": {"keys": {"a": SECRET}}},
        {"nested": {"keys": [SECRET, [SECRET]]}},
        {"nested": {"by_name": {"a": [SECRET]}}},
        {"nested": {"by_name": [SECRET]}},
        {"nested": {"keys": SECRET}},
        # As unquoted braces of a template.
        {"token": {SECRET: None}},
        {"nested": {"keys": {SECRET: "x"}}},
    ],
)
def test_a_wrong_secret_is_not_echoed(options: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        compiler(Plugin(), options=options).compile_definition()
    message = str(caught.value)
    assert "options of plugin 'vault'" in message
    assert SECRET not in message
    assert "812812812" not in message


@pytest.mark.parametrize("options", [SECRET, [SECRET], [{"token": SECRET}]])
def test_a_secret_in_the_place_of_all_options_is_not_echoed(options: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"options\.vault: expected a mapping$") as caught:
        compiler(Plugin(), options=options).compile_definition()
    assert SECRET not in str(caught.value)


def leaking(hook: str, result: Any) -> Any:
    def implementation(self: Any, options: Options) -> Any:
        return result(options)

    implementation.__name__ = hook
    return type("Leaking", (Plugin,), {hook: hookimpl(implementation)})()


def raising(error: Any) -> Any:
    def result(options: Options) -> Any:
        raise error(f"401 for {options.token.get_secret_value()!r} {'x' * 380}")

    return result


def diagnostics(options: Options) -> Any:
    text = f"no access with {options.token.get_secret_value()}"
    raise InvalidInputError([Diagnostic(text, None, code="vault.access", hint=text)])


@pytest.mark.parametrize(
    ("hook", "result"),
    [
        ("extract_metadata", raising(ValueError)),
        ("extract_metadata", raising(SystemExit)),
        ("extract_metadata", diagnostics),
        ("extract_metadata", lambda options: {"token": options.token.get_secret_value()}),
        ("extract_metadata", lambda options: {"nested": [f"Bearer {options.token.get_secret_value()}"]}),
        ("extract_metadata", lambda options: options.token.get_secret_value()),
        ("build_template_params", lambda options: {"execution_role": options.token.get_secret_value()}),
        (
            "pipeline_parameters",
            lambda options: [ParameterSpec("Token", "String", options.token.get_secret_value())],
        ),
        (
            "check_spec",
            lambda options: [
                Diagnostic(f"bad {options.token.get_secret_value()}", None, code="vault.access")
            ],
        ),
    ],
)
def test_what_a_hook_leaks_is_masked_or_refused(hook: str, result: Any) -> None:
    with pytest.raises(DagcastError) as caught:
        compiler(leaking(hook, result), options={"token": SECRET}).compile_definition()
    assert SECRET not in str(caught.value)
    assert SECRET[:8] not in str(caught.value)


def test_a_secret_in_the_pipeline_is_refused() -> None:
    class Leaking(Plugin):
        @hookimpl
        def transform_spec(self, spec: Any, options: Options) -> Any:
            from dataclasses import replace

            from dagcast.plugin import put

            value = {"TOKEN": options.token.get_secret_value()}
            return replace(spec, steps=tuple(put(step, "Environment", value) for step in spec.steps))

    with pytest.raises(DagcastError, match="the pipeline would hold the value of a secret option"):
        compiler(Leaking(), options={"token": SECRET}).compile_definition()


def test_what_a_plugin_does_with_its_secret_is_its_own(tmp_path: Path) -> None:
    class Sending(Plugin):
        @hookimpl
        def pipeline_compiled(self, pipeline: Any, report: Any, options: Options) -> None:
            (tmp_path / "sent").write_text(options.token.get_secret_value())

    compiler(Sending(), options={"token": SECRET}).compile_definition()
    assert (tmp_path / "sent").read_text() == SECRET
