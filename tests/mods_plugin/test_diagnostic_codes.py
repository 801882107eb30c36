"""Each code of mods-plugin, produced by an input through a public door."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from click.testing import CliRunner

from dagcast.cli.main import cli
from dagcast.errors import InvalidInputError
from dagcast.plugin import StepConfig, StepType, StrOrReference, To, hookimpl
from mods_plugin import MODSPipelineDAGCompiler, build_mods_template_class
from mods_plugin.diagnostic_codes import CODES
from mods_plugin.execution_document import InExecution, ToStepConfig
from tests.mods_plugin.configs import config, unlabelled


def compiling(source: Mapping[str, Any]) -> Iterable[str]:
    """The codes of the errors of a compile."""
    return [error.code for error in MODSPipelineDAGCompiler(source).validate().errors]


def filling(
    change: Callable[[dict[str, Any]], Any], source: Mapping[str, Any] | None = None
) -> Iterable[str]:
    """The codes of the errors of an execution document, which is complete before ``change``."""
    steps = {"load": "PROCESSING_STEP", "train": "TRAINING_STEP", "stop": "FAIL_STEP"}
    entries: dict[str, Any] = {name: {"STEP_TYPE": kind, "STEP_CONFIG": {}} for name, kind in steps.items()}
    change(entries)
    compiler = MODSPipelineDAGCompiler(source or config(), plugins=["mods", Registering()])
    with pytest.raises(InvalidInputError) as caught:
        compiler.compile_and_fill_execution_doc(None, {"PIPELINE_STEP_CONFIGS": entries})
    return [item.code for item in caught.value.diagnostics]


class RegistrationConfig(StepConfig):
    type: Literal["Registration"] = "Registration"
    note: Annotated[StrOrReference | None, To("ErrorMessage"), ToStepConfig("note")] = None
    in_execution: ClassVar[InExecution] = InExecution("FAIL_STEP", required=True)


class Registering:
    """A plugin with a type of step that the document has to fill."""

    name = "registering"

    @hookimpl
    def register_step_types(self) -> list[StepType[Any]]:
        lower = lambda step, _: step.put_fields() if step.config.note else step.put("ErrorMessage", "x")  # noqa: E731
        return [
            StepType(
                name="Registration",
                definition_type="Fail",
                about="Registers.",
                config=RegistrationConfig,
                lower=lower,
            )
        ]


def registration(**fields: Any) -> dict[str, Any]:
    base = config()
    return config(steps={**base["steps"], "stop": {"type": "Registration", **fields}}, parameters={"P": "x"})


def registering(*versions: Mapping[str, Any], registry: Path) -> Iterable[str]:
    """The codes of the errors of ``dagcast mods register``, of the last of some configs."""
    for source in versions:
        file = registry.with_name("pipeline.json")
        file.write_text(json.dumps(source))
        done = CliRunner().invoke(
            cli, ["mods", "register", str(file), "--registry", str(registry), "--plugin", "mods", "--json"]
        )
    return [item["code"] for item in json.loads(done.stdout)["diagnostics"] if item["severity"] == "error"]


def no_registry(folder: Path) -> Iterable[str]:
    (folder / "registry.sqlite").write_text("This is not a database.")
    return registering(config(), registry=folder / "registry.sqlite")


def changed_content(folder: Path) -> Iterable[str]:
    base = config()
    changed = config(pipeline={**base["pipeline"], "description": "Finds who stays."})
    return registering(base, changed, registry=folder / "registry.sqlite")


def unknown_environment(_: Path) -> Iterable[str]:
    template = build_mods_template_class(None, config(), name="ChurnTemplate", module="team.churn")
    with pytest.raises(InvalidInputError) as caught:
        template(regional_alias="EU").generate_pipeline()
    return [item.code for item in caught.value.diagnostics]


INPUTS: Mapping[str, Callable[[Path], Iterable[str]]] = {
    "mods.decorator": lambda _: compiling(config({"decorator": "no_such_package:decorate"})),
    "mods.different-content": changed_content,
    "mods.metadata": lambda _: compiling(unlabelled({"strict": True})),
    "mods.missing-config": lambda _: filling(lambda entries: None, registration()),
    "mods.missing-field": lambda _: filling(lambda entries: entries["load"].pop("STEP_TYPE")),
    "mods.missing-step": lambda _: filling(lambda entries: entries.pop("load")),
    "mods.provider": lambda _: compiling(config({"providers": ["no-such-provider"]})),
    "mods.registry": no_registry,
    "mods.step-type": lambda _: filling(lambda entries: entries["load"].update(STEP_TYPE="TRAINING_STEP")),
    "mods.unknown-environment": unknown_environment,
    "mods.unknown-step": lambda _: filling(lambda entries: entries.update(laod=entries["load"])),
    "mods.unresolved-reference": lambda _: filling(lambda entries: None, registration(note="${param.P}")),
    "mods.wrong-type": lambda _: filling(lambda entries: entries["load"].update(STEP_CONFIG=[])),
}


@pytest.mark.parametrize("code", CODES)
def test_each_code_is_produced_by_an_input(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert set(INPUTS[code](tmp_path)) == {code}
