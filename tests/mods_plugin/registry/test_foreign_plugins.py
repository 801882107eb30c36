"""The commands of the registry with distributions of others: malformed, broken, or not chosen."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.mods_plugin.configs import config
from tests.support.distributions import Built, plugin


def test_register_without_plugins_imports_no_plugin_and_reads_despite_malformed_metadata(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    site = tmp_path / "others"
    plugin("spy", "open('imported.txt', 'w').close()\n", autoload=True).install(site)
    stranger = Built("stranger")
    stranger.install(site)
    (site / stranger.info / "entry_points.txt").write_text("[some.group]\nthis line has no value\n")
    (tmp_path / "pipeline.json").write_text(json.dumps(config()))
    command = ("-m", "dagcast.cli", "mods")
    done = run(*command, "register", "pipeline.json", "--no-plugins", "--registry", "r.sqlite", path=site)
    assert done.returncode == 0, done.stderr
    shown = run(*command, "show", "churn", "--registry", "r.sqlite", "--json", path=site)
    assert json.loads(shown.stdout)["version"] == "1.4.0"
    assert not (tmp_path / "imported.txt").exists()
    assert run(*command, "register", "pipeline.json", "--registry", "r.sqlite", path=site).returncode == 1
    assert (tmp_path / "imported.txt").exists()
