import argparse
import os
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--test-size", type=float)
parser.add_argument("--columns", nargs="+")
parser.add_argument("--title")
args = parser.parse_args()

base = Path("/opt/ml/processing")
frame = pd.concat(pd.read_csv(path) for path in sorted((base / "input").glob("*.csv")))[args.columns]
train, test = train_test_split(frame, test_size=args.test_size, random_state=0)
for name, part in {"train": train, "test": test}.items():
    folder = base / name
    folder.mkdir(parents=True, exist_ok=True)
    part.to_csv(folder / f"{name}.csv", index=False)
(base / "test" / "batch.csv").write_text(test.drop(columns="y").to_csv(index=False, header=False))
print(args.title, len(train), len(test), os.environ["STAGE"])
