import json
import sys
from pathlib import Path

before = Path("/opt/ml/processing/before")
out = Path("/opt/ml/processing/out")
inner = out / "sub" if not before.exists() else out
inner.mkdir(parents=True, exist_ok=True)
(inner / "seen.json").write_text(
    json.dumps(
        {
            "argv": sys.argv[1:],
            "before": sorted(path.name for path in before.rglob("*")),
            "numbers": [{"value": 1.5}, {"value": 7}],
            "odd key": "odd value",
            "letter": "b",
        },
    )
)
(inner / "日本 é.txt").write_text("ünïcode")
