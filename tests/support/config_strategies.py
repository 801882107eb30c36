"""Random configs: of every step type and correct, and such configs with something broken in them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from dagcast.diagnostic_codes import RULE_IDS
from tests.support.compiling import IMAGE, ROLE

FILES = {"run.py": "print('run')\n", "report.ipynb": "{}\n"}
"""Files that the configs name; they must lie in the working directory."""

Draw = Callable[[st.SearchStrategy[Any]], Any]

PARAMETERS: dict[str, Any] = {
    "Place": "s3://bucket/place",
    "Text": {"type": "String", "default": "text", "enum": ["text", "more"]},
    "Count": 2,
    "Rate": {"type": "Float"},
    "Flag": True,
    "Instance": {"type": "String", "default": "ml.m5.xlarge"},
}

step_names = st.builds(str.__add__, st.sampled_from("aB0"), st.text("aZ9_", max_size=5))
plain_characters = st.characters(
    min_codepoint=32, max_codepoint=0x17F, exclude_characters="$", exclude_categories=("Cc",)
)
plain_texts = st.text(plain_characters, max_size=12)
texts = st.one_of(
    plain_texts,
    st.sampled_from(
        ["${param.Text}", "${exec.PipelineName}", "a ${param.Count} b", "$${x}", "${param.Rate}"]
    ),
)
strings = plain_texts | st.sampled_from(["${param.Text}", "run-${exec.PipelineExecutionId}", "$${HOME}"])
wholes = st.integers(1, 20) | st.just("${param.Count}")
flags = st.booleans() | st.just("${param.Flag}")
scalars = st.one_of(st.integers(-5, 5), st.booleans(), st.floats(-5, 5), texts)
# Names that the service takes for channels and environment variables, and no pattern refuses.
identifiers = st.builds(str.__add__, st.sampled_from("abc"), st.text("ab1_", max_size=4))


@dataclass
class Known:
    """What the steps so far offer to the next one.

    Attributes:
        uris: Outputs that are places in S3, as ``step.port``.
        models: Outputs that are models' names, as ``step.port``.
        settings: Outputs that are endpoint configurations.
        values: References to single values, to be written in strings.
        edges: The edges so far.
    """

    uris: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    edges: list[Any] = field(default_factory=list)


def _source(draw: Draw, known: Known, name: str, port: str) -> Any:
    """Where an input reads from: an address, an output of an earlier step, or an edge that is added."""
    if known.uris and draw(st.booleans()):
        source = draw(st.sampled_from(known.uris))
        if draw(st.booleans()):
            return source
        known.edges.append(f"{source} -> {name}.{port}")
        return None
    return draw(
        st.sampled_from(["s3://bucket/data", "${param.Place}", "s3://bucket/${exec.PipelineExecutionId}"])
    )


def _name(draw: Draw, offered: list[str], known: Known, name: str, port: str) -> Any:
    if offered and draw(st.booleans()):
        source = draw(st.sampled_from(offered))
        if draw(st.booleans()):
            return source
        known.edges.append(f"{source} -> {name}.{port}")
        return None
    return draw(st.sampled_from(["some-name", "${param.Text}"]))


def _job(draw: Draw) -> dict[str, Any]:
    return {"image_uri": IMAGE, "instance_type": draw(st.sampled_from(["ml.m5.xlarge", "${param.Instance}"]))}


def _some(draw: Draw, fields: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """Some of the fields, each with a value."""
    chosen = draw(st.sets(st.sampled_from(sorted(fields)), max_size=4))
    return {name: draw(fields[name]) for name in sorted(chosen)}


def _processing(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    inputs = draw(st.lists(identifiers, max_size=2, unique=True))
    outputs = draw(st.lists(identifiers, max_size=3, unique=True))
    step: dict[str, Any] = {
        **_job(draw),
        "inputs": {port: _source(draw, known, name, port) for port in inputs},
        "outputs": {
            port: draw(st.sampled_from([None, f"/opt/ml/processing/{port}", {}])) for port in outputs
        },
        **_some(
            draw,
            {
                "instance_count": wholes,
                "volume_size_in_gb": wholes,
                "environment": st.dictionaries(identifiers, scalars, max_size=2),
                "arguments": st.lists(scalars.filter(lambda value: value != ""), min_size=1, max_size=3),
                "cache": st.sampled_from([True, "P1D", {"enabled": False}]),
                "enable_network_isolation": flags,
                "entry_point": st.sampled_from(["run.py", "s3://bucket/run.py"]),
                "max_runtime_in_seconds": wholes,
            },
        ),
    }
    known.uris += [f"{name}.{port}" for port in outputs]
    known.values.append(f"${{step.{name}.ProcessingJobName}}")
    if outputs and draw(st.booleans()):
        step["property_files"] = {"Report": {"output": outputs[0], "path": "report.json"}}
        known.values.append(f"${{json.{name}.Report.metrics.value}}")
    return step


def _training_fields(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    channels = draw(st.lists(identifiers, max_size=2, unique=True))
    return {
        **_job(draw),
        "inputs": {port: _source(draw, known, name, port) for port in channels},
        **_some(
            draw,
            {
                "instance_count": wholes,
                "max_runtime_in_seconds": wholes,
                "use_spot_instances": flags,
                "hyperparameters": st.dictionaries(
                    identifiers, scalars | st.lists(st.integers(-5, 5), max_size=2), max_size=3
                ),
                "environment": st.dictionaries(identifiers, scalars, max_size=2),
                "entry_point": st.just("run.py"),
                "output_path": st.sampled_from(["s3://bucket/models", "${param.Place}"]),
                "metric_definitions": st.just({"loss": "loss: (.*)"}),
            },
        ),
    }


def _training(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    step = _training_fields(draw, name, known)
    known.uris.append(f"{name}.model")
    known.values.append(f"${{step.{name}.TrainingJobName}}")
    return step


def _tuning(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    step = _training_fields(draw, name, known)
    known.uris.append(f"{name}.model")
    ranges = draw(
        st.dictionaries(
            identifiers,
            st.sampled_from(
                [
                    {"type": "Integer", "min": 1, "max": 9},
                    {"type": "Continuous", "min": 0.1, "max": "${param.Rate}"},
                    ["a", "b"],
                ]
            ),
            min_size=1,
            max_size=3,
        )
    )
    return {
        **step,
        "max_jobs": 3,
        "objective": {"name": "loss"},
        "metric_definitions": {"loss": "loss=(.*)"},
        "ranges": ranges,
    }


def _transform(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    known_before = list(known.models)
    step = {
        "instance_type": "ml.m5.xlarge",
        "inputs": {
            "model_name": _name(draw, known_before, known, name, "model_name"),
            "data": _source(draw, known, name, "data"),
        },
        **_some(draw, {"strategy": st.just("MultiRecord"), "split_type": st.just("Line"), "accept": strings}),
    }
    known.uris.append(f"{name}.predictions")
    return step


def _create_model(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    step = {"image_uri": IMAGE, "inputs": {"model": _source(draw, known, name, "model")}}
    known.models.append(f"{name}.model_name")
    return step


def _register(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    return {
        "image_uri": IMAGE,
        "model_package_group_name": "models",
        "inputs": {
            "model": _source(draw, known, name, "model"),
            **({"model_metrics": "s3://bucket/metrics.json"} if draw(st.booleans()) else {}),
        },
        **_some(draw, {"approval_status": st.just("Approved"), "content_types": st.just(["text/csv"])}),
    }


def _condition(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    left = st.sampled_from([*known.values, "${param.Count}", "${param.Text}", 1, "x"])
    comparison = st.builds(
        lambda left, op, right: {"left": left, "op": op, "right": right},
        left,
        st.sampled_from(["==", "!=", ">", ">=", "<", "<=", "LessThan"]),
        st.sampled_from([1, 0.5, "a", True, "${param.Count}"]),
    )
    membership = st.builds(lambda value: {"value": value, "in": [1, "a"]}, left)
    nested = st.recursive(
        comparison | membership,
        lambda inner: st.one_of(
            st.builds(lambda one: {"not": one}, inner),
            st.builds(lambda many: {"or": many}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(lambda many: {"and": many}, st.lists(inner, min_size=1, max_size=2)),
        ),
        max_leaves=4,
    )
    return {"conditions": draw(st.lists(nested, min_size=1, max_size=2))}


def _fail(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    return _some(draw, {"error_message": texts | st.sampled_from(["at ${param.Text}", *known.values])})


def _message(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    outputs = draw(
        st.dictionaries(
            identifiers, st.sampled_from([None, "String", "Integer", {"type": "Float"}]), max_size=2
        )
    )
    inputs = draw(st.dictionaries(identifiers, scalars | st.lists(texts, max_size=2), max_size=2))
    known.values += [f"${{step.{name}.OutputParameters['{port}']}}" for port in outputs]
    return {"inputs": inputs, "outputs": outputs}


def _lambda(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    return {"function_arn": "arn:aws:lambda:us-east-1:123456789012:function:f", **_message(draw, name, known)}


def _callback(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    return {"sqs_queue_url": "${param.Place}", **_message(draw, name, known)}


def _emr(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    outputs = draw(st.lists(identifiers, max_size=2, unique=True))
    known.uris += [f"{name}.{port}" for port in outputs]
    return {
        "jar": "command-runner.jar",
        "cluster_id": "j-1",
        "args": draw(st.lists(scalars.filter(lambda value: value != ""), max_size=2)),
        "outputs": dict.fromkeys(outputs, "s3://bucket/emr"),
    }


def _emr_serverless(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    return {"application_id": "00abc", "job_driver": {"sparkSubmit": {"entryPoint": "s3://bucket/job.py"}}}


def _check(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    return {
        "image_uri": IMAGE,
        "inputs": {"dataset": _source(draw, known, name, "dataset")},
        **_some(draw, {"skip_check": flags, "register_new_baseline": flags, "instance_count": wholes}),
    }


def _quality(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    known.values.append(f"${{step.{name}.CalculatedBaselineStatistics}}")
    return {**_check(draw, name, known), "dataset_format": {"csv": {"header": True}}}


def _clarify(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    kind = draw(st.sampled_from(["DATA_BIAS", "MODEL_BIAS"]))
    asked = {"model_name": "some-name"} if kind == "MODEL_BIAS" else {}
    return {**_check(draw, name, known), **asked, "check_type": kind, "analysis_config": {"label": "y"}}


def _automl(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    step = {"target_attribute_name": "y", "inputs": {"train": _source(draw, known, name, "train")}}
    known.uris += [f"{name}.model", f"{name}.insights"]
    return step


def _notebook(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    known.uris.append(f"{name}.output")
    parameters = draw(st.dictionaries(identifiers, scalars, max_size=2))
    return {
        "input_notebook": "report.ipynb",
        "image_uri": IMAGE,
        "kernel_name": "python3",
        "parameters": parameters,
    }


def _endpoint_config(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    model = _name(draw, list(known.models), known, name, "model_name")
    known.settings.append(f"{name}.endpoint_config_name")
    return {
        "endpoint_config_name": "settings",
        "instance_type": "ml.m5.xlarge",
        "initial_instance_count": draw(wholes),
        "inputs": {"model_name": model},
    }


def _endpoint(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    settings = _name(draw, list(known.settings), known, name, "endpoint_config_name")
    return {"endpoint_name": "live", "inputs": {"endpoint_config_name": settings}}


def _request(draw: Draw, name: str, known: Known) -> dict[str, Any]:
    return {
        "step_type": "InferenceComponent",
        "shape": "CreateInferenceComponentInput",
        "request": {"InferenceComponentName": "part", "EndpointName": "${param.Text}"},
    }


TYPES: dict[str, Callable[[Draw, str, Known], dict[str, Any]]] = {
    "Processing": _processing,
    "Training": _training,
    "Tuning": _tuning,
    "Transform": _transform,
    "CreateModel": _create_model,
    "RegisterModel": _register,
    "Condition": _condition,
    "Fail": _fail,
    "Lambda": _lambda,
    "Callback": _callback,
    "EMR": _emr,
    "EMRServerless": _emr_serverless,
    "QualityCheck": _quality,
    "ClarifyCheck": _clarify,
    "AutoML": _automl,
    "NotebookJob": _notebook,
    "EndpointConfig": _endpoint_config,
    "Endpoint": _endpoint,
    "Request": _request,
}


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Correct configs of up to six steps, in any order, whose branches lie at the end of the pipeline."""
    names = draw(st.lists(step_names, min_size=1, max_size=6, unique=True))
    known = Known()
    steps: dict[str, Any] = {}
    for name in names:
        kind = draw(st.sampled_from(sorted(TYPES)))
        steps[name] = {"type": kind, **TYPES[kind](draw, name, known)}
        if draw(st.integers(0, 3)) == 0:
            steps[name]["description"] = draw(plain_texts)
        earlier = [other for other in steps if other != name]
        if earlier and draw(st.integers(0, 3)) == 0:
            known.edges.append(f"{draw(st.sampled_from(earlier))} => {name}")
    for condition in [name for name, step in steps.items() if step["type"] == "Condition"]:
        for branch in ("if_steps", "else_steps"):
            if draw(st.booleans()):
                member = f"{condition[:50]}-{branch[0]}x"
                if member not in steps:
                    steps[member] = {"type": "Fail", **_fail(draw, member, known)}
                    steps[condition][branch] = [member]
    order = draw(st.permutations(sorted(steps)))
    return {
        "pipeline": {"name": "random", "region": "us-east-1", "role": ROLE, "bucket": "my-bucket"},
        "parameters": copy.deepcopy(PARAMETERS),
        "steps": {name: steps[name] for name in order},
        "edges": draw(st.permutations(known.edges)),
        # Random values are right in form. Which of them the service takes together is tested rule by rule.
        "ignore_rules": sorted(RULE_IDS),
    }


JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    2**40,
    0.5,
    "",
    " ",
    "x",
    "é🎉",
    "x" * 300,
    "${",
    "${param.Nope}",
    "${param.Count}",
    "${exec.Nope}",
    "${step.nope.Name}",
    "${json.a.b.c}",
    "$${",
    "a.b",
    "a -> b",
    "s3://b/x",
    [],
    {},
    [None],
    ["x"],
    [["x"]],
    {"a": "b"},
    {"": None},
    {"source": 5},
    {"Get": "Parameters.Count"},
    {"type": "Fail"},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything inside of a value."""
    found: list[tuple[Any, ...]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found.append((*path, key))
        found += places(item, (*path, key))
    return found


@st.composite
def broken_configs(draw: st.DrawFn) -> dict[str, Any]:
    """Correct configs with one to three things changed in them; some are correct still."""
    config: dict[str, Any] = copy.deepcopy(draw(configs()))
    for _ in range(draw(st.integers(1, 3))):
        every = places(config)
        if not every:
            break
        *path, last = draw(st.sampled_from(every))
        holder: Any = config
        for part in path:
            holder = holder[part]
        junk = copy.deepcopy(draw(st.sampled_from(JUNK)))
        change = draw(st.sampled_from(["replace", "delete", "rename", "add", "edge"]))
        if change == "delete":
            del holder[last]
        elif change == "rename" and isinstance(holder, dict):
            holder[draw(st.sampled_from([f"{last}x", str(last)[:-1], str(last).upper()]))] = holder.pop(last)
        elif change == "add" and isinstance(holder, dict):
            holder[
                draw(st.sampled_from(["type", "inputs", "depends_on", "cache", "nope", "${param.Text}"]))
            ] = junk
        elif (
            change == "edge"
            and isinstance(config.get("edges"), list)
            and isinstance(config.get("steps"), dict)
        ):
            ends = st.sampled_from([*config["steps"], "nope"])
            arrow = draw(st.sampled_from([" -> ", " => ", ".x -> ", "->"]))
            config["edges"].append(f"{draw(ends)}{arrow}{draw(ends)}")
        else:
            holder[last] = junk
    return config
