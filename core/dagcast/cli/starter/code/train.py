"""Trains a ridge regression on the channel ``train``."""

import argparse
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import Ridge

MODEL = "model.joblib"


def model_fn(model_dir):
    """How the serving container loads the model."""
    return joblib.load(Path(model_dir) / MODEL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--train", type=Path, default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--model-dir", type=Path, default=os.environ.get("SM_MODEL_DIR"))
    arguments = parser.parse_args()
    rows = np.loadtxt(arguments.train / "data.csv", delimiter=",")
    model = Ridge(alpha=arguments.alpha).fit(rows[:, 1:], rows[:, 0])
    joblib.dump(model, arguments.model_dir / MODEL)
