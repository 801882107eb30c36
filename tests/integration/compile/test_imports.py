"""A compile from the command line imports what its config needs, and nothing that only others need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "breast_cancer" / "pipeline.yaml"

NOT_NEEDED = (
    "logging",
    "asyncio",
    "boto3",
    "botocore",
    "sagemaker",
    "packaging",
    "pluggy",
    "traceback",
    "email.parser",
    "dagcast.check.rules.automl",
    "dagcast.check.rules.emr",
    "dagcast.check.rules.endpoints",
    "dagcast.check.rules.tuning",
    "dagcast.check.rules.tuning_ranges",
    "dagcast.cli.run_options",
    "dagcast.compile.document.json_reader",
    "dagcast.compile.document.yaml_syntax",
    "dagcast.compile.document.toml_reader",
    "dagcast.compile.emit",
    "dagcast.compile.explain",
    "dagcast.compile.field_names",
    "dagcast.compile.steps.automl",
    "dagcast.compile.steps.clarify_check",
    "dagcast.compile.steps.emr",
    "dagcast.compile.steps.endpoint",
    "dagcast.compile.steps.lambda_",
    "dagcast.compile.steps.tuning",
    "dagcast.conformance",
    "dagcast.plugins.attribute_changes",
    "dagcast.plugins.code_files",
    "dagcast.plugins.configured",
    "dagcast.plugins.doctor",
    "dagcast.plugins.hooks",
    "dagcast.plugins.join_classes",
    "dagcast.plugins.load",
    "dagcast.plugins.options",
    "dagcast.plugins.scaffold",
    "dagcast.plugins.site_policy_models",
    "dagcast.plugins.validate",
    "dagcast.runner",
    "dagcast.sagemaker.sdk_isolation",
    "dagcast.staging.upload",
)


def test_a_compile_imports_only_what_the_example_needs(tmp_path: Path) -> None:
    code = (
        "import json, sys\n"
        "from dagcast.cli.main import main\n"
        f"sys.argv = ['dagcast', 'compile', {str(EXAMPLE)!r}, '-o', {str(tmp_path / 'definition.json')!r}]\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    imported = json.loads(done.stderr.splitlines()[-1])
    assert (tmp_path / "definition.json").exists()
    assert [name for name in imported if name.startswith("dagcast.compile.steps.processing")]
    found = [
        name for name in imported if any(name == each or name.startswith(f"{each}.") for each in NOT_NEEDED)
    ]
    assert found == []
