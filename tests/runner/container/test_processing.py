"""Processing steps: real scripts in real processes, with SageMaker's folders, files and variables."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest

from dagcast.runner.executors.executor import StepStoppedError
from tests.runner.container.support import BUCKET, Bench, processing_arguments

COPY = """
import shutil, sys
for path in sys.argv[2:]:
    shutil.copytree(path, sys.argv[1], dirs_exist_ok=True)
"""
ML = "/opt/ml/processing"


def test_a_script_finds_its_inputs_and_leaves_its_outputs(bench: Bench) -> None:
    bench.put(f"{BUCKET}/data/a/one.csv", "1\n")
    bench.put(f"{BUCKET}/data/b.csv", "2\n")
    result = bench.process(
        COPY,
        f"{ML}/out",
        f"{ML}/data",
        inputs={"data": (f"{BUCKET}/data", "data")},
        outputs={"copies": "out"},
    )
    assert bench.store.uris(f"{BUCKET}/out") == [
        f"{BUCKET}/out/copies/a/one.csv",
        f"{BUCKET}/out/copies/b.csv",
    ]
    assert bench.read(f"{BUCKET}/out/copies/a/one.csv") == "1\n"
    assert result.outputs == {"copies": f"{BUCKET}/out/copies"}
    assert bench.warnings == []


def test_properties_are_those_of_describe_processing_job(plain_bench: Bench) -> None:
    result = plain_bench.process(
        "import sys; open(sys.argv[1], 'w').write('all \u2603')",
        "/opt/ml/output/message",
        outputs={"left": "left"},
        Tags=[{"Key": "k", "Value": "v"}],
    )
    properties = result.properties
    assert properties["ProcessingJobName"] == "the-job"
    assert properties["ProcessingJobArn"] == "arn:aws:sagemaker:us-east-1:123456789012:processing-job/the-job"
    assert properties["ProcessingJobStatus"] == "Completed"
    assert properties["ExitMessage"] == "all \u2603"
    assert properties["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == f"{BUCKET}/out/left"
    assert properties["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}


@pytest.mark.parametrize("python", ["python", "python3.99", "/opt/conda/bin/python", "/usr/bin/python3"])
def test_the_steps_environment_stands_for_the_images_python(plain_bench: Bench, python: str) -> None:
    plain_bench.put(f"{BUCKET}/code/script.py", "import sys; print(sys.executable)")
    request = processing_arguments()
    request["AppSpecification"]["ContainerEntrypoint"][0] = python
    plain_bench.run("Processing", request)
    assert (plain_bench.attempt / "stdout.log").read_text().strip() == sys.executable


def test_a_script_may_name_its_folders_itself_in_a_namespace(namespace_bench: Bench) -> None:
    namespace_bench.process(f"open('{ML}/out/x', 'w').write('here')", outputs={"made": "out"})
    assert namespace_bench.read(f"{BUCKET}/out/made/x") == "here"


def test_a_script_starts_in_the_root_of_the_container_and_writes_there(namespace_bench: Bench) -> None:
    # Evaluation scripts of public pipelines unpack a model one folder up, and open its files by their names.
    code = (
        "import os, pathlib; pathlib.Path('../the-model').write_text('weights');"
        f" pathlib.Path('{ML}/out/found').write_text(os.getcwd() + ' ' + open('the-model').read())"
    )
    namespace_bench.process(code, outputs={"made": "out"})
    assert namespace_bench.read(f"{BUCKET}/out/made/found") == "/ weights"
    assert not Path("/the-model").exists()


def test_without_a_namespace_a_script_that_names_its_folders_is_reported_what_that_needs(
    plain_bench: Bench,
) -> None:
    error = plain_bench.failure("process", f"open('{ML}/nowhere/x').read()")
    assert "No such file or directory: '/opt/ml/processing/nowhere/x', exit code: 1" in error.reason
    assert "without a mount namespace" in error.reason


def test_the_configuration_files_and_variables_are_there(bench: Bench) -> None:
    bench.process(
        """
        import json, os, sys
        config = sys.argv[1]
        out = {name: json.load(open(f"{config}/{name}")) for name in os.listdir(config)}
        out["env"] = dict(os.environ)
        json.dump(out, open(sys.argv[2] + "/seen.json", "w"))
        """,
        "/opt/ml/config",
        f"{ML}/out",
        outputs={"seen": "out"},
        Environment={"MINE": "h\u00e9 '\"\n"},
    )
    seen = json.loads(bench.read(f"{BUCKET}/out/seen/seen.json"))
    assert seen["resourceconfig.json"]["current_host"] == "algo-1"
    assert seen["resourceconfig.json"]["hosts"] == ["algo-1"]
    described = seen["processingjobconfig.json"]
    assert described["ProcessingJobName"] == "the-job"
    assert described["AppSpecification"]["ContainerArguments"] == ["/opt/ml/config", f"{ML}/out"]
    assert seen["env"]["PROCESSING_JOB_NAME"] == "the-job"
    assert seen["env"]["AWS_REGION"] == "us-east-1"
    assert seen["env"]["MINE"] == "h\u00e9 '\"\n"


def test_nothing_of_this_machines_secrets_reaches_a_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "GITHUB_TOKEN", "https_proxy", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")
    bench.process(
        """
        import os, sys
        home = os.path.realpath(os.path.expanduser("~"))
        assert home == os.path.realpath(sys.argv[1]), home
        assert "secret" not in os.environ.values(), os.environ
        """,
        "/opt/ml",
    )


def test_a_script_that_raises_fails_the_step_with_its_last_words(plain_bench: Bench) -> None:
    error = plain_bench.failure("process", "raise ValueError('no such column: \u2603')")
    assert error.reason.startswith("AlgorithmError: Traceback")
    assert error.reason.endswith("ValueError: no such column: \u2603, exit code: 1")
    assert error.kind is None
    assert error.log == plain_bench.attempt / "stderr.log"


def test_the_exit_message_is_the_reason_of_a_failure(plain_bench: Bench) -> None:
    error = plain_bench.failure(
        "process",
        """
        import sys
        with open(sys.argv[1], "w") as message:
            message.write("the data is late " + "x" * 3000)
        sys.exit(3)
        """,
        "/opt/ml/output/message",
    )
    assert error.reason == f"AlgorithmError: the data is late {'x' * (1024 - 17)}, exit code: 3"


def test_an_exit_message_that_is_not_utf_8_fails_the_job(plain_bench: Bench) -> None:
    error = plain_bench.failure(
        "process", "import sys; open(sys.argv[1], 'wb').write(b'\\xff\\xfe')", "/opt/ml/output/message"
    )
    assert error.reason == "ClientError: /opt/ml/output/message is not UTF-8"


@pytest.mark.parametrize(
    "script",
    [
        "os.symlink(secret, folder + '/message')",
        "os.rmdir(folder); os.symlink(os.path.dirname(secret), folder)",
        "os.mkfifo(folder + '/message')",
        "os.mkdir(folder + '/message')",
    ],
)
def test_a_message_file_that_is_not_the_jobs_is_not_read(
    plain_bench: Bench, tmp_path: Path, script: str
) -> None:
    (tmp_path / "message").write_text("not the job's")
    script = f"import os, sys; folder, secret = sys.argv[1:]; {script}; sys.exit(1)"
    error = plain_bench.failure("process", script, "/opt/ml/output", str(tmp_path / "message"))
    assert error.reason == "AlgorithmError: exit code: 1"


def test_a_killed_job_says_so(plain_bench: Bench) -> None:
    error = plain_bench.failure("process", "import os; os.kill(os.getpid(), 9)")
    assert (
        error.reason == "AlgorithmError: exit code: 137 (killed by SIGKILL, possibly because memory ran out)"
    )


def test_a_job_over_its_time_is_ended(plain_bench: Bench) -> None:
    error = plain_bench.failure(
        "process", "import time; time.sleep(600)", StoppingCondition={"MaxRuntimeInSeconds": 1}
    )
    assert error.reason == "the job exceeded MaxRuntimeInSeconds (1) and was ended"
    assert error.kind is None


def test_a_job_ends_when_the_run_is_stopped(plain_bench: Bench) -> None:
    threading.Timer(0.5, plain_bench.stop.set).start()
    with pytest.raises(StepStoppedError):
        plain_bench.process("import time; time.sleep(600)")


def test_a_job_that_prints_much_is_reported_by_its_end(plain_bench: Bench) -> None:
    error = plain_bench.failure(
        "process",
        """
        import sys
        for number in range(300_000):
            print("x" * 100, file=sys.stderr)
        sys.exit("the end")
        """,
    )
    assert error.reason.endswith("the end, exit code: 1")
    assert len(error.reason) < 1100


def test_what_a_job_took_from_itself_is_handed_over_all_the_same(bench: Bench) -> None:
    script = """
        import pathlib, sys
        out = pathlib.Path(sys.argv[1])
        (out / "deep").mkdir()
        (out / "deep/file").write_text("x")
        for path in (out / "deep/file", out / "deep", out, out.parent, out.parent.parent):
            path.chmod(0)
    """
    bench.process(script, f"{ML}/out", outputs={"out": "out"})
    assert bench.read(f"{BUCKET}/out/out/deep/file") == "x"
    assert bench.store.path(f"{BUCKET}/out/out/deep/file").stat().st_mode & 0o400


def test_a_job_that_took_its_folder_away_fails_with_its_own_reason(bench: Bench) -> None:
    script = "import pathlib, sys; pathlib.Path(sys.argv[1]).parent.parent.chmod(0); sys.exit('no')"
    assert bench.failure("process", script, f"{ML}/out").reason == "AlgorithmError: no, exit code: 1"


def test_an_output_without_files_is_a_warning_and_no_object(plain_bench: Bench) -> None:
    result = plain_bench.process(
        "import os, sys; os.mkdir(sys.argv[1] + '/empty')",
        f"{ML}/out",
        outputs={"empty": "out", "none": "none"},
    )
    assert result.outputs == {}
    assert [warning.split(":")[0] for warning in plain_bench.warnings] == ["output 'empty'", "output 'none'"]
    assert "without a mount namespace" in plain_bench.warnings[0]
    assert not plain_bench.store.exists(f"{BUCKET}/out")


def test_a_path_may_be_written_with_more_slashes(plain_bench: Bench) -> None:
    script = "import sys; open(sys.argv[1] + '/x', 'w').write('1')"
    result = plain_bench.process(script, f"{ML}//out/.", outputs={"x": "/./out"})
    assert plain_bench.store.read(f"{result.outputs['x']}/x") == b"1"


def test_missing_data_names_the_step_that_makes_it(plain_bench: Bench) -> None:
    raw = {"ProcessingInputs": [{}, {"S3Input": {"S3Uri": {"Get": "Steps.prepare.ProcessingOutputConfig"}}}]}
    error = plain_bench.failure("process", "", inputs={"data": (f"{BUCKET}/nothing", "data")}, raw=raw)
    assert error.reason.startswith(f"ClientError: Data download failed: {BUCKET}/nothing does not exist")
    assert error.reason.endswith("step 'prepare' left nothing there")
    assert error.origins == ("prepare",)


def test_property_files_are_found_in_their_output(plain_bench: Bench) -> None:
    files = [{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "sub/report.json"}]
    script = "import os, sys; os.mkdir(sys.argv[1] + '/sub'); open(sys.argv[1] + '/sub/report.json', 'w').write('{}')"
    result = plain_bench.process(script, f"{ML}/report", outputs={"report": "report"}, PropertyFiles=files)
    assert result.property_files == {"Report": f"{BUCKET}/out/report/sub/report.json"}
    assert plain_bench.read(result.property_files["Report"]) == "{}"


def test_a_missing_property_file_fails_the_step(plain_bench: Bench) -> None:
    files = [{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "report.json"}]
    error = plain_bench.failure("process", "", outputs={"report": "report"}, PropertyFiles=files)
    assert error.reason == "property file 'Report': the job left no report.json in output 'report'"


def test_inputs_and_outputs_may_lie_in_each_other(bench: Bench) -> None:
    bench.put(f"{BUCKET}/data/one.csv", "1")
    bench.process(
        COPY,
        f"{ML}/out/inner",
        f"{ML}/input",
        inputs={"data": (f"{BUCKET}/data", "input")},
        outputs={"outer": "out", "inner": "out/inner"},
    )
    assert bench.store.uris(f"{BUCKET}/out") == [
        f"{BUCKET}/out/inner/code/script.py",
        f"{BUCKET}/out/inner/one.csv",
        f"{BUCKET}/out/outer/inner/code/script.py",
        f"{BUCKET}/out/outer/inner/one.csv",
    ]


def test_a_manifest_says_which_objects_are_the_input(plain_bench: Bench) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        plain_bench.put(f"{BUCKET}/data/{name}", name)
    plain_bench.put(f"{BUCKET}/list.manifest", json.dumps([{"prefix": f"{BUCKET}/data/"}, "a.csv", "c.csv"]))
    plain_bench.process(
        COPY,
        f"{ML}/out",
        f"{ML}/data",
        inputs={"data": (f"{BUCKET}/list.manifest", "data")},
        outputs={"copies": "out"},
        kinds={"data": "ManifestFile"},
    )
    assert plain_bench.store.uris(f"{BUCKET}/out") == [
        f"{BUCKET}/out/copies/a.csv",
        f"{BUCKET}/out/copies/c.csv",
    ]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import os, sys; os.symlink('/etc/passwd', sys.argv[1] + '/x')", "is a link out of its folder"),
        ("import os, sys; os.rmdir(sys.argv[1]); os.symlink('/etc', sys.argv[1])", "is a link or below one"),
        (
            "import os, sys; os.rmdir(sys.argv[1]); open(sys.argv[1], 'w').close()",
            "is a file, expected a folder",
        ),
        (
            "import os, sys; os.mkfifo(sys.argv[1] + '/x'); open(sys.argv[1] + '/y', 'w')",
            "neither a file nor a folder",
        ),
    ],
)
def test_what_must_not_be_handed_over_fails_the_step(plain_bench: Bench, script: str, reason: str) -> None:
    error = plain_bench.failure("process", script, f"{ML}/out", outputs={"evil": "out"})
    assert reason in error.reason
    assert not plain_bench.store.exists(f"{BUCKET}/out")


def test_a_link_to_a_file_of_the_same_output_is_handed_over_as_a_file(plain_bench: Bench) -> None:
    script = "import os, sys; open(sys.argv[1] + '/x', 'w').write('1'); os.symlink('x', sys.argv[1] + '/y')"
    plain_bench.process(script, f"{ML}/out", outputs={"links": "out"})
    assert plain_bench.read(f"{BUCKET}/out/links/y") == "1"
    assert not plain_bench.store.path(f"{BUCKET}/out/links/y").is_symlink()


def test_a_property_file_may_be_a_link_inside_its_output(bench: Bench) -> None:
    script = (
        "import os, sys; os.chdir(sys.argv[1]); open('e-1.json', 'w').write('{}'); os.mkdir('deep')\n"
        "os.symlink(sys.argv[1] + '/e-1.json', 'deep/latest.json')"
    )
    files = [{"PropertyFileName": "F", "OutputName": "links", "FilePath": "deep/latest.json"}]
    bench.process(script, f"{ML}/out", outputs={"links": "out"}, PropertyFiles=files)
    assert bench.read(f"{BUCKET}/out/links/deep/latest.json") == "{}"
    assert bench.warnings == []


def test_several_instances_run_once_with_a_warning(plain_bench: Bench) -> None:
    plain_bench.process("", ProcessingResources={"ClusterConfig": {"InstanceType": "x", "InstanceCount": 3}})
    assert plain_bench.warnings == [
        "InstanceCount is 3: a local run starts one, host algo-1, which gets all data"
    ]


def test_an_isolated_job_has_no_network(namespace_bench: Bench) -> None:
    script = "import socket; assert [name for _, name in socket.if_nameindex()] in ([], ['lo'])"
    namespace_bench.process(script, NetworkConfig={"EnableNetworkIsolation": True})
