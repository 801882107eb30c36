import io
from pathlib import Path

import joblib
import numpy as np


def model_fn(model_dir):
    return joblib.load(Path(model_dir, "model.joblib"))


def input_fn(body, content_type):
    rows = np.loadtxt(io.StringIO(body if isinstance(body, str) else body.decode()), delimiter=",", ndmin=2)
    return np.column_stack([rows, rows[:, 0] ** 2])


def predict_fn(data, model):
    return model.predict(data)


def output_fn(prediction, accept):
    return "\n".join(f"{value:.3f}" for value in prediction), accept
