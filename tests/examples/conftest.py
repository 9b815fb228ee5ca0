from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def run_own_tests(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs an example's own tests with arguments of pytest; the package as pip installs it."""

    @cache
    def installed(example: Path) -> Path:
        site = tmp_path_factory.mktemp("site")
        pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, "--target", str(site), str(example)], check=True)
        return site

    def run_own_tests(example: Path, *arguments: str) -> str:
        path = os.pathsep.join([str(installed(example)), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=example,
            env={**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_own_tests
