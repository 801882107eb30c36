"""A distribution with a local image for ``acme/mean``, and pipelines whose images it stands for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagcast.runner.records.find_runs import runs_in
from tests.support.distributions import Built, run

IMAGE = """
from dagcast.local_images import Finding, LocalImage, Metric, RequestBody, UNKNOWN


def check_training(tag, job):
    parameters = job.part("HyperParameters")
    for name, value in parameters.data.items():
        if name not in ("digits", "offset", "_tuning_objective_metric"):
            yield parameters.finding(f"unknown hyperparameter {name!r}", name, hint="digits or offset")
        elif value is not UNKNOWN and name == "digits" and float(value) > 5:
            yield parameters.finding(f"{value} digits are too many", name)


def check_serving(tag, transform):
    if transform.text("TransformInput", "ContentType") == "text/plain":
        yield transform.finding("plain text is not read", "TransformInput", "ContentType")
    if transform.text("Container", "Environment", "MODE") == "wrong":
        yield transform.finding("the mode is wrong", "Container", "Environment", "MODE")


MEAN = LocalImage(
    repository="acme/mean",
    tags=("1", "2"),
    library="acme-mean",
    title="acme-mean",
    train="acme_mean.train",
    serve="acme_mean.serve",
    metrics=(Metric("train:mean", "mean=([0-9.]+)"),),
    channel_type="text/csv",
    content_type="text/csv",
    accept="text/csv",
    check_training=check_training,
    check_serving=check_serving,
)
"""
TRAIN = """
import json, os, sys
from pathlib import Path

config, data, model, output = map(Path, sys.argv[1:])
parameters = json.loads((config / "hyperparameters.json").read_text())
channels = json.loads((config / "inputdataconfig.json").read_text())
rows = [float(line) for file in sorted((data / "train").iterdir()) for line in file.read_text().split()]
if not rows:
    (output / "failure").write_text("there are no rows")
    sys.exit(1)
mean = sum(rows) / len(rows) + float(parameters.get("offset", 0))
print(f"mean={mean}")
kept = {"mean": mean, "tag": os.environ["DAGCAST_IMAGE_TAG"], "type": channels["train"]["ContentType"]}
(model / "mean.json").write_text(json.dumps(kept))
"""
SERVE = """
import json, os
from pathlib import Path


def load_model(folder):
    return json.loads(Path(folder, "mean.json").read_text())


def predict(model, body, content_type, accept):
    shown = (model["mean"], content_type, accept, os.environ["DAGCAST_IMAGE_TAG"])
    return b"".join(",".join(map(str, shown)).encode() + b"\\n" for line in body.splitlines())
"""
POINTS = {"dagcast.local_images": {"mean": "acme_mean.image:MEAN"}}
ADDRESS = "123456789012.dkr.ecr.us-east-1.amazonaws.com/acme/mean:2"
PIPELINE = f"""\
pipeline: {{name: mean, role: arn:aws:iam::123456789012:role/SageMakerRole, bucket: my-bucket}}
defaults: {{image_uri: {ADDRESS}, instance_type: ml.m5.large}}
steps:
  train:
    type: Training
    inputs: {{train: s3://my-bucket/rows}}
    hyperparameters:
      digits: 1
    cache: P1D
  register: {{type: RegisterModel, model_package_group_name: means, content_types: [text/csv]}}
  create-model: {{type: CreateModel}}
  predict:
    type: Transform
    inputs: {{data: s3://my-bucket/rows}}
edges: [train -> register, train -> create-model, create-model -> predict]
"""
TUNING = f"""\
pipeline: {{name: search, role: arn:aws:iam::123456789012:role/SageMakerRole, bucket: my-bucket}}
steps:
  search:
    type: Tuning
    image_uri: {ADDRESS}
    instance_type: ml.m5.large
    inputs: {{train: s3://my-bucket/rows}}
    strategy: Grid
    metric_definitions: {{"train:mean": "mean=([0-9.]+)"}}
    objective: {{name: "train:mean", type: Maximize}}
    hyperparameters: {{digits: 1}}
    ranges:
      offset: [0, 10, 5]
"""


def mean_image(image: str = IMAGE, points: Mapping[str, Mapping[str, str]] = POINTS, **changes: Any) -> Built:
    """The distribution; its parts may be replaced."""
    modules = {"acme_mean.image": image, "acme_mean.train": TRAIN, "acme_mean.serve": SERVE}
    return Built(
        **{"name": "acme-mean", "version": "1.0", "modules": modules, "entry_points": points, **changes}
    )


@dataclass(frozen=True)
class Project:
    """A project whose environment has the distribution.

    Attributes:
        folder: The project.
        site: What is on the path.
    """

    folder: Path
    site: Path

    def dagcast(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of dagcast."""
        return run(["-m", "dagcast.cli", *arguments], [self.site], self.folder, **variables)

    def run(
        self, *arguments: str, text: str = PIPELINE, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a pipeline on two rows, 1 and 2.5."""
        (self.folder / "pipeline.yaml").write_text(text)
        data = self.folder / "rows"
        data.mkdir(exist_ok=True)
        if not any(data.iterdir()):
            (data / "rows.csv").write_text("1.0\n2.5\n")
        return self.dagcast(
            "run", "pipeline.yaml", "--input", "s3://my-bucket/rows=rows", *arguments, **variables
        )

    @property
    def last(self) -> Path:
        """The folder of the last run."""
        return runs_in(self.folder / ".dagcast/runs")[-1].path

    def steps(self) -> dict[str, Any]:
        """The steps of the last run, by name."""
        return {step["name"]: step for step in json.loads((self.last / "run.json").read_text())["steps"]}


def make_project(root: Path, built: Built | None = None) -> Project:
    """Install the distribution below ``root``, beside a project."""
    project = Project(root / "project", root / "site")
    project.folder.mkdir()
    project.site.mkdir()
    (built or mean_image()).install(project.site)
    return project
