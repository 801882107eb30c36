"""The registry: the operations of the commands, for Python programs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.plugin import ConfigLike, DAGLike, PluginRequest
from mods_plugin.registry.database import Database
from mods_plugin.registry.errors import DifferentContentError, RegistryError
from mods_plugin.registry.location import parse_location
from mods_plugin.registry.records import Execution, Registration, State, TemplateSummary, TemplateVersion
from mods_plugin.registry.schema import check_revision, migrate

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dagcast.artifacts import Compilation
    from mods_plugin.compiler import MODSPipelineDAGCompiler
    from mods_plugin.registry.capture import Captured
    from mods_plugin.registry.compare import Difference


class Registry:
    """A registry of templates. Several processes may use it at once; no connection stays open between calls.

    Args:
        location: An SQLite file or the URL of a PostgreSQL database. The default is the environment variable
            ``MODS_REGISTRY``, then a file in the user's data folder.

    Raises:
        RegistryError: If the location is invalid, or the driver of PostgreSQL is not installed.

    Example:
        >>> import tempfile
        >>> config = {
        ...     "pipeline": {"name": "churn", "author": "risk", "version": "1.4.0", "description": "Churn."},
        ...     "steps": {"stop": {"type": "Fail", "error_message": "not ready"}},
        ... }
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     registry = Registry(f"{folder}/team.sqlite")
        ...     registry.register(config).created
        ...     registry.versions("churn")
        ...     registry.show("churn", "1.4.0").metadata["author"]
        True
        ('1.4.0',)
        'risk'
    """

    def __init__(self, location: str | os.PathLike[str] | None = None) -> None:
        self._database = Database(parse_location(location))

    @property
    def location(self) -> str:
        """The file or URL of the registry, without a password."""
        return self._database.location.display

    def __repr__(self) -> str:
        return f"Registry({self.location!r})"

    def register(
        self,
        config: ConfigLike,
        dag: DAGLike | None = None,
        *,
        env: str | None = None,
        plugins: Iterable[Any] | PluginRequest | None = None,
        role: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Registration:
        """Compile a template and register it under its name and version.

        Registering the same content under the same version again changes nothing. Before anything is written, the
        template is compiled only from the content to register. The registry is created or migrated if necessary.

        Args:
            config: The config; see :class:`mods_plugin.MODSPipelineDAGCompiler`.
            dag: The DAG; the default is the config's own ``edges``.
            env: The environment of the config to apply.
            plugins: Names of installed plugins, in order; the ``mods`` plugin always runs.
            role: ARN of the role of steps; overrides the config's.
            metadata: Metadata that override other sources.

        Returns:
            The registered version, and whether it is new.

        Raises:
            InvalidInputError: With every mistake in the config and the DAG, and if there is no version.
            DifferentContentError: If the version is registered already with different content.
            PluginError: If a plugin is missing, broken, or exists only in this process.
            RegistryError: If the registry cannot be written, or cannot store content that the template needs.
        """
        from mods_plugin.registry.capture import capture

        captured = capture(config, dag, env=env, plugins=plugins, role=role, metadata=metadata or {})
        self._check_reproducible(captured)
        migrate(self._database)
        template = captured.template
        with self._database.writing() as connection:
            from mods_plugin.registry.store import find_version, insert_code, insert_version

            check_revision(self._database, connection)
            created = insert_version(connection, template)
            if created is not None:
                insert_code(connection, created, template, captured.code)
            known = find_version(connection, template.name, template.version)
        if created is None:
            self._check_same_content(known, template)
        return Registration(known, created is not None, captured.warnings, captured.policies)

    def templates(self, *words: str) -> tuple[TemplateSummary, ...]:
        """Return the templates, sorted by name.

        Args:
            words: Return only templates with a version whose name, pipeline, author or description contains every
                word, ignoring case.

        Raises:
            RegistryError: If there is no registry, or it cannot be read.
        """
        with self._reading() as connection:
            from mods_plugin.registry.store import list_templates

            return list_templates(connection, words)

    def versions(self, name: str) -> tuple[str, ...]:
        """Return the versions of a template, in the order of registration; empty if the template is unknown.

        Raises:
            RegistryError: If there is no registry, or it cannot be read.
        """
        with self._reading() as connection:
            from mods_plugin.registry.store import versions_of

            return versions_of(connection, name)

    def damaged_versions(self, name: str) -> Mapping[str, str]:
        """Return the versions of a template whose stored rows are damaged, each with what is wrong; mostly empty.

        Raises:
            RegistryError: If there is no registry, or it cannot be read.
        """
        with self._reading() as connection:
            from mods_plugin.registry.store import damaged_versions

            return damaged_versions(connection, name)

    def show(self, name: str, version: str | None = None) -> TemplateVersion:
        """Return one version of a template.

        Args:
            name: The template.
            version: Its version; the default is the version registered last.

        Raises:
            UnknownTemplateError: If the template or version is unknown.
            RegistryError: If there is no registry, or it cannot be read.
        """
        with self._reading() as connection:
            return self._find(connection, name, version)

    def diff(self, first: tuple[str, str | None], second: tuple[str, str | None]) -> tuple[Difference, ...]:
        """Return the differences between two versions, part by part; empty if they are the same.

        Args:
            first: Name and version.
            second: Name and version.

        Raises:
            UnknownTemplateError: If a template or version is unknown.
            RegistryError: If there is no registry, or it cannot be read.
        """
        from mods_plugin.registry.compare import find_differences

        with self._reading() as connection:
            return find_differences(self._find(connection, *first), self._find(connection, *second))

    def compile(self, name: str, version: str | None = None) -> Compilation:
        """Compile a version only from the registered content, and compare the result with the registered definition.

        Args:
            name: The template.
            version: Its version; the default is the version registered last.

        Returns:
            The compilation, whose definition equals the registered one byte for byte.

        Raises:
            NotReproducedError: If the plugins or the bytes of the definition differ.
            UnknownTemplateError: If the template or version is unknown.
            PluginError: If a plugin fails.
            RegistryError: If there is no registry, or it cannot be read.
        """
        from mods_plugin.registry.project import reproduce

        with self._project(name, version) as (template, config):
            return reproduce(template, config)

    @contextmanager
    def compiler(
        self, name: str, version: str | None = None, sagemaker_session: Any = None
    ) -> Iterator[MODSPipelineDAGCompiler]:
        """Return a context manager with a compiler of a version, to deploy or run it.

        Args:
            name: The template.
            version: Its version; the default is the version registered last.
            sagemaker_session: The session of pipelines.

        Yields:
            The compiler. Its code is in a temporary folder, which is deleted at the end of the ``with`` block.

        Raises:
            NotReproducedError: If the plugins differ from those that the version was registered with.
            UnknownTemplateError: If the template or version is unknown.
            RegistryError: If there is no registry, or it cannot be read.
        """
        from mods_plugin.registry.project import check_plugins, create_compiler

        with self._project(name, version) as (template, config):
            compiler = create_compiler(template, config, sagemaker_session)
            check_plugins(template, compiler)
            yield compiler

    def migrate(self) -> bool:
        """Create the registry, or migrate it to the newest schema; :meth:`register` does this as well.

        Returns:
            Whether the registry changed.

        Raises:
            RegistryError: If this fails, or the schema is newer than this code.
        """
        return migrate(self._database)

    def start_execution(
        self,
        name: str,
        version: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        started_by: str | None = None,
        place: str = "local",
        reference: str | None = None,
    ) -> Execution:
        """Record the start of an execution of a version.

        Args:
            name: The template.
            version: Its version.
            parameters: The given values of the pipeline's parameters.
            started_by: The user who started it; the default is the operating-system user.
            place: Where it runs, such as ``local`` or ``sagemaker``.
            reference: Its identifier there, such as an ARN.

        Returns:
            The execution; its ``id`` is the argument of :meth:`end_execution`.

        Raises:
            UnknownTemplateError: If the version is not registered.
            RegistryError: If the registry cannot be written.
        """
        from mods_plugin.registry.capture import current_user

        self._require()
        migrate(self._database)
        with self._database.writing() as connection:
            from mods_plugin.registry import executions

            check_revision(self._database, connection)
            starter = started_by if started_by is not None else current_user()
            number = executions.start(
                connection,
                name,
                version=version,
                parameters=parameters or {},
                started_by=starter,
                place=place,
                reference=reference,
            )
            return executions.find(connection, number)

    def end_execution(self, number: int, state: State, *, reason: str | None = None) -> Execution:
        """Record the end of an execution. An end is immutable: of two concurrent calls, the first succeeds.

        Args:
            number: The execution's ``id``.
            state: ``succeeded``, ``failed`` or ``stopped``.
            reason: The reason, in one sentence.

        Raises:
            UnknownTemplateError: If the execution does not exist.
            RegistryError: If it has ended already, or the registry cannot be written.
        """
        self._require()
        migrate(self._database)
        with self._database.writing() as connection:
            from mods_plugin.registry import executions

            check_revision(self._database, connection)
            executions.end(connection, number, state, reason)
            return executions.find(connection, number)

    def executions(self, name: str, version: str | None = None) -> tuple[Execution, ...]:
        """Return the executions of a template or of one version, newest first.

        Raises:
            RegistryError: If there is no registry, or it cannot be read.
        """
        with self._reading() as connection:
            from mods_plugin.registry.executions import executions_of

            return executions_of(connection, name, version)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._require()
        with self._database.reading() as connection:
            check_revision(self._database, connection)
            yield connection

    def _require(self) -> None:
        if not self._database.exists():
            raise RegistryError(f"registry {self.location} does not exist: register a template to create it")

    def _find(self, connection: Connection, name: str, version: str | None) -> TemplateVersion:
        from mods_plugin.registry.store import find_version

        return find_version(connection, name, version)

    @contextmanager
    def _project(self, name: str, version: str | None) -> Iterator[tuple[TemplateVersion, Path]]:
        from dagcast.artifacts import report_unwritable, temporary_folder
        from mods_plugin.registry.project import write_project
        from mods_plugin.registry.store import read_code

        with temporary_folder("mods-") as folder:
            with self._reading() as connection:
                template = self._find(connection, name, version)
                with report_unwritable():
                    config = write_project(template, lambda digest: read_code(connection, digest), folder)
            yield template, config

    def _check_reproducible(self, captured: Captured) -> None:
        """Compile the template from the content to register, before anything is written."""
        from dagcast.artifacts import archive_bytes, report_unwritable, temporary_folder
        from mods_plugin.registry.project import check_reproducible, write_project

        by_digest = {code.digest: code for code in captured.code}
        with temporary_folder("mods-") as folder:
            with report_unwritable():
                config = write_project(
                    captured.template, lambda digest: archive_bytes(by_digest[digest]), folder
                )
            check_reproducible(captured.template, config)

    def _check_same_content(self, known: TemplateVersion, new: TemplateVersion) -> None:
        from mods_plugin.registry.compare import MAX_LINES, find_differences, format_differences

        if known.content_sha256 != new.content_sha256:
            diff = format_differences(find_differences(known, new), MAX_LINES)
            raise DifferentContentError(new.name, new.version, diff)
