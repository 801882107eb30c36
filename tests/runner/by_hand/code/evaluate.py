import json
import pathlib
import tarfile

import joblib
import pandas as pd

base = pathlib.Path("/opt/ml/processing")
with tarfile.open(base / "model/model.tar.gz") as tar:
    tar.extractall(path=base / "unpacked", filter="data")
model = joblib.load(base / "unpacked/model.joblib")
test = pd.read_csv(base / "test/test.csv")
score = model.score(test.assign(square=test["x"] ** 2).drop(columns="y").values, test["y"])
report = {
    "regression_metrics": {"r2": {"value": score, "n": len(test)}, "list": [{"deep key": [1, 2, score]}]}
}
out = base / "evaluation"
out.mkdir(parents=True, exist_ok=True)
(out / "evaluation.json").write_text(json.dumps(report))
