"""Where every value came from: metadata, parameters, what plugins changed, the lock, and what ``explain`` says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagcast import PipelineDAGCompiler
from dagcast.compile.explain import Explanation, explain
from dagcast.definition.write import definition_data
from dagcast.paths import format_path
from dagcast.plugin import Change, PipelineSpec, hookimpl
from dagcast.plugins.attribute_changes import attribute_changes
from dagcast.plugins.lock import lock_path
from tests.integration.plugins.conftest import CONFIG, Site

IMPORTS = """
from dataclasses import replace

from dagcast.plugin import ParameterSpec, StepSpec, freeze, put, remove, thaw


def first(spec, change):
    return replace(spec, steps=(change(spec.steps[0]), *spec.steps[1:]))

"""


def transforming(body: str) -> str:
    """A plugin whose ``transform_spec`` returns this expression."""
    return f"{IMPORTS}\n@hookimpl\ndef transform_spec(spec, metadata):\n    return {body}\n"


def changes_of(site: Site, body: str) -> list[tuple[str, Any, Any]]:
    """What a plugin changed: path, old and new value, as the report has them."""
    site.plugin("alpha", transforming(body))
    report = site.report("alpha")
    found = json.loads(json.dumps(report.as_dict()))["changes"]
    assert all((change["plugin"], change["hook"]) == ("alpha", "transform_spec") for change in found)
    return [(format_path(tuple(change["path"])), change["old"], change["new"]) for change in found]


def explained(site: Site, *plugins: Any) -> dict[tuple[str | None, str], Explanation]:
    """Every explanation of a compile, by step and path."""
    template = site.compiler(*plugins).create_template()
    found = list(explain(template.report, template.locate))
    by_place = {(item.step, format_path(item.path)): item for item in found}
    assert len(by_place) == len(found)
    return by_place


# Metadata


def metadata(**values: str) -> str:
    return f"@hookimpl\ndef extract_metadata(explicit):\n    return {values!r}\n"


def test_later_metadata_wins_and_arguments_win_over_all(site: Site) -> None:
    site.plugin("alpha", metadata(author="a", team="a", stage="a"))
    site.plugin("beta", metadata(author="b", team="b"))
    compiler = site.compiler("alpha", "beta")
    report = compiler.create_template(metadata={"author": "me", "team": None}).report
    assert report.metadata == {"author": "me", "team": "b", "stage": "a"}
    assert report.metadata_sources == {"author": "argument", "team": "beta", "stage": "alpha"}
    assert [(c.plugin, format_path(c.path), c.old, c.new) for c in report.changes] == [
        ("alpha", "metadata.author", None, "a"),
        ("alpha", "metadata.team", None, "a"),
        ("alpha", "metadata.stage", None, "a"),
        ("beta", "metadata.author", "a", "b"),
        ("beta", "metadata.team", "a", "b"),
    ]
    swapped = site.compiler("beta", "alpha").create_template().report
    assert swapped.metadata == {"author": "a", "team": "a", "stage": "a"}
    assert set(swapped.metadata_sources.values()) == {"alpha"}


def test_metadata_of_the_compiler_gives_way_to_that_of_a_call(site: Site) -> None:
    site.plugin("alpha", metadata(author="a"))
    compiler = site.compiler("alpha", metadata={"author": "compiler", "version": "1"})
    assert compiler.create_template().report.metadata == {"author": "compiler", "version": "1"}
    assert compiler.create_template(metadata={"author": "call"}).report.metadata["author"] == "call"


def test_a_plugin_sees_what_the_caller_states_and_gets_frozen_metadata(site: Site) -> None:
    site.plugin(
        "alpha",
        """
        @hookimpl
        def extract_metadata(config, dag, explicit, options):
            found = {"name": config.pipeline.name, "nodes": list(dag.nodes), "nested": {"a": [1]}}
            return {"seen": dict(explicit), **found}

        @hookimpl
        def check_spec(metadata, locate):
            assert metadata["nested"]["a"] == (1,)
            assert locate("prepare", ("Arguments", "RoleArn")).line == 4
            return []
        """,
    )
    report = site.compiler("alpha").create_template(metadata={"author": "me"}).report
    data = report.as_dict()["metadata"]
    assert data["seen"] == {"author": "me"}
    assert (data["name"], data["nodes"]) == ("demo", ["prepare", "stop"])


def test_metadata_that_is_not_a_mapping_is_a_mistake_in_python(site: Site) -> None:
    with pytest.raises(TypeError, match="metadata: expected a mapping of keys to JSON data"):
        site.compiler().create_template(metadata=["author"])


def test_objects_in_explicit_metadata_are_shown_by_their_type(site: Site) -> None:
    report = site.compiler().create_template(metadata={"clock": object()}).report
    assert json.loads(json.dumps(report.as_dict()))["metadata"] == {"clock": "<builtins.object>"}


# Parameters


def test_a_parameter_that_a_plugin_adds_may_be_referred_to(site: Site) -> None:
    site.plugin(
        "alpha",
        f"""{IMPORTS}
@hookimpl
def pipeline_parameters(config, metadata):
    return [ParameterSpec("Level", "Float", 1), ParameterSpec("Machine", "String", "ml.m5.large")]
""",
    )
    site.write(CONFIG.replace("error_message: enough", "error_message: it is ${param.Machine}"))
    report = site.report("alpha")
    declared = {item.name: item.default for item in report.spec.parameters}
    # What the config declares stays as it is there; a default is as the service takes it.
    assert declared == {"Machine": "ml.m5.xlarge", "Level": 1.0}
    assert isinstance(declared["Level"], float)
    assert [(c.plugin, format_path(c.path)) for c in report.changes] == [("alpha", "Parameters.Level")]
    found = explained(site, "alpha")
    assert found[None, "Parameters.Level"].kind == "plugin"
    assert found[None, "Parameters.Level"].detail == "alpha"
    assert found[None, "Parameters.Machine"].kind == "config"


# What transform_spec changes

TAGS = "Steps.prepare.Arguments.Tags"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("spec", []),
        ("replace(spec, steps=tuple(replace(step) for step in spec.steps))", []),
        (
            "first(spec, lambda step: put(step, ('StoppingCondition', 'MaxRuntimeInSeconds'), 60))",
            [("Steps.prepare.Arguments.StoppingCondition", None, {"MaxRuntimeInSeconds": 60})],
        ),
        (
            "first(spec, lambda step: put(step, ('ProcessingResources', 'ClusterConfig', 'InstanceCount'), 2))",
            [("Steps.prepare.Arguments.ProcessingResources.ClusterConfig.InstanceCount", 1, 2)],
        ),
        (
            "first(spec, lambda step: put(step, "
            "('ProcessingResources', 'ClusterConfig', 'InstanceType'), 'ml.c5.xlarge'))",
            [
                (
                    "Steps.prepare.Arguments.ProcessingResources.ClusterConfig.InstanceType",
                    {"Get": "Parameters.Machine"},
                    "ml.c5.xlarge",
                )
            ],
        ),
        (
            "first(spec, lambda step: put(step, 'Tags', [*step.arguments['Tags'], {'Key': 'team', 'Value': 'ml'}]))",
            [(f"{TAGS}[1]", None, {"Key": "team", "Value": "ml"})],
        ),
        (
            "first(spec, lambda step: put(step, 'Tags', [{'Key': 'stage', 'Value': 'late'}]))",
            [(f"{TAGS}[0].Value", "early", "late")],
        ),
        (
            "first(spec, lambda step: put(step, 'Tags', [{'Key': 'a', 'Value': 'b'}, *step.arguments['Tags']]))",
            [
                (
                    TAGS,
                    [{"Key": "stage", "Value": "early"}],
                    [{"Key": "a", "Value": "b"}, {"Key": "stage", "Value": "early"}],
                )
            ],
        ),
        (
            "first(spec, lambda step: put(step, 'Tags', []))",
            [(f"{TAGS}[0]", {"Key": "stage", "Value": "early"}, None)],
        ),
        (
            "first(spec, lambda step: remove(step, 'Tags'))",
            [(TAGS, [{"Key": "stage", "Value": "early"}], None)],
        ),
        (
            "first(spec, lambda step: replace(step, fields={'CacheConfig': {'Enabled': True}}))",
            [("Steps.prepare.CacheConfig", None, {"Enabled": True})],
        ),
        (
            "first(spec, lambda step: replace(step, description='d', display_name='n'))",
            [("Steps.prepare.DisplayName", None, "n"), ("Steps.prepare.Description", None, "d")],
        ),
        (
            "replace(spec, steps=(spec.steps[0], replace(spec.steps[1], depends_on=())))",
            [("Steps.stop.DependsOn[0]", "prepare", None)],
        ),
        (
            "replace(spec, steps=(spec.steps[0], replace(spec.steps[1], arguments={'ErrorMessage': 'x'})))",
            [("Steps.stop.Arguments.ErrorMessage", "enough", "x")],
        ),
        (
            "replace(spec, tags=(*spec.tags, ('owner', 'me')))",
            [("pipeline.tags.owner", None, "me")],
        ),
        ("replace(spec, tags=())", [("pipeline.tags.team", "science", None)]),
        ("replace(spec, tags=[('team', 'ml')])", [("pipeline.tags.team", "science", "ml")]),
        (
            "replace(spec, parameters=(replace(spec.parameters[0], default='ml.c5.xlarge'),))",
            [
                (
                    "pipeline.parameters.Machine",
                    {"name": "Machine", "type": "String", "default": "ml.m5.xlarge", "enum": []},
                    {"name": "Machine", "type": "String", "default": "ml.c5.xlarge", "enum": []},
                )
            ],
        ),
        (
            "replace(spec, parameters=(*spec.parameters, ParameterSpec('More', 'Integer', 3)))",
            [
                (
                    "pipeline.parameters.More",
                    None,
                    {"name": "More", "type": "Integer", "default": 3, "enum": []},
                )
            ],
        ),
        (
            "replace(spec, experiment={**spec.experiment, 'TrialName': 'one'})",
            [("pipeline.experiment.TrialName", {"Get": "Execution.PipelineExecutionId"}, "one")],
        ),
        (
            "replace(spec, experiment=None)",
            [
                (
                    "pipeline.experiment",
                    {
                        "ExperimentName": {"Get": "Execution.PipelineName"},
                        "TrialName": {"Get": "Execution.PipelineExecutionId"},
                    },
                    None,
                )
            ],
        ),
        (
            "replace(spec, name='other', description='d', parallelism=3)",
            [
                ("pipeline.name", "demo", "other"),
                ("pipeline.description", None, "d"),
                ("pipeline.parallelism", None, 3),
            ],
        ),
    ],
)
def test_every_field_that_differs_is_recorded_and_no_other(
    site: Site, body: str, expected: list[tuple[str, Any, Any]]
) -> None:
    assert changes_of(site, body) == expected


def test_true_and_one_are_not_the_same(site: Site) -> None:
    site.plugin(
        "alpha", transforming("first(spec, lambda s: replace(s, fields={'X': {'a': True, 'b': [1.0]}}))")
    )
    site.plugin("beta", transforming("first(spec, lambda s: replace(s, fields={'X': {'a': 1, 'b': [1]}}))"))
    changes = [format_path(c.path) for c in site.report("alpha", "beta").changes if c.plugin == "beta"]
    assert changes == ["Steps.prepare.X.a", "Steps.prepare.X.b[0]"]


ADD = (
    "replace(spec, steps=(*spec.steps, StepSpec(name='late', step_type='Fail', definition_type='Fail',"
    " arguments=freeze({'ErrorMessage': 'x'}))))"
)


def test_an_added_step_is_all_the_plugins(site: Site) -> None:
    ((path, old, new),) = changes_of(site, ADD)
    assert (path, old) == ("Steps.late", None)
    assert (new["name"], new["arguments"]) == ("late", {"ErrorMessage": "x"})
    found = explained(site, "alpha")["late", "Arguments.ErrorMessage"]
    assert (found.kind, found.detail, found.location) == ("plugin", "alpha", None)


def test_a_removed_step_is_reported(site: Site) -> None:
    ((path, old, new),) = changes_of(site, "replace(spec, steps=spec.steps[:1])")
    assert (path, new, old["name"]) == ("Steps.stop", None, "stop")
    found = explained(site, "alpha")
    assert [item.kind for item in found.values() if item.step == "stop"] == ["plugin"]
    assert found["stop", ""].changes[0].plugin == "alpha"


def test_steps_come_in_an_order_in_which_they_can_run(site: Site) -> None:
    """A plugin may put a step anywhere; that it depends on a later one is put right."""
    body = ADD.replace("(*spec.steps, ", "(").replace("'x'})))", "'x'}), depends_on=('stop',)), *spec.steps)")
    site.plugin("alpha", transforming(body))
    assert [step.name for step in site.report("alpha").spec.steps] == ["prepare", "stop", "late"]


def test_another_order_of_the_steps_is_reported(site: Site) -> None:
    body = "replace(spec, steps=(replace(spec.steps[1], depends_on=()), spec.steps[0]))"
    assert changes_of(site, body) == [
        ("Steps.stop.DependsOn[0]", "prepare", None),
        ("pipeline.steps", ["prepare", "stop"], ["stop", "prepare"]),
    ]
    assert explained(site, "alpha")[None, "steps"].kind == "plugin"


def test_a_change_of_a_change_names_both_in_order(site: Site) -> None:
    count = ("ProcessingResources", "ClusterConfig", "InstanceCount")
    for name, number in (("alpha", 2), ("beta", 3)):
        site.plugin(name, transforming(f"first(spec, lambda step: put(step, {count}, {number}))"))
    for order, numbers in ((("alpha", "beta"), [(1, 2), (2, 3)]), (("beta", "alpha"), [(1, 3), (3, 2)])):
        found = explained(site, *order)["prepare", format_path(("Arguments", *count))]
        assert [(c.plugin, c.old, c.new) for c in found.changes] == [
            (name, *pair) for name, pair in zip(order, numbers, strict=True)
        ]
        assert (found.kind, found.detail, found.value) == ("plugin", order[-1], numbers[-1][1])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([1.0, 2.0]) | st.sampled_from(["a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "z"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.dictionaries(st.sampled_from(["p", "q"]), JSON, max_size=2),
    after=st.dictionaries(st.sampled_from(["p", "q"]), JSON, max_size=2),
)
def test_the_changes_are_the_difference(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Applied to what was there before, the changes give what is there after; without any, nothing differs."""
    from dagcast.plugin import StepSpec, freeze, thaw

    old, new = (
        PipelineSpec(
            name="p",
            steps=(
                StepSpec(name="s", step_type="Fail", definition_type="Fail", arguments=freeze(arguments)),
            ),
        )
        for arguments in (before, after)
    )
    result, changes = attribute_changes("alpha", old, new)
    assert definition_data(result) == definition_data(new)
    assert bool(changes) == (json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True))
    patched: Any = {"Arguments": thaw(before)}
    removed = []
    for change in changes:
        parts = list(change.path[2:])
        container = patched
        for part in parts[:-1]:
            container = container[part]
        if isinstance(container, list) and parts[-1] == len(container):
            container.append(None)
        gone = change.new is None and not _present({"Arguments": after}, parts)
        if gone:
            removed.append((container, parts[-1]))
        else:
            container[parts[-1]] = thaw(change.new)
    for container, key in reversed(removed):
        del container[key]
    assert json.dumps(patched["Arguments"], sort_keys=True) == json.dumps(after, sort_keys=True)
    named = {name for name, origin in result.steps[0].origins.items() if origin.kind == "plugin"}
    assert named == {change.path[2:] for change in changes}


def _present(data: Any, parts: list[Any]) -> bool:
    for part in parts:
        if isinstance(part, int):
            if not isinstance(data, list) or part >= len(data):
                return False
        elif not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


# explain


@pytest.fixture
def changing(site: Site) -> Site:
    """A site with a plugin of which every kind of explanation comes."""
    site.plugin(
        "alpha",
        transforming(
            "first(spec, lambda s: put(s, ('ProcessingResources', 'ClusterConfig', 'VolumeSizeInGB'), 50))"
        )
        + "\n@hookimpl\ndef build_template_params():\n"
        + "    return {'execution_role': 'arn:aws:iam::123456789012:role/p'}\n",
    )
    site.write(
        CONFIG.replace("tags:\n      stage: early", "inputs:\n      raw: s3://data/raw").replace(
            "  stop:",
            "  train:\n    type: Training\n    image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1\n"
            "    instance_type: ml.m5.large\n  stop:",
        ),
        "edges:\n  - prepare.train -> train.train\n",
    )
    return site


@pytest.mark.parametrize(
    ("step", "path", "kind", "detail", "text"),
    [
        ("stop", "Arguments.ErrorMessage", "config", "", "error_message"),
        ("stop", "DependsOn[0]", "config", "", "depends_on"),
        ("prepare", "Arguments.AppSpecification.ImageUri", "config", "", "image_uri"),
        (
            "prepare",
            "Arguments.ProcessingResources.ClusterConfig.InstanceCount",
            "default",
            "instance_count",
            None,
        ),
        (
            "prepare",
            "Arguments.ProcessingResources.ClusterConfig.InstanceType",
            "parameter",
            "Machine",
            "${param",
        ),
        ("prepare", "Arguments.ProcessingResources.ClusterConfig.VolumeSizeInGB", "plugin", "alpha", None),
        ("prepare", "Arguments.RoleArn", "plugin", "alpha", None),
        ("train", "Arguments.InputDataConfig[0].DataSource.S3DataSource.S3Uri", "edge", "input train", None),
        (None, "Name", "config", "", "name: demo"),
        (None, "Tags.team", "config", "", "team: science"),
        (None, "Parameters.Machine", "config", "", "Machine: "),
        (None, "PipelineExperimentConfig.TrialName", "default", "", None),
    ],
)
def test_explain_tells_every_kind(
    changing: Site, step: str | None, path: str, kind: str, detail: str, text: str | None
) -> None:
    found = explained(changing, "alpha")[step, path]
    assert found.kind == kind
    assert detail in found.detail
    if text is not None:
        assert found.location is not None
        assert (found.location.file, found.location.line) == (str(changing.config), changing.line(text))
    if kind == "plugin":
        (change,) = found.changes
        assert change.plugin == "alpha"
        assert found.as_dict()["changes"][0]["new"] == found.value


def test_an_experiment_of_the_config_is_explained_by_its_line(site: Site) -> None:
    site.write(CONFIG.replace("  tags:\n", "  experiment:\n    name: mine\n  tags:\n", 1))
    found = explained(site)[None, "PipelineExperimentConfig.ExperimentName"]
    assert found.kind == "config"
    assert found.location is not None
    assert found.location.line == site.line("name: mine")
    assert explained(site)[None, "PipelineExperimentConfig.TrialName"].kind == "default"


def test_a_role_of_the_caller_is_the_callers_and_not_the_plugins(changing: Site) -> None:
    role = "arn:aws:iam::123456789012:role/mine"
    template = changing.compiler("alpha").create_template(execution_role=role)
    found = {(item.step, format_path(item.path)): item for item in explain(template.report, template.locate)}
    item = found["prepare", "Arguments.RoleArn"]
    assert (item.kind, item.value, item.changes) == ("argument", role, ())


def test_every_value_of_the_definition_is_explained(changing: Site) -> None:
    template = changing.compiler("alpha").create_template()
    found = {
        (item.step, format_path(item.path)): item.value for item in explain(template.report, template.locate)
    }
    for step in json.loads(template.generate_definition().definition)["Steps"]:
        values = {key: value for key, value in step.items() if key not in ("Name", "Type")}
        for path, value in _leaves(values, ""):
            where = [key for key in found if key[0] == step["Name"] and path.startswith(key[1])]
            assert where, path
            assert (step["Name"], path) not in found or found[step["Name"], path] == value


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def test_the_command_shows_one_step_one_field_or_all(changing: Site) -> None:
    arguments = ("explain", "pipeline.yaml", "--plugin", "alpha")
    everything = changing.json(*arguments)
    assert {item["step"] for item in everything} == {None, "prepare", "train", "stop"}
    field = "prepare.ProcessingResources.ClusterConfig.VolumeSizeInGB"
    config, command, *rest = arguments
    (item,) = changing.json(config, command, field, *rest)
    assert item["kind"] == "plugin"
    assert [(c["plugin"], c["old"], c["new"]) for c in item["changes"]] == [("alpha", 30, 50)]
    text = changing.cli(config, command, field, *rest).output
    assert "alpha: 30 -> 50" in text
    assert "[plugin alpha]" in text
    missing = changing.cli(config, command, "prepaer", *rest)
    assert missing.exit_code == 1
    assert "did you mean 'prepare'?" in missing.output


def test_two_orders_differ_as_explained(site: Site) -> None:
    """Each difference between the outputs of two orders is one that explain attributes to a plugin."""
    site.plugin(
        "alpha", transforming("first(spec, lambda s: put(s, 'Tags', [{'Key': 'by', 'Value': 'alpha'}]))")
    )
    body = "first(spec, lambda s: put(s, 'Tags', [*s.arguments.get('Tags', ()), {'Key': 'b', 'Value': 'b'}]))"
    site.plugin("beta", transforming(body))
    forward, backward = (site.compile(*order) for order in (("alpha", "beta"), ("beta", "alpha")))
    assert forward.definition != backward.definition
    paths = {
        path
        for one, other in ((forward, backward), (backward, forward))
        for path, value in _leaves(json.loads(one.definition)["Steps"][0], "")
        if (path, value) not in list(_leaves(json.loads(other.definition)["Steps"][0], ""))
    }
    assert paths
    for order in (("alpha", "beta"), ("beta", "alpha")):
        found = explained(site, *order)
        for path in paths:
            covering = [
                item for (step, place), item in found.items() if step == "prepare" and path.startswith(place)
            ]
            gone = [
                item
                for (step, place), item in found.items()
                if step == "prepare" and place.startswith(path[:14])
            ]
            assert any(item.kind == "plugin" for item in covering or gone), (order, path)


def test_a_plugin_that_only_decorates_changes_nothing(site: Site) -> None:
    class Decorating:
        @hookimpl
        def decorate_template_class(self, template_class: type) -> type:
            return type(template_class)("Wrapped", (template_class,), {})

    plain, decorated = site.compile(), site.compile(Decorating())
    assert decorated.definition == plain.definition
    assert decorated.report.changes == ()


# The lock

OPTIONED = """
from pydantic import BaseModel, ConfigDict

class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    level: int = 1

@hookimpl
def options_model():
    return Options
"""
LOCKED = ("compile", "pipeline.yaml", "-o", "out/definition.json", "--locked")


@pytest.fixture
def locked(site: Site) -> Site:
    """A definition that was compiled with ``alpha`` and ``beta``, and its lock."""
    site.plugin("alpha", OPTIONED, api="v1")
    site.plugin("beta", OPTIONED, version="2.0")
    site.plugin("gamma", OPTIONED)
    write(site, "[alpha, beta]")
    result = site.cli(*LOCKED[:-1])
    assert result.exit_code == 0, result.output
    return site


def write(site: Site, enabled: str, level: int = 1) -> None:
    site.write(CONFIG, f"plugins:\n  enable: {enabled}\n  options:\n    alpha:\n      level: {level}\n")


def test_the_lock_lies_next_to_the_definition_and_is_in_the_report(locked: Site) -> None:
    path = lock_path(locked.project / "out" / "definition.json")
    assert path.name == "definition.plugins.json"
    plugins = json.loads(path.read_text(encoding="utf-8"))["plugins"]
    assert [(p["name"], p["distribution"], p["version"], p["api_version"]) for p in plugins] == [
        ("alpha", "alpha-plugin", "1.0", 1),
        ("beta", "beta-plugin", "2.0", 1),
    ]
    assert all(re.fullmatch(r"[0-9a-f]{64}", plugin["options_sha256"]) for plugin in plugins)
    assert plugins[0]["options_sha256"] == plugins[1]["options_sha256"]
    report = PipelineDAGCompiler(locked.config).compile_definition().report
    assert report.as_dict()["plugins"] == plugins


def test_the_lock_does_not_know_whether_an_option_was_written_or_is_the_default(locked: Site) -> None:
    locked.write(CONFIG, "plugins:\n  enable: [alpha, beta]\n")
    assert locked.cli(*LOCKED).exit_code == 0


def test_a_locked_compile_of_the_same_plugins_goes_through(locked: Site) -> None:
    before = (locked.project / "out" / "definition.json").read_bytes()
    result = locked.cli(*LOCKED)
    assert result.exit_code == 0, result.output
    assert (locked.project / "out" / "definition.json").read_bytes() == before


@pytest.mark.parametrize(
    ("enabled", "level", "messages"),
    [
        ("[alpha]", 1, ["plugin 'beta' is in the lock but is not selected"]),
        ("[alpha, beta, gamma]", 1, ["plugin 'gamma' is selected but is not in the lock"]),
        ("[beta, alpha]", 1, ["the order of the plugins differs from the lock"]),
        ("[alpha, beta]", 2, ["plugin 'alpha': the digest of its options is"]),
        (
            "[gamma, alpha]",
            2,
            [
                "'gamma' is selected but is not",
                "'alpha': the digest of its options",
                "'beta' is in the lock but is not",
            ],
        ),
        (
            "[]",
            1,
            ["'alpha' is in the lock but is not selected", "'beta' is in the lock but is not selected"],
        ),
    ],
)
def test_a_locked_compile_refuses_another_set(
    locked: Site, enabled: str, level: int, messages: list[str]
) -> None:
    before = {path.name: path.read_bytes() for path in (locked.project / "out").iterdir()}
    write(locked, enabled, level)
    result = locked.cli(*LOCKED)
    assert result.exit_code == 1
    for message in messages:
        assert message in result.output
    assert "compile without --locked to accept it" in result.output
    assert result.output.count("definition.plugins.json") == len(messages)
    assert {path.name: path.read_bytes() for path in (locked.project / "out").iterdir()} == before
    assert locked.cli(*LOCKED[:-1]).exit_code == 0
    assert locked.cli(*LOCKED).exit_code == 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("version", "0.9", "plugin 'alpha': its version is 1.0, the lock has 0.9"),
        ("distribution", "other", "plugin 'alpha': its distribution is alpha-plugin, the lock has other"),
        ("api_version", 0, "plugin 'alpha': the version of its hooks is 1, the lock has 0"),
    ],
)
def test_a_locked_compile_refuses_another_release(locked: Site, field: str, value: Any, message: str) -> None:
    path = locked.project / "out" / "definition.plugins.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["plugins"][0][field] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    result = locked.cli(*LOCKED)
    assert result.exit_code == 1
    assert message in result.output


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"plugins": 5}', '{"plugins": ["alpha"]}', "\xff"])
def test_an_invalid_lock_is_refused(locked: Site, content: str) -> None:
    (locked.project / "out" / "definition.plugins.json").write_bytes(content.encode("latin-1"))
    result = locked.cli(*LOCKED)
    assert result.exit_code == 1
    assert "invalid plugin lock" in result.output


def test_a_lock_that_is_not_there_is_refused(locked: Site) -> None:
    (locked.project / "out" / "definition.plugins.json").unlink()
    result = locked.cli(*LOCKED)
    assert result.exit_code == 1
    assert "missing plugin lock (compile without --locked once, and keep the file)" in result.output


def test_without_plugins_a_stale_lock_is_emptied(locked: Site) -> None:
    write(locked, "[]")
    assert locked.cli(*LOCKED[:-1]).exit_code == 0
    path = locked.project / "out" / "definition.plugins.json"
    assert json.loads(path.read_text(encoding="utf-8"))["plugins"] == []


def test_a_mistake_in_the_config_is_reported_as_one_and_not_as_another_lock(locked: Site) -> None:
    write(locked, "[alpha, beta]", level=1)
    locked.write(locked.config.read_text(encoding="utf-8").replace("level: 1", "levle: 1"))
    result = locked.cli(*LOCKED)
    assert result.exit_code == 1
    assert "unknown field 'levle'" in result.output
    assert "lock" not in result.output.replace("--locked", "")
    locked.write("pipeline: [")
    assert "lock" not in locked.cli(*LOCKED).output


def test_changes_and_locks_are_hashable_and_compare() -> None:
    assert Change("a", "transform_spec", "x", 1, 2) == Change("a", "transform_spec", "x", 1, 2)
    assert len({Change("a", "transform_spec", "x", 1, 2), Change("a", "transform_spec", "x", 1, 2)}) == 1
