"""From ``"package.module:Name"`` to the object, imported when it is first used."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from typing import Any

from mlmzoo.contract.errors import BackendError, PluginError

CLASS_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
"""A dotted module, a colon, one name."""

BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
"""Keras backend -> what pip calls it."""


def load(path: str, distribution: str | None = None) -> Any:
    """Import the object a class path names.

    Args:
        path: ``"package.module:Name"``.
        distribution: Package that gave the path, with its version, for the error message; ``None``
            for core's own, whose errors stay as they are.

    Raises:
        BackendError: Keras could not be imported, for want of a backend.
        PluginError: The distribution's module cannot be imported or lacks the name.
    """
    module_name, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module_name), name)
    except BackendError:
        raise
    except (Exception, SystemExit) as error:
        if keras_failed(error):
            raise no_backend(name, error) from error
        if distribution is None:
            raise
        raise PluginError(
            f"{name} was asked for, and {distribution} says it is at {path!r}; importing it failed "
            f"with {type(error).__name__}: {error}. {way_out(distribution)}"
        ) from error


def way_out(distribution: str) -> str:
    """What to do about a fault in a distribution, given with its version."""
    package = distribution.split()[0]
    return (
        "Bring the package and what it depends on up to date with "
        f"`pip install --upgrade {package}`; if that does not help, tell its authors."
    )


def keras_failed(error: BaseException) -> bool:
    """Whether `error` comes out of an import of Keras that did not finish."""
    if "keras" in sys.modules:
        return False  # Keras itself is fine, so the fault lies elsewhere
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, ModuleNotFoundError) and link.name == "keras":
            return True
        frame = link.__traceback__
        while frame is not None:
            if str(frame.tb_frame.f_globals.get("__name__")).partition(".")[0] == "keras":
                return True
            frame = frame.tb_next
        link = link.__cause__ or link.__context__
    return False


def no_backend(asked: str, error: BaseException) -> BackendError:
    """The error that says which backend was asked for and what to install or set."""
    if isinstance(error, ModuleNotFoundError) and error.name == "keras":
        return BackendError(f"{asked} needs Keras, which is not installed: `pip install keras`.")
    backend, origin = _configured_backend()
    installed = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
    others = [name for name in installed if name != backend]
    setting = f"set the environment variable KERAS_BACKEND to {' or '.join(others or BACKENDS)}"
    if backend not in BACKENDS:
        found = "which is not one of " + ", ".join(BACKENDS)
        remedy = f"{setting} before Python starts"
        if not installed:
            remedy += ", and install that one"
    elif backend not in installed:
        found = "which is not installed"
        remedy = f"`pip install {BACKENDS[backend]}`"
        if others:
            remedy += f", or {setting} before Python starts"
        else:
            remedy += ", or install another of " + ", ".join(n for n in BACKENDS if n != backend)
            remedy += f" and {setting} before Python starts"
    else:
        found = "which is installed but cannot be imported"
        remedy = f"repair it with `pip install --force-reinstall {BACKENDS[backend]}`"
        if others:
            remedy += f", or {setting} before Python starts"
    return BackendError(
        f"{asked} needs Keras with a backend. The backend asked for is {backend!r} ({origin}), "
        f"{found} ({type(error).__name__}: {error}). To go on, {remedy}."
    )


def _configured_backend() -> tuple[str, str]:
    """The backend Keras tried, and where that choice came from."""
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"], "from KERAS_BACKEND"
    # Keras reads its configuration before it imports a backend, so this much of it is there.
    config = sys.modules.get("keras.src.backend.config")
    backend = config.backend() if config is not None else "tensorflow"
    origin = "Keras' default" if backend == "tensorflow" else "from Keras' configuration file"
    return backend, origin
