"""Throwaway distributions: modules and a .dist-info folder in tmp_path, found like real ones."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import importlib_metadata
import pytest

from mlmzoo.plugins import current, diagnosis, watching

PLUGIN = """
from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import Family, TaskBinding

def family(name, **changes):
    values = dict(
        name=name,
        backbone="{module}.backbone:{prefix}Backbone",
        tokenizer="{module}.tokenizer:{prefix}Tokenizer",
        preprocessor="{module}.masked_lm:{prefix}MaskedLMPreprocessor",
        masked_lm="{module}.masked_lm:{prefix}MaskedLM",
        checkpoint="{module}.weights:CHECKPOINT",
        presets="{module}:presets.json",
        serialized_names=("keras_hub>{prefix}Backbone",),
        model_types=(name,),
    )
    return Family(**{{**values, **changes}})

{hooks}
"""

HOOKS = """
@hookimpl
def mlmzoo_families():
    return [family("{name}")]
"""

PRESET = {
    "description": "A preset for tests.",
    "parameters": 1,
    "sources": ["hf://nobody/nothing"],
    "backbone": {"num_layers": 1},
}


class Site:
    """A folder of throwaway distributions, the only plugins that discovery sees in a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        name: str,
        hooks: str | None = None,
        *,
        distribution: str | None = None,
        version: str = "1.2",
        presets: Any = None,
        entry_points: str | None = None,
        files: Mapping[str, str] | None = None,
        module: str | None = None,
    ) -> str:
        """Install a plugin that offers the family `name`, or what `hooks` (source) says.

        Returns the name of its package of modules.
        """
        module = module or f"zoo_{name}"
        distribution = distribution or f"zoo-{name}"
        package = self.folder / module
        package.mkdir(parents=True)
        hooks = textwrap.dedent(HOOKS if hooks is None else hooks).replace("{name}", name)
        prefix = name.title().replace("_", "")
        source = PLUGIN.format(module=module, prefix=prefix, hooks=hooks)
        if presets is None:
            presets = {f"{name}_tiny_en": PRESET}
        written = {
            "__init__.py": "",
            "plugin.py": source,
            "presets.json": presets if isinstance(presets, str) else json.dumps(presets),
            **(files or {}),
        }
        for filename, text in written.items():
            (package / filename).write_text(text, encoding="utf-8")
        if entry_points is None:
            entry_points = f"[mlmzoo]\n{name} = {module}.plugin\n"
        self.add_metadata(distribution, version, entry_points)
        return module

    def add_metadata(self, distribution: str, version: str, entry_points: str) -> None:
        """Write what pip would write for a distribution."""
        folder = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        (folder / "entry_points.txt").write_text(entry_points)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty site, a registry not made yet, and no variable of ours set."""
    folder = tmp_path / "site"
    folder.mkdir()
    everywhere = importlib_metadata.distributions
    monkeypatch.setattr(importlib_metadata, "distributions", lambda: everywhere(path=[str(folder)]))
    monkeypatch.syspath_prepend(str(folder))
    for variable in ("MLMZOO_PLUGINS", "MLMZOO_STRICT_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(current, "_current", None)
    monkeypatch.setattr(diagnosis, "_warned", set())
    monkeypatch.setattr(watching, "_looks", {})
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(folder)):
            del sys.modules[name]
