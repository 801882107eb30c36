"""What importing the SDK must not do to the process, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

CORE = Path(__file__).parents[3] / "core"

# Every connection, and every look-up of a name, is recorded and fails.
BLOCKED = """
import socket
tried = []
def refuse(*args, **kwargs):
    tried.append(str(args[1:]))
    raise OSError("the network is blocked")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = refuse
"""

# The state of the process that the SDK is known to change.
STATE = """
import logging, os, sys, warnings
import boto3, rich
def state():
    loggers = {n: (lg.level, lg.handlers, lg.propagate) for n, lg in logging.root.manager.loggerDict.items()
               if n.startswith("sagemaker") and isinstance(lg, logging.Logger)}
    untouched = (0, [], True)
    return {
        "environment": dict(os.environ),
        "root": (logging.root.level, list(logging.root.handlers)),
        "loggers": {n: (lv, list(hs), p) for n, (lv, hs, p) in loggers.items()
                    if (lv, [h for h in hs if not isinstance(h, logging.NullHandler)], p) != untouched},
        "excepthook": sys.excepthook,
        "stdout": sys.stdout,
        "stderr": sys.stderr,
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "session": boto3.DEFAULT_SESSION,
        "console": rich.get_console().__dict__,
    }
def changed(before):
    after = state()
    return [name for name in before if before[name] != after[name]]
"""


def child(code: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process without any AWS configuration that runs the code."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SAGEMAKER_", "PYTEST_", "COV_"))
    }
    kept.update(HOME=str(tmp_path), PYTHONPATH=str(CORE), PYTHONWARNINGS="default", **environment)
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=kept, capture_output=True, text=True, check=False
    )


def result(code: str, tmp_path: Path, **environment: str) -> Any:
    """What the code prints last, as JSON; the process must print nothing else."""
    done = child(code, tmp_path, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def test_importing_the_sdk_leaves_no_mark(tmp_path: Path) -> None:
    code = f"""
    {textwrap.indent(BLOCKED, "    ")}
    {textwrap.indent(STATE, "    ")}
    import json
    before = state()
    from dagcast.compile.emit.sdk import load_sdk
    from dagcast.compile.emit.pipeline import emit_pipeline
    from dagcast.compile.spec.pipeline import PipelineSpec
    sdk = load_sdk()
    pipeline = emit_pipeline(PipelineSpec(name="p"))
    pipeline.definition()
    print(json.dumps([changed(before), tried, sdk is load_sdk(), isinstance(pipeline, sdk.Pipeline)]))
    """
    assert result(code, tmp_path) == [[], [], True, True]


def test_an_import_that_raises_leaves_no_mark(tmp_path: Path) -> None:
    code = f"""
    {textwrap.indent(STATE, "    ")}
    import json
    before = state()
    class Missing:
        def find_spec(self, name, path=None, target=None):
            # The last module that both SDKs' pipelines need.
            if name.endswith("workflow.pipeline_experiment_config"):
                raise ImportError("no such module: " + name)
    sys.meta_path.insert(0, Missing())
    from dagcast.compile.emit.sdk import load_sdk
    from dagcast.errors import SDKError
    try:
        load_sdk()
    except SDKError as error:
        message = str(error)
    print(json.dumps([changed(before), message]))
    """
    marks, message = result(code, tmp_path)
    assert marks == []
    assert "is installed but cannot be imported: no such module: sagemaker." in message


def test_an_aws_configuration_that_cannot_be_read_gives_no_traceback(tmp_path: Path) -> None:
    code = f"""
    {textwrap.indent(STATE, "    ")}
    import json
    before = state()
    from dagcast.compile.emit.sdk import load_sdk
    from dagcast.errors import SDKError
    try:
        load_sdk()
    except SDKError as error:
        message = str(error)
    print(json.dumps([changed(before), message]))
    """
    marks, message = result(code, tmp_path, AWS_PROFILE="nobody")
    assert marks == []
    assert "The config profile (nobody) could not be found" in message


def test_an_sdk_that_is_imported_already_stays_as_it_is(tmp_path: Path) -> None:
    code = f"""
    {textwrap.indent(STATE, "    ")}
    import importlib.metadata, json
    major = importlib.metadata.version("sagemaker")[0]
    __import__("sagemaker.workflow.pipeline" if major == "2" else "sagemaker.mlops.workflow.pipeline")
    os.environ["MINE"] = "1"
    logging.getLogger("sagemaker").setLevel(logging.ERROR)
    before = state()
    from dagcast.compile.emit.sdk import load_sdk
    load_sdk()
    sys.stdout.write(json.dumps([changed(before), len(before["root"][1])]))
    """
    done = child(code, tmp_path, AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true")
    assert done.returncode == 0, done.stderr
    marks, root_handlers = json.loads(done.stdout.splitlines()[-1])
    assert marks == []
    assert root_handlers == 1


def test_what_the_user_configured_before_is_kept(tmp_path: Path) -> None:
    code = f"""
    import logging, sys, warnings
    logging.basicConfig(level=logging.WARNING)
    mine = logging.StreamHandler()
    logging.getLogger("sagemaker").addHandler(mine)
    logging.getLogger("sagemaker.config").setLevel(logging.CRITICAL)
    logging.getLogger("sagemaker.config").propagate = False
    sys.excepthook = lambda *args: None
    warnings.filterwarnings("error", category=ResourceWarning)
    {textwrap.indent(STATE, "    ")}
    import json
    before = state()
    from dagcast.compile.emit.sdk import load_sdk
    load_sdk()
    print(json.dumps([changed(before), mine in logging.getLogger("sagemaker").handlers]))
    """
    assert result(code, tmp_path) == [[], True]


def test_other_threads_keep_their_output_and_their_credentials(tmp_path: Path) -> None:
    code = """
    import json, sys, threading
    from dagcast.sagemaker.sdk_isolation import sdk_import
    import botocore.session
    seen = {}
    def other():
        print("heard")
        seen["credentials"] = botocore.session.Session().get_credentials().access_key
    with sdk_import():
        print("not heard")
        print("not heard", file=sys.stderr)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        held = sys.stdout
    print("heard again", file=held)
    print(json.dumps(seen))
    """
    done = child(code, tmp_path, AWS_ACCESS_KEY_ID="mine", AWS_SECRET_ACCESS_KEY="secret")
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["heard", "heard again", '{"credentials": "mine"}']


def test_threads_may_load_the_sdk_together(tmp_path: Path) -> None:
    code = f"""
    {textwrap.indent(STATE, "    ")}
    import json, threading
    from dagcast.compile.emit.sdk import load_sdk
    before = state()
    found = []
    threads = [threading.Thread(target=lambda: found.append(load_sdk())) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    print(json.dumps([changed(before), len({{sdk.Pipeline for sdk in found}}), len(found)]))
    """
    assert result(code, tmp_path) == [[], 1, 3]


def test_sessions_that_the_sdk_made_at_import_find_credentials_later(tmp_path: Path) -> None:
    code = """
    import json, os
    from dagcast.sagemaker.sdk_isolation import sdk_import
    import boto3
    with sdk_import():
        session = boto3.Session(region_name="us-east-1")
        made = session.client("s3")
    os.environ.update(AWS_ACCESS_KEY_ID="late", AWS_SECRET_ACCESS_KEY="secret")
    url = made.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    again = session.client("s3").generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    print(json.dumps(["late" in url, "late" in again]))
    """
    assert result(code, tmp_path) == [True, True]


def test_a_session_without_credentials_says_so_as_ever(tmp_path: Path) -> None:
    code = """
    import json
    from dagcast.sagemaker.sdk_isolation import sdk_import
    import boto3
    from botocore.exceptions import NoCredentialsError
    with sdk_import():
        client = boto3.client("s3")
    try:
        client.list_buckets()
    except NoCredentialsError as error:
        print(json.dumps([str(error), client.meta.region_name, boto3.DEFAULT_SESSION]))
    """
    found = result(code, tmp_path, AWS_EC2_METADATA_DISABLED="true")
    assert found == ["Unable to locate credentials", "us-west-2", None]


@pytest.mark.parametrize("configured", ["environment", "file"])
def test_a_region_of_the_users_is_used(tmp_path: Path, configured: str) -> None:
    code = """
    import json, os
    from dagcast.sagemaker.sdk_isolation import sdk_import
    import boto3
    with sdk_import():
        found = boto3.Session().region_name
    print(json.dumps([found, os.environ.get("AWS_DEFAULT_REGION")]))
    """
    if configured == "environment":
        assert result(code, tmp_path, AWS_DEFAULT_REGION="eu-west-1") == ["eu-west-1", "eu-west-1"]
    else:
        (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
        assert result(code, tmp_path, AWS_CONFIG_FILE=str(tmp_path / "config")) == ["eu-west-1", None]


def test_importing_the_emit_room_imports_no_sdk(tmp_path: Path) -> None:
    code = """
    import json, sys
    import dagcast.compile.emit.pipeline, dagcast.sagemaker.images, dagcast.staging.upload
    from dagcast.sagemaker.sdk import require_sdk
    require_sdk()
    heavy = {"sagemaker", "boto3", "botocore", "pandas", "numpy"}
    print(json.dumps(sorted(heavy & set(sys.modules))))
    """
    assert result(code, tmp_path) == []


def fake_distribution(folder: Path, version: str) -> None:
    info = folder / f"sagemaker-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: sagemaker\nVersion: {version}\n")


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (
            "2.256.1",
            'SDK 2.256.1 is too old: SDK 3, or SDK 2 from 2.257 on, is needed: pip install "sagemaker>=3"',
        ),
        ("1.72.0", "SDK 1.72.0 is too old"),
        ("4.0.0", 'SDK 4.0.0 is not supported: pip install "sagemaker>=3,<4"'),
        (None, 'the SageMaker SDK is not installed: pip install "sagemaker>=3"'),
    ],
)
def test_an_sdk_that_cannot_be_used_is_named_with_the_remedy(
    tmp_path: Path, version: str | None, message: str
) -> None:
    if version is not None:
        fake_distribution(tmp_path, version)
    code = f"""
    import json, sys
    import packaging.version
    # Only the standard library and what lies in the folder are to be found.
    standard = [path for path in sys.path if not path.endswith("site-packages")]
    sys.path[:] = [{str(tmp_path)!r}, {str(CORE)!r}, *standard]
    from dagcast.compile.emit.sdk import load_sdk
    from dagcast.sagemaker.sdk import installed_sdk
    from dagcast.errors import SDKError
    try:
        load_sdk()
    except SDKError as error:
        found = installed_sdk()
        print(json.dumps([str(error), found and found.text, "sagemaker" in sys.modules]))
    """
    error, found, imported = result(code, tmp_path)
    assert message in error
    assert (found, imported) == (version, False)


@pytest.mark.parametrize("version", ["2.257.0", "2.300.1", "3.0.0", "3.99"])
def test_an_sdk_that_can_be_used(tmp_path: Path, version: str) -> None:
    fake_distribution(tmp_path, version)
    code = f"""
    import json, sys
    sys.path.insert(0, {str(tmp_path)!r})
    from dagcast.sagemaker.sdk import require_sdk
    print(json.dumps([str(require_sdk()), require_sdk().major]))
    """
    assert result(code, tmp_path) == [version, int(version[0])]


def test_a_notebook_keeps_its_own_tracebacks(tmp_path: Path) -> None:
    pytest.importorskip("IPython")
    code = """
    import json, os
    os.environ["IPYTHONDIR"] = os.environ["HOME"]
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell.instance()
    names = ("showtraceback", "_showtraceback", "showsyntaxerror")
    before = [vars(shell).get(name) for name in names]
    shell.run_cell("from dagcast.compile.emit.sdk import load_sdk; sdk = load_sdk()")
    print(json.dumps([[vars(shell).get(name) for name in names] == before, "sdk" in shell.user_ns]))
    """
    assert result(code, tmp_path) == [True, True]
