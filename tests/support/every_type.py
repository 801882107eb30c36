"""A project that uses every step type and names all of its images."""

from __future__ import annotations

from pathlib import Path

from tests.support.compiling import IMAGE, ROLE

CONFIG = f"""\
pipeline:
  name: every-type
  version: "1.0"
  region: us-east-1
  role: {ROLE}
  bucket: my-bucket
  tags: {{team: "é"}}
parameters:
  Instance: ml.m5.xlarge
  Limit: 0.8
  Rows: {{type: Integer}}
defaults:
  image_uri: {IMAGE}
  Processing: {{instance_type: "${{param.Instance}}"}}
  Training: {{instance_type: ml.m5.xlarge}}
  Tuning: {{instance_type: ml.m5.xlarge}}
  Transform: {{instance_type: ml.m5.xlarge}}
steps:
  load:
    type: Processing
    entry_point: main.py
    source_dir: code
    environment: {{B: 1, A: true, ROWS: "${{param.Rows}}"}}
    outputs: {{train: , test: , rows: }}
  spark: {{type: EMR, jar: command-runner.jar, cluster_id: j-1, outputs: {{result: s3://bucket/spark}}}}
  serverless:
    type: EMRServerless
    application_id: 00abc
    job_driver: {{sparkSubmit: {{entryPoint: s3://bucket/job.py}}}}
  data_quality: {{type: QualityCheck, dataset_format: {{csv: {{header: true}}}}, inputs: {{dataset: load.train}}}}
  bias:
    type: ClarifyCheck
    check_type: DATA_BIAS
    analysis_config: {{label: y, dataset_type: text/csv}}
    inputs: {{dataset: load.train}}
  train:
    type: Training
    entry_point: main.py
    source_dir: code
    hyperparameters: {{depth: 3, kind: gini, rows: "${{param.Rows}}"}}
    inputs: {{train: , test: }}
  tune:
    type: Tuning
    max_jobs: 4
    objective: {{name: auc}}
    metric_definitions: {{auc: 'auc=(.*)'}}
    ranges: {{depth: {{type: Integer, min: 1, max: 9}}, kind: [gini, entropy]}}
    inputs: {{train: }}
  search: {{type: AutoML, target_attribute_name: y, inputs: {{train: load.train}}}}
  evaluate:
    type: Processing
    inputs: {{model: , test: }}
    outputs: {{report: /opt/ml/processing/report}}
    property_files: {{Metrics: {{output: report, path: metrics.json}}}}
  check:
    type: Condition
    conditions:
      - {{left: "${{json.evaluate.Metrics.auc.value}}", op: ">=", right: "${{param.Limit}}"}}
    if_steps: [register, model, settings, endpoint, predict]
    else_steps: [stop]
  register: {{type: RegisterModel, model_package_group_name: models}}
  model: {{type: CreateModel}}
  settings: {{type: EndpointConfig, endpoint_config_name: settings, instance_type: ml.m5.xlarge}}
  endpoint: {{type: Endpoint, endpoint_name: live}}
  predict: {{type: Transform, inputs: {{data: load.test}}}}
  stop: {{type: Fail, error_message: "below ${{param.Limit}}"}}
  notify:
    type: Lambda
    function_arn: arn:aws:lambda:us-east-1:123456789012:function:notify
    inputs: {{run: "${{exec.PipelineExecutionId}}", rows: "${{param.Rows}}"}}
    outputs: {{id: String}}
  wait:
    type: Callback
    sqs_queue_url: https://sqs.us-east-1.amazonaws.com/123456789012/queue
    inputs: {{id: "${{step.notify.OutputParameters['id']}}"}}
  report: {{type: NotebookJob, input_notebook: report.ipynb, kernel_name: python3}}
  part:
    type: Request
    step_type: InferenceComponent
    shape: CreateInferenceComponentInput
    request: {{InferenceComponentName: part, EndpointName: live}}
edges:
  - load -> train
  - load.train -> tune.train
  - load -> evaluate
  - train -> evaluate
  - evaluate -> check
  - train -> register
  - evaluate -> register
  - train -> model
  - model -> settings
  - settings -> endpoint
  - model -> predict
  - train => notify
  - notify -> wait
  - wait => report
  - wait => part
"""

FILES = {
    "pipeline.yaml": CONFIG,
    "code/main.py": "print('main')\n",
    "code/helper/tools.py": "VALUE = 'é'\n",
    "code/requirements.txt": "numpy\n",
    "report.ipynb": '{"cells": []}\n',
}


def write_project(folder: Path) -> Path:
    """Write the project into a folder.

    Returns:
        Its config.
    """
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "pipeline.yaml"
