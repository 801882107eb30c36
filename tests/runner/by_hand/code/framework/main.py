import json
import sys
from pathlib import Path

import yaml_like
from pkg.inner import NAME

seen = {"argv": sys.argv[1:], "name": NAME, "like": yaml_like.VERSION}
Path(sys.argv[-1], "seen.json").write_text(json.dumps(seen))
