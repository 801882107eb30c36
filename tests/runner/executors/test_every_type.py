"""One config with a step of every type that has a process: searched, made, predicted, called, answered."""

from __future__ import annotations

import json
import random
from pathlib import Path
from textwrap import dedent

from tests.runner.cli.support import Project

FILES = {
    "pipeline.yaml": """
        pipeline: {name: every-type, role: arn:aws:iam::123456789012:role/SageMakerRole, bucket: my-bucket}
        defaults:
          Tuning: {image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1, instance_type: ml.m5.large}
          CreateModel: {image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1}
          Transform: {instance_type: ml.m5.large}
        steps:
          search:
            type: Tuning
            entry_point: train.py
            inputs: {train: s3://my-bucket/raw}
            objective: {name: accuracy}
            metric_definitions: {accuracy: "accuracy=([0-9.]+)"}
            ranges:
              c: {type: Continuous, min: 0.01, max: 10, scaling: Logarithmic}
              solver: [lbfgs, liblinear]
            max_jobs: 3
            max_parallel_jobs: 2
            random_seed: 3
          model: {type: CreateModel, entry_point: predict.py}
          score:
            type: Transform
            inputs: {data: s3://my-bucket/batch}
            content_type: text/csv
            accept: text/csv
            split_type: Line
            assemble_with: Line
            input_filter: "$[1:]"
            join_source: Input
            output_filter: "$[0,-1]"
          tell:
            type: Lambda
            function_arn: arn:aws:lambda:us-east-1:123456789012:function:notify
            inputs: {best: "${step.search.BestTrainingJob.TrainingJobName}"}
            outputs: {said: String}
          approve:
            type: Callback
            sqs_queue_url: https://sqs.us-east-1.amazonaws.com/123456789012/queue
            inputs: {said: "${step.tell.OutputParameters['said']}"}
            outputs: {approved: Boolean}
          check:
            type: Condition
            conditions: [{left: "${step.approve.OutputParameters['approved']}", op: ==, right: true}]
            if_steps: [done]
          done: {type: Fail, error_message: "approved: ${step.tell.OutputParameters['said']}"}
        edges: [search -> model, model -> score, search -> tell, tell -> approve, approve -> check]
    """,
    "train.py": """
        import argparse, joblib, numpy, os
        from sklearn.linear_model import LogisticRegression
        parser = argparse.ArgumentParser()
        parser.add_argument("-c", type=float)
        parser.add_argument("--solver")
        args = parser.parse_args()
        rows = numpy.loadtxt(os.environ["SM_CHANNEL_TRAIN"] + "/rows.csv", delimiter=",")
        model = LogisticRegression(C=args.c, solver=args.solver).fit(rows[:, 1:], rows[:, 0])
        print(f"accuracy={model.score(rows[:, 1:], rows[:, 0])}")
        joblib.dump(model, os.environ["SM_MODEL_DIR"] + "/model.joblib")
    """,
    "predict.py": """
        import joblib
        def model_fn(folder): return joblib.load(folder + "/model.joblib")
    """,
    "functions/notify.py": "def handler(event, context): return {'said': event['best']}",
    "answer.json": '{"approved": true}',
    "batch/rows.csv": "id1,0.1,0.5\nid2,1.9,0.5\n",
}


def test_a_config_with_every_type_runs_from_the_command_line(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(dedent(text))
    numbers = random.Random(1)
    (tmp_path / "raw").mkdir()
    rows = [f"{n % 2},{n % 2 + numbers.random()},{numbers.random()}\n" for n in range(60)]
    (tmp_path / "raw" / "rows.csv").write_text("".join(rows))
    done = Project(tmp_path).run(
        *(
            "run",
            "pipeline.yaml",
            "--input",
            "s3://my-bucket/raw=raw",
            "--input",
            "s3://my-bucket/batch=batch",
        ),
        *("--lambda", "notify=functions/notify.py:handler", "--callback", "approve=answer.json"),
    )
    (run,) = (tmp_path / ".dagcast" / "runs").glob("*-every-type-*")
    result = json.loads((run / "steps" / "search" / "result.json").read_text())["result"]
    best = result["properties"]["BestTrainingJob"]
    # The last step fails on purpose, to say what came through all the others.
    assert f"approved: {best['TrainingJobName']}" in done.out + done.err
    (predictions,) = (run / "s3").rglob("rows.csv.out")
    assert predictions.read_text() == "id1,0.0\nid2,1.0\n"
    assert result["metrics"]["accuracy"] > 0.9
