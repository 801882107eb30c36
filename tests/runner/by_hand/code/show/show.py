import json
import os
import sys
from pathlib import Path

folders = {name: Path(path) for name, path in os.environ.items() if name.startswith("SM_CHANNEL_")}
seen = {
    "argv": sys.argv[1:],
    "channels": {name: sorted(file.name for file in path.iterdir()) for name, path in folders.items()},
    "hyperparameters": json.loads(os.environ["SM_HPS"]),
    "mode": os.environ.get("MODE"),
}
Path(os.environ["SM_MODEL_DIR"], "seen.json").write_text(json.dumps(seen))
