"""The Python API: forms of a DAG, precedence of arguments, and reports."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dagcast import (
    DagcastError,
    DynamicPipelineTemplate,
    PipelineDAG,
    PipelineDAGCompiler,
    PipelineTemplateBase,
)
from dagcast.dag import Edge
from dagcast.errors import InvalidInputError
from tests.support.compiling import JOB, PIPELINE, ROLE, check, config, definition_of
from tests.support.every_type import write_project

CONFIG = config(
    {
        "load": {"type": "Processing", **JOB, "outputs": {"data": None}},
        "train": {"type": "Training", **JOB, "inputs": {"data": None}},
        "stop": {"type": "Fail"},
    }
)
EDGES = ["load -> train", "train => stop"]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Write the DAG to files of every format."""
    PipelineDAG(edges=EDGES).save(tmp_path / "dag.json")
    PipelineDAG(edges=EDGES).save(tmp_path / "dag.yaml")
    (tmp_path / "dag.toml").write_text(f"edges = {json.dumps(EDGES)}\n")
    return tmp_path


class TestDags:
    def test_every_form_is_the_same(self, files: Path) -> None:
        expected = definition_of({**CONFIG, "edges": EDGES})
        built = PipelineDAG()
        built.add_edge("load", "train")
        built.add_edge(Edge("train", "stop", order_only=True))
        forms: list[Any] = [
            built,
            {"nodes": ["load", "train", "stop"], "edges": EDGES},
            {"edges": EDGES},
            {"edges": [["load", "train"], "train => stop"]},
            files / "dag.json",
            str(files / "dag.yaml"),
            files / "dag.toml",
        ]
        for form in forms:
            assert definition_of(CONFIG, form) == expected

    def test_a_dag_overrides_the_edges_of_the_config(self) -> None:
        both = {**CONFIG, "edges": ["stop => load", "load -> train"]}
        assert definition_of(both, {"edges": EDGES}) == definition_of({**CONFIG, "edges": EDGES})

    def test_a_dag_of_fewer_steps(self) -> None:
        result = check(CONFIG, {"nodes": ["load"]})
        assert result.is_valid
        assert [str(warning) for warning in result.warnings] == [
            "<config>.steps.stop: warning: step 'stop' is not in the DAG and is left out",
            "<config>.steps.train: warning: step 'train' is not in the DAG and is left out",
        ]
        assert [step["Name"] for step in definition_of(CONFIG, {"nodes": ["load"]})["Steps"]] == ["load"]

    def test_a_reference_to_a_step_that_is_left_out(self) -> None:
        source = config(
            {
                "t": {"type": "Training", **JOB},
                "s": {"type": "Fail", "error_message": "${step.t.TrainingJobName}"},
            }
        )
        errors = check(source, {"nodes": ["s"]}).errors
        assert [error.message for error in errors] == [
            "step 's': ${step.t.TrainingJobName} refers to 't', which is not a step of this pipeline"
        ]

    @pytest.mark.parametrize("dag", [{}, {"nodes": []}, PipelineDAG()])
    def test_an_empty_dag(self, dag: Any) -> None:
        assert definition_of(CONFIG, dag)["Steps"] == []

    def test_all_nodes_without_a_config_are_reported(self) -> None:
        dag = PipelineDAG(["load", "trian", "nope"])
        messages = [(error.message, error.hint) for error in check(CONFIG, dag).errors]
        assert messages == [
            ("node 'trian' has no config under steps", "did you mean 'train'?"),
            ("node 'nope' has no config under steps", "known: load, stop, train"),
        ]

    def test_errors_in_dag_and_config_are_reported_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "dag.yaml").write_text("nodes: [a]\nedges: [a -> b]\n")
        source = {"pipeline": {"name": "a b"}, "steps": {"a": {"type": "Nope"}}}
        codes = [error.code for error in check(source, tmp_path / "dag.yaml").errors]
        assert sorted(codes) == ["config.pattern", "config.unknown-type", "dag.unknown-node"]

    def test_neither_dag_nor_config_is_changed(self) -> None:
        dag, source = PipelineDAG(["load", "train"], ["load -> train"]), json.dumps(CONFIG)
        data = json.loads(source)
        definition_of(data, dag)
        assert json.dumps(data) == source
        assert dag == PipelineDAG(["load", "train"], ["load -> train"])

    def test_one_compiler_compiles_many_dags(self) -> None:
        compiler = PipelineDAGCompiler(CONFIG, plugins=[])
        one = compiler.compile_definition({"nodes": ["load"]}).definition
        two = compiler.compile_definition({"edges": EDGES}).definition
        assert one != two
        assert compiler.compile_definition({"nodes": ["load"]}).definition == one
        assert compiler.compile_definition(PipelineDAG(["load"])).definition == one

    def test_the_config_is_read_once(self, tmp_path: Path) -> None:
        path = tmp_path / "c.json"
        path.write_text(json.dumps({**CONFIG, "edges": EDGES}))
        compiler = PipelineDAGCompiler(path, plugins=[])
        first = compiler.compile_definition().definition
        path.write_text("broken")
        assert compiler.compile_definition().definition == first


class TestArguments:
    def test_a_role_overrides_the_config(self) -> None:
        other = "arn:aws:iam::123456789012:role/Other"
        compiler = PipelineDAGCompiler(config({"t": {"type": "Training", **JOB}}), role=other, plugins=[])
        (step,) = json.loads(compiler.compile_definition().definition)["Steps"]
        assert step["Arguments"]["RoleArn"] == other

    def test_a_role_does_not_override_the_role_of_a_step(self) -> None:
        source = config({"t": {"type": "Training", **JOB, "role": ROLE}})
        compiler = PipelineDAGCompiler(source, role="arn:aws:iam::123456789012:role/Other", plugins=[])
        (step,) = json.loads(compiler.compile_definition().definition)["Steps"]
        assert step["Arguments"]["RoleArn"] == ROLE

    def test_an_environment(self) -> None:
        source = {**CONFIG, "edges": EDGES, "environments": {"prod": {"pipeline": {"name": "prod"}}}}
        compiler = PipelineDAGCompiler(source, env="prod", plugins=[])
        assert compiler.compile_definition().report.pipeline == "prod"

    def test_a_template_compiles_as_the_compiler_does(self) -> None:
        compiler = PipelineDAGCompiler({**CONFIG, "edges": EDGES}, plugins=[])
        template = compiler.create_template()
        assert isinstance(template, DynamicPipelineTemplate)
        assert isinstance(template, PipelineTemplateBase)
        assert issubclass(compiler.create_decorated_class(), DynamicPipelineTemplate)
        assert template.dag == PipelineDAG(["load", "train", "stop"], EDGES)
        assert template.compilation.definition == compiler.compile_definition().definition
        params = compiler.create_template_params(execution_role="mine")
        assert params["execution_role"] == "mine"


class TestReport:
    def test_the_report_has_every_result(self, tmp_path: Path) -> None:
        compilation = PipelineDAGCompiler(write_project(tmp_path), plugins=[]).compile_definition()
        report = compilation.report
        assert (report.pipeline, report.version) == ("every-type", "1.0")
        assert report.digest == hashlib.sha256(compilation.definition.encode()).hexdigest()
        assert report.spec is compilation.spec
        steps = {step.name: step for step in report.steps}
        assert steps["register"].inside == "check"
        assert steps["train"].inside is None
        assert set(steps["evaluate"].depends_on) == {"load", "train"}
        place = {step.name: index for index, step in enumerate(report.steps)}
        for step in report.steps:
            assert all(place[other] < place[step.name] for other in step.depends_on)
        bindings = {str(binding) for binding in report.bindings}
        assert {
            "load.train -> train.train (name)",
            "load.test -> train.test (name)",
            "load.train -> tune.train (explicit)",
            "load.train -> search.train (inputs)",
            "evaluate -> check (reference)",
            "train -> notify (order)",
            "notify -> wait (reference)",
        } <= bindings
        quotas = {quota.name: quota for quota in report.quotas}
        assert quotas["definition characters"].used == len(compilation.definition)
        assert quotas["steps"].used == len(report.steps)
        assert set(report.timings) >= {"lower", "check", "definition"}
        # One archive for the two steps with the same folder, the launcher, the notebook, the analysis.
        assert len({code.uri for code in report.staged}) == len(report.staged) == 4
        assert json.loads(json.dumps(report.as_dict()))["definition_sha256"] == report.digest

    def test_warnings_of_quotas(self) -> None:
        steps = {f"s{i}": {"type": "Fail"} for i in range(51)}
        assert [warning.code for warning in check(config(steps)).warnings] == ["pipeline.quota"]
        more = {"pipeline": {**PIPELINE, "limits": {"steps": 51}}, "steps": steps}
        assert check(more).warnings == ()
        long_name = {"pipeline": {**PIPELINE, "name": "a" * 83}, "steps": {}}
        assert [warning.code for warning in check(long_name).warnings] == ["pipeline.long-name"]
        assert check({"pipeline": {**PIPELINE, "name": "a" * 82}, "steps": {}}).warnings == ()

    def test_a_definition_that_is_too_large(self) -> None:
        steps = {f"s{i}": {"type": "Fail", "error_message": "x" * 3000} for i in range(350)}
        (error,) = check(config(steps)).errors
        assert error.code == "pipeline.quota"
        assert "the service takes 1,048,576" in error.message


class TestErrors:
    def test_all_of_them_are_in_one_exception(self) -> None:
        compiler = PipelineDAGCompiler(
            {"pipeline": {"name": "a b"}, "steps": {"a": {"type": "Nope"}}}, plugins=[]
        )
        with pytest.raises(DagcastError) as caught:
            compiler.compile_definition()
        assert isinstance(caught.value, InvalidInputError)
        assert len(caught.value.diagnostics) == 2
        assert str(caught.value).splitlines() == [str(item) for item in caught.value.diagnostics]
        assert compiler.validate().errors == caught.value.diagnostics

    def test_importing_costs_nothing(self) -> None:
        script = "import dagcast, sys; print(sorted({n.partition('.')[0] for n in sys.modules}))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        for heavy in ("sagemaker", "boto3", "botocore", "pandas", "numpy", "pydantic", "yaml"):
            assert f"'{heavy}'" not in done.stdout

    @pytest.mark.parametrize("name", ["Nope", "generate_pipeline"])
    def test_an_unknown_name_raises_attribute_error(self, name: str) -> None:
        import dagcast

        with pytest.raises(AttributeError, match=name):
            getattr(dagcast, name)
