"""What the installed SDK's own classes emit for a search, its best model, predictions and a function."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from dagcast.runner.options import RunOptions
from dagcast.runner.runner import Runner
from tests.runner.container.support import packed

ROOT = Path(__file__).parents[3]
TRAIN = """
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("-x", type=float)
parser.add_argument("--kind")
args = parser.parse_args()
json.dump(vars(args), open(os.environ["SM_MODEL_DIR"] + "/model.json", "w"))
print(f"loss={args.x};")
"""
PREDICT = """
import json
def model_fn(folder): return json.load(open(folder + "/model.json"))
def transform_fn(model, body, content_type, accept): return str(model["x"]), accept
"""
NOTIFY = "def handler(event, context): return {'said': f\"{event['loss']} {event['second']}\"}\n"


def test_the_best_model_of_a_search_predicts_and_is_reported_of(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.runner.executors.sdk_pipeline", str(tmp_path / "definition.json")]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-3000:]
    (tmp_path / "train.tar.gz").write_bytes(packed({"train.py": TRAIN}))
    (tmp_path / "predict.tar.gz").write_bytes(packed({"predict.py": PREDICT}))
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch" / "rows.csv").write_text("1\n")
    (tmp_path / "function").mkdir()
    (tmp_path / "function" / "notify.py").write_text(NOTIFY)
    options = RunOptions(
        runs=tmp_path / "runs",
        inputs={
            "s3://example-bucket/code/train.tar.gz": tmp_path / "train.tar.gz",
            "s3://example-bucket/code/predict.tar.gz": tmp_path / "predict.tar.gz",
            "s3://example-bucket/data/batch": tmp_path / "batch",
        },
        lambdas={"notify": f"{tmp_path}/function/notify.py:handler"},
    )
    outcome = Runner((tmp_path / "definition.json").read_text(), "search", options=options).run()
    assert outcome.status == "Succeeded", outcome.reason
    results = {
        path.parent.name: json.loads(path.read_text())["result"]["properties"]
        for path in outcome.folder.glob("steps/*/result.json")
    }
    summaries = results["tune"]["TrainingJobSummaries"]
    losses = [summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for summary in summaries]
    assert losses == sorted(losses)
    predicted = outcome.folder / "s3/example-bucket/output/predictions/rows.csv.out"
    assert predicted.read_text() == f"{losses[0]}\n"
    second = f"s3://example-bucket/output/tune/{summaries[1]['TrainingJobName']}/output/model.tar.gz"
    assert results["notify"]["OutputParameters"] == {"said": f"{losses[0]} {second}"}
