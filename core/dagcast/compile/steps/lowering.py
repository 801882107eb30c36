"""The argument of a step type's ``lower`` function: it builds the request, stages code and looks up images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from dagcast.compile.bind.ports import Source
from dagcast.compile.config.models import BasePipelineConfig
from dagcast.compile.config.stand_ins import REGION as STAND_IN_REGION
from dagcast.compile.spec.pipeline import Origin, ParameterType
from dagcast.compile.steps.request_builder import RequestBuilder
from dagcast.definition.references import ExecutionVariable, Join, JsonGet, ParameterRef, Reference
from dagcast.errors import ImageNotFoundError, Location, SDKError
from dagcast.paths import FieldPath
from dagcast.staging.code_stager import CodeProblemError, CodeStager, NoBucketError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagcast.sagemaker.images import ImageArguments


GZIPPED_TARS = (".tar.gz", ".tgz")
ARCHIVES = (*GZIPPED_TARS, ".tar", ".zip")


def is_s3_uri(path: str) -> bool:
    """Whether a path in the config is an S3 URI, not a local file."""
    return path.startswith("s3://")


def _names_object(uri: str) -> bool:
    """Whether an S3 URI has a key of an object: a key that is not empty and does not end with a slash."""
    _, slash, key = uri.removeprefix("s3://").partition("/")
    return bool(slash and key) and not key.endswith("/")


class ImageLookup(Protocol):
    """Looks up the image of a framework. Implemented by :func:`dagcast.sagemaker.images.image_uri`."""

    def __call__(self, framework: str, region: str, **arguments: Unpack[ImageArguments]) -> str:
        """Return the URI of the image."""


@dataclass(kw_only=True)
class Lowering(RequestBuilder):
    """The builder of one step's request. The ``lower`` function of a step type receives it.

    Attributes:
        name: The step's name.
        config: The step's config.
        pipeline: The base config of the pipeline.
        role: The default execution role of steps.
        role_origin: The origin of that role.
        region: The AWS region, or ``None`` if it is unknown.
        parameters: The type of each declared parameter.
        defaults: The default of each declared parameter, or ``None`` for a parameter without a default.
        sources: The source of each connected input port, by name of the port.
        sink: Collects diagnostics.
        locate: Returns the location of a config field of this step.
        code: Stages the code that steps run.
        images: Looks up images of frameworks.
        locate_pipeline: Returns the location of the base config.
        pipeline_is_valid: Whether the base config is valid. If it is invalid, its errors have already been reported.
        lacks_fields: Whether wrong fields of the config are left out. Their errors have been reported.
        local: Whether the pipeline is compiled to run on this machine alone.
        incomplete: Whether a part of the request could not be built.
        arguments: The request.
        fields: The fields next to ``Arguments`` in the definition.
        origins: The origin of each field, by path in the definition of the step.
    """

    pipeline: BasePipelineConfig
    role: Source | None
    role_origin: Origin
    region: str | None
    parameters: Mapping[str, ParameterType]
    defaults: Mapping[str, Any]
    sources: Mapping[str, Source]
    code: CodeStager
    images: ImageLookup
    locate_pipeline: Callable[[], Location]
    pipeline_is_valid: bool = True
    lacks_fields: bool = False
    local: bool = False

    def image(
        self,
        framework: str,
        machine: object = None,
        at: FieldPath = (),
        **arguments: Unpack[ImageArguments],
    ) -> str | None:
        """Return the image of a framework from the SDK's tables.

        Args:
            framework: The name of the framework in the tables.
            machine: The instance type, or a reference to it. The default of a parameter is used, with a warning if
                the image depends on the instance type. Source: ``image_uris.retrieve`` of both SDKs.
            at: The path of the config's part that holds ``framework``.
            **arguments: The other arguments that select the image.

        Returns:
            The URI of the image, or ``None`` after reporting an error.
        """
        region = self.region or (STAND_IN_REGION if self.local else None)
        if region is None:
            message = "images of frameworks depend on the region"
            self.pipeline_error(message, "pipeline.missing-region", "set pipeline.region, such as us-east-1")
            return None
        known: object = machine
        if isinstance(machine, ParameterRef):
            known = self.defaults.get(machine.name)
        if isinstance(known, str):
            arguments["instance_type"] = known
        try:
            uri = self.images(framework, region, **arguments)
        except ImageNotFoundError as error:
            way_out = "set image_uri to name the image itself"
            hint = f"{error.hint}, or {way_out}" if error.hint else way_out
            message = error.message
            if isinstance(machine, Reference) and not isinstance(known, str):
                message = (
                    f"the image may depend on the instance type, and {machine} has a value only at the start"
                )
                hint = f"give the parameter a default, or {way_out}"
            self.error(message, *at, "framework", code="image.unknown", hint=hint)
            return None
        except SDKError as error:
            self.error(
                f"the image of {framework} comes from the SDK: {error}",
                *at,
                "framework",
                code="image.missing-sdk",
            )
            return None
        if isinstance(machine, ParameterRef) and isinstance(known, str):
            self._warn_of_machine(framework, machine, known, uri, arguments)
        return uri

    def _warn_of_machine(
        self, framework: str, parameter: ParameterRef, default: str, uri: str, arguments: ImageArguments
    ) -> None:
        """Warn if an instance type other than the default would require an image other than ``uri``."""
        others = (
            {"instance_type": None},
            {"instance_type": "ml.m5.large"},
            {"instance_type": "ml.g4dn.xlarge"},
        )
        found = set()
        for other in others:
            with suppress(ImageNotFoundError, SDKError):
                found.add(
                    self.images(
                        framework,
                        self.region or STAND_IN_REGION,
                        **cast("ImageArguments", {**arguments, **other}),
                    )
                )
        if found - {uri}:
            self.warn(
                f"the image is the one for {default!r}, the default of {parameter}, whatever the pipeline is started "
                "with",
                "instance_type",
                code="image.by-default",
                hint="set image_uri to a parameter, too, if instance types of another kind are used",
            )

    def staged_file(self, path: str, field_name: str = "entry_point") -> str | None:
        """Stage a script and return its S3 URI, or ``None`` after reporting an error.

        An S3 URI is returned unchanged.
        """
        if path.endswith(ARCHIVES) or (is_s3_uri(path) and not _names_object(path)):
            self.error(
                f"{path!r} is not a script",
                field_name,
                code="code.unusable-source",
                hint="name one file, such as s3://BUCKET/FOLDER/run.py; an archive is given as source_dir, with the "
                "script in it as entry_point",
            )
            return None
        if is_s3_uri(path):
            return path
        return self._staged(lambda: self.code.file(path), field_name)

    def staged_folder(
        self,
        entry_point: str,
        source_dir: str | None,
        archive_name: str | None = None,
        at: FieldPath = (),
    ) -> str | None:
        """Stage an archive with the script and return its S3 URI. An archive in S3 is returned unchanged.

        Args:
            entry_point: The script.
            source_dir: The folder or archive that contains the script. ``None`` packs the script alone.
            archive_name: The name that the launcher of the step type requires of an archive in S3. ``None`` accepts
                any name of a gzipped tar. Source: ``download_and_extract`` of the SageMaker Training and Inference
                Toolkits, which unpack the file at the address.
            at: The path of the config's part that holds ``entry_point`` and ``source_dir``.

        Returns:
            The S3 URI of the archive, or ``None`` after reporting an error.
        """
        name = archive_name or "sourcedir.tar.gz"
        if is_s3_uri(entry_point):
            key = entry_point.rpartition("/")[2]
            if key.endswith(GZIPPED_TARS) and archive_name in (None, key):
                message = f"{entry_point!r} is an archive, not the script in it"
                hint = f"give it as source_dir: {entry_point}, and the script in it as entry_point"
            else:
                message = f"{entry_point!r} is not in an archive, from which the container takes its script"
                hint = (
                    f"name a local file, or put the script into s3://BUCKET/FOLDER/{name}: give that as "
                    f"source_dir, and entry_point: {key or 'SCRIPT'}"
                )
            self.error(message, *at, "entry_point", code="code.unusable-source", hint=hint)
            return None
        if source_dir is not None and is_s3_uri(source_dir):
            key = source_dir.rpartition("/")[2]
            fits = key == archive_name if archive_name else key.endswith(GZIPPED_TARS)
            if not _names_object(source_dir) or not fits:
                what = f"an archive named {name}" if archive_name else "a gzipped tar"
                self.error(
                    f"{source_dir!r} is not {what}, which the container unpacks",
                    *at,
                    "source_dir",
                    code="code.unusable-source",
                    hint=f"name a local folder, or an archive such as s3://BUCKET/FOLDER/{name}",
                )
                return None
            return source_dir
        field_name = "entry_point" if source_dir is None else "source_dir"
        return self._staged(lambda: self.code.archive(entry_point, source_dir), *at, field_name)

    def staged_files(self, paths: list[str], field_name: str) -> str | None:
        """Stage files in one folder and return its S3 URI, or ``None`` after reporting an error.

        Args:
            paths: The files and folders to stage.
            field_name: The config field that errors name.
        """
        remote = [path for path in paths if is_s3_uri(path)]
        for path in remote:
            message = f"{path!r} is in S3, and the files of this step are staged together"
            hint = "download it, and name the local file"
            self.error(message, field_name, code="code.unusable-source", hint=hint)
        if remote:
            return None
        return self._staged(lambda: self.code.files(paths), field_name)

    def staged_text(self, name: str, content: bytes) -> str | None:
        """Stage a small generated file and return its S3 URI, or ``None`` after reporting an error."""
        return self._staged(lambda: self.code.text(name, content), "type")

    def _staged(self, stage: Callable[[], str], *path: str | int) -> str | None:
        before = len(self.code.outside)
        try:
            uri = stage()
            for code in self.code.outside[before:]:
                self.warn(
                    f"code {code!r} is outside of the project of the config, and would be uploaded",
                    *path,
                    code="code.outside-project",
                    hint="move it into the project, which is the nearest folder with pyproject.toml or .git",
                )
            return uri
        except NoBucketError:
            self.pipeline_error(
                "staged code needs a bucket",
                "pipeline.missing-bucket",
                "set pipeline.bucket, or give S3 URIs",
            )
            return None
        except CodeProblemError as refused:
            for problem in refused.problems:
                self.error(
                    problem.message, *path, code="code.invalid", hint=problem.hint, cause=problem.message
                )
            return None

    def put_service_fields(self) -> None:
        """Set the retry policies and the cache of the step, if its config has them."""
        policies = getattr(self.config, "retry_policies", ())
        if policies:
            self.put_sibling("RetryPolicies", [policy.to_request() for policy in policies], "retry_policies")
        cache = getattr(self.config, "cache", None)
        if cache is not None:
            config: dict[str, Any] = {"Enabled": cache.enabled}
            if cache.expire_after is not None:
                config["ExpireAfter"] = cache.expire_after
            self.put_sibling("CacheConfig", config, "cache")

    def source(self, port: str) -> Source | None:
        """Return the source of an input port, or ``None`` if the port is not connected."""
        return self.sources.get(port)

    def source_origin(self, port: str) -> Origin:
        """Return the origin of an input port's source: the config or an edge."""
        inputs = getattr(self.config, "inputs", {})
        if port in inputs and inputs[port].source is not None:
            return Origin("config", ("steps", self.name, "inputs", port))
        return Origin("edge", detail=f"input {port}")

    def pipeline_error(self, message: str, code: str, hint: str) -> None:
        """Report a missing value of the base config, and mark the step as incomplete.

        The sink merges equal errors of several steps into one. An invalid base config gets no such error.
        """
        self.incomplete = True
        if self.pipeline_is_valid:
            self.sink.error(message, self.locate_pipeline(), code=code, hint=hint)

    def default_uri(self, *tail: str, per_execution: bool) -> Source | None:
        """Return the default S3 URI of this step's results, below the pipeline's bucket and prefix.

        Args:
            tail: The last parts of the key.
            per_execution: Whether each execution has its own folder.

        Returns:
            The URI, or ``None`` after reporting a missing bucket.
        """
        bucket = self.pipeline.bucket
        if bucket is None:
            hint = "set pipeline.bucket, or give each destination"
            self.pipeline_error("results of steps need a bucket", "pipeline.missing-bucket", hint)
            return None
        prefix = self.pipeline.prefix or self.pipeline.name
        if not per_execution:
            return "/".join(("s3:/", bucket, prefix, self.name, *tail))
        run = ExecutionVariable("PipelineExecutionId")
        return Join("/", ("s3:/", bucket, prefix, run, self.name, *tail))

    def as_string(self, value: Any) -> Any:
        """Return ``value`` for a string member. A value that may have another type is converted with ``Join``."""
        if isinstance(value, ParameterRef):
            is_text = self.parameters.get(value.name, "String") == "String"
        else:
            # The type of a value in a property file is unknown until the pipeline runs.
            is_text = not isinstance(value, JsonGet)
        return value if is_text else Join("", (value,))

    def as_strings(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a map of strings, such as environment variables. An empty map becomes ``None``."""
        return {key: self.as_string(value) for key, value in values.items()} or None
