"""The JSON Schema of the config holds what the chosen plugins add to it."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from dagcast import PipelineDAGCompiler
from tests.integration.plugins.conftest import CONFIG, NOTE, Site

NOTES = (
    NOTE
    + """
from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    team: str
    level: Literal["low", "high"] = "low"


@hookimpl
def options_model():
    return Options


@hookimpl
def register_step_types(options):
    assert options.team
    return [note]
"""
)


def problems(schema: dict[str, Any], **sections: Any) -> list[str]:
    config = {"pipeline": {"name": "demo"}, **sections}
    found = jsonschema.Draft202012Validator(schema).iter_errors(config)
    return [error.message for error in found]


def options(**given: Any) -> dict[str, Any]:
    return {"options": {"alpha": given}}


def test_options_of_the_chosen_plugins_are_part_of_it(site: Site) -> None:
    site.plugin("alpha", NOTES)
    schema = site.json_of("schema", "--plugin", "alpha")
    assert problems(schema, plugins=options(team="risk", level="high")) == []
    assert "'levle' was unexpected" in problems(schema, plugins=options(team="risk", levle="high"))[0]
    assert "'middle' is not one of" in problems(schema, plugins=options(team="risk", level="middle"))[0]
    assert problems(schema, plugins=options(level="low")) == ["'team' is a required property"]
    plain = site.json_of("schema")
    assert problems(plain, plugins=options(levle="high")) == []


def test_step_types_of_the_chosen_plugins_are_part_of_it(site: Site) -> None:
    site.plugin("alpha", NOTES)
    note = {"note": {"type": "Note", "text": "of"}}
    site.write(CONFIG, "plugins: {enable: [alpha], options: {alpha: {team: Risk}}}\n")
    schema = site.json_of("schema", "--config", str(site.config))
    assert problems(schema, steps=note) == []
    assert "'txet' was unexpected" in str(problems(schema, steps={"note": {"type": "Note", "txet": "of"}}))
    assert "'Note' is not one of" in str(problems(site.json_of("schema"), steps=note))


def test_a_plugin_whose_options_are_yet_to_be_written_is_part_of_it(site: Site) -> None:
    """The schema is what helps to write them."""
    site.plugin("alpha", NOTES)
    schema = site.json_of("schema", "--plugin", "alpha")
    assert problems(schema, steps={"note": {"type": "Note", "text": "of"}}) != []
    assert problems(schema, plugins=options(team="risk")) == []


@pytest.mark.parametrize("arguments", [("schema", "--plugin", "alpha"), ("plugins", "info", "alpha")])
def test_options_that_no_schema_describes_are_the_plugins_failure(
    site: Site, arguments: tuple[str, ...]
) -> None:
    site.plugin(
        "alpha",
        """
        from typing import Any
        from pydantic import BaseModel, ConfigDict, field_serializer

        class Odd:
            pass

        class Options(BaseModel):
            model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
            odd: Odd | None = None

        @hookimpl
        def options_model():
            return Options
        """,
    )
    # It can all the same compile.
    assert PipelineDAGCompiler(site.config, plugins=["alpha"]).compile_definition().definition
    result = site.cli(*arguments)
    assert result.exit_code == 1
    assert "its options have no JSON Schema" in result.output
    assert "alpha-plugin 1.0" in result.output
