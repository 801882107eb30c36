"""``MODSTemplate``: the class decorator of MODS, complete, for where the company's own package is not installed."""

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
    """Package or commit of a template were asked for, and nothing says what they are."""


class MODSTemplateInner(ABC):
    """What MODS calls on a template class: static methods, without an instance, and ``generate_pipeline``."""

    @staticmethod
    @abstractmethod
    def extract_author() -> str:
        """The author that the template was decorated with."""

    @staticmethod
    @abstractmethod
    def extract_version() -> str:
        """The version that the template was decorated with."""

    @staticmethod
    @abstractmethod
    def extract_description() -> str:
        """The description that the template was decorated with."""

    @staticmethod
    @abstractmethod
    def extract_module() -> str:
        """The module of the class that was decorated."""

    @staticmethod
    @abstractmethod
    def extract_name() -> str:
        """The name of the class that was decorated."""

    @staticmethod
    @abstractmethod
    def extract_gitfarm_package_name() -> str:
        """The package that the template is part of.

        Raises:
            UnknownMetadataError: If nothing says what it is.
        """

    @staticmethod
    @abstractmethod
    def extract_commit_id() -> str:
        """The commit that the template was made from.

        Raises:
            UnknownMetadataError: If nothing says what it is.
        """

    @abstractmethod
    def generate_pipeline(self) -> Pipeline:
        """Make the pipeline; the template implements it."""


@dataclass
class _TemplateList:
    """Template classes in the order of their decoration.

    Held weakly: a class that a module or a compiler still holds is listed, and one that is gone is not, so that a
    process that compiles for ever does not grow for ever.
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


# One list for the process: that is the contract of MODS' decorator.
_TEMPLATES = _TemplateList()


def extract_template_list() -> list[type]:
    """Every template class that :class:`MODSTemplate` made in this process and that is still in use, in order."""
    return _TEMPLATES.all()


class MODSTemplate:
    """A class decorator that gives a template class what MODS asks of it.

    Args:
        author: Who answers for the template.
        version: Its version.
        description: One line about it.
        package_name: The package that it is part of. Left out, ``GITFARM_PACKAGE`` of the module
            ``__gitfarm_metadata__`` in the root package of the class, else what the git checkout says.
        commit_id: The commit that it was made from. Left out, ``COMMIT_ID`` of that module, else of the git checkout.
        search: Whether package and commit are looked for at all where they are left out. The plugin has looked for
            them already, around the config: the code of a class that it decorates is dagcast's.

    Raises:
        TypeError: If an argument is not a string.
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
        """The subclass of ``cls`` and :class:`MODSTemplateInner` that MODS can use.

        Raises:
            TypeError: If it is not given a class.
        """
        if not isinstance(cls, type):
            raise TypeError(
                f"MODSTemplate decorates a class, and was given an instance of {type(cls).__qualname__}: "
                "decorate the class, as create_decorated_class() does, and make the instance from the result"
            )
        module, name = cls.__module__, cls.__name__
        author, version, description = self.author, self.version, self.description
        answers: dict[str, Callable[[], str]] = {
            "extract_author": lambda: author,
            "extract_version": lambda: version,
            "extract_description": lambda: description,
            "extract_module": lambda: module,
            "extract_name": lambda: name,
            "extract_gitfarm_package_name": lambda: self._about_code(PACKAGE_NAME, module, name),
            "extract_commit_id": lambda: self._about_code(COMMIT_ID, module, name),
        }
        methods = {key: staticmethod(_described(key, answer)) for key, answer in answers.items()}
        template = mixin(cls, MODSTemplateInner, **methods)
        _TEMPLATES.add(template)
        return template

    def _about_code(self, known_as: str, module: str, name: str) -> str:
        found = self._known[known_as]
        if found is None and self._search:
            found = gitfarm_metadata(module).get(known_as)
        if found is None and self._search:
            checkout = read_checkout(_folder(module))
            found = checkout.package_name if known_as == PACKAGE_NAME else checkout.commit_id
        if found is None:
            root = module.partition(".")[0]
            raise UnknownMetadataError(
                f"nothing says what the {known_as} of template {module}.{name} is: there is no module "
                f"{root}.{GITFARM_MODULE} and no git checkout; set plugins.options.mods.{known_as}"
            )
        return found


def gitfarm_metadata(module: str) -> dict[str, str]:
    """What the module ``__gitfarm_metadata__`` in the root package of ``module`` says; nothing where there is none."""
    root = module.partition(".")[0]
    # A class whose root package is not imported did not come from it: nothing is imported for a name alone.
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


def _described(name: str, answer: Callable[[], str]) -> Callable[[], str]:
    answer.__name__ = name
    answer.__qualname__ = f"{MODSTemplateInner.__name__}.{name}"
    answer.__doc__ = getattr(MODSTemplateInner, name).__doc__
    return answer
