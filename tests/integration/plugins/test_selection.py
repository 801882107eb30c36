"""Which plugins run, in which order, and why."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast import PipelineDAGCompiler
from dagcast.compile.config.models import PluginsConfig
from dagcast.errors import PluginError
from dagcast.plugin import hookimpl
from dagcast.plugins.scan import InstalledPlugins, PluginEntry
from dagcast.plugins.select import PluginRequest, select_plugins
from tests.integration.plugins.conftest import CONFIG, Site

NAMES = ("api", "auto", "configured", "flag", "variable")
SOURCE = """
@hookimpl
def extract_metadata():
    return {{"asked": "{name}"}}

@hookimpl
def decorate_template_class(template_class):
    order = (*getattr(template_class, "order", ()), "{name}")
    return type(template_class)("Wrapped", (template_class,), {{"order": order}})
"""


class Given:
    """A plugin object."""

    def __init__(self, name: str) -> None:
        self.name = name

    @hookimpl
    def decorate_template_class(self, template_class: Any) -> type:
        class Wrapped(template_class):
            order = (*getattr(template_class, "order", ()), self.name)

        return Wrapped


@pytest.fixture
def installed(site: Site) -> Site:
    """Five plugins; ``auto`` is active on installation, and the config enables ``configured``."""
    for name in NAMES:
        site.plugin(name, SOURCE.format(name=name), autoload=name == "auto")
    site.write(CONFIG, "plugins:\n  enable: [configured]\n")
    return site


def ran(compiler: PipelineDAGCompiler) -> list[str]:
    """The plugins that ran; the lock, the metadata and the classes agree about the order."""
    template: Any = compiler.create_template()
    names = [plugin["name"] for plugin in template.generate_definition().report.plugins]
    assert list(getattr(type(template), "order", ())) == names
    if names and names[-1] in NAMES:
        assert template.metadata.values["asked"] == names[-1]
    return names


def by_command(site: Site, *arguments: str, **variables: str) -> list[str]:
    """The plugins of a compile from the command line; ``plugins list`` says the same beforehand."""
    listed = site.json("plugins", "list", "--config", "pipeline.yaml", *arguments, **variables)
    chosen = [row["name"] for row in listed if row["selected"] and row["kind"] == "plugin"]
    result = site.cli("compile", "pipeline.yaml", "-o", "out.json", "--json", *arguments, **variables)
    assert result.exit_code == 0, result.output
    names = [plugin["name"] for plugin in json.loads(result.stdout)["report"]["plugins"]]
    assert names == chosen
    return names


# Precedence, from the top


def test_the_api_goes_before_all_else(installed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGCAST_PLUGINS", "variable")
    assert ran(installed.compiler("api")) == ["api"]
    assert ran(installed.compiler()) == []
    request = PluginRequest(plugins=("api",), enabled=("flag",))
    assert ran(PipelineDAGCompiler(installed.config, plugins=request)) == ["api"]


def test_flags_go_before_the_variable(installed: Site) -> None:
    assert by_command(installed, "--plugin", "flag", DAGCAST_PLUGINS="variable") == ["flag"]


def test_the_variable_goes_before_the_config(installed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert by_command(installed, DAGCAST_PLUGINS="variable") == ["variable"]
    monkeypatch.setenv("DAGCAST_PLUGINS", "variable")
    assert ran(PipelineDAGCompiler(installed.config)) == ["variable"]


def test_the_config_goes_before_what_is_active_on_installation(installed: Site) -> None:
    assert by_command(installed) == ["configured"]
    assert ran(PipelineDAGCompiler(installed.config)) == ["configured"]


def test_what_is_active_on_installation_runs_where_nothing_is_said(installed: Site) -> None:
    installed.write()
    assert by_command(installed) == ["auto"]
    assert ran(PipelineDAGCompiler(installed.config)) == ["auto"]


@pytest.mark.parametrize("value", ["", " ", ",", " , "])
def test_an_empty_variable_says_nothing(installed: Site, value: str) -> None:
    assert by_command(installed, DAGCAST_PLUGINS=value) == ["configured"]


def test_an_empty_list_in_the_config_is_none(installed: Site) -> None:
    installed.write(CONFIG, "plugins:\n  enable: []\n")
    assert by_command(installed) == []


def test_an_environment_of_the_config_decides_for_itself(installed: Site) -> None:
    installed.write(
        CONFIG,
        "plugins:\n  enable: [configured]\nenvironments:\n  prod:\n    plugins:\n      enable: [flag]\n",
    )
    assert ran(PipelineDAGCompiler(installed.config, env="prod")) == ["flag"]


# Order


@pytest.mark.parametrize("order", list(itertools.permutations(("api", "flag", "variable"))))
def test_the_order_is_the_order_written(installed: Site, order: tuple[str, ...]) -> None:
    assert ran(installed.compiler(*order)) == list(order)
    flags = [argument for name in order for argument in ("--plugin", name)]
    assert by_command(installed, *flags) == list(order)
    assert by_command(installed, DAGCAST_PLUGINS=" , ".join(order)) == list(order)
    installed.write(CONFIG, f"plugins:\n  enable: {list(order)}\n")
    assert by_command(installed) == list(order)


def test_those_active_on_installation_run_by_name(site: Site) -> None:
    for name in ("c", "a", "b"):
        site.plugin(
            name, SOURCE.format(name=name), autoload=True, distribution=f"dist-{'abc'.index(name) * -1 + 9}"
        )
    assert by_command(site) == ["a", "b", "c"]


def test_names_and_objects_mix(installed: Site) -> None:
    first, last = Given("first"), Given("last")
    assert ran(installed.compiler(first, "api", last, "flag")) == ["first", "api", "last", "flag"]
    lock = installed.compiler(first, "api").plugins.lock()
    assert [entry["distribution"] for entry in lock] == [None, "api-plugin"]


def test_a_class_and_a_module_are_plugins_too(installed: Site) -> None:
    class Made(Given):
        name = "made"

        def __init__(self) -> None:
            super().__init__("made")

    import api_plugin  # type: ignore[import-not-found]

    assert [plugin.name for plugin in installed.compiler(Made, api_plugin).plugins.plugins] == [
        "made",
        "api_plugin",
    ]


@pytest.mark.parametrize("same", ["api", Given("same")], ids=["name", "object"])
def test_the_same_twice_runs_once_where_it_stands_first(installed: Site, same: Any) -> None:
    assert len(ran(installed.compiler(same, "flag", same))) == 2
    assert ran(installed.compiler(same, "flag", same))[1] == "flag"


def test_a_name_and_an_object_of_that_name_are_two(installed: Site) -> None:
    with pytest.raises(PluginError, match="two selected plugins have this name"):
        installed.compiler("api", Given("api")).create_template()


def test_a_name_in_place_of_a_list_is_a_mistake_in_python(installed: Site) -> None:
    with pytest.raises(TypeError, match=r"write \['api'\]"):
        PipelineDAGCompiler(installed.config, plugins="api")


# Leaving out


def test_no_plugin_takes_from_every_list(installed: Site) -> None:
    both = ("--plugin", "flag", "--plugin", "api")
    assert by_command(installed, *both, "--no-plugin", "flag") == ["api"]
    assert by_command(installed, "--no-plugin", "variable", DAGCAST_PLUGINS="variable,api") == ["api"]
    assert by_command(installed, "--no-plugin", "configured") == []
    installed.write()
    assert by_command(installed, "--no-plugin", "auto") == []


def test_no_plugins_takes_all(installed: Site) -> None:
    assert by_command(installed, "--no-plugins", DAGCAST_PLUGINS="variable") == []
    installed.write()
    assert by_command(installed, "--no-plugins") == []


def test_no_plugins_and_plugin_contradict_each_other(installed: Site) -> None:
    result = installed.cli("compile", "pipeline.yaml", "--no-plugins", "--plugin", "api")
    assert result.exit_code == 2
    assert "--no-plugins and --plugin contradict each other" in result.output


def test_disable_takes_from_the_list_of_the_config_and_from_installation(installed: Site) -> None:
    installed.write(CONFIG, "plugins:\n  enable: [configured, api]\n  disable: [configured]\n")
    assert by_command(installed) == ["api"]
    installed.write(CONFIG, "plugins:\n  disable: [auto]\n")
    assert by_command(installed) == []


def test_disable_does_not_take_what_is_asked_for_more_loudly(installed: Site) -> None:
    installed.write(CONFIG, "plugins:\n  disable: [api]\n")
    assert by_command(installed, "--plugin", "api") == ["api"]
    assert by_command(installed, DAGCAST_PLUGINS="api") == ["api"]
    assert ran(installed.compiler("api")) == ["api"]


def test_a_misspelt_name_to_disable_is_reported(installed: Site) -> None:
    installed.write(CONFIG, "plugins:\n  disable: [atuo]\n")
    warnings = [str(item) for item in PipelineDAGCompiler(installed.config).validate().warnings]
    where = f"{installed.config}:{installed.line('disable')}"
    assert warnings == [f"{where}: warning: disabled plugin 'atuo' is not installed (did you mean 'auto'?)"]
    result = installed.cli("validate", "pipeline.yaml", "--no-plugin", "configurd", "--json")
    found = json.loads(result.stdout)["diagnostics"]
    assert any("disabled plugin 'configurd' is not installed" in item["message"] for item in found)
    assert any(item["hint"] == "did you mean 'configured'?" for item in found)


# Options


OPTIONED = """
from pydantic import BaseModel, ConfigDict

class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    level: int = 1
    name: str = "x"

@hookimpl
def options_model():
    return Options

@hookimpl
def extract_metadata(options):
    return {"level": options.level}
"""


def test_options_reach_the_plugin(site: Site) -> None:
    site.plugin("alpha", OPTIONED)
    assert site.report("alpha").metadata == {"level": 1}
    site.write(CONFIG, "plugins:\n  options:\n    alpha:\n      level: 5\n")
    assert site.report("alpha").metadata == {"level": 5}


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (
            "    alpha:\n      levle: 2\n",
            "levle",
            "options of plugin 'alpha': unknown field 'levle'",
            "'level'",
        ),
        ("    alpha:\n      level: high\n", "level: high", "options of plugin 'alpha'", ""),
        (
            "    alhpa:\n      level: 2\n",
            "alhpa",
            "options for unknown plugin 'alhpa'",
            "'alpha'",
        ),
    ],
)
def test_a_typo_in_the_options_is_a_diagnostic_with_line_and_hint(
    site: Site, text: str, line: str, message: str, hint: str
) -> None:
    site.plugin("alpha", OPTIONED)
    site.write(CONFIG, f"plugins:\n  options:\n{text}")
    (error,) = site.compiler("alpha").validate().errors
    assert error.location is not None
    assert (error.location.file, error.location.line) == (str(site.config), site.line(line))
    assert message in error.message
    assert hint in (error.hint or "")


def test_options_of_a_plugin_that_does_not_run_wait_for_it(site: Site) -> None:
    site.plugin("alpha", OPTIONED)
    site.write(CONFIG, "plugins:\n  options:\n    alpha:\n      level: 5\n")
    assert site.compiler().validate().is_valid


def test_mistakes_in_options_and_steps_are_reported_together(site: Site) -> None:
    site.plugin("alpha", OPTIONED)
    site.write(
        CONFIG.replace("error_message", "eror_message"), "plugins:\n  options:\n    alpha:\n      levle: 2\n"
    )
    errors = site.compiler("alpha").validate().errors
    assert [error.location.line for error in errors if error.location] == [
        site.line("eror"),
        site.line("levle"),
    ]


# The rule itself, over every combination


def lists(names: Iterable[str] = ("a", "b", "c", "d")) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(tuple(names)), max_size=4).map(tuple)


@given(
    api=st.none() | lists(),
    flags=lists(),
    variable=lists(),
    enable=st.none() | lists(),
    automatic=lists().map(lambda names: tuple(sorted(set(names)))),
    without=lists(),
    disable=lists(),
    none=st.booleans(),
)
def test_the_first_that_says_anything_decides(
    api: tuple[str, ...] | None,
    flags: tuple[str, ...],
    variable: tuple[str, ...],
    enable: tuple[str, ...] | None,
    automatic: tuple[str, ...],
    without: tuple[str, ...],
    disable: tuple[str, ...],
    none: bool,
) -> None:
    entries = tuple(
        PluginEntry(name=name, value=name, distribution=name, version="1", autoload=name in automatic)
        for name in ("a", "b", "c", "d")
    )
    request = PluginRequest(plugins=api, enabled=flags, disabled=without, none=none)
    config = PluginsConfig(enable=enable, disable=disable)
    selection = select_plugins(
        request, config, InstalledPlugins(entries), {"DAGCAST_PLUGINS": ",".join(variable)}
    )
    if none:
        expected: tuple[str, ...] = ()
    elif api is not None:
        expected = api
    elif flags or variable:
        expected = flags or variable
    else:
        expected = tuple(name for name in (automatic if enable is None else enable) if name not in disable)
    expected = tuple(dict.fromkeys(name for name in expected if name not in without))
    assert selection.chosen == expected
    for name in ("a", "b", "c", "d"):
        assert selection.reason(name)
        assert name not in selection.chosen or name not in selection.excluded
    for name in automatic:
        assert name in selection.chosen or name in selection.excluded
