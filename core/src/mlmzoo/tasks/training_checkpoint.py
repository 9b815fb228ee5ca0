"""`TrainingCheckpoint`: a run that was killed goes on where it was."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras

from mlmzoo.contract.errors import InputError, TrainingWarning
from mlmzoo.data.numbers import check_count
from mlmzoo.tasks import run_state
from mlmzoo.tasks.run_state import Record, StoredRun

EVERY = 500


class TrainingCheckpoint(keras.callbacks.Callback):
    """Keeps a `mlmzoo.MaskedLM.fit` on texts in a file, so that it survives whatever ends it.

    Where the file is there, ``fit`` goes on from it, in the middle of an epoch too, with the batch,
    the dropout and the learning rate that it would have had: what comes out is the same. Call it
    with the same model, compiled in the same way, and the same data. A run that the file says is
    over is not trained again, so a script with several ``fit`` gives each a path of its own.

    SIGINT and SIGTERM let the step (or the validation) that is under way end and are obeyed once
    the file is written: ``KeyboardInterrupt`` or ``SystemExit(143)``. A second one is obeyed
    at once. Where the loss or the weights become no numbers the file stays as it is, and the
    model goes back to it.

    Callbacks with a state of their own keep it over the interruption if they have the methods
    ``state_dict()``, which gives plain data for JSON, and ``load_state_dict(state)``. Of Keras'
    own `ModelCheckpoint`, `EarlyStopping` and `ReduceLROnPlateau` the best value and the patience
    are kept, but not the weights of ``restore_best_weights``: a ``TrainingWarning`` says so.

    Args:
        path: The file. It holds weights, optimizer and metrics, up to three times the size of the
            weights, and stays when the run is over.
        every: Steps between two checkpoints.

    Raises:
        InputError: ``every`` makes no sense, or, in ``fit``, ``path`` is a directory, the data is
            tokenised already, or NumPy's global generator is not the one that NumPy begins with.
        CheckpointError: In ``fit``, the file is damaged or belongs to another run.
        OSError: In ``fit``, the first checkpoint cannot be written. Later ones that cannot are
            warned of, the last one stays, and training goes on.

    Example:
        >>> from mlmzoo import MaskedLM, TrainingCheckpoint
        >>> masked_lm = MaskedLM.from_preset("bert_tiny_en_uncased_kjv")
        >>> checkpoint = TrainingCheckpoint("run.checkpoint", every=1000)
        >>> masked_lm.fit(["Jesus wept."], callbacks=[checkpoint], verbose=0)  # doctest: +SKIP
    """

    def __init__(self, path: str | os.PathLike[str], every: int = EVERY) -> None:
        super().__init__()
        self.path = Path(path).expanduser()
        self.every = check_count("every", every)
        self.in_fit = False
        """Whether it is in the hands of a ``fit`` that knows what to do with it."""
        self._finished = False

    def on_train_begin(self, logs: Any = None) -> None:
        if not self.in_fit:
            raise InputError(
                "TrainingCheckpoint was given to a training run that is not MaskedLM.fit on texts, "
                "which alone knows where in the data it is. Give it texts, or use "
                "keras.callbacks.BackupAndRestore."
            )

    def open(self) -> StoredRun | None:
        """The state in the file; ``None`` where there is no file.

        Raises:
            CheckpointError: It is not a sound checkpoint.
            InputError: This very object has seen a run to its end, the path is a directory, or
                NumPy's random generator is one that is not kept.
        """
        if self.path.is_dir():
            raise InputError(
                f"TrainingCheckpoint({str(self.path)!r}) was given to fit, which is a directory. "
                "Name a file, for instance one in it."
            )
        run_state.random_state()
        if self._finished:
            raise InputError(
                f"fit was called again with a TrainingCheckpoint whose run is over ({self.path}). "
                "Give each fit a TrainingCheckpoint with a path of its own."
            )
        return StoredRun(self.path) if self.path.exists() else None

    def write(self, model: Any, record: Record, first: bool = False) -> None:
        """Write a state, or warn that it cannot be.

        Raises:
            OSError: It is the first one.
        """
        try:
            run_state.write(self.path, model, record)
        except OSError as error:
            if first:
                raise OSError(f"No checkpoint can be written to {self.path}: {error}") from error
            warnings.warn(
                f"Epoch {record.epoch + 1}, step {record.step}: no checkpoint could be written to "
                f"{self.path} ({error}). Training goes on, and the last checkpoint stays.",
                TrainingWarning,
                stacklevel=2,
            )
        else:
            self._finished = record.complete


def checkpoint_among(callbacks: Iterable[Any]) -> TrainingCheckpoint | None:
    """The one `TrainingCheckpoint` of these callbacks, if there is one.

    Raises:
        InputError: There are several.
    """
    found = [each for each in callbacks if isinstance(each, TrainingCheckpoint)]
    if len(found) > 1:
        raise InputError(f"{len(found)} TrainingCheckpoints were given to one fit. Give one.")
    return found[0] if found else None
