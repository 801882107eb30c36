"""This plugin's own ``MODSTemplate`` keeps the contract of the company's."""

from __future__ import annotations

import gc
import importlib
import inspect
import subprocess
from abc import ABC, ABCMeta, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from mods_plugin import MODSTemplate, MODSTemplateInner, extract_template_list
from mods_plugin.decorator import UnknownMetadataError
from tests.mods_plugin.configs import config


class Plain:
    """Makes nothing."""

    def generate_pipeline(self) -> str:
        return "made"


class Registering(type):
    """A metaclass of its own."""


def decorated(cls: type = Plain, **more: Any) -> Any:
    return MODSTemplate(author="risk", version="1.0", description="Churn.", **more)(cls)


def test_static_methods_need_no_instance() -> None:
    template = decorated()
    assert template.extract_author() == "risk"
    assert template.extract_version() == "1.0"
    assert template.extract_description() == "Churn."
    assert template.extract_module() == Plain.__module__
    assert template.extract_name() == "Plain"
    for name in MODSTemplateInner.__abstractmethods__ - {"generate_pipeline"}:
        assert isinstance(inspect.getattr_static(template, name), staticmethod), name


def test_decorating_returns_a_subclass_of_class_and_mixin() -> None:
    template = decorated()
    assert template is not Plain
    assert template.__bases__ == (Plain, MODSTemplateInner)
    assert template().generate_pipeline() == "made"
    assert (template.__name__, template.__module__, template.__doc__) == (
        "Plain",
        Plain.__module__,
        Plain.__doc__,
    )


def test_arguments_can_be_positional() -> None:
    template: Any = MODSTemplate("a", "1", "d")(Plain)
    assert (template.extract_author(), template.extract_version(), template.extract_description()) == (
        "a",
        "1",
        "d",
    )


def test_referenced_classes_are_listed_in_order() -> None:
    first, second = decorated(), decorated()
    listed = extract_template_list()
    assert listed.index(first) < listed.index(second)
    assert listed.count(first) == 1
    listed.clear()
    assert second in extract_template_list()
    before = len(extract_template_list())
    del first, listed
    gc.collect()
    assert len(extract_template_list()) < before


@pytest.mark.parametrize("meta", [type, ABCMeta, Registering])
def test_the_metaclass_of_the_class_does_not_matter(meta: type) -> None:
    template = decorated(meta("Template", (Plain,), {}))
    assert isinstance(template, meta)
    assert template().generate_pipeline() == "made"


def test_a_class_without_a_pipeline_cannot_be_instantiated() -> None:
    class Base(ABC):
        @abstractmethod
        def generate_pipeline(self) -> Any: ...

    with pytest.raises(TypeError, match="generate_pipeline"):
        decorated(Base)()
    with pytest.raises(TypeError, match="abstract"):
        MODSTemplateInner()  # type: ignore[abstract]


def test_decorating_an_instance_is_an_error() -> None:
    with pytest.raises(
        TypeError, match=r"decorates a class, not an instance of Plain: .*create_decorated_class"
    ):
        decorated(Plain())  # type: ignore[arg-type]
    template = PipelineDAGCompiler(config(), plugins=[]).create_template()
    with pytest.raises(TypeError, match="an instance of DynamicPipelineTemplate"):
        decorated(template)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"author": 1}, {"version": 1.0}, {"description": None}, {"commit_id": 7}])
def test_arguments_must_be_strings(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(TypeError, match=f"{name} is .*expected a string"):
        MODSTemplate(**{"author": "a", "version": "1", "description": "d", **wrong})


def test_package_and_commit_come_from_the_gitfarm_module(modules: Callable[[str, str], None]) -> None:
    modules("gitfarm_team/__init__.py", "")
    modules("gitfarm_team/__gitfarm_metadata__.py", "GITFARM_PACKAGE = 'Churn'\nCOMMIT_ID = 'abc'\n")
    modules("gitfarm_team/deep/churn.py", "class Template:\n    def generate_pipeline(self): ...\n")
    cls = importlib.import_module("gitfarm_team.deep.churn").Template
    assert decorated(cls).extract_gitfarm_package_name() == "Churn"
    assert decorated(cls).extract_commit_id() == "abc"
    assert decorated(cls, commit_id="stated").extract_commit_id() == "stated"


def test_package_and_commit_default_to_the_git_checkout(
    modules: Callable[[str, str], None], tmp_path: Path
) -> None:
    modules("checked_out/churn.py", "class Template:\n    def generate_pipeline(self): ...\n")
    template = decorated(importlib.import_module("checked_out.churn").Template)
    with pytest.raises(
        UnknownMetadataError,
        match=r"found neither module checked_out.__gitfarm_metadata__ nor a git checkout",
    ):
        template.extract_commit_id()
    with pytest.raises(UnknownMetadataError, match=r"package_name of template checked_out.churn.Template"):
        template.extract_gitfarm_package_name()
    git = ["git", "-C", str(tmp_path / "modules"), "-c", "user.name=Ada", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert template.extract_commit_id() == head
    assert template.extract_gitfarm_package_name() == "modules"


def test_an_error_in_the_gitfarm_module_is_raised(modules: Callable[[str, str], None]) -> None:
    modules("gitfarm_broken/__init__.py", "")
    modules("gitfarm_broken/__gitfarm_metadata__.py", "import there_is_no_such_module\n")
    modules("gitfarm_broken/churn.py", "class Template:\n    def generate_pipeline(self): ...\n")
    template = decorated(importlib.import_module("gitfarm_broken.churn").Template)
    with pytest.raises(ModuleNotFoundError, match="there_is_no_such_module"):
        template.extract_commit_id()
