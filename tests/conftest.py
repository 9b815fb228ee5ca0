"""The toy family is installed for the tests: core's need no other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

TOY = str(Path(__file__).parent / "toy")

# Here and not in a fixture: the registry must not be made before.
if TOY not in sys.path:
    sys.path.insert(0, TOY)
os.environ["PYTHONPATH"] = os.pathsep.join(
    dict.fromkeys([TOY, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])
)
