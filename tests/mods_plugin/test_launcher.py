"""An importable template class, used as MODS' launcher uses it."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagcast.errors import InvalidInputError
from dagcast.plugin import hookimpl
from dagcast.template import PipelineTemplateBase
from mods_plugin import build_mods_template_class, extract_template_list
from tests.mods_plugin.configs import ROLE, config

Write = Callable[[str, str], None]

MODULE = """
from pathlib import Path
from mods_plugin import build_mods_template_class

ChurnTemplate = build_mods_template_class(None, Path(__file__).with_name("pipeline.json"), name="ChurnTemplate"{more})
"""

ENVIRONMENTS = {
    "EU": {
        "pipeline": {"bucket": "bucket-eu", "region": "eu-west-1"},
        "defaults": {"image_uri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/tools:1"},
    },
    "far-east": {"pipeline": {"bucket": "bucket-fe"}},
}


@pytest.fixture
def launch(modules: Write, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Writes a team's package and imports its template class, as the launcher does."""
    package = f"team_{abs(hash(request.node.name))}"

    def write(more: str = "", gitfarm: bool = True, **sections: Any) -> Any:
        aliases = {"regional_aliases": {"FE": "far-east"}}
        source = {"environments": ENVIRONMENTS, "plugins": {"options": {"mods": aliases}}, **sections}
        modules(f"{package}/__init__.py", "")
        if gitfarm:
            modules(
                f"{package}/__gitfarm_metadata__.py", "GITFARM_PACKAGE = 'TeamModels'\nCOMMIT_ID = 'c0ffee'\n"
            )
        modules(f"{package}/churn.py", MODULE.format(more=more))
        modules(f"{package}/pipeline.json", json.dumps(config(**source)))
        return importlib.import_module(f"{package}.churn").ChurnTemplate

    return write


def test_the_launcher_reads_static_methods_of_the_class(launch: Callable[..., Any]) -> None:
    template = launch()
    assert template.extract_author() == "risk"
    assert template.extract_version() == "1.4.0"
    assert template.extract_description() == "Finds who leaves."
    assert template.extract_name() == "ChurnTemplate"
    assert template.extract_gitfarm_package_name() == "TeamModels"
    assert template.extract_commit_id() == "c0ffee"
    home = importlib.import_module(template.extract_module())
    assert getattr(home, template.extract_name()) is template, "module and name lead back to the class"
    assert template in extract_template_list()
    assert template.decorated_metadata["mods"]["sources"]["commit_id"] == "__gitfarm_metadata__"


def test_one_class_is_listed(launch: Callable[..., Any]) -> None:
    template = launch()
    assert inspect.isclass(template)
    assert issubclass(template, PipelineTemplateBase)
    assert (template.__name__, template.__qualname__) == ("ChurnTemplate", "ChurnTemplate")
    parameters = inspect.signature(template).parameters
    assert {name: item.default for name, item in parameters.items()} == {
        "sagemaker_session": None,
        "execution_role": None,
        "regional_alias": "NA",
    }


class Session:
    """What a launcher passes; compiling asks it for its region alone."""

    boto_region_name = "us-west-2"


@pytest.mark.parametrize(("alias", "bucket"), [("NA", "my-bucket"), ("EU", "bucket-eu"), ("FE", "bucket-fe")])
def test_each_regional_alias_has_a_pipeline(launch: Callable[..., Any], alias: str, bucket: str) -> None:
    session = Session()
    made = launch()(sagemaker_session=session, execution_role=ROLE, regional_alias=alias)
    pipeline = made.generate_pipeline()
    assert pipeline.sagemaker_session is session
    assert [step.name for step in pipeline.steps] == ["load", "train", "stop"]
    assert f"s3://{bucket}/" in pipeline.definition()
    assert dict(pipeline.spec.tags)["mods:template"] == "ChurnTemplate"
    assert dict(pipeline.spec.tags)["mods:commit"] == "c0ffee"
    assert made.report.metadata["name"] == "ChurnTemplate"
    assert made.regional_alias == alias


def test_constructor_arguments_are_optional(launch: Callable[..., Any]) -> None:
    made = launch()()
    assert made.generate_definition().definition == made.generate_pipeline().definition()


def test_metadata_are_those_of_the_na_environment(launch: Callable[..., Any]) -> None:
    environments = {**ENVIRONMENTS, "na": {"pipeline": {"author": "north"}}}
    template = launch(environments=environments)
    assert template.extract_author() == "north"
    assert dict(template(regional_alias="EU").generate_definition().spec.tags)["mods:author"] == "north"


def test_arguments_override_other_sources(launch: Callable[..., Any]) -> None:
    template = launch(more=', author="me", version="9.0", description="Mine.", module="elsewhere.churn"')
    assert (template.extract_author(), template.extract_version()) == ("me", "9.0")
    assert template.extract_description() == "Mine."
    assert template.extract_module() == template.__module__ == "elsewhere.churn"
    made = template()
    assert made.metadata.values["author"] == "me"


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("XX", "no environment for the regional alias 'XX'"),
        ("FE", "selects unknown environment 'far-east'"),
    ],
)
def test_an_alias_without_an_environment_is_a_located_error(
    launch: Callable[..., Any], alias: str, expected: str
) -> None:
    template = launch(environments={"EU": {}})
    with pytest.raises(InvalidInputError, match=expected) as caught:
        template(regional_alias=alias)
    assert all(diagnostic.location for diagnostic in caught.value.diagnostics)


def test_the_default_name_is_made_from_the_pipelines() -> None:
    source = config(pipeline={**config()["pipeline"], "name": "churn-model-2"})
    template: Any = build_mods_template_class(None, source)
    assert template.extract_name() == template.__name__ == "ChurnModel2Template"
    assert template.extract_module() == __name__


@pytest.mark.parametrize("wrong", [{"name": "not a name"}, {"module": "a..b"}])
def test_invalid_python_names_are_an_error(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="expected the name of a Python"):
        build_mods_template_class(None, config(), **wrong)


def test_an_unreadable_config_is_a_located_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="the file does not exist"):
        build_mods_template_class(None, tmp_path / "missing.yaml")


def test_other_plugins_are_notified_of_the_pipeline() -> None:
    heard: list[Any] = []
    template = build_mods_template_class(None, config(), plugins=[Listener(heard)])
    template().generate_pipeline()
    assert heard == ["churn"]


class Listener:
    name = "listener"

    def __init__(self, heard: list[Any]) -> None:
        self.heard = heard

    @hookimpl
    def pipeline_compiled(self, report: Any) -> None:
        self.heard.append(report.pipeline)
