"""Environments: all are validated, and what is wrong with one says with which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagcast import PipelineDAGCompiler
from tests.support.compiling import IMAGE, PIPELINE, config, errors_of

JOB = {"type": "Processing", "image_uri": IMAGE, "instance_type": "${param.Instance}"}
PARAMETERS: dict[str, Any] = {"Instance": "ml.m5.xlarge"}


def with_environment(prod: Any, **sections: Any) -> dict[str, Any]:
    return config({"prep": JOB}, parameters=PARAMETERS, environments={"prod": prod, "dev": {}}, **sections)


def test_a_step_that_only_an_environment_names_suggests_the_step_of_the_config() -> None:
    base = with_environment({"steps": {"pret": {"instance_type": "ml.m5.large"}}})
    message = "step 'pret' is only in the environment 'prod', and has no type (did you mean 'prep'?)"
    place = "<config>.environments.prod.steps.pret: "
    assert errors_of(base) == [f"{place}environment 'prod': {message}"]
    assert errors_of(base, env="prod") == [place + message]
    assert errors_of(base, env="dev") == []


def test_each_environment_is_checked() -> None:
    base = with_environment(
        {"parameters": {"Instance": "ml.m5.4xlage"}, "steps": {"prep": {"volume_size_in_gb": "9"}}}
    )
    place = "<config>.environments.prod"
    assert errors_of(base) == [
        f"{place}.parameters.Instance: environment 'prod': parameter 'Instance', which step 'prep' reads: "
        "instance_type must be a value of ProcessingInstanceType, not "
        "'ml.m5.4xlage' (did you mean 'ml.m5.4xlarge'?)",
        f"{place}.steps.prep.volume_size_in_gb: environment 'prod': step 'prep' (Processing): volume_size_in_gb: "
        "expected an integer, got '9' (write 9 without quotes)",
    ]


def test_what_is_wrong_without_an_environment_is_reported_once() -> None:
    broken = {**JOB, "volume_size_in_gb": "9"}
    base = config({"prep": broken}, parameters=PARAMETERS, environments={"prod": {}, "dev": {}})
    (error,) = errors_of(base)
    assert "environment" not in error


def test_a_mistake_that_an_environment_mends_is_one_of_the_others() -> None:
    base = config(
        {"prep": JOB},
        parameters={"Instance": "m5.large"},
        environments={"prod": {"parameters": {"Instance": "ml.m5.large"}}},
    )
    assert len(errors_of(base)) == 1
    assert errors_of(base, env="prod") == []


def test_a_compile_checks_the_environment_it_is_given() -> None:
    base = with_environment({"parameters": {"Instance": "ml.m5.4xlage"}})
    assert PipelineDAGCompiler(base, plugins=[]).compile_definition().definition


def test_a_default_and_each_value_of_an_enum_are_checked_as_whole_values() -> None:
    steps = {"a": JOB, "b": JOB}
    declared = {"type": "String", "default": "ml.m5.large", "enum": ["ml.m5.large", "m5.xlarge", "huge"]}
    assert errors_of(config(steps, parameters={"Instance": declared})) == [
        "<config>.parameters.Instance.default: parameter 'Instance', which step 'a' reads: "
        "instance_type must be a value of ProcessingInstanceType, "
        "not 'm5.xlarge' (did you mean 'ml.m5.xlarge'?)"
    ]


def test_numbers_and_texts_of_parameters_are_checked_by_their_members() -> None:
    step = {**JOB, "volume_size_in_gb": "${param.Size}", "volume_kms_key": "${param.Key}"}
    parameters = {**PARAMETERS, "Size": 0, "Key": "a key"}
    messages = errors_of(config({"a": step}, parameters=parameters))
    assert [message.partition(": ")[0] for message in messages] == [
        "<config>.parameters.Key",
        "<config>.parameters.Size",
    ]


def test_a_parameter_inside_of_a_text_may_be_anything() -> None:
    step = {**JOB, "instance_type": "ml.${param.Family}.large"}
    assert errors_of(config({"a": step}, parameters={"Family": "m5"})) == []


class TestOneCause:
    def test_a_misspelt_section_is_read_as_the_one_it_seems_to_be(self, tmp_path: Path) -> None:
        path = tmp_path / "c.yaml"
        path.write_text(
            "pipeline: {name: p}\nstpes:\n  a: {type: Fail, error_message: x}\n  b:\n    type: Fail\n"
            "    error_mesage: x\nedges: [a => b]\n"
        )
        assert [str(error) for error in PipelineDAGCompiler(path, plugins=[]).validate().errors] == [
            f"{path}:2: the config has no section 'stpes' (did you mean 'steps'?)",
            f"{path}:6: step 'b' (Fail): unknown field 'error_mesage' (did you mean 'error_message'?)",
        ]

    def test_so_is_each_other_section(self) -> None:
        right = with_environment(
            {"pipeline": {"bucket": "other"}}, defaults={"volume_size_in_gb": 9}, edges=[]
        )
        for section in ("pipeline", "parameters", "defaults", "steps", "environments", "edges"):
            wrong = {f"{key}s" if key == section else key: value for key, value in right.items()}
            (error,) = errors_of(wrong)
            assert (
                error
                == f"<config>.{section}s: the config has no section '{section}s' (did you mean '{section}'?)"
            )

    def test_both_spellings_are_not_mixed_up(self) -> None:
        base = config({"a": {"type": "Fail"}}, stpes={"b": {"type": "Nothing"}})
        assert len(errors_of(base)) == 1

    def test_an_invalid_bucket_is_one_error(self, tmp_path: Path) -> None:
        (tmp_path / "prep.py").write_text("")
        job = {"image_uri": IMAGE, "instance_type": "ml.m5.large", "entry_point": str(tmp_path / "prep.py")}
        steps = {
            "prep": {"type": "Processing", **job, "outputs": {"train": None, "test": None}},
            "fit": {"type": "Training", **job, "inputs": {"train": None}},
            "check": {"type": "Processing", **job, "inputs": {"test": None, "model": None}},
        }
        base = {**PIPELINE, "bucket": "s3://My_Bucket/prefix"}
        edges = ["prep -> fit", "prep -> check", "fit -> check"]
        (error,) = errors_of({"pipeline": base, "steps": steps, "edges": edges})
        assert error.startswith("<config>.pipeline.bucket: ")


DECLARED: dict[str, Any] = {
    "Instance": "ml.m5.xlarge",
    "Mode": {"type": "String", "default": "fast", "enum": ["fast", "exact"]},
    "Size": {"type": "Integer", "default": 5},
    "Count": 1,
}


def _with_values(**values: Any) -> dict[str, Any]:
    return config({"prep": JOB}, parameters=DECLARED, environments={"prod": {"parameters": values}})


def test_a_value_of_an_environment_is_a_default_of_the_declared_parameter() -> None:
    found = PipelineDAGCompiler(_with_values(Mode="exact", Size=7, Count=2.5), env="prod", plugins=[])
    parameters = {item.name: item for item in found.compile_definition().spec.parameters}
    assert (parameters["Mode"].default, parameters["Mode"].enum) == ("exact", ("fast", "exact"))
    assert (parameters["Size"].type, parameters["Size"].default) == ("Integer", 7)
    # A plain number gives no type that another plain number must keep.
    assert (parameters["Count"].type, parameters["Count"].default) == ("Float", 2.5)


def test_a_value_of_an_environment_that_does_not_fit_the_declaration_is_reported_at_its_place() -> None:
    place = "<config>.environments.prod.parameters"
    assert sorted(errors_of(_with_values(Mode="slow", Size=2.5, Count="one"), env="prod")) == [
        f"{place}.Count: parameter 'Count': expected a default of type Integer, got 'one'",
        f"{place}.Mode: parameter 'Mode': 'slow' is not in the enum (known: exact, fast)",
        f"{place}.Size: parameter 'Size': expected a default of type Integer, got 2.5",
    ]


def test_a_misspelt_parameter_of_an_environment_is_no_new_one() -> None:
    assert errors_of(_with_values(Moed="exact"), env="prod") == [
        "<config>.environments.prod.parameters.Moed: unknown parameter 'Moed' (did you mean 'Mode'?)"
    ]
    used = {**_with_values(Moed="exact")}
    used["environments"]["prod"]["steps"] = {"prep": {"environment": {"M": "${param.Moed}"}}}
    assert errors_of(used, env="prod") == []
    assert errors_of(_with_values(Another="exact"), env="prod") == []


def test_an_enum_of_a_number_is_one_mistake() -> None:
    numbers = {"Count": {"type": "Integer", "default": 1, "enum": [1, 2]}}
    assert errors_of(config({"prep": {**JOB, "instance_type": "ml.m5.large"}}, parameters=numbers)) == [
        "<config>.parameters.Count.enum: parameter 'Count': "
        "only a String parameter has an enum, not one of type Integer"
    ]
