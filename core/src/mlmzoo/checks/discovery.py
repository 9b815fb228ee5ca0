"""What finding a plugin imports, measured in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from mlmzoo.checks.announcement import find_entry_point
from mlmzoo.contract.errors import PluginError
from mlmzoo.plugins import PluginInfo
from mlmzoo.plugins.names import label_of
from mlmzoo.plugins.watching import HEAVY

DEADLINE_S = 120

PROGRAM = """
import json, sys, time
from mlmzoo.plugins import registry
before, start = set(sys.modules), time.perf_counter()
registry()
seconds = time.perf_counter() - start
print()
print(json.dumps({"seconds": seconds, "heavy": [
    name for name in %r if name in sys.modules and name not in before
]}))
"""

LINE = re.compile(r"^import time:\s*\d+ \|\s*(?P<microseconds>\d+) \|(?P<indent> +)(?P<name>\S+)$")


@dataclass(frozen=True)
class Import:
    """One import, as ``python -X importtime`` tells of it.

    Args:
        name: The module.
        seconds: What it took, the imports inside it included.
        because_of: The modules whose import led to it, the nearest first.
    """

    name: str
    seconds: float
    because_of: tuple[str, ...]

    def __str__(self) -> str:
        return " for ".join([f"{self.name} ({self.seconds:.2f} s)", *self.because_of])


def imports_nothing_heavy(info: PluginInfo) -> str:
    """How long finding the plugin takes.

    Raises:
        PluginError: It imports one of `HEAVY`; the message says for which module and how many
            seconds. Or the process did not come to an end.
    """
    seconds, heavy = measure(info)
    if heavy:
        point = find_entry_point(info)
        raise PluginError(
            f"Finding {info.name!r}, by importing {point and point.module}, imports "
            f"{'; '.join(map(str, heavy))}. Everyone who has "
            f"{info.distribution} installed pays for that, whatever they use. Give class paths as "
            "strings in the record, and import inside functions."
        )
    return f"{seconds:.2f} s"


def measure(info: PluginInfo) -> tuple[float, list[Import]]:
    """Seconds that finding one plugin takes, and the heavy packages that it imports.

    Args:
        info: The plugin.

    Raises:
        PluginError: The process did not come to an end, or not to a good one.
    """
    environment = {
        **os.environ,
        "MLMZOO_PLUGINS": label_of(info.distribution, info.name),
        "MLMZOO_STRICT_PLUGINS": "",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", PROGRAM % (HEAVY,)],
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=DEADLINE_S,
        )
        found = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise PluginError(
            f"Finding {info.name!r} in a new process did not end within {DEADLINE_S} s."
        ) from error
    except (IndexError, ValueError) as error:
        said = [line for line in done.stderr.splitlines() if not LINE.match(line)]
        raise PluginError(
            f"Finding {info.name!r} ended a new process with exit code {done.returncode}: "
            f"{' '.join(said[-3:])}"
        ) from error
    names = found["heavy"]
    told = list(_imports(done.stderr, set(names)))
    return found["seconds"], told or [Import(name, found["seconds"], ()) for name in names]


def _imports(log: str, wanted: set[str]) -> Iterator[Import]:
    """The wanted imports. A module is told of after those that it imports, further to the left."""
    lines = [match for match in map(LINE.match, log.splitlines()) if match]
    for number, line in enumerate(lines):
        if line["name"].partition(".")[0] not in wanted:  # `import torch.nn` tells of no torch
            continue
        because_of, depth = [], len(line["indent"])
        for later in lines[number + 1 :]:
            if len(later["indent"]) < depth:
                because_of.append(later["name"])
                depth = len(later["indent"])
        if not any(name.partition(".")[0] in wanted for name in because_of):
            yield Import(line["name"], int(line["microseconds"]) / 1e6, tuple(because_of))
