import time
from pathlib import Path

(Path("/opt/ml/processing/out") / "time").write_text(str(time.time()))
