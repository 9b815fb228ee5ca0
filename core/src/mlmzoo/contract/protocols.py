"""What core asks of a Tokenizer, Backbone, Preprocessor, Task and Source.

Structural types, for reading and for type checkers. The concrete base classes in `mlmzoo.tasks`
fulfil them, and a family subclasses those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np  # a tenth of a second that discovery need not wait for

    from mlmzoo.contract.records import UploadRequest


@runtime_checkable
class Tokenizer(Protocol):
    """Text to token ids and back."""

    pad_token_id: int
    mask_token_id: int

    def vocabulary_size(self) -> int:
        """Number of token ids."""
        ...

    def encode(self, texts: Sequence[str], specials: str = "none") -> list[list[int]]:
        """Token ids of each text, nothing added; `specials`: ``"none"``, ``"mask"``, ``"all"``."""
        ...

    def detokenize(self, ids: Any) -> Any:
        """Text of one sequence of ids, or texts of many."""
        ...


@runtime_checkable
class Backbone(Protocol):
    """Token ids to hidden states: a Keras model with a dict of inputs and outputs.

    Inputs ``token_ids``, ``padding_mask`` and, in families with segments, ``segment_ids``, each
    of shape ``(B, L)``; output ``sequence_output`` of shape ``(B, L, D)``.
    """

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        ...


@runtime_checkable
class Preprocessor(Protocol):
    """Raw text to ``(x, y, sample_weight)``."""

    tokenizer: Tokenizer

    def __call__(self, x: Any) -> tuple[Mapping[str, np.ndarray], np.ndarray, np.ndarray]:
        """Model inputs, labels and weights of a batch of texts."""
        ...


@runtime_checkable
class Task(Protocol):
    """A backbone with a head, and the preprocessor that feeds it."""

    backbone: Backbone
    preprocessor: Preprocessor | None


@runtime_checkable
class Files(Protocol):
    """The files of one preset, fetched one by one on demand."""

    handle: str
    """The handle they came from, for reports and errors."""

    def path(self, name: str) -> Path | None:
        """Local path of the file called `name` (``"assets/tokenizer/vocabulary.txt"``), fetched
        if need be; ``None`` where the preset surely has no such file.

        Core asks for plain relative paths with forward slashes, never for one that climbs out.

        Raises:
            HubUnavailableError: The place could not be reached, so nothing is known.
            HubAccessError: The place refused access.
            PresetMissingError: There is no such preset at all.
        """
        ...


@runtime_checkable
class Source(Protocol):
    """A place presets come from."""

    scheme: str
    """The scheme in ``scheme://…``, e.g. ``"hf"``."""

    def open(self, handle: str) -> Files:
        """The files behind a whole handle, scheme included. Makes no request yet.

        Raises:
            HandleError: The handle is not of this source's form.
        """
        ...


@runtime_checkable
class UploadSource(Source, Protocol):
    """A source that presets can be sent to, too."""

    def check_upload(self, handle: str) -> None:
        """Refuse a handle that nothing can be sent to. Makes no request.

        Raises:
            HandleError: It is of another form, or names what never changes.
        """
        ...

    def upload(self, handle: str, request: UploadRequest) -> str:
        """Store a preset as a whole or not at all; the handle of what was stored.

        Only handles come here that `check_upload` let pass.

        Raises:
            HubUnavailableError: The place could not be reached, failed or stalled.
            HubAccessError: The place refused it.
            InputError: What was asked contradicts the preset or what is there.
        """
        ...
