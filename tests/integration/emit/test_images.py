"""Image look-ups: the SDK's own answers, its refusals as one sentence, and the cache between processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dagcast.errors import ImageNotFoundError
from dagcast.sagemaker.cache_files import cache_folder
from dagcast.sagemaker.image_cache import ImageCache
from dagcast.sagemaker.images import image_uri
from dagcast.sagemaker.sdk import SDKVersion, load_image_uris
from tests.support.child_processes import ProcessStarter
from tests.support.compiling import arguments_of

CORE = Path(__file__).parents[3] / "core"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
PYTORCH = {
    "version": "2.0.0",
    "py_version": "py310",
    "instance_type": "ml.m5.large",
    "image_scope": "training",
}


@pytest.mark.parametrize(
    ("framework", "options"),
    [
        ("xgboost", {"version": "1.7-1"}),
        ("sklearn", {"version": "1.2-1", "instance_type": "ml.m5.large", "image_scope": "inference"}),
        ("pytorch", PYTORCH),
        ("pytorch", {**PYTORCH, "instance_type": "ml.g5.xlarge", "image_scope": "inference"}),
        ("pca", {}),
        ("pca", {"version": "1"}),
        ("clarify", {}),
        (
            "huggingface",
            {
                "version": "4.26.0",
                "py_version": "py39",
                "instance_type": "ml.p3.2xlarge",
                "image_scope": "training",
                "base_framework_version": "pytorch1.13.1",
            },
        ),
    ],
)
def test_the_answer_is_the_sdks(offline: list[object], framework: str, options: dict[str, Any]) -> None:
    expected = load_image_uris().retrieve(framework, "us-east-1", **options)
    assert image_uri(framework, "us-east-1", **options) == expected
    assert offline == []


@pytest.mark.parametrize(
    ("framework", "region", "options", "message", "known", "hint"),
    [
        ("xgbost", "us-east-1", {}, "the image tables have no framework 'xgbost'", "xgboost", "'xgboost'"),
        (
            "../xgboost",
            "us-east-1",
            {},
            "the image tables have no framework '../xgboost'",
            "xgboost",
            "'xgboost'",
        ),
        ("instance_gpu_info", "us-east-1", {}, "the image tables have no framework", "sklearn", None),
        (
            "xgboost",
            "us-east-9",
            {"version": "1.7-1"},
            "the image tables have no region 'us-east-9'",
            "us-east-1",
            "'us-east-",
        ),
        (
            "xgboost",
            "us-east-1",
            {"version": "1.7-9"},
            "the image tables have no xgboost version '1.7-9'",
            "1.7-1",
            "'1.7-1'",
        ),
        (
            "pytorch",
            "us-east-1",
            {**PYTORCH, "image_scope": "trainin"},
            "the image tables have no image scope 'trainin'",
            "training",
            "'training'",
        ),
        (
            "pytorch",
            "us-east-1",
            {**PYTORCH, "py_version": "py27"},
            "the image tables have no Python version 'py27'",
            "py310",
            "known: py310",
        ),
        (
            "pytorch",
            "us-east-1",
            {"version": "2.0.0"},
            "the image tables need the image scope to choose by",
            "training",
            "known: ",
        ),
        ("pca", "us-east-1", {"version": "17"}, "the image tables have no pca version '17'", "1", "'1'"),
        (
            "sklearn",
            "us-east-1",
            {"version": "0.23-1", "instance_type": "ml.c6g.large", "image_scope": "inference_graviton"},
            "the image tables have no sklearn version '0.23-1'",
            "1.0-1",
            "known: 1.0-1",
        ),
    ],
)
def test_what_is_not_in_the_tables_is_said_with_what_is(
    framework: str, region: str, options: dict[str, Any], message: str, known: str, hint: str | None
) -> None:
    with pytest.raises(ImageNotFoundError) as refused:
        image_uri(framework, region, **options)
    assert refused.value.message.startswith(message)
    assert known in refused.value.known
    assert "version_aliases" not in refused.value.known
    if hint is not None:
        assert refused.value.hint is not None
        assert hint in refused.value.hint


@pytest.mark.parametrize(
    "options",
    [
        {"version": "2.0.0", "image_scope": "training", "py_version": "py310"},
        {**PYTORCH, "instance_type": "large"},
        {**PYTORCH, "instance_type": "ml.inf1.xlarge"},
        {**PYTORCH, "version": "not a version"},
    ],
)
def test_every_refusal_is_one_sentence_about_the_request(options: dict[str, Any]) -> None:
    with pytest.raises(ImageNotFoundError) as refused:
        image_uri("pytorch", "us-east-1", **options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("framework", "options", "message", "hint"),
    [
        (
            "pytorch",
            {**PYTORCH, "image_scope": "inference", "instance_type": None},
            "the image tables need the instance type to choose by",
            "set instance_type, such as ml.m5.xlarge",
        ),
        (
            "huggingface",
            {
                "version": "4.51.0",
                "py_version": "py310",
                "base_framework_version": "pytorch2.7.0",
                "instance_type": "ml.trn1.2xlarge",
                "image_scope": "training",
                "inference_tool": "neuronx",
            },
            "the SDK has no image of huggingface for ml.trn1.2xlarge",
            None,
        ),
    ],
)
def test_a_refused_machine_is_named(
    framework: str, options: dict[str, Any], message: str, hint: str | None
) -> None:
    with pytest.raises(ImageNotFoundError) as refused:
        image_uri(framework, "us-east-1", **options)
    assert (refused.value.message, refused.value.hint) == (message, hint)


def look_up(cache: Path, **environment: str) -> tuple[str, bool]:
    """The image and whether the SDK was imported for it, from a process of its own."""
    code = (
        "import json, sys; from dagcast.sagemaker.images import image_uri;"
        "print(json.dumps([image_uri('xgboost', 'us-east-1', version='1.7-1'), 'sagemaker' in sys.modules]))"
    )
    variables = {**os.environ, "PYTHONPATH": str(CORE), "DAGCAST_CACHE_DIR": str(cache), **environment}
    variables = {name: value for name, value in variables.items() if value}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    uri, imported = json.loads(done.stdout)
    return uri, imported


def test_a_second_process_imports_no_sdk(tmp_path: Path) -> None:
    cache = tmp_path / "made" / "on" / "demand"
    assert look_up(cache) == (XGBOOST, True)
    assert look_up(cache) == (XGBOOST, False)
    (file,) = cache.iterdir()
    for broken in (
        b"",
        b"{",
        b"[]",
        b'{"format": 2, "images": {"a": 1}, "missing": {}}',
        b'{"format": 2, "images": {}, "missing": {"a": 1}}',
        b'{"format": 2, "images": {}, "missing": {"a": ["x"]}}',
        b'{"format": 0}',
        b"\xff",
        b"[" * 100_000,
    ):
        ImageCache(cache, SDKVersion("x")).path.write_bytes(broken)
        assert ImageCache(cache, SDKVersion("x")).get("a") is None
    file.write_bytes(b"broken")
    assert look_up(cache) == (XGBOOST, True)
    assert look_up(cache) == (XGBOOST, False)


def test_a_second_process_imports_no_sdk_for_an_image_that_does_not_exist(tmp_path: Path) -> None:
    code = (
        "import json, sys; from dagcast.errors import ImageNotFoundError\n"
        "from dagcast.sagemaker.images import image_uri\n"
        "try:\n    image_uri('xgboost', 'us-east-1', version='1.7-9')\n"
        "except ImageNotFoundError as error:\n"
        "    print(json.dumps([error.message, error.known, error.hint, 'sagemaker' in sys.modules]))"
    )
    variables = {**os.environ, "PYTHONPATH": str(CORE), "DAGCAST_CACHE_DIR": str(tmp_path)}
    answers = [
        json.loads(subprocess.check_output([sys.executable, "-c", code], env=variables, timeout=120))
        for _ in range(2)
    ]
    assert answers[0][3] is True
    assert answers[1] == [*answers[0][:3], False]
    assert "'1.7-9'" in answers[0][0]
    assert "1.7-1" in answers[0][1]


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert look_up(tmp_path / "file") == (XGBOOST, True)
    assert (tmp_path / "file").read_text() == "in the way"


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DAGCAST_CACHE_DIR", "/own")
    monkeypatch.setenv("XDG_CACHE_HOME", "/shared")
    assert cache_folder() == Path("/own")
    monkeypatch.delenv("DAGCAST_CACHE_DIR")
    assert cache_folder() == Path("/shared/dagcast")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache" / "dagcast"


def test_each_sdk_has_its_own_file(tmp_path: Path) -> None:
    versions = [
        SDKVersion("3.0", "2.0"),
        SDKVersion("3.0", "2.1"),
        SDKVersion("3.0"),
        SDKVersion("2.257+x/y"),
    ]
    files = {ImageCache(tmp_path, version).path for version in versions}
    assert len(files) == 4
    assert {file.parent for file in files} == {tmp_path}


def test_processes_keep_what_others_found(tmp_path: Path) -> None:
    version = SDKVersion("3.0")
    folder = tmp_path / "images"
    one, other = ImageCache(folder, version), ImageCache(folder, version)
    one.put("a", "A")
    other.put("b", "B")
    one.put("c", "C")
    kept = ImageCache(folder, version)
    assert [kept.get(key) for key in "abcd"] == ["A", "B", "C", None]
    assert list(folder.iterdir()) == [kept.path]


def test_answers_that_there_is_no_image_do_not_grow_without_bound(tmp_path: Path) -> None:
    version = SDKVersion("3.0")
    cache = ImageCache(tmp_path, version)
    cache.put("kept", "URI")
    for number in range(150):
        cache.put(f"misspelt-{number}", ImageNotFoundError("none", ("a",), "hint"))
    kept = ImageCache(tmp_path, version)
    assert kept.get("kept") == "URI"
    assert [kept.get(f"misspelt-{number}") is not None for number in (0, 49, 50, 149)] == [
        False,
        False,
        True,
        True,
    ]


def test_many_processes_at_once_leave_a_whole_file(tmp_path: Path, start_process: ProcessStarter) -> None:
    code = (
        "import sys; from pathlib import Path; from dagcast.sagemaker.image_cache import ImageCache;"
        "from dagcast.sagemaker.sdk import SDKVersion; cache = ImageCache(Path(sys.argv[1]), SDKVersion('3.0'));"
        "[cache.put(f'{sys.argv[2]}-{i}', 'x' * 1000) for i in range(50)]"
    )
    environment = {**os.environ, "PYTHONPATH": str(CORE)}
    children = [
        start_process([sys.executable, "-c", code, str(tmp_path / "images"), str(number)], env=environment)
        for number in range(4)
    ]
    assert [process.wait(120) for process in children] == [0] * 4
    (file,) = (tmp_path / "images").iterdir()
    images = json.loads(file.read_text())["images"]
    assert set(images.values()) == {"x" * 1000}
    # The last to write had read all that was there before.
    assert any(all(f"{number}-{i}" in images for i in range(50)) for number in range(4))


# Source: the SDK's image tables, which have these for processing jobs alone.
@pytest.mark.parametrize(
    ("framework", "version", "name"),
    [
        ("clarify", "1.0", "sagemaker-clarify-processing:1.0"),
        ("data-wrangler", "1.x", "sagemaker-data-wrangler-container:1.x"),
        ("model-monitor", None, "sagemaker-model-monitor-analyzer"),
        ("spark", "3.3", "sagemaker-spark-processing:3.3-cpu-py39"),
        # All others have none for processing: the SDK's processors use the one for training.
        ("sklearn", "1.2-1", "sagemaker-scikit-learn:1.2-1-cpu-py3"),
    ],
)
def test_processing_jobs_have_images(framework: str, version: str | None, name: str) -> None:
    fields: dict[str, Any] = {"type": "Processing", "instance_type": "ml.m5.xlarge", "framework": framework}
    if version is not None:
        fields["framework_version"] = version
    if framework == "spark":
        fields["py_version"] = "py39"
    image = arguments_of(fields)["AppSpecification"]["ImageUri"]
    assert image.partition("/")[2].startswith(name)


def test_an_argument_that_no_table_has_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="the image tables have no argument 'pyversion'"):
        image_uri("xgboost", "us-east-1", pyversion="py3")  # type: ignore[call-arg]
