"""A site policy sets plugins and options for every pipeline of a machine, and no caller gets around it."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dagcast import PipelineDAGCompiler, compile_dag_to_pipeline
from dagcast.errors import InvalidInputError, PluginError
from dagcast.plugin import hookimpl
from tests.integration.plugins.conftest import CONFIG, Site
from tests.support.distributions import HEADER, Built, environment, run

TEAM = """
from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    owner: str = "nobody"
    key: str = Field("none", validation_alias=AliasChoices("key", "kms", "kms_key"))
    limits: dict[str, int] = {}


@hookimpl
def options_model():
    return Options


@hookimpl
def extract_metadata(options):
    return {"team": options.model_dump()}
"""
OTHER = """
@hookimpl
def extract_metadata():
    return {"other": True}
"""


@pytest.fixture
def machine(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Two installed plugins, and folders of policies that only the test writes."""
    site.plugin("team", TEAM)
    site.plugin("other", OTHER)
    for folder in ("system", "user"):
        (site.project.parent / folder / "dagcast").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(site.project.parent / "system"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(site.project.parent / "user"))
    monkeypatch.delenv("DAGCAST_SITE", raising=False)
    return site


def policy(machine: Site, text: str, where: str = "system") -> str:
    """Write a policy and return its path."""
    file = machine.project.parent / where / "dagcast" / "site.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def refusal(machine: Site, *arguments: str, **variables: str) -> str:
    """What a command that is refused prints."""
    result = machine.cli(*arguments, **variables)
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.stderr


def diagnostics(machine: Site, **arguments: Any) -> list[dict[str, object]]:
    """What the compiler of a program reports."""
    with pytest.raises(InvalidInputError) as caught:
        PipelineDAGCompiler(machine.config, **arguments).compile_definition()
    return [item.as_dict() for item in caught.value.diagnostics]


REQUIRED = "plugins:\n  required: [team]\n"


def test_a_required_plugin_runs_without_a_word_in_the_config(machine: Site) -> None:
    file = policy(machine, REQUIRED)
    report = PipelineDAGCompiler(machine.config).compile_definition().report
    assert [entry["name"] for entry in report.plugins] == ["team"]
    assert [item["file"] for item in report.policies] == [file]
    assert report.as_dict()["policies"][0]["required"] == ["team"]


def test_a_required_plugin_joins_the_list_of_a_config(machine: Site) -> None:
    policy(machine, REQUIRED)
    machine.write(CONFIG, "plugins: {enable: [other]}\n")
    report = PipelineDAGCompiler(machine.config).compile_definition().report
    assert [entry["name"] for entry in report.plugins] == ["team", "other"]
    machine.write(CONFIG, "plugins: {enable: [other, team]}\n")
    report = PipelineDAGCompiler(machine.config).compile_definition().report
    assert [entry["name"] for entry in report.plugins] == ["other", "team"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--no-plugin", "team"], "--no-plugin turns off"),
        (["--no-plugins"], "--no-plugins turns off"),
        (["--plugin", "other"], "--plugin leaves out"),
    ],
)
@pytest.mark.parametrize("verb", ["validate", "compile", "explain", "run", "list", "schema", "rules"])
def test_no_flag_turns_a_required_plugin_off(
    machine: Site, verb: str, arguments: list[str], says: str
) -> None:
    file = policy(machine, REQUIRED)
    command = {
        "list": ["plugins", "list", "--config", "pipeline.yaml"],
        "schema": ["schema", "--config", "pipeline.yaml"],
        "rules": ["rules", "--config", "pipeline.yaml"],
    }.get(verb, [verb, "pipeline.yaml"])
    said = refusal(machine, *command, *arguments)
    assert f"{says} plugin 'team', which the site policy {file}:2 requires" in said


def test_the_variable_does_not_turn_a_required_plugin_off(machine: Site) -> None:
    file = policy(machine, REQUIRED)
    said = refusal(machine, "compile", "pipeline.yaml", DAGCAST_PLUGINS="other")
    assert f"DAGCAST_PLUGINS leaves out plugin 'team', which the site policy {file}:2 requires" in said
    # The remedy works.
    followed = machine.cli("compile", "pipeline.yaml", "-o", "out.json", DAGCAST_PLUGINS="other,team")
    assert followed.exit_code == 0, followed.output


@pytest.mark.parametrize(
    ("section", "line", "says"),
    [
        ("plugins:\n  disable: [other, team]\n", 2, "plugins.disable turns off plugin 'team'"),
        ("plugins:\n  enable: []\n", 2, "plugins.enable is empty, which turns off plugin 'team'"),
        ("environments:\n  prod:\n    plugins:\n      disable: [team]\n", 4, "plugins.disable turns off"),
    ],
)
def test_no_config_turns_a_required_plugin_off(machine: Site, section: str, line: int, says: str) -> None:
    file = policy(machine, REQUIRED)
    machine.write(CONFIG, section)
    (found,) = diagnostics(machine, env="prod" if "prod" in section else None)
    assert says in str(found["message"])
    assert f"{file}:2" in str(found["message"])
    assert (found["line"], found["code"]) == (len(CONFIG.splitlines()) + line, "plugin.required")


class Impostor:
    """An object that calls itself by the name of the required plugin."""

    name = "team"

    def extract_metadata(self) -> dict[str, Any]:
        """Nothing."""
        return {}


@pytest.mark.parametrize("plugins", [[], ["other"], [Impostor()]])
def test_no_program_turns_a_required_plugin_off(machine: Site, plugins: list[Any]) -> None:
    file = policy(machine, REQUIRED)
    (found,) = diagnostics(machine, plugins=plugins)
    message = f"the plugins argument leaves out plugin 'team', which the site policy {file}:2 requires"
    assert found["message"] == message
    with pytest.raises(InvalidInputError):
        compile_dag_to_pipeline(None, machine.config, plugins=plugins)
    with pytest.raises(InvalidInputError):
        _ = PipelineDAGCompiler(machine.config, plugins=plugins).plugins
    assert not PipelineDAGCompiler(machine.config, plugins=plugins).validate().is_valid


@pytest.mark.parametrize(
    ("arguments", "section", "says"),
    [
        (["--plugin", "other"], "", "--plugin selects"),
        ([], "plugins: {enable: [other]}\n", "plugins.enable of the config selects"),
    ],
)
def test_a_forbidden_plugin_does_not_run(
    machine: Site, arguments: list[str], section: str, says: str
) -> None:
    file = policy(machine, "plugins:\n  forbidden:\n  - other\n")
    machine.write(CONFIG, section)
    said = refusal(machine, "compile", "pipeline.yaml", *arguments)
    assert f"{says} plugin 'other', which the site policy {file}:3 forbids" in said
    assert "forbids it" in refusal(machine, "plugins", "info", "other")


def test_a_forbidden_plugin_under_another_name_is_recognized(machine: Site) -> None:
    helper = HEADER + "def shared():\n    return 1\n"
    module = HEADER + textwrap.dedent(
        """
        class Named:
            @hookimpl
            def extract_metadata(self):
                return {"other": True}


        @hookimpl
        def extract_metadata():
            return {"other": True}


        def helper():
            return 1
        """
    )
    points = {"dagcast": {"banned": "acme.banned:Named", "alias": "acme.banned:Named", "fine": "acme.fine"}}
    modules = {"acme.banned": module, "acme.fine": module, "acme.helper": helper}
    machine.install(Built("acme", modules=modules, entry_points=points))
    banned, fine = importlib.import_module("acme.banned"), importlib.import_module("acme.fine")

    class Renamed(banned.Named):  # type: ignore[misc]
        name = "mine"

    class Borrowed:
        name = "mine"
        extract_metadata = banned.Named.extract_metadata

    class Own:
        name = "mine"

        @hookimpl
        def extract_metadata(self) -> dict[str, Any]:
            return {"own": banned.helper()}

    bound = types.SimpleNamespace(name="mine", extract_metadata=banned.Named().extract_metadata)
    file = policy(machine, "plugins:\n  forbidden:\n  - banned\n")
    for item in (Renamed(), Renamed, Borrowed(), banned, banned.Named(), bound):
        with pytest.raises(InvalidInputError) as caught:
            machine.compile(item)
        assert "selects" in str(caught.value)
        assert f"the code of plugin 'banned', which the site policy {file}:3 forbids" in str(caught.value)
    for arguments, section in ((["--plugin", "alias"], ""), ([], "plugins: {enable: [alias]}\n")):
        machine.write(CONFIG, section)
        said = refusal(machine, "compile", "pipeline.yaml", *arguments)
        assert f"selects 'alias', the code of plugin 'banned', which the site policy {file}:3 forbids" in said
    machine.write(CONFIG)
    for allowed in (Own(), fine, "fine"):
        assert machine.compile(allowed).report.plugins


def test_an_alias_of_a_forbidden_plugin_that_is_active_on_installation_is_left_out(machine: Site) -> None:
    target = {"one": "acme_auto", "two": "acme_auto"}
    built = Built(
        "auto",
        modules={"acme_auto": HEADER + OTHER},
        entry_points={"dagcast": target, "dagcast.autoload": target},
    )
    machine.install(built)
    file = policy(machine, "plugins: {forbidden: [one]}\n")
    assert PipelineDAGCompiler(machine.config).compile_definition().report.plugins == ()
    rows = {row["name"]: row for row in machine.json_of("plugins", "list", "--json")}
    assert rows["two"]["reason"] == f"not selected: forbidden by the site policy {file}:1"


def test_the_schema_of_policies_holds_the_options_of_plugins(machine: Site) -> None:
    schema = machine.json_of("schema", "--site-policy", "--plugin", "team")

    def problems(plugins: Any) -> list[str]:
        found = jsonschema.Draft202012Validator(schema).iter_errors({"plugins": plugins})
        return [error.message for error in found]

    assert problems({"required": ["team"], "forbidden": ["x"], "fixed": {"team": {"owner": "me"}}}) == []
    assert problems({"enable": None, "disable": [], "options": {"team": {"limits": {"a": 1}}}}) == []
    assert "'requird' was unexpected" in problems({"requird": ["team"]})[0]
    assert "'ownr' was unexpected" in problems({"fixed": {"team": {"ownr": "me"}}})[0]
    assert "7 is not of type 'string'" in problems({"options": {"team": {"owner": 7}}})[0]
    assert "'steps' was unexpected" in str(
        list(jsonschema.Draft202012Validator(schema).iter_errors({"steps": {}}))
    )


def test_a_forbidden_plugin_that_is_active_on_installation_is_left_out(machine: Site) -> None:
    machine.plugin("eager", OTHER, autoload=True)
    file = policy(machine, "plugins: {forbidden: [eager]}\n")
    assert PipelineDAGCompiler(machine.config).compile_definition().report.plugins == ()
    rows = {row["name"]: row for row in machine.json_of("plugins", "list", "--json")}
    assert rows["eager"]["reason"] == f"not selected: forbidden by the site policy {file}:1"
    assert rows["eager"]["policies"] == [f"{file}:1"]


def test_options_of_policy_and_config_are_merged(machine: Site) -> None:
    policy(
        machine, REQUIRED + "  options:\n    team: {owner: platform, key: site, limits: {cpu: 1, gpu: 2}}\n"
    )
    assert team(machine) == {"owner": "platform", "key": "site", "limits": {"cpu": 1, "gpu": 2}}
    machine.write(CONFIG, "plugins: {options: {team: {kms: mine, limits: {gpu: 8}}}}\n")
    assert team(machine) == {"owner": "platform", "key": "mine", "limits": {"cpu": 1, "gpu": 8}}


def team(machine: Site) -> Any:
    """The options that the plugin received."""
    return PipelineDAGCompiler(machine.config).compile_definition().report.metadata["team"]


@pytest.mark.parametrize("option", ["key: mine", "kms: mine", "kms_key: site", "key: null"])
def test_a_fixed_option_keeps_its_value(machine: Site, option: str) -> None:
    file = policy(machine, REQUIRED + "  fixed:\n    team:\n      key: site\n")
    machine.write(CONFIG, f"plugins:\n  options:\n    team:\n      {option}\n")
    (found,) = diagnostics(machine)
    name = option.partition(":")[0]
    assert found["message"] == (
        f"option '{name}' of plugin 'team' differs from the value that the site policy {file}:5 fixes"
    )
    assert (found["line"], found["code"]) == (machine.line(f"      {option}"), "plugin.fixed-option")
    machine.write(CONFIG, "plugins: {options: {team: {key: site, owner: me}}}\n")
    assert team(machine) == {"owner": "me", "key": "site", "limits": {}}


def test_a_wrong_option_is_located_where_it_is_written(machine: Site) -> None:
    file = policy(machine, REQUIRED + "  options:\n    team:\n      ownr: platform\n      limits: {cpu: 1}\n")
    (found,) = diagnostics(machine)
    assert (found["file"], found["line"]) == (file, 5)
    policy(machine, REQUIRED + "  options:\n    team:\n      limits: {cpu: 1}\n")
    machine.write(CONFIG, "plugins:\n  options:\n    team:\n      limits: {gpu: x}\n")
    (found,) = diagnostics(machine)
    assert (found["file"], found["line"]) == (str(machine.config), machine.line("gpu: x"))


def test_a_required_plugin_that_is_missing_or_broken_ends_the_compile(machine: Site) -> None:
    file = policy(machine, "plugins: {required: [absent]}\n")
    with pytest.raises(PluginError, match=f"not installed.*the site policy {file}:1 requires") as caught:
        PipelineDAGCompiler(machine.config).compile_definition()
    machine.plugin("absent", "raise RuntimeError('no licence')\n")
    with pytest.raises(PluginError, match=f"no licence.*the site policy {file}:1 requires") as caught:
        PipelineDAGCompiler(machine.config).compile_definition()
    # A remedy that the policy refuses is none.
    assert "--no-plugin" not in str(caught.value)


def test_a_required_plugin_that_fails_is_not_left_out(machine: Site) -> None:
    machine.plugin("failing", "@hookimpl\ndef extract_metadata():\n    raise RuntimeError('down')\n")
    file = policy(machine, "plugins: {required: [failing]}\n")
    with pytest.raises(PluginError, match=f"the site policy {file}:1 requires") as caught:
        PipelineDAGCompiler(machine.config).compile_definition()
    assert "--no-plugin" not in str(caught.value)


def test_files_add_to_each_other(machine: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    system = policy(machine, REQUIRED + "  options: {team: {owner: platform}}\n")
    user = policy(machine, "plugins: {required: [other], options: {team: {limits: {cpu: 1}}}}\n", "user")
    named = machine.project / "more.yaml"
    named.write_text("plugins: {options: {team: {limits: {gpu: 2}}}}\n")
    monkeypatch.setenv("DAGCAST_SITE", "more.yaml")
    report = PipelineDAGCompiler(machine.config).compile_definition().report
    assert [item["file"] for item in report.policies] == [system, user, str(named)]
    assert [entry["name"] for entry in report.plugins] == ["team", "other"]
    assert report.metadata["team"] == {"owner": "platform", "key": "none", "limits": {"cpu": 1, "gpu": 2}}


@pytest.mark.parametrize(
    ("own", "system_line"),
    [
        ("plugins:\n  forbidden: [team]\n", 2),
        ("plugins:\n  disable: [team]\n", 2),
        ("plugins:\n  fixed: {team: {key: mine}}\n", 4),
        ("plugins:\n  options: {team: {key: mine}}\n", 4),
        ("plugins:\n  options: {team: {limits: {cpu: 2}}}\n", 6),
        ("plugins:\n  options: {team: {limits: null}}\n", 6),
    ],
)
def test_files_that_contradict_each_other_are_refused(machine: Site, own: str, system_line: int) -> None:
    fixed = "  fixed:\n    team: {key: site}\n  options:\n    team: {limits: {cpu: 1}}\n"
    system = policy(machine, REQUIRED + fixed)
    user = policy(machine, own, "user")
    found = diagnostics(machine)
    assert {(item["file"], item["line"], item["code"]) for item in found} == {(user, 2, "plugin.policy")}
    assert f"{system}:{system_line}" in str(found[0]["message"])
    # A value may be a secret.
    assert "mine" not in str(found[0]["message"])


def test_the_same_statement_twice_is_not_a_contradiction(machine: Site) -> None:
    text = REQUIRED + "  fixed: {team: {key: site}}\n  options: {team: {owner: platform}}\n"
    policy(machine, text)
    policy(machine, text, "user")
    assert team(machine)["owner"] == "platform"


BROKEN = {
    "syntax": "plugins: {required: [team\n",
    "misspelt": "plugins:\n  requierd: [team]\n",
    "outside of its section": "required: [team]\n",
    "a name for a list": "plugins:\n  required: team\n",
    "twice": "plugins: {required: [team]}\nplugins: {}\n",
    "a list": "- team\n",
    "no UTF-8": "plugins: {required: [t\udcffeam]}\n",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("where", ["system", "user"])
def test_a_malformed_policy_ends_every_command(machine: Site, kind: str, where: str) -> None:
    file = machine.project.parent / where / "dagcast" / "site.yaml"
    file.write_bytes(BROKEN[kind].encode("utf-8", "surrogateescape"))
    for command in (
        ["validate", "pipeline.yaml"],
        ["compile", "pipeline.yaml"],
        ["compile", "pipeline.yaml", "--no-plugins"],
        ["explain", "pipeline.yaml"],
        ["run", "pipeline.yaml"],
        ["plugins", "list"],
        ["schema"],
    ):
        assert str(file) in refusal(machine, *command)
    doctor = machine.cli("plugins", "doctor")
    assert doctor.exit_code == 1
    assert str(file) in doctor.output
    assert machine.cli("--help").exit_code == machine.cli("compile", "--help").exit_code == 0


@pytest.mark.parametrize("kind", ["folder", "pipe", "broken link", "loop", "broken folder"])
@pytest.mark.timeout(60)
def test_a_policy_that_cannot_be_read_ends_every_command(machine: Site, kind: str) -> None:
    file = machine.project.parent / "system" / "dagcast" / "site.yaml"
    if kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "broken folder":
        file.parent.rmdir()
        file.parent.symlink_to(file.parent.parent / "unmounted")
    else:
        file.symlink_to(file if kind == "loop" else file.with_name("missing.yaml"))
    assert "the site policy cannot be read" in refusal(machine, "compile", "pipeline.yaml")
    assert not PipelineDAGCompiler(machine.config).validate().is_valid


def test_the_variable_must_name_a_file(machine: Site) -> None:
    missing = machine.project / "none.yaml"
    said = refusal(machine, "compile", "pipeline.yaml", DAGCAST_SITE="none.yaml")
    assert f"{missing}: error: the site policy cannot be read: DAGCAST_SITE names no file" in said


def test_a_policy_read_by_two_ways_holds_once(machine: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    file = policy(machine, REQUIRED)
    (machine.project.parent / "user" / "dagcast" / "site.yaml").symlink_to(file)
    monkeypatch.setenv("DAGCAST_SITE", file)
    policies = PipelineDAGCompiler(machine.config).compile_definition().report.policies
    assert [item["file"] for item in policies] == [file]


def test_relative_folders_are_not_folders_of_policies(machine: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Source: the XDG Base Directory Specification, which has them ignored."""
    (machine.project / "dagcast").mkdir()
    (machine.project / "dagcast" / "site.yaml").write_text(REQUIRED)
    monkeypatch.setenv("XDG_CONFIG_DIRS", ".")
    monkeypatch.setenv("XDG_CONFIG_HOME", ".")
    monkeypatch.setenv("HOME", str(machine.project.parent / "user"))
    assert PipelineDAGCompiler(machine.config).compile_definition().report.policies == ()


def test_every_report_says_which_policy_held(machine: Site) -> None:
    file = policy(machine, REQUIRED + "  fixed: {team: {key: hush}}\n")
    line = f"site policy: {file} (requires team; fixes team.key)"
    for command in (
        ["validate", "pipeline.yaml"],
        ["compile", "pipeline.yaml", "-o", "out.json"],
        ["explain", "pipeline.yaml"],
        ["plugins", "list"],
        ["plugins", "doctor"],
    ):
        result = machine.cli(*command)
        assert result.exit_code == 0, result.output
        assert line in result.output
        assert "hush" not in result.output
    assert machine.json("validate", "pipeline.yaml")["policies"][0]["file"] == file
    compiled = machine.json("compile", "pipeline.yaml", "-o", "out.json")
    assert compiled["report"]["policies"][0]["fixed"] == {"team": ["key"]}
    (row,) = [row for row in machine.json("plugins", "list") if row["name"] == "team"]
    assert row["reason"] == f"selected: required by the site policy {file}:2"
    assert row["policies"] == [f"{file}:2", f"{file}:3"]


def test_doctor_names_required_plugins_that_are_missing_and_misspelt_names(machine: Site) -> None:
    file = policy(machine, "plugins:\n  required: [absent]\n  options: {taem: {}, elsewhere: {}}\n")
    found = machine.json("plugins", "doctor")["findings"]
    assert [(item["problem"], item["remedy"]) for item in found] == [
        (f"{file}:2: plugin 'absent' is required, and not installed", "install it, or fix the policy"),
        (f"{file}:3: plugin 'taem' is not installed", "did you mean 'team'?"),
    ]


def test_a_policy_holds_in_subprocesses(machine: Site) -> None:
    file = policy(machine, REQUIRED)
    variables = {"XDG_CONFIG_DIRS": os.environ["XDG_CONFIG_DIRS"], "XDG_CONFIG_HOME": "/nonexistent"}
    done = run(
        ["-m", "dagcast.cli", "compile", "pipeline.yaml", "-o", "out.json", "--json"],
        [machine.folder],
        machine.project,
        **variables,
    )
    assert json.loads(done.stdout)["report"]["policies"][0]["file"] == file
    off = run(
        ["-m", "dagcast.cli", "compile", "pipeline.yaml", "--no-plugins"],
        [machine.folder],
        machine.project,
        **variables,
    )
    assert off.returncode == 1
    assert f"{file}:2" in off.stderr


UNSHARE = shutil.which("unshare")
MOUNT = 'mount --bind "$1" /etc/xdg && shift && exec "$@"'


def _may_mount() -> bool:
    if UNSHARE is None or not Path("/etc/xdg").is_dir():
        return False
    command = [UNSHARE, "-rm", "sh", "-c", MOUNT, "sh", "/etc/xdg", "true"]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="needs namespaces, to write the system's folder")
@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"XDG_CONFIG_DIRS": "/nonexistent"},
        {"XDG_CONFIG_DIRS": "", "XDG_CONFIG_HOME": "/nonexistent", "HOME": "/nonexistent"},
    ],
)
def test_no_variable_removes_the_policy_of_the_system(machine: Site, variables: dict[str, str]) -> None:
    policy(machine, REQUIRED)
    system = str(machine.project.parent / "system")
    command = [sys.executable, "-m", "dagcast.cli", "compile", "pipeline.yaml", "--no-plugins"]
    done = subprocess.run(
        [str(UNSHARE), "-rm", "sh", "-c", MOUNT, "sh", system, *command],
        cwd=machine.project,
        env={**environment([machine.folder]), "XDG_CONFIG_DIRS": "/nonexistent", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "which the site policy /etc/xdg/dagcast/site.yaml:2 requires" in done.stderr


def test_the_models_of_a_policy_are_those_of_a_config(machine: Site) -> None:
    """A section of a config is a policy, too: one schema."""
    section = {"enable": ["other"], "disable": [], "options": {"team": {"owner": "platform"}}}
    policy(machine, yaml.safe_dump({"plugins": section}))
    report = PipelineDAGCompiler(machine.config).compile_definition().report
    assert [entry["name"] for entry in report.plugins] == ["other"]
    machine.write(CONFIG, "plugins: {enable: [team]}\n")
    report = PipelineDAGCompiler(machine.config).compile_definition().report
    assert [entry["name"] for entry in report.plugins] == ["team"]
    assert report.metadata["team"]["owner"] == "platform"


def test_the_lock_covers_the_policy(machine: Site) -> None:
    command = ["compile", "pipeline.yaml", "-o", "out.json"]
    machine.write(CONFIG, "plugins: {enable: [team]}\n")
    policy(machine, REQUIRED + "  forbidden: [absent]\n  fixed: {team: {key: hush}}\n")
    assert machine.cli(*command).exit_code == 0
    assert "hush" not in (machine.project / "out.plugins.json").read_text()
    assert machine.cli(*command, "--locked").exit_code == 0
    policy(machine, REQUIRED + "  fixed: {team: {key: other}}\n")
    said = refusal(machine, *command, "--locked")
    assert "the digest of its options is" in said
    assert "no site policy forbids plugin absent, and one did when the lock was written" in said
    (machine.project.parent / "system" / "dagcast" / "site.yaml").unlink()
    said = refusal(machine, *command, "--locked")
    assert "no site policy requires plugin team, and one did when the lock was written" in said
    assert "no site policy fixes option team.key, and one did when the lock was written" in said


def test_a_run_says_which_policy_held(machine: Site) -> None:
    file = policy(machine, "plugins: {options: {team: {owner: platform}}}\n")
    lines = machine.cli("run", "pipeline.yaml", "--json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert [item["file"] for item in events if item["event"] == "site-policy"] == [file]
    assert f"site policy: {file}" in machine.cli("run", "pipeline.yaml").stderr
