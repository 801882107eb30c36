"""Finding templates: lists, search, names that do not exist, and text that is made to break things."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mods_plugin.metadata import find_problem
from mods_plugin.registry import Registry, RegistryError, UnknownTemplateError
from mods_plugin.registry.store import fold_text
from tests.mods_plugin.configs import STATED, config

TEMPLATES = {
    "churn": {"description": "Finds who leaves.", "author": "risk"},
    "fraud-check": {"description": "100% of the payments, by_hand", "author": "Zoë Ångström"},
    "fraudXcheck": {"description": "Größe & Maß; DROP TABLE --", "author": "O'Hara"},
    "ranking": {"description": r"back\slash [a-z]* 'quoted' \"twice\"", "author": "ﬁnance"},
}

TEXT = st.text(st.characters(codec=None, categories=None), max_size=12)
QUERIES = st.one_of(
    st.sampled_from(
        ["%", "_", "\\", "'", '"', "/", "%%", "_%", "risk", "RISK", "é", "\0", "\ud800", "[a-z]", "*"]
    ),
    st.sampled_from(
        [word for fields in TEMPLATES.values() for text in fields.values() for word in text.split()]
    ),
    TEXT,
)


def template(name: str, version: str = "1.4.0", **fields: str) -> dict[str, Any]:
    pipeline = {**config()["pipeline"], **STATED, "name": name, "version": version, **fields}
    return config(pipeline=pipeline)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, site: Path
) -> Iterator[Registry]:
    """A registry with some templates, for tests that only read."""

    def fill(place: str) -> Registry:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(site)
            registry = Registry(place)
            for name, fields in TEMPLATES.items():
                registry.register(template(name, **fields))
            return registry

    if request.param == "sqlite":
        yield fill(str(tmp_path_factory.mktemp("search") / "registry.sqlite"))
        return
    with request.getfixturevalue("server").database() as url:
        yield fill(url)


def test_all_templates_are_listed_by_name(filled: Registry) -> None:
    found = filled.templates()
    assert [item.name for item in found] == sorted(TEMPLATES)
    assert {
        item.name: {"description": item.description, "author": item.author} for item in found
    } == TEMPLATES
    assert {item.versions for item in found} == {("1.4.0",)}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["fraud"], ["fraud-check", "fraudXcheck"]),
        (["FRAUD", "hand"], ["fraud-check"]),
        (["fraud", "leaves"], []),
        (["%"], ["fraud-check"]),
        (["_"], ["fraud-check"]),
        (["fraud_check"], []),
        (["\\"], ["ranking"]),
        (["zoë"], ["fraud-check"]),
        (["ÅNGSTRÖM"], ["fraud-check"]),
        ([unicodedata.normalize("NFD", "ångström")], ["fraud-check"]),
        (["GRÖSSE"], ["fraudXcheck"]),
        (["finance"], ["ranking"]),
        (["'; DROP TABLE mods_template_versions; --"], []),
        (["o'hara"], ["fraudXcheck"]),
        ([""], sorted(TEMPLATES)),
    ],
)
def test_a_search_requires_every_word(filled: Registry, words: list[str], names: list[str]) -> None:
    assert [item.name for item in filled.templates(*words)] == names


@given(words=st.lists(QUERIES, max_size=3))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_both_databases_search_as_python_does(filled: Registry, words: list[str]) -> None:
    expected = [
        name
        for name, fields in sorted(TEMPLATES.items())
        if all(
            fold_text(word) in fold_text("\n".join([name, name, fields["author"], fields["description"]]))
            for word in words
        )
    ]
    if any("\0" in word or any("\ud800" <= character <= "\udfff" for character in word) for word in words):
        expected = []
    assert [item.name for item in filled.templates(*words)] == expected


@given(name=QUERIES, version=st.one_of(st.none(), QUERIES))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_name_is_matched_exactly(filled: Registry, name: str, version: str | None) -> None:
    if name in TEMPLATES and version in (None, "1.4.0"):
        assert filled.show(name, version).name == name
        return
    unknown = repr(version if name in TEMPLATES else name)
    for call in (filled.show, filled.compile):
        with pytest.raises(UnknownTemplateError, match=re.escape(unknown)):
            call(name, version)
    assert filled.executions(name, version) == ()
    with pytest.raises(UnknownTemplateError):
        filled.diff((name, version), ("churn", "1.4.0"))
    assert filled.versions(name) == (("1.4.0",) if name in TEMPLATES else ())


NUMBERS = count()
PRINTED = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=40
)


@given(
    author=PRINTED.filter(lambda text: find_problem("author", text) is None),
    description=PRINTED.filter(lambda text: find_problem("description", text) is None),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_metadata_round_trip(registry: Registry, author: str, description: str) -> None:
    options = {"author": author, "description": description}
    version = f"1.0.{next(NUMBERS)}"
    registry.register(config({**options, "version": version}))
    found = registry.show("churn", version)
    assert {key: found.metadata[key] for key in options} == options
    assert registry.compile("churn", version).report.metadata["author"] == author
    assert [item.name for item in registry.templates(author, description)] == ["churn"]


def test_a_search_matches_any_version_and_returns_the_last(registry: Registry) -> None:
    registry.register(template("churn", "1.0.0", description="about cats"))
    registry.register(template("churn", "2.0.0", description="about dogs"))
    (found,) = registry.templates("cats")
    assert (found.latest, found.versions, found.description) == ("2.0.0", ("1.0.0", "2.0.0"), "about dogs")
    assert found.as_dict()["latest"] == "2.0.0"


def test_an_empty_registry_has_no_templates(registry: Registry) -> None:
    assert registry.migrate()
    assert registry.templates() == registry.templates("churn") == ()
    with pytest.raises(UnknownTemplateError, match=r"unknown template 'churn'$"):
        registry.show("churn")


def test_a_diff_shows_every_part(registry: Registry) -> None:
    registry.register(template("churn", "1.0.0"))
    other = template("fraud", "2.0.0", author="someone")
    other["steps"]["stop"]["error_message"] = "halted"
    registry.register(other)
    found = registry.diff(("churn", "1.0.0"), ("fraud", "2.0.0"))
    parts = {item.part: "\n".join(item.lines) for item in found}
    assert list(parts) == ["metadata", "config", "definition"]
    assert '-  "author": "risk"' in parts["metadata"]
    assert '+  "author": "someone"' in parts["metadata"]
    assert parts["definition"].startswith("--- churn@1.0.0 definition\n+++ fraud@2.0.0 definition\n")
    assert '+        "ErrorMessage": "halted"' in parts["definition"]
    assert registry.diff(("churn", "1.0.0"), ("churn", None)) == ()
    with pytest.raises(
        UnknownTemplateError, match=r"unknown version '9' of template 'churn' \(known: 1\.0\.0\)"
    ):
        registry.diff(("churn", "1.0.0"), ("churn", "9"))


def test_unknown_names_are_registry_errors() -> None:
    assert issubclass(UnknownTemplateError, RegistryError)
