"""Options that commands share."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from mlmzoo.contract.errors import BackendError
from mlmzoo.inference.scoring import METHODS

BACKENDS = ("tensorflow", "jax", "torch")

_debugging = False


def debugging() -> bool:
    """Whether this run was asked to show everything."""
    return _debugging


def reset() -> None:
    """Begin a run."""
    global _debugging
    _debugging = False


def _set_debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    global _debugging
    _debugging = _debugging or value


def _set_backend(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is None or ctx.resilient_parsing:
        return
    running = sys.modules.get("keras")
    if running is not None and running.backend.backend() != value:
        raise BackendError(
            f"--backend {value} was asked for, and Keras is running on "
            f"{running.backend.backend()} in this process already. Start a new one."
        )
    if importlib.util.find_spec(value) is None:
        raise BackendError(
            f"--backend {value} was asked for, and {value} is not installed. "
            f"Install it (pip install {value}), or choose another backend."
        )
    os.environ["KERAS_BACKEND"] = value


def _option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """An option for commands and for the group alike."""

    def decorate(command: Any) -> Any:
        if isinstance(command, click.Command):
            command.params.append(click.Option(names, **settings))
            return command
        return click.option(*names, **settings)(command)

    return decorate


backend = _option(
    "--backend",
    type=click.Choice(BACKENDS),
    expose_value=False,
    is_eager=True,
    callback=_set_backend,
    help="Backend of Keras; by default what KERAS_BACKEND or Keras' settings say.",
)

debug = _option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_set_debug,
    help="Show tracebacks and the warnings of libraries.",
)

batch_size = click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)

batch_of_rows = click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Rows computed at a time; a text of n tokens is n rows.",
)

method = click.option(
    "--method",
    type=click.Choice(METHODS),
    default="pll",
    show_default=True,
    help="How texts are scored: each token masked in turn; and the rest of its word; or, "
    "approximately, none.",
)

as_json = _option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


overwrite = _option(
    "--overwrite",
    is_flag=True,
    is_eager=True,  # `new_directory` asks for it
    help="Save where something is already. A preset there is replaced, what else is there stays.",
)


def new_directory(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """Callback of an option that names where to save: a place that can be written to.

    Said now, and not after an hour of training.
    """
    refuse_unwritable(value)
    return _free(ctx, value)


def new_export(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """Callback of an option that names where to export to."""
    from mlmzoo.presets.layouts.place import check_export_place

    refuse_unwritable(value, check_export_place)
    return _free(ctx, value)


def refuse_unwritable(value: str, check: Callable[..., Any] | None = None) -> None:
    """Refuse a place where no preset can be saved, or nothing that `check` is of."""
    from mlmzoo.contract.errors import SavingError
    from mlmzoo.presets.layouts.place import check_place

    try:
        (check or check_place)(value, overwrite=True)
    except SavingError as error:
        raise click.BadParameter(str(error)) from None


def _free(ctx: click.Context, value: str) -> str:
    if not ctx.params.get("overwrite", False):
        _refuse_taken(os.path.expanduser(value), value, ", or pass --overwrite")
    return value


def _refuse_taken(path: str, value: str, otherwise: str = "") -> None:
    if os.path.isdir(path) and os.listdir(path):
        raise click.BadParameter(
            f"{value!r} is there and is not empty. Name a new directory{otherwise}."
        )
    if os.path.exists(path) and not os.path.isdir(path):
        raise click.BadParameter(f"{value!r} is a file. Name a new directory{otherwise}.")


def make_directory(value: str) -> str:
    """Path of a directory that holds nothing, made if it is not there.

    Raises:
        click.BadParameter: It holds something, is a file, or cannot be written to.
    """
    path = os.path.expanduser(value)
    _refuse_taken(path, value)
    os.makedirs(path, exist_ok=True)
    if not os.access(path, os.W_OK):
        raise click.BadParameter(f"{value!r} cannot be written to. Name another directory.")
    return path
