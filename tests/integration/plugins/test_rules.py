"""Rules that plugins register are checked, listed, ignored and attributed like those of the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import InvalidInputError, PluginError

from .conftest import CONFIG, Site

RULES = """
from dagcast.plugin import Rule, at_most, hookimpl

def check(body, facts):
    {body}

@hookimpl
def register_rules():
    return [
        Rule(
            id={id!r},
            summary="Volumes are small",
            source="The handbook",
            shapes=("CreateProcessingJobRequest",),
            check=check,
            obeys={{}},
            breaks={{"ProcessingResources": {{"ClusterConfig": {{"VolumeSizeInGB": 30}}}}}},
        )
    ]
"""
VOLUME = """yield from at_most(("ProcessingResources", "ClusterConfig", "VolumeSizeInGB"), 25, "GB")(body, facts)"""
ENABLED = "plugins:\n  enable: [alpha]\n"


def registered(site: Site, *, rule: str = "team.small-volume", body: str = VOLUME, more: str = "") -> Path:
    site.plugin("alpha", RULES.format(body=body, id=rule))
    site.write(CONFIG, ENABLED + more)
    return site.config


def test_a_rule_of_a_plugin_is_an_error_at_the_line_of_its_step(site: Site) -> None:
    with pytest.raises(InvalidInputError) as caught:
        PipelineDAGCompiler(registered(site)).compile_definition()
    (found,) = caught.value.diagnostics
    assert found.code == "team.small-volume"
    assert "volume_size_in_gb is 30, at most 25 GB is allowed" in found.message
    assert found.location is not None
    assert found.location.line is not None


def test_it_can_be_ignored(site: Site) -> None:
    config = registered(site, more="ignore_rules: {team.small-volume: this data is large}\n")
    assert PipelineDAGCompiler(config).compile_definition().report.warnings == ()


def test_it_is_listed_and_explained(site: Site) -> None:
    config = registered(site)
    assert "team.small-volume" in site.cli("rules", "--config", str(config)).output
    assert "The handbook" in site.cli("rules", "team.small-volume", "--config", str(config)).output


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("training.spot-wait", "rule 'training.spot-wait' already exists, from dagcast"),
        ("training.mine", "the area 'training' is dagcast's own"),
        ("Mine", "invalid diagnostic code 'Mine'"),
    ],
)
def test_an_id_that_is_not_its_own_is_refused(site: Site, rule: str, problem: str) -> None:
    with pytest.raises(PluginError, match="alpha") as caught:
        PipelineDAGCompiler(registered(site, rule=rule)).compile_definition()
    assert caught.value.hook == "register_rules"
    assert problem in str(caught.value)


@pytest.mark.parametrize("body", ["raise KeyError(1)", "return [1]", "return None"])
def test_a_check_that_fails_names_the_plugin(site: Site, body: str) -> None:
    with pytest.raises(PluginError, match="alpha") as caught:
        PipelineDAGCompiler(registered(site, body=body)).compile_definition()
    assert caught.value.hook == "register_rules"
