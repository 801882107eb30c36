"""A registry holds no secret option: neither a new one, nor an old one after its migration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from mods_plugin.registry import Registry
from mods_plugin.registry.database import Database
from mods_plugin.registry.location import parse_location
from mods_plugin.registry.schema import VERSION_TABLE
from tests.mods_plugin.configs import config
from tests.support.distributions import plugin

SECRET = "hunter2-is-secret"
VAULT = """
from pydantic import BaseModel, ConfigDict, SecretStr


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    pin: SecretStr
    level: int = 1


@hookimpl
def options_model():
    return Options


@hookimpl
def extract_metadata(options):
    return {}
"""


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A config with options of a plugin that has a secret, and of plugins that do not run."""
    plugin("vault", VAULT).install(tmp_path / "plugins")
    monkeypatch.syspath_prepend(tmp_path / "plugins")
    base = config()
    options = {**base["plugins"]["options"], "vault": {"pin": SECRET, "level": 2}}
    return {**base, "plugins": {"enable": ["vault"], "options": options}}


def test_a_registered_config_holds_a_mask(vault: dict[str, Any], registry: Registry) -> None:
    registry.register(vault)
    found = registry.show("churn")
    assert found.config["plugins"]["options"]["vault"] == {"pin": "**********", "level": 2}
    assert found.config["plugins"]["options"]["mods"] == config()["plugins"]["options"]["mods"]
    assert SECRET not in json.dumps(found.as_dict())
    # The same content under another secret is the same version.
    vault["plugins"]["options"]["vault"]["pin"] = "another"
    assert not registry.register(vault).created
    assert registry.compile("churn", "1.4.0").spec.name == "churn"


@pytest.mark.parametrize("intact", [True, False])
def test_a_migration_masks_the_secrets_of_an_old_registry(
    vault: dict[str, Any], registry: Registry, place: str, intact: bool
) -> None:
    registry.register(vault)
    clean = registry.show("churn")
    options = {**vault["plugins"]["options"], "gone": {"token": SECRET}}
    old = replace(clean, config={**clean.config, "plugins": {"enable": ["vault"], "options": options}})
    database = Database(parse_location(place))
    with database.writing() as connection:
        connection.execute(
            text("UPDATE mods_template_versions SET config = :config, content_sha256 = :digest"),
            {"config": json.dumps(old.config), "digest": old.content_sha256 if intact else "0" * 64},
        )
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0002'"))
    assert registry.migrate()
    with database.reading() as connection:
        row = connection.execute(text("SELECT config, content_sha256 FROM mods_template_versions")).one()
    assert json.loads(row.config) == clean.config
    assert row.content_sha256 == (clean.content_sha256 if intact else "0" * 64)
    file = Path(place)
    if file.is_file():
        for stored in file.parent.glob(f"{file.name}*"):
            assert SECRET.encode() not in stored.read_bytes()


def test_a_damaged_row_does_not_stop_the_migration(
    vault: dict[str, Any], registry: Registry, place: str
) -> None:
    registry.register(vault)
    database = Database(parse_location(place))
    with database.writing() as connection:
        connection.execute(text("UPDATE mods_template_versions SET plugins = '5'"))
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0002'"))
    assert registry.migrate()
