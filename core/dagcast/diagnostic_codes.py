"""The ids of diagnostics: one vocabulary for every stage, command and plugin.

An id is ``area.problem`` in lower-case words with dashes, such as ``config.unknown-field``. Ids are stable: scripts
that read ``--json`` compare them, while messages may be reworded. A plugin takes an area of its own, by custom its
name, such as ``guardrails.volume-key``. The list for users is docs/diagnostics.md, which a test compares with
:data:`CODES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dagcast.lazy_pattern import lazy_pattern

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "branch.other-branch": "A step reads a step of the other branch of a condition, and the two never both run.",
        "branch.outside-branch": "A step outside of a branch reads a step inside of it, which may not run.",
        "branch.too-deep": "Conditions are nested too deep in the branches of each other.",
        "branch.two-branches": "A step is in more than one branch.",
        "code.changed": "Staged code changed after the compile or no longer exists, so it cannot be uploaded.",
        "code.entry-point-conflict": "A step names both entry_point and container_entrypoint, and can have one.",
        "code.invalid": "Code that a step runs cannot be staged: it is missing, unreadable or outside of its folder.",
        "code.missing-entry-point": "A step names a source folder without the script to run in it.",
        "code.reserved-input": "An input has the name or path of one that dagcast adds to bring the code.",
        "code.outside-project": "Code that would be uploaded lies outside of the project of the config.",
        "code.unusable-source": "Code in S3 is of a form that the container of the step cannot use.",
        "command.failed": "The command cannot do what it was asked to do.",
        "command.temporary-folder": "The folder of temporary files is full, or cannot be written.",
        "command.unwritable-output": "A file that the command writes cannot be written.",
        "condition.missing-field": "A condition lacks an operand.",
        "condition.unknown-type": "A condition has a type that SageMaker does not have.",
        "condition.wrong-type": "A part of a condition has the wrong type.",
        "config.duplicate": "Two spellings of one field are both given.",
        "config.invalid-name": "A name has characters that SageMaker or references cannot take.",
        "config.invalid-value": "A field has a value that its type of step refuses.",
        "config.length": "A text or list is too short or too long.",
        "config.managed-field": "A field is set by dagcast or the pipeline, and cannot be given.",
        "config.missing-field": "A required section or field of the config is missing.",
        "config.pattern": "A text does not match the pattern of its field.",
        "config.renamed-field": "A field is written by a name that it no longer has.",
        "config.unknown-environment": "The environment is not one that the config declares.",
        "config.unknown-field": "The config has a section or field that does not exist.",
        "config.unknown-type": "There is no step type of this name.",
        "config.unknown-rule": "The config ignores a rule that does not exist, or an id that is not one of a rule.",
        "config.unknown-value": "A value is not one of those that the field takes.",
        "config.unused-step": "A step of the config is not in the DAG and is left out.",
        "config.wrong-type": "A value of the config has the wrong type.",
        "dag.cycle": "The DAG has a cycle.",
        "dag.duplicate-node": "A node is listed twice.",
        "dag.invalid-edge": "An edge is not of the form that edges have.",
        "dag.unconfigured-node": "A node of the DAG has no config.",
        "dag.unknown-field": "A DAG document has a field that does not exist.",
        "dag.unknown-node": "An edge ends at a node that is not listed.",
        "dag.wrong-type": "A part of a DAG document has the wrong type.",
        "data.parameter-slash": "The default of a parameter ends with a slash, and an address continues after it.",
        "definition.duplicate": "A definition has two steps or parameters of one name.",
        "definition.invalid-duration": "A duration in a definition is not an ISO 8601 duration.",
        "definition.invalid-json": "The definition is invalid JSON.",
        "definition.invalid-name": "A step of a definition has an invalid name.",
        "definition.invalid-reference": "A reference in a definition is malformed or refers to nothing.",
        "definition.too-deep": "The definition is nested too deep.",
        "definition.wrong-type": "A part of a definition has the wrong type.",
        "document.ambiguous-number": "A number begins with a zero, which YAML 1.1 and 1.2 read differently.",
        "document.bad-character": "A document holds a character that it cannot hold.",
        "document.duplicate-key": "A mapping has one key twice.",
        "document.encoding": "A document is not UTF-8.",
        "document.integer-range": "An integer does not fit 64 bits.",
        "document.invalid-merge": "A merge key in YAML merges something other than mappings.",
        "document.key-not-string": "A key of a mapping is not a string.",
        "document.not-a-mapping": "The top level of a document is not a mapping.",
        "document.not-finite": "A number is infinite or not a number, which JSON does not have.",
        "document.not-plain-data": "A value is not data that JSON has, such as a date.",
        "document.recursive": "A value contains itself.",
        "document.syntax": "A document is not valid YAML, JSON or TOML.",
        "document.too-deep": "Mappings and lists of a document are nested too deep.",
        "document.too-large": "A document holds too many values.",
        "document.unknown-alias": "A YAML alias has no anchor.",
        "document.unknown-format": "The suffix of a file does not say its format.",
        "document.unknown-tag": "A YAML tag is unknown.",
        "document.unreadable-file": "A file cannot be read.",
        "document.wrong-tag": "A YAML tag does not fit its value.",
        "image.by-default": "The image of a framework is the one for the default of a parameter.",
        "image.conflict": "A step names both an image and a framework.",
        "image.missing": "A step names no image.",
        "image.missing-sdk": "The image of a framework comes from the SageMaker SDK, and none is installed.",
        "image.unknown": "The SDK's tables have no image for the framework, version, region or instance type.",
        "model.isolated-code": "A model without network cannot fetch its inference code from S3.",
        "model.needs-repack": "The serving container of the framework reads code only from the model archive.",
        "parameter.invalid": "The declaration of a pipeline parameter is invalid.",
        "parameter.missing": "A parameter without a default has no value for this run.",
        "parameter.too-long": "The value of a parameter is too long.",
        "parameter.unknown": "A value is given for a parameter that the pipeline does not declare.",
        "parameter.unknown-value": "The value of a parameter is not one of those that it allows.",
        "parameter.wrong-type": "The value of a parameter has the wrong type.",
        "pipeline.long-name": "The pipeline's name is too long for the names that the service makes of it.",
        "pipeline.missing-bucket": "The pipeline needs an S3 bucket and has none.",
        "pipeline.missing-region": "The pipeline needs a region and has none.",
        "pipeline.missing-role": "The pipeline needs an execution role and has none.",
        "pipeline.quota": "The pipeline is over a quota of SageMaker Pipelines.",
        "plugin.failed": "A plugin is missing, broken, or does what a plugin must not.",
        "plugin.file-exists": "A file that a new plugin would be written to exists already.",
        "plugin.fixed-option": "A config gives an option another value than the one that a site policy fixes.",
        "plugin.forbidden": "A plugin is selected that a site policy forbids.",
        "plugin.invalid-name": "A name cannot be the name of a plugin.",
        "plugin.lock": "Plugins differ from the plugin lock or from their installation, or the lock is invalid.",
        "plugin.policy": "A site policy cannot be read, or two of them contradict each other.",
        "plugin.required": "A plugin is turned off that a site policy requires.",
        "plugin.unknown": "There is no plugin of this name.",
        "reference.in-key": "A reference is in a key, and references are resolved in values only.",
        "reference.invalid": "A reference is malformed, or this field accepts none.",
        "reference.needs-text": "A reference fits this field only inside of a longer string.",
        "reference.not-a-value": "A reference to a property ends at a structure, list or map.",
        "reference.not-yet-known": "A reference is used before the step that gives its value has run.",
        "reference.own-step": "A step reads from itself.",
        "reference.property-syntax": "The property path of a reference is malformed.",
        "reference.unknown-output": "A reference or property file names an output that its step does not have.",
        "reference.unknown-parameter": "A reference names a parameter that is not declared.",
        "reference.unknown-property": "A reference names a property that its step does not have.",
        "reference.unknown-property-file": "A reference names a property file that its step does not declare.",
        "reference.unknown-step": "A reference or dependency names a step that does not exist.",
        "reference.wrong-type": "A reference gives a value of another type than the field takes.",
        "request.duplicate": "Two items of a request have one name or one path.",
        "request.forbidden-field": "A request sets a field that SageMaker Pipelines sets or refuses.",
        "request.invalid-name": "A name in a request is malformed.",
        "request.invalid-regex": "The regular expression of a metric is invalid.",
        "request.length": "A text, list or map of a request is too short or too long.",
        "request.missing-field": "A required field of a request is missing.",
        "request.not-finite": "A number of a request is infinite or not a number.",
        "request.null": "A field of a request has no value.",
        "request.out-of-range": "A number of a request is too small or too large.",
        "request.pattern": "A text of a request does not match the service's pattern.",
        "request.union": "A union of a request has no or more than one member.",
        "request.unknown-field": "A request has a field that the service does not have.",
        "request.unknown-shape": "The installed botocore does not know a service or shape that the step needs.",
        "request.unknown-value": "A value of a request is not one of those that the service takes.",
        "request.unsafe-path": "A path of a request is one that a job cannot have.",
        "request.unsafe-uri": "An S3 URI of a request is malformed or leaves its folder.",
        "request.wrong-type": "A value of a request has the wrong type.",
        "run.changed-code": "Code has changed since the run that is resumed began.",
        "run.image-refuses": "The image that a local image stands for would refuse a value of the request.",
        "run.image-stands-in": "A local image stands for the image of a step, so results may differ from those of AWS.",
        "run.invalid-callback": "The answer to a callback is neither a command nor a readable file.",
        "run.invalid-json": "The answer to a callback is invalid JSON.",
        "run.invalid-lambda": "The file that replaces a Lambda function is invalid.",
        "run.invalid-name": "The name of the pipeline to run is invalid.",
        "run.folder": "The folder of a run is missing, in use, or was made by something else.",
        "run.isolation": "The isolation that was asked for is not available on this machine.",
        "run.missing-callback": "A callback step has nobody to answer it.",
        "run.missing-data": "A step reads an S3 URI that does not exist.",
        "run.missing-extra": "A step needs a package that is not installed.",
        "run.missing-file": "A file that was given for the run is missing or cannot be read.",
        "run.missing-lambda": "A Lambda step has no file that replaces its function.",
        "run.missing-program": "The command that answers a callback does not exist.",
        "run.not-selected": "A selected step reads a step that is not selected and has no earlier result.",
        "run.resumed-parameter": "A resumed run is given another value of a parameter than it began with.",
        "run.unknown-function": "A file is given for a Lambda function that no step calls.",
        "run.unknown-image-tag": "A local image stands for other tags of a repository than the one that a step names.",
        "run.unknown-run": "There is no run of this name.",
        "run.unknown-step": "There is no step of this name to select, stub or answer.",
        "run.unread-input": "Data is given for the run that no step reads.",
        "run.unsafe-file": "A file of the local S3 folder is not safe to read.",
        "run.unsafe-uri": "An S3 URI given for the run is malformed or leaves its folder.",
        "run.unsupported-field": "A field of a step's request has no local counterpart, so the step cannot run here.",
        "run.unsupported-step": "A step is of a type that does not run on this machine.",
        "sdk.unusable": "The installed SageMaker SDK cannot do what is asked of it, or none is installed.",
        "stub.invalid-json": "The file of a stub is invalid JSON.",
        "stub.missing-file": "The file of a stub, or a file that it names, is missing or cannot be read.",
        "stub.unknown-field": "A stub has a field that does not exist.",
        "stub.unknown-name": "A stub gives an output that its step does not have.",
        "stub.unsafe-uri": "A stub gives an S3 URI that is malformed or leaves its folder.",
        "stub.wrong-type": "A part of a stub has the wrong type.",
        "training.distribution": "The framework, the script or the instances of a job cannot run its distribution.",
        "training.model-dir": "A job has a model_dir whose framework passes none to the script.",
        "training.nested-reference": "A reference in a list or mapping of a hyperparameter would not be filled in.",
        "training.repeated-hyperparameter": "A hyperparameter is given twice: by its name and by another field.",
        "transform.data-processing": "A transform job's processing of its data is invalid.",
        "tuning.fixed-and-tuned": "A hyperparameter has both a fixed value and a range, and the range holds.",
        "tuning.invalid-range": "A range of a hyperparameter is invalid.",
        "tuning.missing-metric": "No metric definition says how a tuning job's objective is read from the log.",
        "wiring.ambiguous": "An edge can bind in more than one way.",
        "wiring.fed-twice": "Two outputs feed one input.",
        "wiring.kind": "The kinds of an output and the input that it feeds differ.",
        "wiring.no-ports": "An edge carries no data, because no output fits an input.",
        "wiring.output-as-text": "A text that is sent unchanged names an output of a step.",
        "wiring.shared-alias": "An alias of a port is a name of another port of the same step.",
        "wiring.unfed-input": "A required input has no source.",
        "wiring.unknown-port": "There is no input or output of this name.",
        "wiring.unknown-source": "The source of an input is neither an S3 URI nor an output of a step.",
    }
)
"""By id of dagcast's own: what it stands for, in one sentence."""

RULE_IDS: Final = frozenset(
    {
        "algorithm.channel",
        "algorithm.file-mode",
        "algorithm.gpu",
        "algorithm.one-machine",
        "algorithm.own-metrics",
        "algorithm.spot-wait",
        "automl.mode",
        "automl.output-path",
        "automl.problem-and-objective",
        "automl.validation-fraction",
        "condition.membership",
        "condition.types",
        "data.own-results",
        "data.sibling-prefix",
        "emr.arguments",
        "emr.instances",
        "emr.master-fleet",
        "emr.security-groups",
        "endpoint-config.local-storage-size",
        "endpoint-config.prefix-routing",
        "endpoint-config.publish-frequency",
        "endpoint-config.scaling-components",
        "endpoint-config.scaling-order",
        "endpoint-config.serverless-features",
        "endpoint-config.serverless-or-machines",
        "endpoint-config.serverless-size",
        "endpoint-config.shadow-variants",
        "endpoint-config.variant-name",
        "endpoint.traffic-size",
        "endpoint.update-policy",
        "model-package.additional-name",
        "model-package.card",
        "model-package.group-tags",
        "model-package.name",
        "model-package.packed-data",
        "model-package.sample-payload",
        "model-package.unversioned",
        "model.container-source",
        "model.containers",
        "model.data-prefix",
        "model.environment-size",
        "model.hostname",
        "model.isolated-script",
        "model.packed-data",
        "model.private-registry",
        "pipeline.after-fail",
        "pipeline.fail-message",
        "pipeline.nested-input",
        "pipeline.parameter-count",
        "pipeline.property-file-path",
        "pipeline.repeated-name",
        "pipeline.retry-interval",
        "pipeline.same-target",
        "pipeline.transform-of-files",
        "processing.feature-store",
        "processing.gzip-mode",
        "processing.input-name",
        "processing.input-path",
        "processing.input-paths",
        "processing.input-source",
        "processing.local-storage-key",
        "processing.no-machine",
        "processing.output-name",
        "processing.output-path",
        "processing.output-paths",
        "processing.output-target",
        "processing.preference-count",
        "processing.preferences-exclude",
        "processing.read-only-member",
        "processing.runtime",
        "processing.same-target",
        "processing.shared-path",
        "region.arn",
        "region.image",
        "region.partition",
        "s3.bucket-name",
        "tags.keys",
        "training.algorithm",
        "training.channel-name",
        "training.checkpoint-path",
        "training.data-source",
        "training.express-bucket-key",
        "training.file-system-vpc",
        "training.groups-and-type",
        "training.gzip-mode",
        "training.image-and-algorithm",
        "training.instance-group-names",
        "training.isolated-script",
        "training.isolation-image",
        "training.local-storage-key",
        "training.manifest-attributes",
        "training.manifest-mode",
        "training.metric-group",
        "training.metric-name",
        "training.metric-regex",
        "training.mixed-storage-key",
        "training.no-machine",
        "training.preference-count",
        "training.preferences-exclude",
        "training.private-registry",
        "training.profiling-interval",
        "training.read-only-member",
        "training.record-wrapper",
        "training.repeated-preference",
        "training.rule-name",
        "training.runtime",
        "training.spot-wait",
        "training.wait-below-runtime",
        "training.wait-without-spot",
        "training.warm-pool",
        "transform.filter",
        "transform.instance-count",
        "transform.joined-lines",
        "transform.joined-types",
        "transform.local-storage-key",
        "transform.payload",
        "transform.split",
        "tuning.builtin-metric",
        "tuning.combinations",
        "tuning.definition-name",
        "tuning.definitions",
        "tuning.definitions-exclude",
        "tuning.grid-count",
        "tuning.grid-range",
        "tuning.hyperband-config",
        "tuning.hyperband-early-stopping",
        "tuning.hyperparameter-count",
        "tuning.instance-configs",
        "tuning.isolated-script",
        "tuning.no-range",
        "tuning.objective",
        "tuning.objective-metric",
        "tuning.parallel-jobs",
        "tuning.quota",
        "tuning.range-name",
        "tuning.range-order",
        "tuning.range-scale",
        "tuning.range-values",
        "tuning.static-and-tuned",
        "tuning.tuned-count",
        "tuning.two-clusters",
        "tuning.warm-pool",
    }
)
"""The ids of the rules in :mod:`dagcast.check.rules`, where each says what it means."""

AREAS: Final = frozenset(code.partition(".")[0] for code in (*CODES, *RULE_IDS))
"""The first words of dagcast's own ids. A plugin takes any other."""


def is_ignorable(code: str) -> bool:
    """Return whether ``ignore_rules`` in a config may name an id.

    Those are the rules of the service and of plugins, and what the request shapes of the installed botocore refuse,
    since the service may be newer.

    Args:
        code: The id of a diagnostic.

    Example:
        >>> is_ignorable("training.spot-wait"), is_ignorable("request.unknown-value"), is_ignorable("dag.cycle")
        (True, True, False)
    """
    area = code.partition(".")[0]
    return code in RULE_IDS or area not in AREAS or (area == "request" and code in CODES)


_WORDS: Final = "[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
_FORM: Final = lazy_pattern(rf"{_WORDS}\.{_WORDS}")


def validate_code(code: str) -> None:
    """Refuse an id that is malformed, or that is in one of dagcast's areas and unknown.

    Args:
        code: The id of a diagnostic.

    Raises:
        ValueError: If it cannot be one.

    Example:
        >>> validate_code("config.unknown-field")
        >>> validate_code("acme.missing-owner")
        >>> validate_code("config.missing-owner")
        Traceback (most recent call last):
        ...
        ValueError: unknown diagnostic code 'config.missing-owner': the area 'config' is dagcast's own
    """
    if code in CODES or code in RULE_IDS:
        return
    if not _FORM.fullmatch(code):
        raise ValueError(
            f"invalid diagnostic code {code!r}: expected area.problem, in lower-case words with dashes"
        )
    area = code.partition(".")[0]
    if area in AREAS:
        raise ValueError(f"unknown diagnostic code {code!r}: the area {area!r} is dagcast's own")
