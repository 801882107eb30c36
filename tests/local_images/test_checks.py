"""What prevents a local image from standing for an image is an error before the start, at the line of the config."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.local_images.mean import IMAGE, PIPELINE, TUNING, Project, make_project, mean_image


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which nothing may start."""
    return make_project(tmp_path_factory.mktemp("refused"))


def errors(project: Project, text: str, *arguments: str) -> list[tuple[int | None, str, str]]:
    """The line, code and message of each error of a run; nothing has started."""
    done = project.run("--json", *arguments, text=text)
    assert done.returncode == 1, done.stdout
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["error"], done.stdout
    assert not (project.folder / ".dagcast").exists()
    return [(item["line"], item["code"], item["message"]) for item in events[0]["diagnostics"]]


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_an_unknown_tag(project: Project) -> None:
    text = PIPELINE.replace("mean:2", "mean:3")
    found = errors(project, text)
    assert {code for _, code, _ in found} == {"run.unknown-image-tag"}
    assert "local image 'mean' does not know acme/mean:3" in found[0][2]
    assert found[0][0] == line_of(text, "mean:3")


def test_a_digest_is_no_tag(project: Project) -> None:
    found = errors(project, PIPELINE.replace("mean:2", f"mean@sha256:{'0' * 64}"))
    assert {code for _, code, _ in found} == {"run.unknown-image-tag"}


def test_another_repository_is_no_business_of_it(project: Project) -> None:
    found = errors(project, PIPELINE.replace("acme/mean:2", "acme/meaning:2"))
    assert [code for _, code, _ in found] == ["run.unsupported-field"]


def test_every_wrong_hyperparameter_has_its_line(project: Project) -> None:
    text = PIPELINE.replace("      digits: 1\n", "      digits: 7\n      digitz: 1\n")
    assert errors(project, text) == [
        (line_of(text, "digits: 7"), "run.image-refuses", "step 'train': 7 digits are too many"),
        (line_of(text, "digitz"), "run.image-refuses", "step 'train': unknown hyperparameter 'digitz'"),
    ]


def test_a_parameter_is_resolved_first(project: Project) -> None:
    text = PIPELINE.replace("digits: 1", "digits: ${param.Digits}").replace(
        "steps:", "parameters: {Digits: {type: Integer, default: 1}}\nsteps:"
    )
    (found,) = errors(project, text, "--param", "Digits=9")
    assert found == (
        line_of(text, "param.Digits"),
        "run.image-refuses",
        "step 'train': 9 digits are too many",
    )


def test_both_ends_of_a_range_are_checked(project: Project) -> None:
    text = TUNING.replace("    hyperparameters: {digits: 1}\n", "").replace(
        "      offset: [0, 10, 5]\n",
        "      digits:\n        type: Integer\n        min: 0\n        max: 8\n      offset: [1, 2]\n",
    )
    text = text.replace("strategy: Grid", "strategy: Random\n    max_jobs: 2")
    (found,) = errors(project, text)
    assert found == (line_of(text, "max: 8"), "run.image-refuses", "step 'search': 8 digits are too many")


def test_each_value_of_a_range_is_checked(project: Project) -> None:
    text = TUNING.replace("{digits: 1}", "{}").replace("offset: [0, 10, 5]", "digits: [1, 2, 6]")
    (found,) = errors(project, text)
    assert found[1:] == ("run.image-refuses", "step 'search': 6 digits are too many")


def test_a_searched_name_that_the_image_does_not_have(project: Project) -> None:
    (found, *_) = errors(project, TUNING.replace("offset: [", "ofset: ["))
    assert found[1:] == ("run.image-refuses", "step 'search': unknown hyperparameter 'ofset'")


def test_a_content_type_of_a_transform(project: Project) -> None:
    text = PIPELINE.replace("    type: Transform\n", "    type: Transform\n    content_type: text/plain\n")
    (found,) = errors(project, text)
    assert found == (
        line_of(text, "content_type: text/plain"),
        "run.image-refuses",
        "step 'predict': plain text is not read",
    )


def test_a_variable_of_the_model(project: Project) -> None:
    text = PIPELINE.replace("{type: CreateModel}", "{type: CreateModel, environment: {MODE: wrong}}")
    (found,) = errors(project, text)
    assert found[1:] == ("run.image-refuses", "step 'predict': the mode is wrong")


def test_a_stub_needs_no_image(project: Project, tmp_path: Path) -> None:
    stub = tmp_path / "stub.json"
    stub.write_text("{}")
    text = PIPELINE.replace("digits: 1", "digits: 9")
    done = project.run("--only", "train", "--stub", f"train={stub}", text=text)
    assert done.returncode == 0, done.stderr
    assert "stands in" not in done.stderr
    shutil.rmtree(project.folder / ".dagcast")


def test_a_requirement_that_is_missing_or_old(tmp_path: Path) -> None:
    needs = 'requirements=("nowhere-to-be-found>=2", "acme-mean>2"),'
    image = IMAGE.replace("    train=", f"    {needs}\n    train=")
    found = errors(make_project(tmp_path, mean_image(image)), PIPELINE)
    assert {code for _, code, _ in found} == {"run.missing-extra"}
    assert "needs nowhere-to-be-found>=2 and acme-mean>2: none is installed, 1.0 is installed" in found[0][2]


def test_two_local_images_for_one_image(tmp_path: Path) -> None:
    twice = {"dagcast.local_images": {"mean": "acme_mean.image:MEAN", "other": "acme_mean.image:MEAN"}}
    project = make_project(tmp_path, mean_image(points=twice))
    found = errors(project, PIPELINE)
    assert "local images 'mean' and 'other' both stand for acme/mean:2" in found[0][2]
    assert project.run("--no-plugin", "other").returncode == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("MEAN = LocalImage(", "MEAN = dict("), "not a LocalImage of dagcast.local_images"),
        (('tags=("1", "2")', 'tags="12"'), "its tags is '12', not a tuple of str"),
        (
            ('repository="acme/mean"', 'repository="acme/("'),
            "its repository is an invalid regular expression",
        ),
        (('"mean=([0-9.]+)"', '"mean=([0-9"'), "its metric 'train:mean' is an invalid regular expression"),
        (('train="acme_mean.train",\n    serve="acme_mean.serve",', ""), "it has neither train nor serve"),
        (("def check_training(tag, job):", "def check_training(tag, job):\n    1 / 0"), "ZeroDivisionError"),
        (
            ("def check_training(tag, job):", "def check_training(tag, job):\n    yield 'wrong'"),
            "its check_training gives 'wrong', not a Finding",
        ),
        (("from dagcast.local_images", "import nowhere\nfrom dagcast.local_images"), "ModuleNotFoundError"),
    ],
)
def test_a_broken_one_is_named(change: tuple[str, str], problem: str, tmp_path: Path) -> None:
    assert change[0] in IMAGE
    project = make_project(tmp_path, mean_image(IMAGE.replace(*change)))
    done = project.run()
    assert done.returncode == 1
    assert problem in done.stderr
    assert "plugin 'mean' (acme-mean 1.0)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.folder / ".dagcast").exists()


def test_one_that_was_changed_after_its_installation_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with (project.site / "acme_mean" / "train.py").open("a") as file:
        file.write("# changed\n")
    done = project.run()
    assert done.returncode == 1
    assert "acme_mean/train.py differs from its RECORD" in done.stderr
