"""The registry itself: what the commands do, for programs."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.plugin import ConfigLike, PluginRequest
from mods_plugin.registry.database import Database
from mods_plugin.registry.errors import DifferentContentError, RegistryError
from mods_plugin.registry.location import locate
from mods_plugin.registry.record import Execution, Registration, State, TemplateSummary, TemplateVersion
from mods_plugin.registry.schema import check_revision, migrate

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dagcast.artifacts import Compilation
    from mods_plugin.compiler import DAGLike, MODSPipelineDAGCompiler
    from mods_plugin.registry.capture import Captured
    from mods_plugin.registry.compare import Difference


class Registry:
    """A registry of templates. Several processes may use it at once; nothing stays open between calls.

    Args:
        location: An SQLite file, or the URL of a PostgreSQL database; ``None`` for what the variable
            ``MODS_REGISTRY`` says, else a file in the user's data folder.

    Raises:
        RegistryError: If the location is of another kind, or the driver of PostgreSQL is not installed.
    """

    def __init__(self, location: str | os.PathLike[str] | None = None) -> None:
        self._database = Database(locate(location))

    @property
    def location(self) -> str:
        """Where it is, without a password."""
        return self._database.location.shown

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

        The same content under the same version changes nothing. Before anything is written, the template is compiled
        from what will be registered alone. A registry that is not there is made, and an older one brought up to date.

        Args:
            config: The config; see :class:`mods_plugin.MODSPipelineDAGCompiler`.
            dag: The DAG; the config's own ``edges`` if left out.
            env: The environment of the config to lay over it.
            plugins: Names of installed plugins, in order; the ``mods`` plugin runs in any case.
            role: ARN of the role that steps run with; wins over the config's.
            metadata: Metadata that wins over what is found.

        Raises:
            InvalidInputError: With every mistake in the config and the DAG, and if nothing gives a version.
            DifferentContentError: If the version is registered already, with other content.
            PluginError: If a plugin is missing, broken, or exists only in this process.
            RegistryError: If the registry cannot be written, or cannot hold all that the template needs.
        """
        from mods_plugin.registry.capture import capture

        captured = capture(config, dag, env=env, plugins=plugins, role=role, metadata=metadata or {})
        self._rehearse(captured)
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
            self._refuse_different(known, template)
        return Registration(known, created is not None, captured.warnings)

    def templates(self, *words: str) -> tuple[TemplateSummary, ...]:
        """The templates, by name.

        Args:
            words: Each has to be in the name, pipeline, author or description of some version, in any case.

        Raises:
            RegistryError: If there is no registry, or it cannot be read.
        """
        with self._reading() as connection:
            from mods_plugin.registry.store import list_templates

            return list_templates(connection, words)

    def versions(self, name: str) -> tuple[str, ...]:
        """The versions of a template, in the order of their registration; none if there is no such template.

        Raises:
            RegistryError: If there is no registry, or it cannot be read.
        """
        with self._reading() as connection:
            from mods_plugin.registry.store import versions_of

            return versions_of(connection, name)

    def show(self, name: str, version: str | None = None) -> TemplateVersion:
        """One version of a template.

        Args:
            name: The template.
            version: Its version; the one that was registered last if left out.

        Raises:
            UnknownTemplateError: If there is none.
            RegistryError: If there is no registry, or it cannot be read.
        """
        with self._reading() as connection:
            return self._find(connection, name, version)

    def diff(self, first: tuple[str, str | None], second: tuple[str, str | None]) -> tuple[Difference, ...]:
        """What differs between two versions, part by part; nothing where they are the same.

        Args:
            first: Name and version.
            second: Name and version.

        Raises:
            UnknownTemplateError: If there is none.
            RegistryError: If there is no registry, or it cannot be read.
        """
        from mods_plugin.registry.compare import differences

        with self._reading() as connection:
            return differences(self._find(connection, *first), self._find(connection, *second))

    def compile(self, name: str, version: str | None = None) -> Compilation:
        """Compile a version from what is registered alone, and compare every byte with the definition of then.

        Args:
            name: The template.
            version: Its version; the one that was registered last if left out.

        Raises:
            NotReproducedError: If the plugins differ from those that made it, or the bytes do.
            UnknownTemplateError: If there is no such version.
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
        """A compiler of a version, with its code in a temporary folder: to deploy it, or to run it.

        Args:
            name: The template.
            version: Its version; the one that was registered last if left out.
            sagemaker_session: The session that pipelines will use.

        Yields:
            The compiler; its pipelines can be deployed inside the ``with`` block, where the code is.

        Raises:
            NotReproducedError: If the plugins differ from those that made it.
            UnknownTemplateError: If there is no such version.
            RegistryError: If there is no registry, or it cannot be read.
        """
        from mods_plugin.registry.project import check_plugins, compiler_of

        with self._project(name, version) as (template, config):
            compiler = compiler_of(template, config, sagemaker_session)
            check_plugins(template, compiler)
            yield compiler

    def migrate(self) -> bool:
        """Make the registry if it is not there, or bring it to the newest form; registering does so too.

        Returns:
            Whether there was anything to do.

        Raises:
            RegistryError: If that is not possible, or it is newer than this code.
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
        """Record that a version was started.

        Args:
            name: The template.
            version: Its version.
            parameters: The values that were given for the pipeline's parameters.
            started_by: Who started it; the user of the system if left out.
            place: Where it runs, such as ``local`` or ``sagemaker``.
            reference: How that place names it, such as an ARN.

        Raises:
            UnknownTemplateError: If the version is not registered.
            RegistryError: If the registry cannot be written.
        """
        from mods_plugin.registry.capture import user

        self._require()
        migrate(self._database)
        with self._database.writing() as connection:
            from mods_plugin.registry import executions

            check_revision(self._database, connection)
            who = started_by if started_by is not None else user()
            number = executions.start(
                connection,
                name,
                version=version,
                parameters=parameters or {},
                started_by=who,
                place=place,
                reference=reference,
            )
            return executions.find(connection, number)

    def end_execution(self, number: int, state: State, *, reason: str | None = None) -> Execution:
        """Record how an execution ended. An end does not change: of two, the first counts.

        Args:
            number: The execution's ``id``.
            state: ``succeeded``, ``failed`` or ``stopped``.
            reason: Why, in a sentence.

        Raises:
            UnknownTemplateError: If there is no such execution.
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
        """What was run of a template, or of one version of it; the last first.

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
            raise RegistryError(f"there is no registry {self.location}: registering a template makes one")

    def _find(self, connection: Connection, name: str, version: str | None) -> TemplateVersion:
        from mods_plugin.registry.store import find_version

        found = find_version(connection, name, version)
        if hashlib.sha256(found.definition.encode()).hexdigest() != found.definition_sha256:
            what = f"the definition of {found.name} {found.version}"
            raise RegistryError(
                f"the registry is damaged: {what} has not the digest that it was registered with"
            )
        return found

    @contextmanager
    def _project(self, name: str, version: str | None) -> Iterator[tuple[TemplateVersion, Path]]:
        from mods_plugin.registry.project import write_project
        from mods_plugin.registry.store import read_code

        with tempfile.TemporaryDirectory(prefix="mods-") as folder:
            with self._reading() as connection:
                template = self._find(connection, name, version)
                config = write_project(template, lambda digest: read_code(connection, digest), Path(folder))
            yield template, config

    def _rehearse(self, captured: Captured) -> None:
        """Compile the template from what will be registered, before anything is."""
        from dagcast.artifacts import archive_bytes
        from mods_plugin.registry.project import rehearse, write_project

        by_digest = {code.digest: code for code in captured.code}
        with tempfile.TemporaryDirectory(prefix="mods-") as folder:
            config = write_project(
                captured.template, lambda digest: archive_bytes(by_digest[digest]), Path(folder)
            )
            rehearse(captured.template, config)

    def _refuse_different(self, known: TemplateVersion, wanted: TemplateVersion) -> None:
        from mods_plugin.registry.compare import LINES, differences, shown

        if known.content_sha256 != wanted.content_sha256:
            diff = shown(differences(known, wanted), LINES)
            raise DifferentContentError(wanted.name, wanted.version, diff)
