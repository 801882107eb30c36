"""The config: its spellings, its layers, models in place of a file, and its mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from dagcast import BasePipelineConfig, PipelineDAGCompiler
from dagcast.compile.config.models import ParameterConfig, PluginsConfig
from dagcast.compile.steps.condition import Condition, ConditionConfig
from dagcast.compile.steps.fail import FailConfig
from dagcast.compile.steps.lambda_ import LambdaConfig
from dagcast.compile.steps.processing import ProcessingConfig, ProcessingOutput
from dagcast.compile.steps.training import TrainingConfig
from dagcast.dag import Edge
from dagcast.definition.references import ExecutionVariable, Join, ParameterRef
from dagcast.errors import InvalidInputError
from tests.support.compiling import (
    IMAGE,
    JOB,
    PIPELINE,
    ROLE,
    check,
    config,
    definition_of,
    errors_of,
    only_error,
    step_of,
    steps_of,
)

HEAD = f"pipeline: {{name: demo, role: '{ROLE}', bucket: my-bucket}}\n"


class TestSpellings:
    YAML = f"""\
pipeline:
  name: demo
  version: "1.2"
  author: ada
  role: {ROLE}
  bucket: my-bucket
  tags: {{team: risk}}
parameters:
  Instance: ml.m5.xlarge
  Rows: {{type: Integer, default: 10}}
  Mode: {{type: String, enum: [a, b]}}
defaults:
  image_uri: {IMAGE}
  instance_type: ${{param.Instance}}
steps:
  load: {{type: Processing, outputs: {{data: /opt/ml/processing/data}}}}
  train:
    type: Training
    inputs: {{data: {{}}}}
    hyperparameters: {{rows: "${{param.Rows}}", rate: 0.5, on: true}}
  stop: {{type: Fail, error_message: "é: ${{param.Mode}}"}}
edges:
  - load -> train
  - [train, stop]
  - train => stop
"""
    TOML = f"""\
edges = ["load -> train", ["train", "stop"], "train => stop"]
[pipeline]
name = "demo"
version = "1.2"
author = "ada"
role = "{ROLE}"
bucket = "my-bucket"
tags.team = "risk"
[parameters]
Instance = "ml.m5.xlarge"
Rows = {{type = "Integer", default = 10}}
Mode = {{type = "String", enum = ["a", "b"]}}
[defaults]
image_uri = "{IMAGE}"
instance_type = "${{param.Instance}}"
[steps.load]
type = "Processing"
outputs.data = "/opt/ml/processing/data"
[steps.train]
type = "Training"
inputs.data = {{}}
hyperparameters = {{rows = "${{param.Rows}}", rate = 0.5, on = true}}
[steps.stop]
type = "Fail"
error_message = "é: ${{param.Mode}}"
"""
    DATA: dict[str, Any] = {
        "pipeline": {
            "name": "demo",
            "version": "1.2",
            "author": "ada",
            "role": ROLE,
            "bucket": "my-bucket",
            "tags": {"team": "risk"},
        },
        "parameters": {
            "Instance": "ml.m5.xlarge",
            "Rows": {"type": "Integer", "default": 10},
            "Mode": {"type": "String", "enum": ["a", "b"]},
        },
        "defaults": {"image_uri": IMAGE, "instance_type": "${param.Instance}"},
        "steps": {
            "load": {"type": "Processing", "outputs": {"data": "/opt/ml/processing/data"}},
            "train": {
                "type": "Training",
                "inputs": {"data": {}},
                "hyperparameters": {"rows": "${param.Rows}", "rate": 0.5, "on": True},
            },
            "stop": {"type": "Fail", "error_message": "é: ${param.Mode}"},
        },
        "edges": ["load -> train", ["train", "stop"], "train => stop"],
    }

    def test_one_config_in_three_spellings_and_as_a_mapping(self, tmp_path: Path) -> None:
        for name, text in (("c.yaml", self.YAML), ("c.toml", self.TOML), ("c.json", json.dumps(self.DATA))):
            (tmp_path / name).write_text(text, encoding="utf-8")
        sources: list[Any] = [tmp_path / "c.yaml", tmp_path / "c.toml", str(tmp_path / "c.json"), self.DATA]
        # The edge from train to stop joins no ports: a Fail step reads nothing.
        assert all(len(errors_of(source)) == 1 for source in sources)
        loaded = [PipelineDAGCompiler(source, plugins=[]).load() for source in sources]
        assert loaded[0].pipeline.author == "ada"
        for other in loaded[1:]:
            assert other.pipeline == loaded[0].pipeline
            assert dict(other.parameters) == dict(loaded[0].parameters)
            assert dict(other.steps) == dict(loaded[0].steps)
            assert other.dag == loaded[0].dag

    def test_the_same_definition(self, tmp_path: Path) -> None:
        data = {**self.DATA, "edges": ["load -> train", "train => stop"]}
        (tmp_path / "c.yaml").write_text(self.YAML.replace("  - [train, stop]\n", ""), encoding="utf-8")
        (tmp_path / "c.toml").write_text(self.TOML.replace('["train", "stop"], ', ""), encoding="utf-8")
        (tmp_path / "c.json").write_text(json.dumps(data), encoding="utf-8")
        definitions = [definition_of(tmp_path / f"c.{suffix}") for suffix in ("yaml", "toml", "json")]
        assert definitions[0] == definitions[1] == definitions[2] == definition_of(data)
        assert definitions[0]["Parameters"] == [
            {"Name": "Instance", "Type": "String", "DefaultValue": "ml.m5.xlarge"},
            {"Name": "Rows", "Type": "Integer", "DefaultValue": 10},
            {"Name": "Mode", "Type": "String", "EnumValues": ["a", "b"]},
        ]

    def test_aliases_of_the_base_config(self) -> None:
        spelled = {"pipeline_name": "demo", "pipeline_version": "1", "pipeline_description": "words"}
        loaded = PipelineDAGCompiler({"pipeline": spelled}, plugins=[]).load().pipeline
        assert (loaded.name, loaded.version, loaded.description) == ("demo", "1", "words")

    @pytest.mark.parametrize("field", ["name", "version", "description"])
    def test_a_field_in_both_spellings_is_refused(self, field: str) -> None:
        error = only_error({"pipeline": {"name": "demo", field: "a", f"pipeline_{field}": "b"}})
        assert error.message == f"pipeline: {field} and pipeline_{field} are the same field"
        assert str(error.location) == f"<config>.pipeline.pipeline_{field}"

    def test_an_alias_misspelt_names_the_alias(self) -> None:
        messages = errors_of({"pipeline": {"name": "demo", "pipeline_versoin": "1"}})
        assert messages == [
            "<config>.pipeline.pipeline_versoin: pipeline: unknown field 'pipeline_versoin' "
            "(did you mean 'pipeline_version'?)"
        ]

    def test_sections_may_be_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "c.yaml"
        path.write_text(HEAD + "parameters:\ndefaults:\nsteps:\nedges:\nenvironments:\nplugins:\n")
        assert definition_of(path)["Steps"] == []
        path.write_text(
            HEAD + "parameters: {}\ndefaults: {}\nsteps: {}\nedges: []\nenvironments: {}\nplugins: {}\n"
        )
        assert definition_of(path)["Steps"] == []

    @pytest.mark.parametrize("section", ["pipeline", "parameters", "defaults", "steps", "environments"])
    @pytest.mark.parametrize("value", ["x", 0, False, "", [], ["a"]])
    def test_sections_are_mappings(self, section: str, value: Any) -> None:
        error = only_error({"pipeline": PIPELINE, section: value})
        assert str(error.location) == f"<config>.{section}"
        assert error.message == f"'{section}' is not a mapping"

    @pytest.mark.parametrize(
        ("value", "hint"),
        [
            ("a -> b", "write [a -> b]"),
            ({"a": "b"}, "write [a -> b]"),
            ({"a": ["b", "c"]}, "write [a -> b, a -> c]"),
            ({"a": 1}, None),
            ({"a b": "c"}, None),
            (0, None),
            (False, None),
            ("", None),
            ({}, None),
        ],
    )
    def test_edges_are_a_list(self, value: Any, hint: str | None) -> None:
        error = only_error(config({"a": {"type": "Fail"}}, edges=value))
        assert (str(error.location), error.message, error.hint) == (
            "<config>.edges",
            "'edges' is not a list of edges",
            hint,
        )


class TestEnvironments:
    def test_an_overlay_is_merged_deeply(self) -> None:
        base = config(
            {"train": {"type": "Training", **JOB, "hyperparameters": {"a": 1, "b": 2}}},
            parameters={"P": "x"},
            environments={
                "prod": {
                    "pipeline": {"bucket": "prod-bucket"},
                    "parameters": {"P": "y", "Q": 1},
                    "steps": {
                        "train": {"hyperparameters": {"b": 3, "c": 4}, "instance_type": "ml.p3.2xlarge"}
                    },
                },
                "dev": {},
                "empty": None,
            },
        )
        plain, prod = definition_of(base), definition_of(base, env="prod")
        assert definition_of(base, env="dev") == plain
        assert definition_of(base, env="empty") == plain
        assert plain["Steps"][0]["Arguments"]["HyperParameters"] == {"a": "1", "b": "2"}
        arguments = prod["Steps"][0]["Arguments"]
        assert arguments["HyperParameters"] == {"a": "1", "b": "3", "c": "4"}
        assert arguments["ResourceConfig"]["InstanceType"] == "ml.p3.2xlarge"
        assert arguments["OutputDataConfig"] == {"S3OutputPath": "s3://prod-bucket/demo/train"}
        assert [(p["Name"], p["DefaultValue"]) for p in prod["Parameters"]] == [("P", "y"), ("Q", 1)]

    def test_lists_are_replaced(self) -> None:
        subnets = {"subnets": ["subnet-a", "subnet-b"], "security_group_ids": ["sg-a"]}
        base = config(
            {"train": {"type": "Training", **JOB, **subnets}},
            environments={"prod": {"steps": {"train": {"subnets": ["subnet-c"]}}}},
        )
        network = steps_of(base, env="prod")["train"]["Arguments"]["VpcConfig"]
        assert network == {"Subnets": ["subnet-c"], "SecurityGroupIds": ["sg-a"]}

    def test_null_unsets(self) -> None:
        base = config(
            {"stop": {"type": "Fail", "display_name": "Stop"}},
            environments={
                "prod": {"pipeline": {"experiment": False}, "steps": {"stop": {"display_name": None}}}
            },
        )
        assert steps_of(base)["stop"]["DisplayName"] == "Stop"
        assert "DisplayName" not in steps_of(base, env="prod")["stop"]
        assert definition_of(base, env="prod")["PipelineExperimentConfig"] is None

    def test_a_section_without_content_lays_nothing_over(self, tmp_path: Path) -> None:
        path = tmp_path / "c.yaml"
        path.write_text(
            HEAD + "steps: {a: {type: Fail}}\nenvironments:\n  prod:\n    steps:\n    pipeline:\n"
        )
        assert list(steps_of(path, env="prod")) == ["a"]

    def test_an_overlay_may_replace_the_edges(self) -> None:
        base = config(
            {"a": {"type": "Fail"}, "b": {"type": "Fail"}},
            edges=["a => b"],
            environments={"prod": {"edges": ["b => a"]}},
        )
        assert steps_of(base)["b"]["DependsOn"] == ["a"]
        steps = steps_of(base, env="prod")
        assert steps["a"]["DependsOn"] == ["b"]
        assert "DependsOn" not in steps["b"]

    def test_an_overlay_may_add_steps(self) -> None:
        base = config({"a": {"type": "Fail"}}, environments={"prod": {"steps": {"b": {"type": "Fail"}}}})
        assert list(steps_of(base)) == ["a"]
        assert list(steps_of(base, env="prod")) == ["a", "b"]

    def test_an_unknown_one_is_an_error_with_the_nearest(self) -> None:
        base = config({}, environments={"prod": {}, "staging": {}})
        error = only_error(base, env="prd")
        assert (error.message, error.hint) == ("unknown environment 'prd'", "did you mean 'prod'?")
        assert str(error.location) == "<config>.environments"
        assert only_error(config({}), env="prod").hint == "the config has no environments"

    def test_mistakes_in_an_overlay_are_found_there(self, tmp_path: Path) -> None:
        path = tmp_path / "c.yaml"
        path.write_text(
            HEAD
            + f"""\
steps:
  train: {{type: Training, image_uri: '{IMAGE}', instance_type: ml.m5.xlarge}}
edges: []
environments:
  prod:
    pipeline:
      bukket: b
    steps:
      train:
        volume_size_in_gb: big
      more:
        type: Condition
    edges:
      - train -> nothing
"""
        )
        definition_of(path)
        found = [(d.location and d.location.line, d.message) for d in check(path, env="prod").errors]
        assert found == [
            (8, "pipeline: unknown field 'bukket'"),
            (11, "step 'train' (Training): volume_size_in_gb: expected an integer, got 'big'"),
            (12, "step 'more' (Condition): 'conditions' is missing"),
            (15, "edge 'train -> nothing' ends at 'nothing', which is not a node"),
        ]
        all_checked = [(d.location and d.location.line, d.message) for d in check(path).errors]
        assert all_checked == [(line, f"environment 'prod': {message}") for line, message in found]

    def test_every_environment_has_its_form_checked(self) -> None:
        base = config(
            {}, environments={"prod": {"stps": {}, "environments": {}}, "dev": 5, "ok": {"steps": {}}}
        )
        assert errors_of(base) == [
            "<config>.environments.dev: environment 'dev' is not a mapping",
            "<config>.environments.prod.environments: environment 'prod' has no section 'environments' "
            "(known: defaults, edges, parameters, pipeline, plugins, steps)",
            "<config>.environments.prod.stps: environment 'prod' has no section 'stps' (did you mean 'steps'?)",
        ]


class TestDefaults:
    def test_the_step_wins_over_its_type_over_all(self) -> None:
        steps = steps_of(
            config(
                {
                    "a": {"type": "Training"},
                    "b": {"type": "Training", "instance_type": "ml.c5.xlarge"},
                    "c": {"type": "Processing"},
                },
                defaults={**JOB, "Training": {"instance_type": "ml.p3.2xlarge"}, "Fail": None},
            )
        )
        assert steps["a"]["Arguments"]["ResourceConfig"]["InstanceType"] == "ml.p3.2xlarge"
        assert steps["b"]["Arguments"]["ResourceConfig"]["InstanceType"] == "ml.c5.xlarge"
        cluster = steps["c"]["Arguments"]["ProcessingResources"]["ClusterConfig"]
        assert cluster["InstanceType"] == "ml.m5.xlarge"

    def test_mappings_are_merged(self) -> None:
        step = step_of(
            {
                "type": "Training",
                "environment": {"B": "step", "C": "step"},
                "request": {"RetryStrategy": {"X": 1}},
            }
            | {"request": {"VpcConfig": {"Subnets": ["subnet-a"]}}},
            defaults={
                **JOB,
                "environment": {"A": "all", "B": "all"},
                "Training": {
                    "environment": {"A": "type", "D": "type"},
                    "request": {"VpcConfig": {"SecurityGroupIds": ["sg-a"]}},
                },
            },
        )
        assert step["Arguments"]["Environment"] == {"A": "type", "B": "step", "C": "step", "D": "type"}
        assert step["Arguments"]["VpcConfig"] == {"Subnets": ["subnet-a"], "SecurityGroupIds": ["sg-a"]}

    def test_null_refuses_what_would_be_inherited(self) -> None:
        steps = steps_of(
            config(
                {
                    "a": {"type": "Training", "environment": None, "tags": None},
                    "b": {"type": "Training"},
                    "c": {"type": "Training", "tags": {"own": "c"}},
                },
                defaults={
                    **JOB,
                    "environment": {"A": "1"},
                    "tags": {"team": "x"},
                    "Training": {"tags": None},
                },
            )
        )
        assert "Environment" not in steps["a"]["Arguments"]
        assert steps["b"]["Arguments"]["Environment"] == {"A": "1"}
        assert "Tags" not in steps["a"]["Arguments"]
        assert "Tags" not in steps["b"]["Arguments"]
        assert steps["c"]["Arguments"]["Tags"] == [{"Key": "own", "Value": "c"}]

    def test_only_fields_that_a_type_has_are_inherited(self) -> None:
        steps = steps_of(config({"a": {"type": "Fail"}, "b": {"type": "Training"}}, defaults=JOB))
        assert steps["a"]["Arguments"] == {"ErrorMessage": ""}

    def test_a_default_of_a_type_that_is_not_used_is_fine(self) -> None:
        assert (
            errors_of(config({"a": {"type": "Fail"}}, defaults={"ranges": {}, "Tuning": {"max_jobs": 3}}))
            == []
        )

    def test_a_default_that_no_type_has_is_an_error(self) -> None:
        base = config(
            {"a": {"type": "Fail"}},
            defaults={
                "instnce_type": "x",
                "Trainin": {},
                "Training": {"volume_size": 3, "type": "Training"},
                "Processing": 5,
                "type": "Fail",
            },
        )
        assert errors_of(base) == [
            "<config>.defaults.Processing: defaults of Processing are not a mapping",
            "<config>.defaults.Trainin: no step type has a field 'Trainin' (did you mean 'Training'?)",
            "<config>.defaults.Training.type: Training has no field 'type'",
            "<config>.defaults.Training.volume_size: Training has no field 'volume_size' "
            "(did you mean 'volume_size_in_gb'?)",
            "<config>.defaults.instnce_type: no step type has a field 'instnce_type' "
            "(did you mean 'instance_type'?)",
            "<config>.defaults.type: a type is not inherited: each step has its own",
        ]

    def test_a_mistake_in_a_default_is_reported_once(self) -> None:
        steps = {f"s{i}": {"type": "Training"} for i in range(20)}
        base = config(
            steps,
            defaults={
                "image_uri": IMAGE,
                "volume_size_in_gb": "big",
                "instance_type": "ml.m5.xlarg",
                "environment": {"A": "${param.Nope}"},
            },
        )
        users = "inherited by 's0', 's1', 's2', 's3', 's4' and 15 more"
        assert errors_of(base) == [
            "<config>.defaults.environment.A: defaults: ${param.Nope} is not a declared parameter "
            f"(declare it under parameters; {users})",
            "<config>.defaults.instance_type: defaults: instance_type must be a value of "
            f"TrainingInstanceType, not 'ml.m5.xlarg' (did you mean 'ml.m5.xlarge'?; {users})",
            "<config>.defaults.volume_size_in_gb: defaults: volume_size_in_gb: expected an integer, got 'big' "
            f"({users})",
        ]

    def test_defaults_of_an_environment(self) -> None:
        base = config(
            {"a": {"type": "Training"}},
            defaults=JOB,
            environments={"prod": {"defaults": {"instance_type": "ml.p3.2xlarge"}}},
        )
        assert (
            steps_of(base, env="prod")["a"]["Arguments"]["ResourceConfig"]["InstanceType"] == "ml.p3.2xlarge"
        )


class Team(BasePipelineConfig):
    """A base config with a field and a default of the user's own."""

    team: str
    role: Any = ROLE


class Noted(TrainingConfig):
    """A step config with a field of the user's own."""

    note: str = ""


class ForeignBase(BaseModel):
    name: str = "foreign"
    role: str = ROLE
    bucket: str | None = None
    description: str | None = None


class ForeignOutput(BaseModel):
    path: str = "/opt/ml/processing/foreign"


class ForeignStep(BaseModel):
    type: str = "Processing"
    image_uri: str = IMAGE
    instance_type: str = Field("ml.m5.xlarge")
    outputs: dict[str, ForeignOutput] = {"data": ForeignOutput()}
    environment: dict[str, str] | None = None


class WholeConfig(BaseModel):
    pipeline: BasePipelineConfig
    parameters: dict[str, Any] = {}
    steps: dict[str, Any]
    edges: list[Any] = []
    defaults: dict[str, Any] | None = None


class TestModels:
    def test_a_subclass_of_the_base_config_stays_one(self) -> None:
        base = Team(name="demo", team="risk")
        loaded = PipelineDAGCompiler({"pipeline": base}, plugins=[]).load().pipeline
        assert isinstance(loaded, Team)
        assert loaded == base
        step = step_of({"type": "Training", **JOB, "output_path": "s3://b/c"}, pipeline=base)
        assert step["Arguments"]["RoleArn"] == ROLE

    def test_a_subclass_of_a_step_config_stays_one(self) -> None:
        step = Noted(**JOB, note="mine", inputs={"data": {"source": "s3://b/data"}})
        loaded = PipelineDAGCompiler(config({"train": step}), plugins=[]).load().steps["train"]
        assert isinstance(loaded, Noted)
        assert loaded.note == "mine"

    def test_models_and_mappings_give_the_same_definition(self) -> None:
        models = {
            "load": ProcessingConfig(**JOB, outputs={"data": ProcessingOutput(path="/opt/ml/processing/x")}),
            "call": LambdaConfig(
                function_arn="arn:aws:lambda:x", inputs={"a": ["${param.P}"]}, outputs={"o": "Float"}
            ),
            "check": ConditionConfig(
                conditions=(Condition(left=ParameterRef("P"), op=">=", right=3), {"value": 1, "in": [1, 2]}),
                if_steps=("stop",),
            ),
            "stop": FailConfig(error_message="P is ${param.P}"),
        }
        mappings = {
            "load": {"type": "Processing", **JOB, "outputs": {"data": "/opt/ml/processing/x"}},
            "call": {
                "type": "Lambda",
                "function_arn": "arn:aws:lambda:x",
                "inputs": {"a": ["${param.P}"]},
                "outputs": {"o": "Float"},
            },
            "check": {
                "type": "Condition",
                "conditions": [{"left": "${param.P}", "op": ">=", "right": 3}, {"value": 1, "in": [1, 2]}],
                "if_steps": ["stop"],
            },
            "stop": {"type": "Fail", "error_message": "P is ${param.P}"},
        }
        parameters = {"P": ParameterConfig(type="Integer", default=3)}
        plain = {"P": {"type": "Integer", "default": 3}}
        assert definition_of(config(models, parameters=parameters)) == definition_of(
            config(mappings, parameters=plain)
        )

    def test_foreign_models_give_their_defaults(self) -> None:
        arguments = step_of(dict(ForeignStep()), pipeline={**PIPELINE})[
            "Arguments"
        ]  # a mapping, for comparison
        assert step_of(ForeignStep(), pipeline=PIPELINE)["Arguments"] == arguments  # type: ignore[arg-type]
        output = arguments["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
        assert output["LocalPath"] == "/opt/ml/processing/foreign"
        assert "Environment" not in arguments
        assert PipelineDAGCompiler({"pipeline": ForeignBase()}, plugins=[]).load().pipeline.name == "foreign"

    def test_a_model_of_the_whole_config(self) -> None:
        whole = WholeConfig(
            pipeline=BasePipelineConfig(**PIPELINE),
            steps={"a": {"type": "Fail"}, "b": FailConfig()},
            edges=["a => b"],
        )
        assert definition_of(whole) == definition_of(
            config({"a": {"type": "Fail"}, "b": {"type": "Fail"}}, edges=["a => b"])
        )

    def test_edges_may_be_objects_and_pairs(self) -> None:
        steps = {"a": {"type": "Fail"}, "b": {"type": "Fail"}, "c": {"type": "Fail"}}
        edges = [Edge("a", "b", order_only=True), Edge.parse("b => c")]
        assert definition_of(config(steps, edges=edges)) == definition_of(
            config(steps, edges=["a => b", "b => c"])
        )

    def test_references_may_be_objects(self) -> None:
        message = Join("/", ("run$", ExecutionVariable("PipelineExecutionId"), ParameterRef("P")))
        step = step_of({"type": "Fail", "error_message": message}, parameters={"P": "x"})
        assert step["Arguments"]["ErrorMessage"] == {
            "Std:Join": {
                "On": "",
                "Values": ["run$/", {"Get": "Execution.PipelineExecutionId"}, "/", {"Get": "Parameters.P"}],
            }
        }

    @pytest.mark.parametrize("model", [True, False])
    @pytest.mark.parametrize(
        ("written", "meant"), [("$${HOME}", "${HOME}"), ("a $${x} b", "a ${x} b"), ("$$$${x}", "$${x}")]
    )
    def test_escapes_are_read_once(self, written: str, meant: str, model: bool) -> None:
        fields: dict[str, Any] = {"error_message": written, "description": written}
        step = FailConfig(**fields) if model else {"type": "Fail", **fields}
        found = step_of(step)  # type: ignore[arg-type]
        assert found["Arguments"]["ErrorMessage"] == meant
        assert found["Description"] == meant

    @given(text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20))
    def test_any_text_in_a_model_comes_through(self, text: str) -> None:
        escaped = text.replace("${", "$${")
        try:
            model = FailConfig(error_message=escaped)
        except ValidationError:
            return
        assert isinstance(model.error_message, str)
        found = steps_of(config({"s": model}))["s"]["Arguments"]["ErrorMessage"]
        assert found == model.error_message

    def test_plugins_as_a_model(self) -> None:
        loaded = PipelineDAGCompiler(config({}, plugins=PluginsConfig(disable=("x",))), plugins=[]).load()
        assert loaded.plugins.disable == ("x",)

    def test_what_a_model_forbids_is_refused_where_it_is_made(self) -> None:
        with pytest.raises(ValidationError, match="volume"):
            TrainingConfig(image_uri=IMAGE, volume="x")  # type: ignore[call-arg]

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            (None, "<config>: the top level must be a mapping of keys to values, not null"),
            ([], "<config>: the top level must be a mapping of keys to values, not a list"),
            (5, "<config>: the top level must be a mapping of keys to values, not a number"),
            (
                config({"a": object()}),
                "<config>.steps.a: a Python object of type object is not allowed in a config",
            ),
            (config({"a": {1: 2}}), "<config>.steps.a: the key 1 is not a string (quote it)"),
        ],
    )
    def test_what_is_not_a_config(self, source: Any, message: str) -> None:
        assert errors_of(source) == [message]

    def test_paths_are_relative_to_the_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "run.py").write_text("print()\n")
        monkeypatch.chdir(tmp_path)
        assert errors_of(config({"a": {"type": "Processing", **JOB, "entry_point": "run.py"}})) == []


# Text of a config after HEAD, which is one line; then of each error: line, code, message, hint.
MISTAKES: list[tuple[str, list[tuple[int, str, str, str | None]]]] = [
    (
        "stepz: {}\n",
        [(2, "config.unknown-field", "the config has no section 'stepz'", "did you mean 'steps'?")],
    ),
    (
        "nodes: [a]\n",
        [(2, "config.unknown-field", "the config has no section 'nodes'", "did you mean 'edges'?")],
    ),
    (
        "parameters:\n  N: {type: Integer, default: big}\n",
        [(3, "parameter.invalid", "parameter 'N': expected a default of type Integer, got 'big'", None)],
    ),
    (
        "parameters:\n  N:\n    type: Integer\n    default: true\n",
        [(5, "parameter.invalid", "parameter 'N': expected a default of type Integer, got true", None)],
    ),
    (
        "parameters:\n  N: {type: Boolean, default: 1}\n",
        [(3, "parameter.invalid", "parameter 'N': expected a default of type Boolean, got 1", None)],
    ),
    (
        "parameters:\n  N: {type: integer}\n",
        [
            (
                3,
                "config.unknown-value",
                "parameter 'N': type: expected 'String', 'Integer', 'Float' or 'Boolean', got 'integer'",
                "did you mean 'Integer'?",
            )
        ],
    ),
    (
        "parameters:\n  N: {type: Integer, enum: [a]}\n",
        [
            (
                3,
                "parameter.invalid",
                "parameter 'N': only a String parameter has an enum, not one of type Integer",
                None,
            )
        ],
    ),
    (
        "parameters:\n  N: {type: String, enum: [fast, exact], default: fsat}\n",
        [(3, "parameter.invalid", "parameter 'N': 'fsat' is not in the enum", "did you mean 'fast'?")],
    ),
    (
        "parameters:\n  N: ${param.M}\n",
        [
            (
                3,
                "parameter.invalid",
                "parameter 'N': a default is a plain value; references are not filled in",
                None,
            )
        ],
    ),
    (
        "parameters:\n  N:\n",
        [(3, "config.wrong-type", "parameter 'N': expected a mapping, got null", None)],
    ),
    (
        'parameters:\n  "a b": 1\n',
        [
            (
                3,
                "config.invalid-name",
                "invalid parameter name 'a b'",
                "1 to 256 letters, digits, hyphens and underscores",
            )
        ],
    ),
    # What refers to a parameter that is declared wrongly is not a second mistake.
    (
        "parameters:\n  N: {typ: String}\nsteps:\n  a: {type: Fail, error_message: '${param.N}'}\n",
        [
            (3, "config.unknown-field", "parameter 'N': unknown field 'typ'", "did you mean 'type'?"),
        ],
    ),
    (
        "steps:\n  a: Fail\n",
        [(3, "config.wrong-type", "step 'a' is not a mapping of fields", None)],
    ),
    (
        "steps:\n  a:\n",
        [(3, "config.wrong-type", "step 'a' is not a mapping of fields", None)],
    ),
    (
        "steps:\n  a: {type: Procesing}\n",
        [
            (
                3,
                "config.unknown-type",
                "step 'a': unknown step type 'Procesing'",
                "did you mean 'Processing'?",
            )
        ],
    ),
    (
        "steps:\n  a: {type: Fail, eror_message: x}\n",
        [
            (
                3,
                "config.unknown-field",
                "step 'a' (Fail): unknown field 'eror_message'",
                "did you mean 'error_message'?",
            )
        ],
    ),
    (
        "steps:\n  a:\n    type: Fail\n    error_message: 5\n",
        [
            (
                5,
                "config.wrong-type",
                "step 'a' (Fail): error_message: expected a string, got 5",
                'write "5" in quotes',
            )
        ],
    ),
    (
        "steps:\n  a:\n    type: Fail\n    description: ${param.X}\n",
        [
            (
                5,
                "reference.invalid",
                "step 'a' (Fail): description: ${param.X} has no value when the pipeline is compiled, "
                "and this field needs one",
                None,
            )
        ],
    ),
    (
        "steps:\n  a:\n    type: Fail\n    error_message: ${param.X\n",
        [
            (
                5,
                "reference.invalid",
                "step 'a' (Fail): error_message: '${' without its '}' in '${param.X'",
                "write $${ for a literal ${",
            )
        ],
    ),
    (
        "steps:\n  a:\n    type: Fail\n    depends_on: b\n",
        [(5, "config.wrong-type", "step 'a' (Fail): depends_on: expected a list, got 'b'", "write [b]")],
    ),
    (
        "steps:\n  a:\n    type: Fail\n    depends_on: [b]\n  bb: {type: Fail}\n",
        [
            (
                5,
                "reference.unknown-step",
                "step 'a' depends on 'b', which is not a step of this pipeline",
                "did you mean 'bb'?",
            )
        ],
    ),
    (
        "steps:\n  a:\n    type: Fail\n    display_name: " + "x" * 257 + "\n",
        [
            (
                5,
                "config.length",
                "step 'a' (Fail): display_name: expected at most 256 characters, got 257",
                None,
            )
        ],
    ),
    (
        "steps:\n  a b: {type: Fail}\n",
        [
            (
                3,
                "config.invalid-name",
                "invalid step name 'a b'",
                "up to 64 letters, digits, hyphens and underscores; a letter or digit first",
            )
        ],
    ),
    (
        "plugins: [mods]\n",
        [(2, "config.wrong-type", "plugins: expected a mapping, got ['mods']", None)],
    ),
    (
        "plugins: {enabl: [mods]}\n",
        [(2, "config.unknown-field", "plugins: unknown field 'enabl'", "did you mean 'enable'?")],
    ),
]


class TestMistakes:
    @pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=[text.strip() for text, _ in MISTAKES])
    def test_each_has_its_line_and_what_to_write(
        self, text: str, expected: list[tuple[int, str, str, str | None]], tmp_path: Path
    ) -> None:
        path = tmp_path / "c.yaml"
        path.write_text(HEAD + text)
        found = [(d.location and d.location.line, d.code, d.message, d.hint) for d in check(path).errors]
        assert found == expected

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("name", "bad name!", "name: 'bad name!' does not match ^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"),
            ("name", "a" * 257, "name: expected at most 256 characters, got 257"),
            ("name", "", "name: expected at least 1 character, got 0"),
            ("name", "a-", "name: 'a-' does not match ^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"),
            ("name", "a\n", "name: 'a\\n' does not match ^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"),
            ("name", "é", "name: 'é' does not match ^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"),
            ("version", 1.0, "version: expected a string, got 1.0"),
            ("description", "x" * 3073, "description: expected at most 3072 characters, got 3073"),
            ("region", "us east", "region: 'us east' does not match ^[a-z]{2,}(-[a-z]+)+-\\d+$"),
            ("bucket", "A_B", "bucket: 'A_B' does not match ^[a-z0-9][a-z0-9.\\-]{1,61}[a-z0-9]$"),
            ("prefix", "/", "prefix: expected the beginning of S3 keys, such as team/project"),
            ("tags", ["a"], "tags: expected a mapping, got ['a']"),
            ("tags", {"a": 1}, "tags.a: expected a string, got 1"),
            ("parallelism", 0, "parallelism: expected greater than or equal to 1, got 0"),
            ("parallelism", True, "parallelism: expected an integer, got true"),
            ("experiment", True, "experiment: expected a mapping or false, got true"),
            ("experiment", {"nam": "x"}, "unknown field 'experiment.nam'"),
            ("limits", {"steps": 0}, "limits.steps: expected greater than or equal to 1, got 0"),
            ("nme", "x", "unknown field 'nme'"),
            (
                "prefix",
                "x/${exec.PipelineExecutionId}",
                "prefix: x/${exec.PipelineExecutionId} has no value when the pipeline is compiled, "
                "and this field needs one",
            ),
        ],
    )
    def test_of_the_base_config(self, field: str, value: Any, message: str) -> None:
        error = only_error({"pipeline": {"name": "demo", field: value}})
        assert error.message == f"pipeline: {message}"
        assert str(error.location).startswith(f"<config>.pipeline.{field}")

    def test_the_role_is_reported_once(self) -> None:
        steps = {f"s{i}": {"type": "Training", **JOB} for i in range(5)}
        error = only_error({"pipeline": {**PIPELINE, "role": "nobody"}, "steps": steps})
        assert str(error) == (
            "<config>.pipeline.role: role: RoleArn must have 20 to 2048 characters, and has 6: 'nobody' "
            "(write the role's ARN, such as arn:aws:iam::123456789012:role/nobody)"
        )

    def test_a_role_given_in_python_is_named_as_such(self) -> None:
        result = PipelineDAGCompiler(
            config({"s": {"type": "Training", **JOB}}), role="nobody", plugins=[]
        ).validate()
        assert [str(error.location) for error in result.errors] == ["<role>"]

    def test_what_the_base_config_lacks_is_reported_once(self) -> None:
        steps: dict[str, Any] = {
            f"s{i}": {"type": "Processing", "image_uri": IMAGE, "outputs": {"o": None}} for i in range(3)
        }
        assert errors_of({"pipeline": {"name": "demo"}, "steps": steps}) == [
            "<config>.pipeline: steps need an execution role (set pipeline.role to the ARN of a role)",
            "<config>.pipeline: results of steps need a bucket (set pipeline.bucket, or give each destination)",
        ]

    def test_a_config_without_its_base(self, tmp_path: Path) -> None:
        path = tmp_path / "c.yaml"
        path.write_text("steps:\n  a: {type: Fail, eror: 1}\n")
        assert [(d.location and d.location.line, d.message) for d in check(path).errors] == [
            (1, "the section 'pipeline' is missing"),
            (2, "step 'a' (Fail): unknown field 'eror'"),
        ]

    @pytest.mark.parametrize(
        "place",
        [
            {"hyperparameters": {"${param.P}": 1}},
            {"tags": {"a-${param.P}": "x"}},
            {"request": {"Environment": {"${exec.PipelineName}": "x"}}},
        ],
    )
    def test_references_in_keys_are_refused(self, place: dict[str, Any]) -> None:
        messages = errors_of(config({"s": {"type": "Training", **JOB, **place}}, parameters={"P": "x"}))
        assert any("is a key, and references are resolved in values only" in message for message in messages)

    def test_all_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "c.yaml"
        path.write_text(
            f"""\
pipelin: {{}}
pipeline:
  name: bad name
  roel: x
parameters:
  N: {{type: Integer, default: big}}
defaults:
  instnce_type: x
steps:
  a:
    type: Procesing
  b:
    type: Training
    image_uri: {IMAGE}
    instance_type: ml.m5.xlarg
    volume_size_in_gb: "30"
    environment: {{A: "${{param.M}}"}}
  c:
    type: Fail
    error_message: ${{step.b.ModelArtifact}}
  d:
    type: CreateModel
    image_uri: {IMAGE}
edges:
  - a -> b
  - b.modl -> d
  - c -> zz
  - c > d
environments:
  prod: {{stps: {{}}}}
"""
        )
        lines = [(d.location and d.location.line, d.code) for d in check(path).errors]
        assert lines == [
            (1, "config.unknown-field"),
            (3, "config.pattern"),
            (4, "config.unknown-field"),
            (4, "request.length"),  # it is read as the role
            (6, "parameter.invalid"),
            (8, "config.unknown-field"),
            (11, "config.unknown-type"),
            (15, "request.unknown-value"),
            (16, "config.wrong-type"),
            (17, "reference.unknown-parameter"),
            (20, "reference.unknown-property"),
            (26, "wiring.unknown-port"),
            (27, "dag.unknown-node"),
            (28, "dag.invalid-edge"),
            (30, "config.unknown-field"),
        ]

    def test_errors_are_raised_with_everything(self) -> None:
        compiler = PipelineDAGCompiler({"pipeline": {"name": "a b", "x": 1}}, plugins=[])
        for call in (compiler.compile_definition, compiler.compile, compiler.load, compiler.create_template):
            with pytest.raises(InvalidInputError) as caught:
                call()
            assert len(caught.value.diagnostics) == 2
