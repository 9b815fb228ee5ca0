"""`Contents` and `WriteRequest`: a preset as plain data, read from or to be written to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mlmzoo.contract.errors import PresetFormatError, PresetMissingError
from mlmzoo.contract.protocols import Files
from mlmzoo.contract.records import Checkpoint, Family
from mlmzoo.presets import weights
from mlmzoo.presets.card_facts import CardFacts
from mlmzoo.presets.sources.pinned import PinnedFiles
from mlmzoo.presets.tensors import Tensors
from mlmzoo.presets.vanishing import still_there

HeadState = Literal["trained", "unknown", "random"]


@dataclass(frozen=True)
class Contents:
    """What a layout found in a preset. Weight files are fetched when they are first needed.

    Args:
        layout: ``"keras"`` or ``"transformers"``.
        family: The family it belongs to.
        checkpoint: The family's weight table.
        backbone: Constructor arguments of the backbone.
        head: Constructor arguments of the masked-LM head.
        dtype: Name of the dtype (policy) it was saved with, or ``None``. For information only.
        tokenizer: Constructor arguments of the tokenizer that stand in the preset's configs; in
            the transformers layout it reads its own files. ``None`` where a preset of the keras
            layout has no tokenizer.
        preprocessor: Constructor arguments of the preprocessor, or ``None``.
        files: The preset's files.
        saved_head_state: What the preset itself says about its head, if it does.
        notes: Remarks for the load report.
        opener: Opens the tensors of a part under the table's names; use `open_weights`.
        verify_head: Raises where a head in the files cannot be loaded rightly.
        refuse_head: Says why a head in the files is not to be loaded at all, if it is not.
    """

    layout: str
    family: Family
    checkpoint: Checkpoint
    backbone: dict[str, Any]
    head: dict[str, Any]
    dtype: str | None
    tokenizer: dict[str, Any] | None
    preprocessor: dict[str, Any] | None
    files: Files
    opener: Callable[[str], Tensors | None]
    saved_head_state: HeadState | None = None
    notes: tuple[str, ...] = ()
    verify_head: Callable[[], None] = field(default=lambda: None)
    refuse_head: Callable[[], str | None] = field(default=lambda: None)

    @cached_property
    def refused_head(self) -> str | None:
        """Why a head in the files is not loaded, or ``None``. Looks into the weight files."""
        return self.refuse_head()

    @cached_property
    def has_head(self) -> bool:
        """Whether the files hold a masked-LM head to load. Looks into the weight files."""
        tensors = None if self.refused_head else self._opened("head")
        if tensors is None:
            return False
        with tensors:
            names = tensors.names()
        rows = weights.expand(self.checkpoint, self.backbone, "head")
        return any(weights.stored_name(row, self.layout) in names for row in rows)

    @property
    def head_state(self) -> HeadState:
        """Whether the head was trained. Looks into the weight files."""
        if not self.has_head:
            return "random"
        # KerasHub writes a head's weights whether or not it was ever trained.
        return self.saved_head_state or ("unknown" if self.layout == "keras" else "trained")

    def open_weights(self, part: str) -> Tensors:
        """The tensors of ``"backbone"`` or ``"head"``, under the table's names; to be closed.

        Raises:
            PresetMissingError: The preset has no such weights.
            PresetFormatError: The weight files are malformed.
            UnsupportedSettingError: The head is one that this family cannot represent.
        """
        if part == "head":
            self.verify_head()
        tensors = self._opened(part)
        if tensors is None:
            raise PresetMissingError(
                f"{self.files.handle} holds no weights of the {part}. Pass `load_weights=False` "
                "for the architecture alone, or use a preset that has them."
            )
        return tensors

    def _opened(self, part: str) -> Tensors | None:
        with still_there(self.files.handle):
            tensors = self.opener(part)
        if tensors is not None and isinstance(self.files, PinnedFiles):
            try:
                self.files.require_same()  # not replaced between its name and its opening either
            except PresetFormatError:
                tensors.close()
                raise
        return tensors

    def require_weights(
        self, part: str, shapes: Callable[[], Mapping[str, tuple[int, ...]]]
    ) -> None:
        """See that the weights of a part fit an architecture, before a variable is allocated.

        Args:
            part: ``"backbone"`` or ``"head"``.
            shapes: Gives our path -> shape of the architecture's variables.

        Raises:
            WeightsError: A tensor is missing or of another shape: another family's checkpoint, or
                another size.
            PresetMissingError: The preset has no such weights.
            PresetFormatError: The weight files are malformed.
        """
        rows = weights.expand(self.checkpoint, self.backbone, part)
        heads = self.backbone.get(self.checkpoint.heads)
        with self.open_weights(part) as tensors:
            weights.require(rows, tensors, shapes, self.layout, heads)

    def load(self, part: str, targets: Mapping[str, weights.Target]) -> weights.Outcome:
        """Load ``"backbone"`` or ``"head"`` into variables.

        Args:
            part: ``"backbone"`` or ``"head"``.
            targets: Our path -> variable, all variables of that part.

        Raises:
            WeightsError: A tensor is missing or of another shape; nothing was assigned then.
            PresetMissingError: The preset has no such weights.
            PresetFormatError: The weight files are malformed.
            UnsupportedSettingError: The head is one that this family cannot represent.
        """
        rows = weights.expand(self.checkpoint, self.backbone, part)
        heads = self.backbone.get(self.checkpoint.heads)
        with self.open_weights(part) as tensors:
            return weights.load(rows, tensors, targets, self.layout, heads)


@dataclass(frozen=True)
class WriteRequest:
    """A preset to be written. What is ``None`` is left out, and left alone in the directory.

    Args:
        family: The family it belongs to.
        checkpoint: The family's weight table.
        backbone: Constructor arguments of the backbone, without name, trainable and dtype.
        head: Constructor arguments of the masked-LM head.
        head_state: Whether the head was trained.
        tokenizer: Constructor arguments that KerasHub's tokenizer of this family takes, without
            its vocabulary.
        tokenizer_extras: Constructor arguments of ours that it does not take.
        write_tokenizer: Called with (directory, layout) to write the vocabulary files.
        preprocessor: Constructor arguments of the preprocessor.
        shapes: Our path -> shape of every variable of backbone and head.
        read: Our path -> the variable's value, float32.
        parameters: Parameter count of the backbone.
        dtype: Stored dtype: ``"float32"``, ``"float16"`` or ``"bfloat16"``.
        pad_token_id: Id of the padding token, for transformers.
        mask_token: The mask token, for a model card.
        card: What a model card states; ``None`` where none is to be written.
    """

    family: Family
    checkpoint: Checkpoint
    backbone: Mapping[str, Any] | None = None
    head: Mapping[str, Any] | None = None
    head_state: HeadState = "random"
    tokenizer: Mapping[str, Any] | None = None
    tokenizer_extras: Mapping[str, Any] = field(default_factory=dict)
    write_tokenizer: Callable[[Path, str], None] | None = None
    preprocessor: Mapping[str, Any] | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    read: Callable[[str], np.ndarray] | None = None
    parameters: int = 0
    dtype: str = "float32"
    pad_token_id: int | None = None
    mask_token: str | None = None
    card: CardFacts | None = None
