"""Requirements of whole pipelines, and of what many kinds of requests have."""

from __future__ import annotations

from typing import Any

from tests.check.rows.row import VPC, Case, in_region, one, requested, step, warning
from tests.support.compiling import ALWAYS, ROLE, config

_FOREIGN = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/tools:1"
_NEAR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"


def _tagged(kind: str, *keys: str) -> dict[str, Any]:
    return requested(kind, {"Tags": [{"Key": key, "Value": "x"} for key in keys]})


def _emr(instances: dict[str, Any]) -> dict[str, Any]:
    groups = {"InstanceGroups": [{"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}]}
    cluster = {"Instances": {**groups, **instances}}
    return one(
        "EMR",
        cluster_id=None,
        cluster_config={k: {a: b for a, b in v.items() if b} for k, v in cluster.items()},
    )


def _fleet(capacity: int, **more: Any) -> dict[str, Any]:
    return {"InstanceFleets": [{"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": capacity}], **more}


def _branches(*, inside: str, edges: list[str]) -> dict[str, Any]:
    steps = {
        "choose": step("Condition", if_steps=["yes"], else_steps=["no"]),
        "yes": step("Processing", outputs={"out": None}, inputs=None),
        "no": step("Processing", inputs=None, outputs={"out": None}),
        "after": step("Processing", inputs=None),
    }
    chosen = [inside, "yes", "no", "choose"]
    return config({name: steps[name] for name in dict.fromkeys((*chosen, "after"))}, edges=edges)


def _compare(left: Any, op: str, right: Any, **parameters: Any) -> dict[str, Any]:
    return config(
        {
            "choose": step(
                "Condition",
                conditions=[{"left": left, "op": op, "right": right}],
                if_steps=["stop"],
                else_steps=[],
            ),
            "stop": step("Fail"),
        },
        parameters=parameters,
    )


def _automl(members: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return requested("AutoML", members, **fields)


def _report(path: str) -> dict[str, Any]:
    return one(
        "Processing",
        inputs=None,
        outputs={"report": None},
        property_files={"Metrics": {"output": "report", "path": path}},
    )


def _retry(kind: str, seconds: int) -> dict[str, Any]:
    return one(
        kind,
        retry_policies=[
            {"exception_types": ["Step.THROTTLING"], "interval_seconds": seconds, "max_attempts": 3}
        ],
    )


ROWS: dict[int, tuple[str, list[Case]]] = {
    14: (
        "images are of this region",
        [
            Case("region.image", one(kind, image_uri=_FOREIGN), one(kind, image_uri=_NEAR))
            for kind in ("Training", "Tuning", "Processing", "CreateModel", "RegisterModel")
        ],
    ),
    79: (
        "buckets have names",
        [
            warning("s3.bucket-name", in_region("eu-west-1", broken), in_region("eu-west-1", obeying))
            for broken, obeying in (
                (
                    one("Training", image_uri="tools:1", output_path="s3://My_Bucket/out"),
                    one("Training", image_uri="tools:1", output_path="s3://my-bucket/out"),
                ),
                (
                    one("Processing", image_uri="tools:1", inputs={"data": "s3://My_Bucket/in"}),
                    one("Processing", image_uri="tools:1"),
                ),
                (
                    one("Transform", output_path="s3://My_Bucket/out"),
                    one("Transform", output_path="s3://my-bucket/out"),
                ),
                (
                    one("AutoML", output_path="s3://My_Bucket/out"),
                    one("AutoML", output_path="s3://my-bucket/out"),
                ),
                (
                    one("CreateModel", image_uri="tools:1", inputs={"model": "s3://My_Bucket/m.tar.gz"}),
                    one("CreateModel", image_uri="tools:1"),
                ),
            )
        ],
    ),
    81: (
        "tags have keys of their own",
        [
            Case("tags.keys", _tagged(kind, *keys), _tagged(kind, "a", "b"))
            for kind in (
                "Training",
                "Tuning",
                "Processing",
                "Transform",
                "CreateModel",
                "AutoML",
                "EndpointConfig",
            )
            for keys in (("a", "a"), ("aws:a", "b"))
        ],
    ),
    101: (
        "AutoML searches ensembles",
        [
            Case(
                "automl.mode", _automl({"AutoMLJobConfig": {"Mode": "HYPERPARAMETER_TUNING"}}), one("AutoML")
            ),
            Case(
                "automl.problem-and-objective",
                one("AutoML", problem_type="Regression"),
                one("AutoML", problem_type="Regression", objective="MSE"),
            ),
            Case("automl.problem-and-objective", one("AutoML", objective="MSE"), one("AutoML")),
            *(
                Case(
                    "automl.validation-fraction",
                    _automl({"AutoMLJobConfig": {"DataSplitConfig": {"ValidationFraction": fraction}}}),
                    _automl({"AutoMLJobConfig": {"DataSplitConfig": {"ValidationFraction": 0.2}}}),
                )
                for fraction in (0, 1)
            ),
            Case(
                "automl.output-path",
                one("AutoML", output_path="s3://my-bucket/" + "x" * 498),
                one("AutoML", output_path="s3://my-bucket/" + "x" * 400),
            ),
        ],
    ),
    103: (
        "nothing follows a Fail step",
        [
            warning(
                "pipeline.after-fail",
                config({"stop": step("Fail"), "after": step("Processing", depends_on=["stop"])}),
                config({"stop": step("Fail"), "after": step("Processing")}),
            )
        ],
    ),
    105: (
        "functions take texts and numbers",
        [
            warning(
                "pipeline.nested-input",
                one("Lambda", inputs={"names": names}),
                one("Lambda", inputs={"names": "a"}),
            )
            for names in (["a", "b"], {"a": 1})
        ],
    ),
    106: (
        "an order is one of numbers",
        [
            Case(
                "condition.types",
                _compare("${param.Limit}", ">=", 0.8, Limit={"type": "String", "default": "0.9"}),
                _compare("${param.Limit}", ">=", 0.8, Limit={"type": "Float", "default": 0.9}),
            ),
            Case("condition.types", _compare("high", ">", 3), _compare(4, ">", 3)),
        ],
    ),
    107: (
        "retries wait half a day",
        [
            warning("pipeline.retry-interval", _retry("Training", 43201), _retry("Training", 43200)),
            warning("pipeline.retry-interval", _retry("EMR", 43201), _retry("EMR", 43200)),
        ],
    ),
    109: (
        "a pipeline has 200 parameters, a message 3,072 characters, a file a relative path",
        [
            warning(
                "pipeline.parameter-count",
                config({"stop": step("Fail")}, parameters={f"P{i}": i for i in range(201)}),
                config({"stop": step("Fail")}, parameters={f"P{i}": i for i in range(200)}),
            ),
            warning(
                "pipeline.fail-message",
                one("Fail", error_message="x" * 3073),
                one("Fail", error_message="x" * 3072),
            ),
            Case("pipeline.property-file-path", _report("/r.json"), _report("r.json")),
            Case("pipeline.property-file-path", _report("../r.json"), _report("a/r.json")),
        ],
    ),
    110: (
        "resources are of the partition and the region",
        [
            warning(
                "region.partition",
                one(kind, role="arn:aws-cn:iam::123456789012:role/R"),
                one(kind, role=ROLE),
            )
            for kind in ("Training", "Tuning", "Processing", "CreateModel", "AutoML")
        ]
        + [
            warning(
                "region.partition",
                one(kind, output_kms_key="arn:aws:kms:eu-west-1:123456789012:key/1"),
                one(kind, output_kms_key="arn:aws:kms:us-east-1:123456789012:key/1"),
            )
            for kind in ("Training", "Tuning", "Transform", "AutoML")
        ]
        + [
            warning(
                "region.partition",
                one("Processing", volume_kms_key="arn:aws:kms:eu-west-1:123456789012:key/1"),
                one("Processing", volume_kms_key="arn:aws:kms:us-east-1:123456789012:key/1"),
            ),
            warning(
                "region.partition",
                one("EndpointConfig", kms_key="arn:aws:kms:eu-west-1:123456789012:key/1"),
                one("EndpointConfig", kms_key="arn:aws:kms:us-east-1:123456789012:key/1"),
            ),
            warning(
                "region.function-or-queue",
                one("Callback", sqs_queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/q"),
                one("Callback"),
            ),
            warning("region.unknown", in_region("us-eats-1", one("Fail")), one("Fail")),
            warning(
                "region.function-or-queue",
                one("Lambda", function_arn="arn:aws:lambda:eu-west-1:123456789012:function:call"),
                one("Lambda"),
            ),
        ],
    ),
    111: (
        "a cluster has groups or fleets",
        [Case("emr.instances", _emr(_fleet(1)), _emr(_fleet(1, InstanceGroups=None)))],
    ),
    112: (
        "clusters have limits",
        [
            Case(
                "emr.master-fleet", _emr(_fleet(2, InstanceGroups=None)), _emr(_fleet(1, InstanceGroups=None))
            ),
            Case(
                "emr.security-groups",
                _emr({"EmrManagedMasterSecurityGroup": "sg-1"}),
                _emr({"EmrManagedMasterSecurityGroup": "sg-1", "EmrManagedSlaveSecurityGroup": "sg-2"}),
            ),
            Case("emr.arguments", one("EMR", args=["x" * 5121] * 2), one("EMR", args=["x" * 5120] * 2)),
        ],
    ),
    113: (
        "security groups are a list",
        [
            Case(
                "request.pattern",
                one("Training", subnets=VPC["subnets"], security_group_ids=["sg-1,sg-2"]),
                one("Training", **VPC),
            )
        ],
    ),
    114: (
        "subnets and security groups are together",
        [
            Case(
                "request.missing-field",
                one(kind, subnets=VPC["subnets"]),
                one(kind, **VPC),
            )
            for kind in ("Training", "Tuning", "Processing", "CreateModel")
        ],
    ),
    117: (
        "a branch cannot read the other one",
        [
            Case(
                "branch.other-branch",
                _branches(inside="no", edges=["yes.out -> no.data"]),
                _branches(inside="no", edges=["yes => choose"][:0]),
            )
        ],
    ),
    118: (
        "what follows a branch may never run",
        [
            warning(
                "branch.outside-branch",
                _branches(inside="no", edges=["yes.out -> after.data"]),
                _branches(inside="no", edges=["choose => after"]),
            )
        ],
    ),
    119: (
        "a step is in one branch",
        [
            Case(
                "branch.two-branches",
                config(
                    {
                        "choose": step(
                            "Condition", conditions=ALWAYS, if_steps=["stop"], else_steps=["stop"]
                        ),
                        "stop": step("Fail"),
                    }
                ),
                config(
                    {
                        "choose": step("Condition", conditions=ALWAYS, if_steps=["stop"], else_steps=[]),
                        "stop": step("Fail"),
                    }
                ),
            )
        ],
    ),
    120: (
        "the role is the ARN of a role",
        [
            Case(
                "request.pattern",
                one("Training", role="arn:aws:iam::123456789012:user/me"),
                one("Training", role=ROLE),
            )
        ],
    ),
}
