"""The conformance kit: a plugin that is bad in one way fails the test for that, and no other."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.integration.plugins.conftest import Site
from tests.support.distributions import run

GOOD = """
@hookimpl
def check_spec():
    return []
"""

BAD = {
    "it imports a web client": (
        "importing_it_is_cheap_and_touches_no_network",
        f"import boto3\n{GOOD}",
        "botocore",
    ),
    "it asks for an address while it is imported": (
        "importing_it_is_cheap_and_touches_no_network",
        f"import socket\nsocket.getaddrinfo('127.0.0.1', 80)\n{GOOD}",
        "socket.getaddrinfo",
    ),
    "it starts a program while it is imported": (
        "importing_it_is_cheap_and_touches_no_network",
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''])\n{GOOD}",
        "subprocess.Popen",
    ),
    "it depends on the hash seed": (
        "it_is_deterministic",
        """
        from dagcast.plugin import ParameterSpec

        @hookimpl
        def pipeline_parameters():
            return [ParameterSpec("Seed", "String", str(hash("seed")))]
        """,
        "two processes give different definition",
    ),
    "its metadata depend on the process": (
        "it_is_deterministic",
        """
        import os

        @hookimpl
        def extract_metadata():
            return {"process": os.getpid()}
        """,
        "two processes give different changes",
    ),
    "it adds once more what it has added": (
        "it_is_idempotent",
        """
        from dataclasses import replace

        @hookimpl
        def transform_spec(spec):
            return replace(spec, description=f"{spec.description or ''}!")
        """,
        "changes its own output",
    ),
    "it changes what is frozen behind its back": (
        "it_changes_only_what_it_declares it_changes_no_argument",
        """
        @hookimpl
        def transform_spec(spec):
            for step in spec.steps:
                if step.name == "train":
                    dict.__setitem__(step.arguments, "EnableNetworkIsolation", True)
            return spec
        """,
        "Steps.train.Arguments.EnableNetworkIsolation",
    ),
    "it changes a pipeline that is compiled": (
        "it_changes_only_what_it_declares",
        """
        @hookimpl
        def pipeline_compiled(pipeline):
            if pipeline is not None:
                pipeline.steps.pop()
        """,
        "it changes the compiled pipeline: definition",
    ),
    "it sets a variable of the process": (
        "it_changes_only_what_it_declares",
        """
        import os

        @hookimpl
        def check_spec(spec):
            os.environ["LAST_PIPELINE"] = spec.name
            return []
        """,
        "environment variables",
    ),
    "its template class takes another argument": (
        "it_keeps_the_class_contract",
        """
        @hookimpl
        def decorate_template_class(template_class):
            class Wrapped(template_class):
                def generate_pipeline(self, stage):
                    return super().generate_pipeline()
            return Wrapped
        """,
        "generate_pipeline cannot be called",
    ),
    "its template class gives no pipeline": (
        "it_keeps_the_class_contract",
        """
        @hookimpl
        def decorate_template_class(template_class):
            class Wrapped(template_class):
                def generate_pipeline(self):
                    return None
            return Wrapped
        """,
        "NoneType",
    ),
    "it wants to be the only one that decorates": (
        "it_works_beside_every_other_plugin",
        """
        from abc import ABCMeta

        @hookimpl
        def decorate_template_class(template_class):
            if type(template_class) is not ABCMeta:
                raise RuntimeError("somebody was here before")
            return template_class
        """,
        "somebody was here before",
    ),
    "it knows only the steps of the config": (
        "it_works_beside_every_other_plugin",
        """
        @hookimpl
        def check_spec(spec):
            owners = dict.fromkeys(("prepare", "train", "decide", "register", "create", "predict", "stop"), "me")
            return [] if [owners[step.name] for step in spec.steps] else []
        """,
        "KeyError",
    ),
    "it renames a step of the emitted pipeline": (
        "it_keeps_the_class_contract",
        """
        @hookimpl
        def decorate_template_class(template_class):
            class Wrapped(template_class):
                def generate_pipeline(self):
                    pipeline = super().generate_pipeline()
                    pipeline.steps[0].name = "renamed"
                    return pipeline
            return Wrapped
        """,
        "",
    ),
    "it drops a parameter of the emitted pipeline": (
        "it_keeps_the_class_contract",
        """
        @hookimpl
        def decorate_template_class(template_class):
            class Wrapped(template_class):
                def generate_pipeline(self):
                    pipeline = super().generate_pipeline()
                    pipeline.parameters.pop()
                    return pipeline
            return Wrapped
        """,
        "Parameters.Approve",
    ),
    "it changes metadata in place": (
        "it_changes_no_argument",
        """
        @hookimpl
        def extract_metadata():
            return {"owners": {"first": "me"}}

        @hookimpl
        def check_spec(metadata):
            dict.__setitem__(metadata["owners"], "last", "me")
            return []
        """,
        "check_spec",
    ),
    "it prints while it is imported": (
        "it_prints_nothing",
        f"print('hello')\n{GOOD}",
        "hello",
    ),
    "it prints by a program": (
        "it_prints_nothing",
        """
        import os

        @hookimpl
        def check_spec(spec):
            os.write(1, b"hello from C")
            return []
        """,
        "hello from C",
    ),
    "it registers the class before it wraps it": (
        "it_registers_the_decorated_class_alone",
        """
        KNOWN = []

        @hookimpl
        def decorate_template_class(template_class):
            KNOWN.append(template_class)
            class Wrapped(template_class):
                pass
            return Wrapped
        """,
        "list",
    ),
    "it drops options that it does not know": (
        "it_fails_closed",
        """
        from pydantic import BaseModel, ConfigDict, model_validator

        class Options(BaseModel):
            model_config = ConfigDict(extra="forbid", frozen=True)
            team: str = "none"

            @model_validator(mode="before")
            @classmethod
            def lenient(cls, given):
                return {key: value for key, value in given.items() if key == "team"}

        @hookimpl
        def options_model():
            return Options
        """,
        "DID NOT RAISE",
    ),
}


REFUSED = {
    "its template class makes another pipeline": (
        "it_is_deterministic",
        """
        from dataclasses import replace

        def another(made):
            spec = replace(made.spec, description="another")
            return replace(made, spec=spec, report=replace(made.report, spec=spec))

        @hookimpl
        def decorate_template_class(template_class):
            class Wrapped(template_class):
                def compile_into(self, sink):
                    return another(super().compile_into(sink))
            return Wrapped
        """,
        "changes the compiled pipeline: pipeline.description",
    ),
    "its template class writes another definition": (
        "it_is_deterministic",
        """
        from dataclasses import replace

        @hookimpl
        def decorate_template_class(template_class):
            class Wrapped(template_class):
                def compile_into(self, sink):
                    made = super().compile_into(sink)
                    return replace(made, definition=made.definition.replace("ml.m5.xlarge", "ml.m5.large"))

                def generate_pipeline(self):
                    made = super().generate_pipeline()
                    made.definition = lambda: self.compilation.definition
                    return made
            return Wrapped
        """,
        "writes another definition",
    ),
}
"""Plugins that no compile accepts, so that they fail nearly every test."""


def kit(site: Site, *names: str) -> subprocess.CompletedProcess[str]:
    """Put installed plugins to the conformance tests, in a process of their own."""
    (site.project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (site.project / "own").mkdir(exist_ok=True)
    asked = [option for name in names for option in ("--dagcast-plugin", name)]
    command = ["-m", "pytest", "own", "-q", "-rfE", "-p", "no:cacheprovider", *asked]
    return run(command, [site.folder], site.project)


def failed(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The tests that failed, or could not begin, without the ``test_`` of their names."""
    return re.findall(r"^(?:FAILED|ERROR) \S*::test_(\w+)\[", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("way", BAD)
def test_a_bad_plugin_fails_the_test_for_that_and_no_other(site: Site, way: str) -> None:
    test, source, told = BAD[way]
    site.plugin("bad", source)
    done = kit(site, "bad")
    assert failed(done) == test.split(), done.stdout
    assert told in done.stdout


@pytest.mark.parametrize("way", REFUSED)
def test_a_plugin_that_no_compile_accepts_fails_each_test_that_compiles(site: Site, way: str) -> None:
    test, source, told = REFUSED[way]
    site.plugin("bad", source)
    done = kit(site, "bad")
    assert test in failed(done), done.stdout
    assert "it_keeps_the_class_contract" in failed(done)
    assert told in done.stdout


def test_a_plugin_that_changes_everything_it_may_and_says_so_passes(site: Site) -> None:
    site.plugin(
        "good",
        """
        from dataclasses import replace
        from dagcast.plugin import ParameterSpec, has, put

        @hookimpl
        def extract_metadata():
            return {"team": "risk"}

        @hookimpl
        def build_template_params():
            return {"execution_role": "arn:aws:iam::123456789012:role/Another"}

        @hookimpl
        def pipeline_parameters():
            return [ParameterSpec("Prefix", "String", "s3://bucket")]

        @hookimpl
        def transform_spec(spec, metadata):
            steps = [
                put(step, ("StoppingCondition", "MaxRuntimeInSeconds"), 60) if step.name == "train" else step
                for step in spec.steps
            ]
            return replace(spec, steps=tuple(steps), description=metadata["team"])

        @hookimpl
        def decorate_template_class(template_class):
            class Wrapped(template_class):
                team = "risk"
            return Wrapped
        """,
    )
    done = kit(site, "good")
    assert failed(done) == [], done.stdout
    assert "11 passed" in done.stdout


def test_a_plugin_that_cannot_be_loaded_fails_every_test(site: Site) -> None:
    site.plugin("bad", "@hookimpl\ndef transfrom_spec(spec):\n    return spec\n")
    done = kit(site, "bad")
    assert len(failed(done)) == 11
    assert "did you mean 'transform_spec'?" in done.stdout


def test_each_plugin_that_is_named_is_put_to_the_tests(site: Site) -> None:
    site.plugin("good", GOOD)
    site.plugin("bad", f"import boto3\n{GOOD}")
    done = kit(site, "good", "bad")
    assert failed(done) == ["importing_it_is_cheap_and_touches_no_network"]
    assert "[bad]" in done.stdout
    assert "21 passed" in done.stdout
