"""The company's ``mods`` package, re-created from what is known of it in several ways: all of them work."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import InvalidInputError, PluginError
from dagcast.template import DynamicPipelineTemplate
from mods_plugin import MODSPipelineDAGCompiler
from tests.mods_plugin.configs import config

Write = Callable[[str, str], None]

METHODS = """
    @staticmethod
    def extract_author() -> str: raise NotImplementedError
    @staticmethod
    def extract_version() -> str: raise NotImplementedError
    @staticmethod
    def extract_description() -> str: raise NotImplementedError
    @staticmethod
    def extract_module() -> str: raise NotImplementedError
    @staticmethod
    def extract_name() -> str: raise NotImplementedError
    @staticmethod
    def extract_gitfarm_package_name() -> str: raise NotImplementedError
    @staticmethod
    def extract_commit_id() -> str: raise NotImplementedError
"""

ANSWERS = """
            @staticmethod
            def extract_author(): return author
            @staticmethod
            def extract_version(): return version
            @staticmethod
            def extract_description(): return description
            @staticmethod
            def extract_module(): return cls.__module__
            @staticmethod
            def extract_name(): return template_name
            @staticmethod
            def extract_gitfarm_package_name(): return gitfarm(cls, "GITFARM_PACKAGE")
            @staticmethod
            def extract_commit_id(): return gitfarm(cls, "COMMIT_ID")
"""

FUNCTION = (
    """
KNOWN = []

def gitfarm(cls, name):
    root = cls.__module__.split(".")[0]
    return getattr(importlib.import_module(root + ".__gitfarm_metadata__"), name)

def extract_template_list():
    return KNOWN

def MODSTemplate(author, version, description):
    def decorate(cls):
        CHECK
        class Template(cls, MODSTemplateInner):"""
    + ANSWERS
    + """
        template_name = cls.__name__
        KNOWN.append(Template)
        return Template
    return decorate
"""
)

PLAIN = "import importlib\nclass MODSTemplateInner:" + METHODS + FUNCTION
ABSTRACT = (
    "import importlib\nfrom abc import ABC, abstractmethod\nclass MODSTemplateInner(ABC):"
    + METHODS
    + "    @abstractmethod\n    def generate_pipeline(self): ...\n"
    + FUNCTION
)
REGISTERING = (
    """import importlib
REGISTERED = []
class Meta(type):
    def __new__(meta, name, bases, body, **keywords):
        made = super().__new__(meta, name, bases, body, **keywords)
        REGISTERED.append(made)
        return made
class MODSTemplateInner(metaclass=Meta):"""
    + METHODS
    + FUNCTION
)
CALLING = (
    """import importlib
MADE = []
class Meta(type):
    def __call__(cls, *args, **kwargs):
        made = super().__call__(*args, **kwargs)
        MADE.append(type(made))
        return made
class MODSTemplateInner(metaclass=Meta):"""
    + METHODS
    + FUNCTION
)
REFUSING = PLAIN.replace(
    "CHECK",
    "import inspect\n        if not inspect.isclass(cls): raise ValueError('not a class: ' + repr(cls))",
)
DECORATOR_CLASS = (
    "import importlib\nclass Meta(type):\n    pass\nclass MODSTemplateInner(metaclass=Meta):"
    + METHODS
    + FUNCTION.replace(
        "def MODSTemplate(author, version, description):\n    def decorate(cls):",
        "def _make(cls, author, version, description):\n    if True:",
    ).replace("    return decorate\n", "")
    + """
class MODSTemplate:
    def __init__(self, author, version, description):
        self.arguments = (author, version, description)
    def __call__(self, cls):
        return _make(cls, *self.arguments)
"""
)

RECREATIONS = {
    "plain": PLAIN,
    "abstract": ABSTRACT,
    "registering": REGISTERING,
    "calling": CALLING,
    "refusing": REFUSING,
    "decorator-class": DECORATOR_CLASS,
}


@pytest.fixture(params=RECREATIONS)
def recreated(request: pytest.FixtureRequest, modules: Write) -> str:
    """Installs one of the re-creations; gives an author that no other test has.

    Classes are cached by metadata: in a process of its own, a package ``mods`` does not change.
    """
    modules("mods/__init__.py", "")
    modules("mods/mods_template.py", RECREATIONS[request.param].replace("CHECK", "pass"))
    return str(request.node.name)


def real() -> Any:
    return importlib.import_module("mods.mods_template")


def compiler(author: str, /, **options: Any) -> PipelineDAGCompiler:
    return PipelineDAGCompiler(config({"author": author, **options}), plugins=["mods"])


def test_a_class_is_accepted_with_any_mixin(recreated: str) -> None:
    template = compiler(recreated).create_decorated_class()
    assert issubclass(template, real().MODSTemplateInner)
    assert issubclass(template, DynamicPipelineTemplate)
    decorated: Any = template
    assert decorated.extract_author() == recreated
    assert decorated.extract_version() == "1.4.0"
    assert decorated.extract_description() == "Finds who leaves."
    assert decorated.extract_module() == "dagcast.template"
    assert decorated.extract_name() == "DynamicPipelineTemplate"
    assert template.__name__ == "DynamicPipelineTemplate"
    with pytest.raises(ModuleNotFoundError, match="__gitfarm_metadata__"):
        decorated.extract_commit_id()


def test_a_decorated_class_is_listed_once(recreated: str) -> None:
    first = compiler(recreated)
    template = first.create_decorated_class()
    first.create_template()
    compiler(recreated).compile_definition()
    assert real().extract_template_list() == [template]


def test_decorating_an_instance_is_refused_by_the_package(recreated: str) -> None:
    instance = PipelineDAGCompiler(config(), plugins=[]).create_template()
    with pytest.raises((TypeError, ValueError)) as caught:
        real().MODSTemplate("a", "1", "d")(instance)
    if "refusing" in recreated:
        assert "not a class" in str(caught.value)
    assert real().extract_template_list() == []


def test_the_pipeline_equals_that_of_our_own_decorator(recreated: str) -> None:
    theirs = compiler(recreated).compile_definition()
    ours = compiler(recreated, decorator="mods_plugin:MODSTemplate").compile_definition()
    assert theirs.definition == ours.definition
    assert theirs.report.metadata["mods"]["decorator"] == "mods.mods_template:MODSTemplate"
    assert ours.report.metadata["mods"]["decorator"] == "mods_plugin:MODSTemplate"
    assert theirs.spec.tags == ours.spec.tags


def test_a_decorated_class_generates_a_pipeline(recreated: str) -> None:
    template = MODSPipelineDAGCompiler(config({"author": recreated})).create_template()
    assert [step.name for step in template.generate_pipeline().steps] == ["load", "train", "stop"]


def test_metadata_name_the_class_while_it_is_decorated(recreated: str) -> None:
    named: Any = compiler(recreated, module="team.churn", name="Churn").create_decorated_class()
    assert named.extract_name() == "Churn"
    assert inspect.isclass(named)
    assert (named.__module__, named.__name__) == ("dagcast.template", "DynamicPipelineTemplate")


BROKEN = {
    "import error": ("import there_is_no_such_module\n", "there_is_no_such_module"),
    "exits": ("raise SystemExit(3)\n", "SystemExit"),
    "no decorator": ("", "has no attribute 'MODSTemplate'"),
    "not callable": ("MODSTemplate = 7\n", "expected a decorator"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_installation_is_an_error(kind: str, modules: Write) -> None:
    text, expected = BROKEN[kind]
    modules("mods/__init__.py", "")
    modules("mods/mods_template.py", text)
    with pytest.raises(
        PluginError, match=rf"'mods' is (installed but )?broken.*{expected}.*decorator: mods_plugin"
    ) as it:
        compiler("broken").compile_definition()
    assert (it.value.plugin, it.value.distribution) == ("mods", "mods-plugin 0.1.0")


def test_a_package_without_the_module_is_broken(modules: Write) -> None:
    modules("mods/__init__.py", "")
    with pytest.raises(PluginError, match=r"broken: ModuleNotFoundError.*mods.mods_template"):
        compiler("broken").compile_definition()


def test_a_folder_named_mods_is_not_the_package(modules: Write) -> None:
    modules("mods/skin.txt", "")
    report = compiler("folder").compile_definition().report
    assert report.metadata["mods"]["decorator"] == "mods_plugin:MODSTemplate"


def test_without_the_package_our_own_decorator_runs() -> None:
    assert "mods" not in sys.modules
    report = compiler("none").compile_definition().report
    assert report.metadata["mods"]["decorator"] == "mods_plugin:MODSTemplate"


def test_the_options_can_select_another_decorator(modules: Write) -> None:
    modules("house/rules.py", PLAIN.replace("CHECK", "pass"))
    report = compiler("house", decorator="house.rules:MODSTemplate").compile_definition().report
    assert report.metadata["mods"]["decorator"] == "house.rules:MODSTemplate"
    (template,) = importlib.import_module("house.rules").KNOWN
    assert template.extract_author() == "house"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("there.is:Nothing", "there.is:Nothing cannot be imported: ModuleNotFoundError"),
        ("json:nothing", "json:nothing cannot be imported: AttributeError"),
        ("json:__name__", "json:__name__ is 'json', expected a decorator"),
        ("no colon", "does not match"),
    ],
)
def test_an_unusable_decorator_is_a_located_error(named: str, expected: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        compiler("named", decorator=named).compile_definition()
    (diagnostic,) = caught.value.diagnostics
    assert expected in diagnostic.message
    assert str(diagnostic.location) == "<config>.plugins.options.mods.decorator"
