"""How the loopback servers reach the clients in other processes: by a patch on their path."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

PATCHES = str(Path(__file__).parent / "patched")
NOWHERE = tempfile.mkdtemp(prefix="nobody-")
"""A home without credentials. What libraries write to a home goes away with this one."""
atexit.register(shutil.rmtree, NOWHERE, ignore_errors=True)


def without_pauses() -> dict[str, str]:
    """Environment in which huggingface_hub tries again without waiting."""
    places = [PATCHES, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, places))),
        "TEST_NO_PAUSES": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "HOME": NOWHERE,
    }


def pointed_at(url: str) -> dict[str, str]:
    """Environment in which kagglehub asks `url`."""
    return {**without_pauses(), "TEST_KAGGLE_URL": url}
