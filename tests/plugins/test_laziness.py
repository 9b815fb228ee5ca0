"""Importing mlmzoo and listing presets is instant: it imports nothing heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys

HEAVY = [
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "tokenizers",
    "sentencepiece",
    "kagglehub",
    "huggingface_hub",
    "transformers",
    "h5py",
    "numpy",
    "click",
    "rich",
]


def run(code: str, **environment: str) -> str:
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_discovery_imports_nothing_heavy_whichever_plugins_are_installed():
    """Troubleshooting: move the import in the plugin's `plugin.py` (or `__init__`) into a function.

    Find it with ``python -X importtime -c "import mlmzoo; mlmzoo.list_presets()"``.
    """
    code = f"""
import json, sys, mlmzoo
presets = mlmzoo.list_presets()
plugins = mlmzoo.list_plugins()
dir(mlmzoo), dir(mlmzoo.models), mlmzoo.errors, mlmzoo.Family, mlmzoo.Preset, mlmzoo.__version__
print(json.dumps([len(plugins), [p.name for p in plugins if p.state != "ok"],
                  [m for m in {HEAVY!r} if m in sys.modules]]))
"""
    _, not_ok, imported = json.loads(run(code, MLMZOO_STRICT_PLUGINS="1"))
    assert imported == []
    assert not_ok == []


def test_importing_mlmzoo_looks_for_no_plugin():
    code = """
import sys, mlmzoo, mlmzoo.errors, mlmzoo.models
assert not hasattr(mlmzoo.models, "__wrapped__")
print([m for m in ("pluggy", "importlib_metadata", "mlmzoo.plugins") if m in sys.modules])
"""
    assert run(code).strip() == "[]"
