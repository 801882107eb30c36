"""``MODSTemplate``: a complete class decorator of MODS, used where the company's own package is not installed."""

from __future__ import annotations

import sys
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dagcast.plugin import mixin
from mods_plugin.git_checkout import read_checkout
from mods_plugin.metadata import COMMIT_ID, PACKAGE_NAME

if TYPE_CHECKING:
    from dagcast import Pipeline

T = TypeVar("T")

GITFARM_MODULE = "__gitfarm_metadata__"
GITFARM_NAMES = {PACKAGE_NAME: "GITFARM_PACKAGE", COMMIT_ID: "COMMIT_ID"}


class UnknownMetadataError(LookupError):
    """The package or commit of a template is requested and unknown."""


class MODSTemplateInner(ABC):
    """The interface that MODS calls: static methods of the template class, and ``generate_pipeline``."""

    @staticmethod
    @abstractmethod
    def extract_author() -> str:
        """Return the author of the template."""

    @staticmethod
    @abstractmethod
    def extract_version() -> str:
        """Return the version of the template."""

    @staticmethod
    @abstractmethod
    def extract_description() -> str:
        """Return the description of the template."""

    @staticmethod
    @abstractmethod
    def extract_module() -> str:
        """Return the module of the decorated class."""

    @staticmethod
    @abstractmethod
    def extract_name() -> str:
        """Return the name of the decorated class."""

    @staticmethod
    @abstractmethod
    def extract_gitfarm_package_name() -> str:
        """Return the package that contains the template.

        Raises:
            UnknownMetadataError: If it is unknown.
        """

    @staticmethod
    @abstractmethod
    def extract_commit_id() -> str:
        """Return the id of the commit that contains the template.

        Raises:
            UnknownMetadataError: If it is unknown.
        """

    @abstractmethod
    def generate_pipeline(self) -> Pipeline:
        """Return the pipeline; implemented by the template."""


@dataclass
class _TemplateList:
    """Template classes in the order of their decoration.

    References are weak, so that a process that compiles many pipelines does not keep every class in memory.
    """

    classes: list[weakref.ref[type]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, template: type) -> None:
        with self.lock:
            self.classes = [known for known in self.classes if known() is not None]
            self.classes.append(weakref.ref(template))

    def all(self) -> list[type]:
        with self.lock:
            return [template for known in self.classes if (template := known()) is not None]


# The contract of MODS' decorator is one list for each process.
_TEMPLATES = _TemplateList()


def extract_template_list() -> list[type]:
    """Return the template classes of :class:`MODSTemplate` in this process, in the order of their decoration.

    Returns:
        The classes that are still referenced; unused classes leave the list.

    Example:
        >>> @MODSTemplate(author="risk", version="1.4.0", description="Predicts churn.")
        ... class ListedTemplate:
        ...     def generate_pipeline(self):
        ...         return "a pipeline"
        >>> ListedTemplate in extract_template_list()
        True
    """
    return _TEMPLATES.all()


class MODSTemplate:
    """A class decorator that adds the methods of :class:`MODSTemplateInner` to a template class.

    Args:
        author: The author of the template.
        version: The version of the template.
        description: A description in one line.
        package_name: The package that contains it. The default is ``GITFARM_PACKAGE`` of the module
            ``__gitfarm_metadata__`` in the root package of the class, then that of the git checkout.
        commit_id: The id of its commit. The default is ``COMMIT_ID`` of that module, then that of the git checkout.
        search: Whether to look for a package and commit that are not given. The plugin passes ``False``: it looks
            around the config, because the code of a class that it decorates is dagcast's.

    Raises:
        TypeError: If an argument is not a string.

    Example:
        >>> @MODSTemplate(author="risk", version="1.4.0", description="Predicts churn.")
        ... class ChurnTemplate:
        ...     def generate_pipeline(self):
        ...         return "a pipeline"
        >>> ChurnTemplate.extract_author(), ChurnTemplate.extract_name()
        ('risk', 'ChurnTemplate')
    """

    def __init__(
        self,
        author: str,
        version: str,
        description: str,
        *,
        package_name: str | None = None,
        commit_id: str | None = None,
        search: bool = True,
    ) -> None:
        stated = {"author": author, "version": version, "description": description}
        optional = {PACKAGE_NAME: package_name, COMMIT_ID: commit_id}
        for name, value in {
            **stated,
            **{key: item for key, item in optional.items() if item is not None},
        }.items():
            if not isinstance(value, str):
                raise TypeError(f"MODSTemplate: {name} is {value!r}, expected a string")
        self.author = author
        self.version = version
        self.description = description
        self._known = optional
        self._search = search

    def __call__(self, cls: type[T]) -> type[T]:
        """Return a subclass of ``cls`` and :class:`MODSTemplateInner`.

        Raises:
            TypeError: If ``cls`` is not a class.
        """
        if not isinstance(cls, type):
            raise TypeError(
                f"MODSTemplate decorates a class, not an instance of {type(cls).__qualname__}: "
                "decorate the class, as create_decorated_class() does, and instantiate the result"
            )
        module, name = cls.__module__, cls.__name__
        author, version, description = self.author, self.version, self.description
        answers: dict[str, Callable[[], str]] = {
            "extract_author": lambda: author,
            "extract_version": lambda: version,
            "extract_description": lambda: description,
            "extract_module": lambda: module,
            "extract_name": lambda: name,
            "extract_gitfarm_package_name": lambda: self._find_origin(PACKAGE_NAME, module, name),
            "extract_commit_id": lambda: self._find_origin(COMMIT_ID, module, name),
        }
        methods = {key: staticmethod(_as_method(key, answer)) for key, answer in answers.items()}
        template = mixin(cls, MODSTemplateInner, **methods)
        _TEMPLATES.add(template)
        return template

    def _find_origin(self, field: str, module: str, name: str) -> str:
        found = self._known[field]
        if found is None and self._search:
            found = gitfarm_metadata(module).get(field)
        if found is None and self._search:
            checkout = read_checkout(_folder(module))
            found = checkout.package_name if field == PACKAGE_NAME else checkout.commit_id
        if found is None:
            root = module.partition(".")[0]
            raise UnknownMetadataError(
                f"unknown {field} of template {module}.{name}: found neither module {root}.{GITFARM_MODULE} "
                f"nor a git checkout; set plugins.options.mods.{field}"
            )
        return found


def gitfarm_metadata(module: str) -> dict[str, str]:
    """Return package and commit from ``__gitfarm_metadata__`` in the root package of ``module``, if it exists."""
    root = module.partition(".")[0]
    # A class cannot come from a root package that is not imported, so do not import one because of its name.
    if root not in sys.modules:
        return {}
    wanted = f"{root}.{GITFARM_MODULE}"
    try:
        found = import_module(wanted)
    except ModuleNotFoundError as error:
        if error.name != wanted:
            raise
        return {}
    values = {field: getattr(found, constant, None) for field, constant in GITFARM_NAMES.items()}
    return {field: value for field, value in values.items() if isinstance(value, str) and value}


def _folder(module: str) -> Path:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file).resolve().parent if file else Path.cwd()


def _as_method(name: str, answer: Callable[[], str]) -> Callable[[], str]:
    answer.__name__ = name
    answer.__qualname__ = f"{MODSTemplateInner.__name__}.{name}"
    answer.__doc__ = getattr(MODSTemplateInner, name).__doc__
    return answer
