"""Field by field: where the SDK's own classes and dagcast spell the same pipeline differently.

Everything else must be equal. A rule that no comparison needs fails a test.

Some of it is the SDK's doing alone: a default of the service that it writes out, an empty container, a name that
it makes up. The rest follows from "same config, same definition": where SDK 2 and SDK 3 differ from each other,
dagcast can be like one of them only.
"""

from __future__ import annotations

from . import rules
from .rules import (
    PIPELINE,
    Rule,
    drop,
    drop_if_same_as,
    drop_match,
    drop_without,
    flatten,
    rename,
    rewrite,
    swap,
    unjoin,
    unquote,
)

SDK2, SDK3, BOTH = (2,), (3,), (2, 3)
HAND, OURS = (rules.BY_HAND,), (rules.OURS,)
CHECKS = ("QualityCheck", "ClarifyCheck")

# Paths that many rules begin with.
ALGORITHM = "Arguments.AlgorithmSpecification"
CONTAINERS = "Arguments.InferenceSpecification.Containers[*]"
TUNED = "Arguments.TrainingJobDefinition"
TUNING = "Arguments.HyperParameterTuningJobConfig"
HYPERPARAMETERS = "Arguments.HyperParameters"
CODE_INPUT = "Arguments.ProcessingInputs[InputName=code].S3Input.S3Uri"
ANALYSIS_INPUT = "Arguments.ProcessingInputs[InputName=analysis_config].S3Input.S3Uri"
NOTEBOOK_INPUT = "Arguments.InputDataConfig[*].DataSource.S3DataSource.S3Uri"

# Where dagcast stages code, and where the code by hand lies.
STAGED = r"s3://example-bucket/[a-z-]+/code/[0-9a-f]{64}"
GIVEN = "s3://example-bucket/code"

# Which pipelines a rule is for, where it is not for all.
EXAMPLE, NOTEBOOK, OPTIONS = ("example",), ("notebook_job",), ("training_options",)
UNLIMITED = (
    "training",
    "training_options",
    "training_source_code",
    "training_torchrun",
    "breast_cancer",
    "cleanup",
)
SOURCE_CODE, DEFAULTS = ("training_source_code", "training_torchrun"), ("register_model_defaults",)
TORCHRUN = ("training_torchrun",)

# Each row: SDK, whose definition is changed, Type of the steps, path, what is done, why, and for which pipelines.
# fmt: off
RULES = (
    # --- the pipeline as a whole
    Rule(SDK3, HAND, PIPELINE, "MlflowConfig", drop(None), "SDK 3 writes that there is none"),
    Rule(BOTH, HAND + OURS, PIPELINE, "**.Std:Join", flatten,
         "text with references in it is joined without a separator, the SDK's user chooses one: the same string"),

    # --- names: SDK 2 makes a collection of steps of a ModelStep, and adds to the step's name
    Rule(SDK2, HAND, "Model", "Name", rewrite(r"(.+)-CreateModel", r"\1"), "SDK 2 adds to the name"),
    Rule(SDK2, HAND, "RegisterModel", "Name", rewrite(r"(.+)-RegisterModel", r"\1"), "SDK 2 adds to the name"),
    Rule(SDK2, HAND, "Model", "DependsOn[*]", rewrite(r"(.+)-CreateModel", r"\1"), "the longer name again"),
    Rule(SDK2, HAND, "RegisterModel", "DependsOn[*]", rewrite(r"(.+)-RegisterModel", r"\1"),
         "the longer name again"),
    Rule(SDK2, HAND, "Transform", "Arguments.ModelName.Get",
         rewrite(r"Steps\.(.+)-CreateModel\.(.+)", r"Steps.\1.\2"), "the longer name again"),

    # --- code: dagcast stages files; by hand they are in S3 before, or the SDK uploads them
    Rule(BOTH, OURS, "Processing", CODE_INPUT, rewrite(STAGED + r"/(\w+\.py)", GIVEN + r"/\1"),
         "a staged script", EXAMPLE),
    Rule(BOTH, OURS, "Training", HYPERPARAMETERS + ".sagemaker_submit_directory",
         rewrite(f'"{STAGED}' + r'/(sourcedir\.tar\.gz)"', f'"{GIVEN}' + r'/\1"'), "a staged folder", EXAMPLE),
    Rule(BOTH, OURS, "Model", "Arguments.PrimaryContainer.Environment.SAGEMAKER_SUBMIT_DIRECTORY",
         rewrite(STAGED + r"/(sourcedir\.tar\.gz)", GIVEN + r"/\1"), "a staged folder", EXAMPLE),
    Rule(BOTH, OURS, "RegisterModel", CONTAINERS + ".Environment.SAGEMAKER_SUBMIT_DIRECTORY",
         rewrite(STAGED + r"/(sourcedir\.tar\.gz)", GIVEN + r"/\1"), "a staged folder", EXAMPLE),
    Rule(BOTH, OURS, "ClarifyCheck", ANALYSIS_INPUT, rewrite(STAGED + r"/(analysis_config\.json)", GIVEN + r"/\1"),
         "a staged analysis"),
    Rule(BOTH, HAND, "ClarifyCheck", ANALYSIS_INPUT,
         rewrite(r"s3://example-bucket/output/check-(?:plain|config)/(analysis_config\.json)", GIVEN + r"/\1"),
         "the SDK uploads the analysis to the place of results, or to one that its user names"),
    Rule(BOTH, OURS, "Training", NOTEBOOK_INPUT, rewrite(STAGED, GIVEN), "a staged notebook", NOTEBOOK),
    Rule(BOTH, HAND, "Training", NOTEBOOK_INPUT,
         rewrite(r"s3://example-bucket/notebooks/notebook-job/report(?:-plain)?/input-[\d-]+", GIVEN),
         "the SDK uploads the notebook to a folder whose name holds the time", NOTEBOOK),

    # --- processing jobs and checks
    Rule(SDK3, OURS, ("Processing", *CHECKS), "Arguments.ProcessingInputs[*].AppManaged", drop(False),
         "the service's default, which SDK 2 writes out, and SDK 3 no longer"),
    Rule(SDK3, OURS, ("Processing", *CHECKS), "Arguments.ProcessingOutputConfig.Outputs[*].AppManaged", drop(False),
         "the service's default, which SDK 2 writes out, and SDK 3 no longer"),
    Rule(SDK3, OURS, CHECKS, "Arguments.ProcessingInputs[*].S3Input.S3CompressionType", drop("None"),
         "the service's default, which SDK 2 writes out, and SDK 3 no longer for checks"),
    Rule(SDK3, OURS, CHECKS, "Arguments.ProcessingInputs[*].S3Input.S3DataDistributionType", drop("FullyReplicated"),
         "the service's default, which SDK 2 writes out, and SDK 3 no longer for checks"),
    Rule(SDK3, HAND, CHECKS, "Arguments.StoppingCondition", drop({"MaxRuntimeInSeconds": 86400}),
         "the service's default, which SDK 3 writes out for checks"),

    # --- training jobs
    Rule(SDK2, HAND, "Training", "Arguments.DebugHookConfig", drop_without("CollectionConfigurations"),
         "SDK 2 asks for the debugger's hook unbidden; SDK 3 does not"),
    Rule(SDK2, HAND, "Training", "Arguments.ProfilerConfig", drop_without("ProfilingIntervalInMilliseconds"),
         "SDK 2 asks for the profiler unbidden; SDK 3 does not"),
    Rule(SDK3, HAND, "Training", "Arguments.OutputDataConfig.CompressionType", drop("GZIP"),
         "the service's default, which SDK 3 writes out"),
    Rule(SDK3, HAND, "Training", "Arguments.StoppingCondition.MaxRuntimeInSeconds", swap(3600, 86400),
         "where nothing is said SDK 3 stops a job after an hour, SDK 2 and the service after a day",
         UNLIMITED),
    Rule(SDK3, HAND, "Training", "Arguments.InputDataConfig[*].InputMode",
         drop_if_same_as(ALGORITHM + ".TrainingInputMode"), "a channel has the job's mode; SDK 3 writes it out"),
    Rule(SDK3, HAND, "Training", HYPERPARAMETERS, drop({}), "empty"),
    Rule(SDK3, OURS, "Training", HYPERPARAMETERS + ".*", unquote,
         "the toolkit in the image reads JSON, and what is not JSON as a string; SDK 2 quotes, SDK 3 does not"),
    Rule(SDK3, OURS, "Training", HYPERPARAMETERS + ".*", unjoin,
         "joined alone a number becomes a string, which SDK 2 does and the service wants; SDK 3 does not"),
    Rule(SDK3, OURS, "Training", ALGORITHM + ".ContainerEntrypoint", drop(["python3", "/opt/train.py"]),
         "SDK 3's ModelTrainer takes none for an image without source code", OPTIONS),
    Rule(SDK3, OURS, "Training", ALGORITHM + ".ContainerArguments", drop(["--fast"]),
         "SDK 3's ModelTrainer takes none for an image without source code", OPTIONS),

    # --- one script, started in two ways: SDK 3 brings drivers of its own, SDK 2 relies on the toolkit in the image
    Rule(SDK3, HAND, "Training", ALGORITHM + ".ContainerEntrypoint", drop(["/bin/bash"]),
         "starts SDK 3's drivers", SOURCE_CODE),
    Rule(SDK3, HAND, "Training", ALGORITHM + ".ContainerArguments", drop(), "starts SDK 3's drivers", SOURCE_CODE),
    Rule(SDK3, HAND, "Training", "Arguments.InputDataConfig[ChannelName=sm_drivers]", drop(),
         "holds SDK 3's drivers", SOURCE_CODE),
    Rule(SDK3, HAND, "Training", "Arguments.InputDataConfig[ChannelName=code]", drop(),
         "holds the source, which the toolkit fetches itself", SOURCE_CODE),
    Rule(SDK3, OURS, "Training", HYPERPARAMETERS + ".sagemaker_submit_directory",
         drop_match(STAGED + r"/sourcedir\.tar\.gz"), "tells the toolkit where the source is", SOURCE_CODE),
    Rule(SDK3, OURS, "Training", HYPERPARAMETERS + ".sagemaker_program", drop("train.py"),
         "tells the toolkit what to run", SOURCE_CODE),
    Rule(SDK3, OURS, "Training", HYPERPARAMETERS + ".sagemaker_container_log_level", drop("20"),
         "tells the toolkit what to log", SOURCE_CODE),
    Rule(SDK3, OURS, "Training", HYPERPARAMETERS + ".sagemaker_region", drop("us-east-1"),
         "tells the toolkit where it is", SOURCE_CODE),

    Rule(SDK3, OURS, "Training", HYPERPARAMETERS + ".sagemaker_torch_distributed_enabled", drop("true"),
         "tells the toolkit to use torchrun, which SDK 3's drivers start", TORCHRUN),
    Rule(SDK3, OURS, "Training", HYPERPARAMETERS + ".sagemaker_distributed_dataparallel_enabled", drop("false"),
         "tells the toolkit that the library is the other one", TORCHRUN),
    Rule(SDK3, OURS, "Training", HYPERPARAMETERS + ".sagemaker_instance_type", drop("ml.p4d.24xlarge"),
         "tells the toolkit which machines there are", TORCHRUN),

    # --- tuning jobs
    Rule(SDK2, HAND, "Tuning", TUNED + ".HyperParameterTuningResourceConfig", rename("ResourceConfig"),
         "the service takes either for one kind of instance; SDK 3 writes ResourceConfig"),
    Rule(SDK2, HAND, "Tuning", TUNED + ".StaticHyperParameters.sagemaker_estimator_class_name", drop(),
         "for HyperparameterTuner.attach; no container reads it"),
    Rule(SDK2, HAND, "Tuning", TUNED + ".StaticHyperParameters.sagemaker_estimator_module", drop(),
         "for HyperparameterTuner.attach; no container reads it"),
    Rule(SDK2, HAND, "Tuning", TUNED + ".StaticHyperParameters.sagemaker_job_name", drop(),
         "a name that holds the time; SDK 3 leaves it out"),
    Rule(SDK2, HAND, "Tuning", TUNED + ".StaticHyperParameters", drop({}), "empty"),
    Rule(SDK2, HAND, "Tuning", TUNING + ".ParameterRanges.CategoricalParameterRanges", drop([]), "empty"),
    Rule(SDK3, HAND, "Tuning", TUNED + ".OutputDataConfig.CompressionType", drop("GZIP"),
         "the service's default, which SDK 3 writes out"),
    Rule(SDK3, HAND, "Tuning", TUNED + ".StoppingCondition.MaxRuntimeInSeconds", swap(3600, 86400),
         "where nothing is said SDK 3 stops a job after an hour, SDK 2 and the service after a day"),
    Rule(SDK3, OURS, "Tuning", TUNED + ".StaticHyperParameters.*", unquote, "as for a training job"),
    Rule(SDK3, OURS, "Tuning", TUNING + ".ParameterRanges.CategoricalParameterRanges[*].Values[*]", unquote,
         "as for a training job"),

    # --- models
    Rule(SDK3, HAND, "RegisterModel", CONTAINERS + ".Environment.SAGEMAKER_PROGRAM", drop(""),
         "ModelBuilder thinks of a script where there is none", DEFAULTS),
    Rule(SDK3, HAND, "RegisterModel", CONTAINERS + ".Environment.SAGEMAKER_SUBMIT_DIRECTORY", drop(""),
         "ModelBuilder thinks of a script where there is none", DEFAULTS),
    Rule(SDK3, HAND, "RegisterModel", CONTAINERS + ".Environment.SAGEMAKER_CONTAINER_LOG_LEVEL", drop("20"),
         "ModelBuilder thinks of a script where there is none", DEFAULTS),
    Rule(SDK3, HAND, "RegisterModel", CONTAINERS + ".Environment.SAGEMAKER_REGION", drop("us-east-1"),
         "ModelBuilder thinks of a script where there is none", DEFAULTS),
    Rule(BOTH, HAND, "Model", "Arguments.PrimaryContainer.Environment", drop({}), "empty"),
    Rule(BOTH, HAND, "RegisterModel", CONTAINERS + ".Environment", drop({}), "empty"),
    Rule(BOTH, HAND, "RegisterModel", "Arguments.ModelMetrics.Bias", drop({}), "empty"),
    Rule(BOTH, HAND, "RegisterModel", "Arguments.ModelMetrics.Explainability", drop({}), "empty"),
    Rule(BOTH, HAND, "RegisterModel", "Arguments.SkipModelValidation", drop("None"),
         "the service's default, which the SDK writes out"),
    Rule(SDK2, HAND, "RegisterModel", CONTAINERS + ".Framework", drop("SKLEARN"),
         "SDK 2's model class of a framework names it; SDK 3 does not", EXAMPLE),
    Rule(SDK3, OURS, "RegisterModel", CONTAINERS + ".Framework", drop("XGBOOST"),
         "SDK 3's ModelBuilder takes none", ("register_model",)),
    Rule(SDK3, OURS, "RegisterModel", CONTAINERS + ".FrameworkVersion", drop("1.7-1"),
         "SDK 3's ModelBuilder takes none", ("register_model",)),

    # --- endpoints
    Rule(BOTH, HAND, "EndpointConfig", "Arguments.ProductionVariants[*].InitialVariantWeight", drop(1),
         "the service's default, which the SDK writes out"),
    Rule(SDK2, HAND, "EndpointConfig", "Arguments.Tags", drop([]), "empty"),
    Rule(BOTH, HAND, "Endpoint", "Arguments.Tags", drop([]), "empty"),

    # --- AutoML jobs
    Rule(SDK2, HAND, "AutoML", "Arguments.AutoMLJobConfig.CompletionCriteria", drop({}), "empty"),
    Rule(SDK2, HAND, "AutoML", "Arguments.AutoMLJobConfig.SecurityConfig",
         drop({"EnableInterContainerTrafficEncryption": False}), "the service's default, which the SDK writes out"),
)
# fmt: on
