"""Every error and warning a user can cause, each also a class people already catch.

A message says what was asked, what was found and what to do, in that order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class MlmzooError(Exception):
    """Base of all errors raised on purpose by mlmzoo."""


# Plugins ------------------------------------------------------------------------------------------


class PluginError(MlmzooError, RuntimeError):
    """A plugin could not be loaded, registered or validated."""


class PluginWarning(UserWarning):
    """A plugin was left out; every other one still works."""


class UnknownNameError(MlmzooError, ValueError):
    """A preset, family or class name that no installed plugin offers."""


class AmbiguousNameError(MlmzooError, ValueError):
    """A name that two installed packages claim; the message gives the qualified forms."""


class BackendError(MlmzooError, ImportError):
    """Keras found no usable backend; the message says what to install or set."""


class MissingPackageError(MlmzooError, ImportError):
    """An optional package that was needed is not installed; the message says how to install it."""


# Where the files are ------------------------------------------------------------------------------


class HandleError(MlmzooError, ValueError):
    """A preset handle of the wrong form; the message shows the right one."""


class PresetMissingError(MlmzooError, FileNotFoundError):
    """The place a handle names answered, and holds no such preset or file."""


class HubAccessError(MlmzooError, PermissionError):
    """A hub refused access: a gated or private repository, or missing credentials."""


class HubUnavailableError(MlmzooError, ConnectionError):
    """A hub could not be reached. Says nothing about whether a file exists."""


# What is in them ----------------------------------------------------------------------------------


class PresetFormatError(MlmzooError, ValueError):
    """A preset's files are malformed, contradictory or of no known layout."""


class UnsupportedSettingError(MlmzooError, ValueError):
    """A checkpoint asks for something its family cannot represent; it is never loaded wrongly."""


class WeightsError(MlmzooError, ValueError):
    """Weights are missing, of another shape than the architecture asks for, or not finite."""


class FamilyMismatchError(MlmzooError, ValueError):
    """A preset of one family was given to a class of another."""


class SavingError(MlmzooError, OSError):
    """A preset or an export could not be written, or not there; what was there is untouched."""


class PresetWarning(UserWarning):
    """A preset was loaded or written with a difference the user should know of."""


# What a task is asked -----------------------------------------------------------------------------


class InputError(MlmzooError, ValueError):
    """Data of a form the task does not take; the message shows the forms it takes."""


class RandomHeadError(MlmzooError, RuntimeError):
    """The masked-LM head was never trained, so its predictions would be noise."""


class NoMaskError(MlmzooError, ValueError):
    """A text to be filled holds no mask token."""


class QuantizedModelError(MlmzooError, ValueError):
    """A quantised model was to be saved in a layout that cannot hold it."""


# Training ----------------------------------------------------------------------------------------


class CheckpointError(MlmzooError, ValueError):
    """A checkpoint of a training run is damaged, or belongs to another run."""


class NonFiniteLossError(MlmzooError, FloatingPointError):
    """Training came to a loss, or to weights, that are no numbers.

    Attributes:
        epoch: Counted from 0.
        step: Batch of the epoch, counted from 0.
        texts: Numbers of the texts in that batch, counted from 0 in the data of ``fit``; with
            ``long_texts="split"``, of their pieces.
        token_ids: The tokens of each, as they were before masking.
    """

    def __init__(
        self,
        message: str,
        *,
        epoch: int = 0,
        step: int = 0,
        texts: Sequence[int] = (),
        token_ids: Sequence[Sequence[int]] = (),
    ) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.step = step
        self.texts = texts
        self.token_ids = token_ids


class TrainingWarning(UserWarning):
    """A training run goes on, or was over already, in a way the user should know of."""
