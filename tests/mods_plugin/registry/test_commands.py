"""``dagcast mods`` and the script ``mods``: what they print, and how they end."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from importlib_metadata import distributions

from mods_plugin.registry import Registry
from tests.mods_plugin.registry.conftest import Project
from tests.support.postgres import PASSWORD, Server

Run = Callable[..., subprocess.CompletedProcess[str]]
Mods = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def place(tmp_path: Path) -> str:
    """The commands know nothing of databases: nearly all are tested on a file."""
    return str(tmp_path / "registry.sqlite")


@pytest.fixture
def mods(run: Run, place: str) -> Mods:
    """Runs ``dagcast mods`` with a registry that the variable names."""

    def execute(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return run("-m", "dagcast.cli", "mods", *arguments, **{"MODS_REGISTRY": place, **environment})

    return execute


@pytest.fixture
def filled(mods: Mods, project: Project) -> Mods:
    """The command, with two versions of a template registered."""
    for file in (project.file, None):
        done = mods("register", str(file or project.versioned("1.5.0", description="Finds who stays.")))
        assert done.returncode == 0, done.stderr
    return mods


def shown(place: str) -> str:
    return Registry(place).location


def test_registering_prints_a_summary(mods: Mods, project: Project, place: str) -> None:
    done = mods("register", str(project.file))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"registered churn 1.4.0: {shown(place)}\ncode: 2 objects, 10,")
    digest = Registry(place).show("churn").definition_sha256
    assert done.stderr.endswith(f"definition: sha256 {digest}\n")
    again = mods("register", str(project.file))
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == f"churn 1.4.0 is registered already with the same content: {shown(place)}\n"


def test_registering_prints_json(mods: Mods, project: Project, place: str) -> None:
    body = json.loads(mods("register", str(project.file), "--json").stdout)
    assert (body["ok"], body["registered"], body["registry"]) == (True, True, shown(place))
    assert body["template"] == Registry(place).show("churn").as_dict()
    assert json.loads(mods("register", str(project.file), "--json").stdout)["registered"] is False


def test_the_commands_work_on_postgresql(run: Run, server: Server, project: Project) -> None:
    with server.database() as url:

        def execute(*arguments: str) -> str:
            done = run("-m", "dagcast.cli", "mods", *arguments, "--registry", url)
            assert done.returncode == 0, done.stderr
            return done.stdout + done.stderr

        assert f"registered churn 1.4.0: {shown(url)}" in execute("register", str(project.file))
        assert "registered churn 1.5.0" in execute("register", str(project.versioned("1.5.0")))
        assert "churn  1.5.0" in execute("templates", "churn")
        assert execute("show", "churn@1.4.0").startswith("churn 1.4.0\n")
        assert "+++ churn@1.5.0 metadata" in execute("diff", "churn@1.4.0", "churn@1.5.0")
        assert execute("compile", "churn@1.4.0") == Registry(url).show("churn", "1.4.0").definition + "\n"
        assert PASSWORD not in shown(url)


def test_different_content_is_an_error_with_a_diff(mods: Mods, project: Project) -> None:
    assert mods("register", str(project.file)).returncode == 0
    project.versioned("1.4.0", description="Finds who stays.")
    done = mods("register", str(project.file))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: churn 1.4.0 is registered already with different content")
    assert '-  "description": "Finds who leaves.",\n+  "description": "Finds who stays.",\n' in done.stderr
    told = mods("register", str(project.file), "--json")
    assert told.returncode == 1
    body = json.loads(told.stdout)
    assert (body["ok"], body["diagnostics"][0]["code"]) == (False, "mods.different-content")
    assert '+  "description": "Finds who stays.",' in body["diff"]


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_mistakes_have_a_line(mods: Mods, project: Project, flags: tuple[str, ...]) -> None:
    (project.folder / "broken.yaml").write_text(
        "pipeline:\n  name: churn\nsteps:\n  stop:\n    type: Fail\n    messsage: x\n"
    )
    done = mods("register", str(project.folder / "broken.yaml"), *flags)
    assert done.returncode == 1
    assert "unknown field 'messsage'" in done.stdout + done.stderr
    if flags:
        assert {item["line"] for item in json.loads(done.stdout)["diagnostics"]} >= {6}
    else:
        assert "broken.yaml:6: error: step 'stop' (Fail): unknown field 'messsage'" in done.stderr


def test_registering_takes_dag_environment_and_plugins(mods: Mods, project: Project, place: str) -> None:
    project.save(environments={"EU": {"pipeline": {"bucket": "my-bucket-eu"}}})
    (project.folder / "dag.json").write_text(json.dumps({"nodes": ["load"], "edges": []}))
    flags = [
        "--dag",
        str(project.folder / "dag.json"),
        "--env",
        "EU",
        "--plugin",
        "guardrails",
        "--plugin",
        "mods",
    ]
    done = mods("register", str(project.file), *flags)
    assert done.returncode == 0, done.stderr
    found = Registry(place).show("churn")
    assert found.dag["nodes"] == ["load"]
    assert found.config["pipeline"]["bucket"] == "my-bucket-eu"
    assert [plugin["name"] for plugin in found.plugins] == ["guardrails", "mods"]
    compiled = mods("compile", "churn@1.4.0")
    assert compiled.stdout == found.definition + "\n", compiled.stderr


def test_the_plugin_itself_cannot_be_disabled(mods: Mods, project: Project) -> None:
    done = mods("register", str(project.file), "--no-plugin", "mods")
    assert done.returncode == 2
    assert "plugin 'mods' cannot be disabled" in done.stderr
    assert mods("register", str(project.file), "--no-plugins").returncode == 0


def test_templates_are_listed_and_searched(filled: Mods) -> None:
    listed = filled("templates")
    assert listed.returncode == 0
    header, row = listed.stdout.splitlines()
    assert header.split() == ["name", "latest", "author", "registered", "at", "description"]
    assert row.split()[:3] == ["churn", "1.5.0", "risk"]
    assert filled("templates", "who", "LEAVES").stdout.splitlines()[1].split()[0] == "churn"
    (found,) = json.loads(filled("templates", "--json").stdout)
    assert (found["name"], found["versions"]) == ("churn", ["1.4.0", "1.5.0"])


@pytest.mark.parametrize(
    ("words", "said"), [(("nothing",), "no template matches"), (("%",), "no template matches")]
)
def test_a_search_without_result_succeeds(filled: Mods, words: tuple[str, ...], said: str) -> None:
    done = filled("templates", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{said}\n")
    assert json.loads(filled("templates", *words, "--json").stdout) == []


def test_an_empty_registry_is_reported(mods: Mods, place: str) -> None:
    missing = mods("templates")
    assert missing.returncode == 1
    assert "register a template to create it" in missing.stderr
    assert mods("migrate").stderr == f"registry {shown(place)}: migrated\n"
    assert mods("migrate").stderr == f"registry {shown(place)}: up to date already\n"
    assert json.loads(mods("migrate", "--json").stdout)["changed"] is False
    done = mods("templates")
    assert (done.returncode, done.stderr) == (0, "no templates are registered\n")


def test_a_version_is_shown_with_its_executions(filled: Mods, place: str) -> None:
    registry = Registry(place)
    number = registry.start_execution("churn", "1.4.0", parameters={"Depth": 3}, started_by="operator").id
    registry.end_execution(number, "failed", reason="no\x1b[2J\nmemory")
    done = filled("show", "churn@1.4.0")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "churn 1.4.0"
    assert {"  author: risk", "  description: Finds who leaves.", "  versions: 1.4.0, 1.5.0"} <= set(lines)
    assert {"  load  Processing", "  train  Training", "  stop  Fail"} <= set(lines)
    assert any(line.startswith("  code/") or line.startswith("  code  ") for line in lines)
    assert lines[-2].split()[:2] == ["id", "state"]
    assert lines[-1].split()[:3] == ["1", "failed", "operator"]
    assert r"no\x1b[2J\nmemory" in lines[-1]
    assert "\x1b" not in done.stdout
    body = json.loads(filled("show", "churn@1.4.0", "--json").stdout)
    assert body == {
        **registry.show("churn", "1.4.0").as_dict(),
        "versions": ["1.4.0", "1.5.0"],
        "executions": [registry.executions("churn")[0].as_dict()],
    }
    latest = filled("show", "churn")
    assert latest.stdout.startswith("churn 1.5.0\n")
    assert "executions" not in latest.stdout


def test_show_limits_the_number_of_executions(filled: Mods, place: str) -> None:
    registry = Registry(place)
    for _ in range(22):
        registry.start_execution("churn", "1.5.0")
    lines = filled("show", "churn").stdout.splitlines()
    assert lines[-1] == "  ... and 2 more (--json lists all)"
    assert len(json.loads(filled("show", "churn", "--json").stdout)["executions"]) == 22


def test_versions_are_compared(filled: Mods) -> None:
    done = filled("diff", "churn@1.4.0", "churn@1.5.0")
    assert done.returncode == 0
    assert "--- churn@1.4.0 metadata\n+++ churn@1.5.0 metadata\n" in done.stdout
    assert '+  "description": "Finds who stays."' in done.stdout
    body = json.loads(filled("diff", "churn@1.4.0", "churn@1.5.0", "--json").stdout)
    assert (body["same"], [item["part"] for item in body["differences"]]) == (False, ["metadata", "config"])
    same = filled("diff", "churn@1.4.0", "churn@1.4.0")
    assert (same.returncode, same.stdout, same.stderr) == (0, "", "no differences\n")


def test_a_version_is_compiled(filled: Mods, place: str, tmp_path: Path) -> None:
    found = Registry(place).show("churn", "1.4.0")
    assert filled("compile", "churn@1.4.0").stdout == found.definition + "\n"
    done = filled("compile", "churn@1.4.0", "-o", "out.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        "churn 1.4.0: compiled, identical to the registered definition\n"
        f"definition: out.json (sha256 {found.definition_sha256})\n"
    )
    assert (tmp_path / "out.json").read_text() == found.definition + "\n"
    assert json.loads((tmp_path / "out.plugins.json").read_text())["plugins"] == list(found.plugins)
    body = json.loads(filled("compile", "churn@1.4.0", "-o", "out.json", "--json").stdout)
    assert (body["ok"], body["definition_sha256"]) == (True, found.definition_sha256)


def test_the_stored_definition_is_written_if_plugins_differ(
    filled: Mods, place: str, site: Path, tmp_path: Path
) -> None:
    """Another release of mods-plugin is installed."""
    (info,) = site.glob("mods_plugin-*.dist-info")
    other = tmp_path / "other"
    other.mkdir()
    (other / "mods_plugin").symlink_to(site / "mods_plugin")
    target = other / "mods_plugin-0.0.9.dist-info"
    target.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (target / name).write_text((info / name).read_text().replace("Version: 0.1.0", "Version: 0.0.9"))
    path = os.pathsep.join([str(other), os.environ.get("PYTHONPATH", "")])
    done = filled("compile", "churn@1.4.0", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: churn 1.4.0 cannot be reproduced: the plugins differ from those it was registered with "
        "(--stored writes the registered definition)\n"
        "  plugin 'mods': its version is 0.0.9, the lock has 0.1.0\n"
    )
    stored = filled("compile", "churn@1.4.0", "--stored", PYTHONPATH=path)
    assert stored.stdout == Registry(place).show("churn", "1.4.0").definition + "\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "churm"),
        ("show", "churn@9"),
        ("diff", "churn@1.4.0", "churn@9"),
        ("compile", "churm@1.4.0"),
        ("compile", "churn@1.4.0", "-o", "/proc/no-such-folder/out.json"),
    ],
)
def test_unknown_names_exit_with_1(filled: Mods, arguments: tuple[str, ...]) -> None:
    done = filled(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show",), "Missing argument"),
        (("show", "churn@"), "expected NAME[@VERSION], not 'churn@'"),
        (("show", "@1"), "expected NAME[@VERSION], not '@1'"),
        (("diff", "churn", "churn@1"), "expected NAME@VERSION, not 'churn'"),
        (("compile", "churn"), "expected NAME@VERSION, not 'churn'"),
        (("compile", "churn@1", "--json"), "--json needs -o"),
        (("register", "a", "--plugin", "x", "--no-plugins"), "contradict each other"),
        (("regster",), "unknown command 'regster' (did you mean 'register'?)"),
        (("templates", "--registri", "x"), "No such option"),
    ],
)
def test_invalid_usage_exits_with_2(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run("-m", "dagcast.cli", "mods", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize("command", [(), ("register",), ("templates",), ("show",), ("diff",), ("compile",)])
def test_every_command_has_help(run: Run, command: tuple[str, ...]) -> None:
    done = run("-m", "dagcast.cli", "mods", *command, "--help")
    assert done.returncode == 0
    assert "Usage: dagcast mods" in done.stdout


def test_the_flag_overrides_the_variable(mods: Mods, project: Project, tmp_path: Path) -> None:
    done = mods("register", str(project.file), "--registry", str(tmp_path / "other.sqlite"))
    assert done.returncode == 0
    assert Registry(tmp_path / "other.sqlite").versions("churn") == ("1.4.0",)
    assert mods("show", "churn").returncode == 1


def test_the_script_has_the_same_commands(run: Run, site: Path) -> None:
    (found,) = distributions(path=[str(site)])
    (point,) = [point for point in found.entry_points if point.group == "console_scripts"]
    assert (point.name, point.value) == ("mods", "mods_plugin.cli:main")
    done = run("-c", "import sys; sys.argv[1:] = ['--help']; from mods_plugin.cli import main; main()")
    assert "Usage: mods [OPTIONS] COMMAND" in done.stdout
    version = run("-c", "import sys; sys.argv[1:] = ['--version']; from mods_plugin.cli import main; main()")
    assert "0.1.0" in version.stdout


LOADED = """
import sys
sys.argv[1:] = {arguments!r}
from {module} import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
names = ("sqlalchemy", "alembic", "psycopg", "sagemaker", "boto3")
print(sorted(name for name in names if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("module", "arguments", "loaded"),
    [
        ("dagcast.cli.main", ["compile", "{file}", "-o", "out.json"], []),
        ("dagcast.cli.main", ["validate", "{file}"], []),
        ("dagcast.cli.main", ["mods", "--help"], []),
        ("mods_plugin.cli", ["register", "--help"], []),
        ("mods_plugin.cli", ["templates"], ["sqlalchemy"]),
        ("mods_plugin.cli", ["compile", "churn@1.4.0"], ["sqlalchemy"]),
    ],
)
def test_sqlalchemy_is_imported_only_by_commands_that_use_it(
    run: Run, file_registry: Registry, project: Project, module: str, arguments: list[str], loaded: list[str]
) -> None:
    file_registry.register(project.file)
    filled = [argument.format(file=project.file) for argument in arguments]
    script = LOADED.format(module=module, arguments=filled)
    done = run("-c", script, MODS_REGISTRY=file_registry.location)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == str(loaded)
