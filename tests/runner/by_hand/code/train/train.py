import argparse
import json
import os
from pathlib import Path

import joblib
import pandas as pd
from features import add_features
from sklearn.linear_model import LinearRegression

parser = argparse.ArgumentParser()
parser.add_argument("--depth", type=int)
parser.add_argument("--rate", type=float)
parser.add_argument("--fit-intercept", type=lambda text: text == "True")
parser.add_argument("--kind")
parser.add_argument("--layers", type=json.loads)
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
parser.add_argument("--test", default=os.environ["SM_CHANNEL_TEST"])
args, extra = parser.parse_known_args()

frame = add_features(pd.read_csv(Path(args.train, "train.csv")))
test = add_features(pd.read_csv(Path(args.test, "test.csv")))
model = LinearRegression(fit_intercept=args.fit_intercept).fit(frame.drop(columns="y").values, frame["y"])
score = model.score(test.drop(columns="y").values, test["y"])
for epoch in range(args.depth):
    print(f"epoch {epoch}: loss={1 / (epoch + 1)}; r2={score:.4f};")
joblib.dump(model, Path(args.model_dir, "model.joblib"))
settings = {**vars(args), "extra": extra, "hps": json.loads(os.environ["SM_HPS"])}
Path(args.model_dir, "settings.json").write_text(json.dumps(settings))
with Path("/opt/ml/checkpoints/last.txt").open("a") as file:
    file.write("seen\n")
