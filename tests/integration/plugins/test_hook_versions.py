"""Version 1 of the hooks, and what plugins that were written before get from changes of dagcast."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dagcast.errors import PluginError
from dagcast.plugin import API_VERSION
from dagcast.plugins.hooks import HOOK_ARGUMENTS
from tests.integration.plugins.conftest import Site

VERSION_1 = {
    "options_model": set(),
    "extract_metadata": {"config", "dag", "explicit", "options"},
    "decorate_template_class": {"template_class", "metadata", "options"},
    "build_template_params": {"dag", "params", "metadata", "options"},
    "pipeline_parameters": {"config", "metadata", "options"},
    "register_step_types": {"options"},
    "register_rules": {"options"},
    "transform_spec": {"spec", "metadata", "options"},
    "check_spec": {"spec", "locate", "metadata", "options"},
    "pipeline_compiled": {"pipeline", "report", "options"},
    "observe_run": {"config", "report", "options"},
    "register_commands": {"cli"},
}
"""By hook of version 1: its arguments. Later commits may add to it while the version stays."""

WRITTEN_BEFORE: dict[str, tuple[str, str | None]] = {
    "a class statement with a metaclass": (
        """
        class Meta(type):
            pass

        class Registered(metaclass=Meta):
            pass

        @hookimpl
        def decorate_template_class(template_class):
            class Wrapped(template_class, Registered):
                pass
            return Wrapped
        """,
        None,
    ),
    "one that expects the placeholder of earlier versions": (
        """
        class Meta(type):
            pass

        class Registered(metaclass=Meta):
            pass

        @hookimpl
        def decorate_template_class(template_class):
            if not issubclass(type(template_class), type):
                raise AssertionError("no placeholder is passed")
            class Wrapped(template_class, Registered):
                pass
            return Wrapped
        """,
        None,
    ),
    "mixin": (
        """
        from dagcast.plugin import mixin

        class Meta(type):
            pass

        class Registered(metaclass=Meta):
            pass

        @hookimpl
        def decorate_template_class(template_class):
            return mixin(template_class, Registered, owner="risk")
        """,
        None,
    ),
    "a call without a conflict": (
        """
        @hookimpl
        def decorate_template_class(template_class):
            return type(template_class)("Wrapped", (template_class,), {})
        """,
        None,
    ),
    "a call with a conflict": (
        """
        class Meta(type):
            pass

        class Registered(metaclass=Meta):
            pass

        @hookimpl
        def decorate_template_class(template_class):
            return type("Wrapped", (template_class, Registered), {})
        """,
        r"clash in a class that is built by a call.*dagcast\\.plugin\\.mixin",
    ),
    "a role that the constructor sets": (
        """
        @hookimpl
        def decorate_template_class(template_class):
            class Wrapped(template_class):
                def __init__(self, **given):
                    super().__init__(**given)
                    self.execution_role = "arn:aws:iam::123456789012:role/Other"
            return Wrapped
        """,
        "execution_role is another.*build_template_params",
    ),
    "a compile that is changed": (
        """
        from dataclasses import replace

        @hookimpl
        def decorate_template_class(template_class):
            class Wrapped(template_class):
                def compile_into(self, sink):
                    made = super().compile_into(sink)
                    return replace(made, spec=replace(made.spec, description="other"))
            return Wrapped
        """,
        "changes the compiled pipeline: pipeline.description.*transform_spec",
    ),
}


def test_no_hook_and_no_argument_of_version_1_is_gone() -> None:
    assert API_VERSION == 1
    for hook, arguments in VERSION_1.items():
        assert arguments <= set(HOOK_ARGUMENTS[hook]), hook


@pytest.mark.parametrize("name", WRITTEN_BEFORE)
def test_a_plugin_that_was_written_before(site: Site, name: str) -> None:
    source, problem = WRITTEN_BEFORE[name]
    plain = site.compile().definition
    site.plugin("earlier", source)
    if problem is None:
        assert site.compile("earlier").definition == plain
        return
    with pytest.raises(PluginError, match=problem.replace("\\\\", "\\")) as caught:
        site.compile("earlier")
    assert caught.value.plugin == "earlier"


def test_the_definition_on_disk_is_the_reported_one(site: Site) -> None:
    """A plugin that keeps the compilation, and changes it when it is notified, changes neither."""
    site.plugin(
        "keeping",
        """
        KEPT = []

        @hookimpl
        def decorate_template_class(template_class):
            class Wrapped(template_class):
                def generate_definition(self):
                    KEPT.append(super().generate_definition())
                    return KEPT[-1]
            return Wrapped

        @hookimpl
        def pipeline_compiled(report):
            for kept in KEPT:
                kept.__dict__["definition"] = kept.definition.replace("enough", "other")
        """,
    )
    result = site.cli("compile", str(site.config), "--plugin", "keeping", "-o", "out.json")
    assert result.exit_code == 1
    assert "plugin 'keeping'" in result.stderr
    assert not (site.project / "out.json").exists()


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_file_that_something_else_changes_is_reported(
    site: Site, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.replace

    def replacing(source: Any, target: Any, **options: Any) -> None:
        rename(source, target, **options)
        if str(target).endswith("out.txt"):
            path = Path(target)
            path.write_text(path.read_text(encoding="utf-8").replace("enough", "other"), encoding="utf-8")

    arguments = ("compile", str(site.config), "--format", form, "-o", "out.txt")
    assert site.cli(*arguments).exit_code == 0
    monkeypatch.setattr(os, "replace", replacing)
    result = site.cli(*arguments)
    assert result.exit_code != 0
    assert "holds another definition than the report describes" in result.stderr
