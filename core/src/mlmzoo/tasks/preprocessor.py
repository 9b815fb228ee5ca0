"""`Preprocessor`: raw text to what a backbone takes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import keras
import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.frames import frame
from mlmzoo.data.in_turn import as_they_stand
from mlmzoo.data.inputs import Texts, read_texts
from mlmzoo.data.numbers import check_count
from mlmzoo.data.rows import TokenRows, pack, pieces
from mlmzoo.kit.tokenizers.base import TokenizerBase
from mlmzoo.kit.tokenizers.settings import LENGTH, Kind
from mlmzoo.tasks import loading, saving
from mlmzoo.tasks.presettable import Presettable

NOT_IN_PRESETS = Kind("left out there, as no preset can give it", lambda value: False)


class Preprocessor(Presettable):
    """Raw text to rows of token ids. A plain object, not a Keras layer.

    Args:
        tokenizer: The `Tokenizer`.
        sequence_length: Longest row, in tokens, special tokens included.
        truncate: How a pair that is too long is cut: ``"round_robin"`` (the longer text first)
            or ``"waterfall"`` (the second text first).
    """

    segments = True
    """Whether the family's backbone takes ``segment_ids``."""
    batching = "length"
    """How the family's rows can be made, see `mlmzoo.MaskedLM.fit`. A family that reads the numbers
    of texts in ``padding_mask`` says ``"packed"``: any way will do, and the quickest is taken. One
    without an attention mask, whose answers depend on the padding, says ``"fixed"``."""
    argument_kinds: ClassVar[Mapping[str, Kind]] = {
        "tokenizer": NOT_IN_PRESETS,
        "sequence_length": LENGTH,
    }
    """What constructor arguments may be where a preset gives them; those of base classes count
    too. An argument that is not named may be anything, and its class has to check it."""

    def __init__(
        self, tokenizer: Any, sequence_length: int = 512, truncate: str = "round_robin"
    ) -> None:
        because = "less leaves no room for a token between the special tokens"
        check_count("sequence_length", sequence_length, 3, because)
        if truncate not in ("round_robin", "waterfall"):
            raise InputError(
                f"truncate={truncate!r} was asked for. Give 'round_robin' or 'waterfall'."
            )
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.truncate = truncate

    def rows(self, texts: Texts, specials: str = "none", split: bool = False) -> TokenRows:
        """Tokenise texts or pairs: special tokens added, cut to `sequence_length`, not padded.

        Args:
            texts: What `mlmzoo.data.inputs.read_texts` gave.
            specials: Which special tokens are recognised inside the texts: ``"none"``,
                ``"mask"`` or ``"all"``.
            split: Whether a text that is too long becomes several rows instead of being cut off.

        Raises:
            InputError: Pairs were to be split.
        """
        tokenizer = self.tokenizer
        first = tokenizer.encode(texts.first, specials)
        second = None if texts.second is None else tokenizer.encode(texts.second, specials)
        return self._pack(first, second, texts.weights, split)

    def located_rows(
        self, texts: Texts, specials: str = "mask"
    ) -> tuple[TokenRows, np.ndarray, np.ndarray]:
        """As `rows`, and where each token comes from.

        Args:
            texts: What `mlmzoo.data.inputs.read_texts` gave.
            specials: See `rows`.

        Returns:
            The rows, ``T`` tokens of ``N`` texts; int32 ``(T, 2)``: token t stands for
            ``text[start:end]``, -1 for a special token that was added; and int64 ``(N,)``: how
            many tokens of each text did not fit into its row.
        """
        tokenizer = self.tokenizer
        first, first_spans = tokenizer.encode_with_offsets(texts.first, specials)
        second, second_spans = None, None
        if texts.second is not None:
            second, second_spans = tokenizer.encode_with_offsets(texts.second, specials)
        rows = self._pack(first, second, texts.weights)
        # Packed in the same way, what is said of each token stays beside it.
        ends = [
            self._pack(
                [[span[end] for span in spans] for spans in first_spans],
                second_spans and [[span[end] for span in spans] for spans in second_spans],
                added=(-1, -1),
            ).ids
            for end in (0, 1)
        ]
        needed = np.fromiter(map(len, first), np.int64, len(first)) + 2
        if second is not None:
            needed += np.fromiter(map(len, second), np.int64, len(second))
            needed += tokenizer.pair_separators
        return rows, np.stack(ends, axis=-1), needed - rows.lengths

    def _pack(
        self,
        first: Sequence[Sequence[int]],
        second: Sequence[Sequence[int]] | None = None,
        weights: np.ndarray | None = None,
        split: bool = False,
        added: tuple[int, int] | None = None,
    ) -> TokenRows:
        """Rows of what `first` and `second` say of each token of the texts.

        `added` is the same of the special tokens at the start and at the end, by default their ids.
        """
        start, end = added or (self.tokenizer.start_token_id, self.tokenizer.end_token_id)
        if split:
            if second is not None:
                raise InputError(
                    "Pairs of texts were to be split where they are too long; it would part what "
                    "belongs together. Give single texts, or long_texts='truncate'."
                )
            first, text = pieces(first, self.sequence_length - 2)
            weights = None if weights is None else weights[text]
        return pack(
            first,
            second,
            start=start,
            end=end,
            separators=self.tokenizer.pair_separators,
            limit=self.sequence_length,
            truncate=self.truncate,
            weights=weights,
        )

    def inputs(self, texts: Any) -> dict[str, np.ndarray]:
        """Tokenise and pad, nothing masked: what a backbone takes, for a task of one's own.

        Args:
            texts: ``B`` texts or pairs, in any form that `mlmzoo.MaskedLM.fit` takes; but a single
                str is one text, and a tuple of two is one pair.

        Returns:
            ``token_ids``, ``padding_mask`` and, in families with segments, ``segment_ids``, int32
            of shape ``(B, L)``; ``L`` is the length of the longest text, or `sequence_length`
            where `batching` is ``"fixed"``.

        Raises:
            InputError: `texts` is of another form.
        """
        rows = self.rows(read_texts(as_batch(texts)))
        inputs, _, _ = frame(
            rows,
            as_they_stand(rows, np.zeros(len(rows.ids), bool)),
            self.sequence_length if self.batching == "fixed" else int(rows.lengths.max()),
            slots=0,
            pad_id=self.tokenizer.pad_token_id,
            segments=self.segments,
        )
        del inputs["mask_positions"]
        return inputs

    @classmethod
    def from_preset(cls, preset: str | os.PathLike[str], **kwargs: Any) -> Self:
        """The preprocessor of a preset, its tokenizer included.

        Args:
            preset: Built-in name, ``kaggle://`` or ``hf://`` handle, or a local directory.
            **kwargs: Constructor arguments to override (``sequence_length``, ``seed``, …).
        """
        return loading.load_preprocessor(cls, preset, **kwargs)

    def save_to_preset(
        self,
        directory: str | os.PathLike[str],
        layout: str = "keras",
        *,
        overwrite: bool = False,
    ) -> None:
        """Write the preprocessor and its tokenizer into a preset directory; a model there stays.

        Args:
            directory: Where to; made if it is not there.
            layout: ``"keras"`` (KerasHub's format) or ``"transformers"``.
            overwrite: Whether the directory may hold something else than a preset, which stays, or
                be a file, which is replaced. A preset is always replaced.

        Raises:
            SavingError: The directory holds something else, or could not be written; what was
                there is untouched.
        """
        saving.save_preprocessor(self, directory, layout, overwrite=overwrite)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, the tokenizer's whole config included."""
        return {
            "tokenizer": {
                "class_name": keras.saving.get_registered_name(type(self.tokenizer)),
                "config": self.tokenizer.get_config(),
            },
            **self.settings(),
        }

    def settings(self) -> dict[str, Any]:
        """Constructor arguments other than the tokenizer."""
        return {"sequence_length": self.sequence_length, "truncate": self.truncate}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A preprocessor with the given constructor arguments."""
        config = dict(config)
        tokenizer = config.pop("tokenizer")
        if isinstance(tokenizer, Mapping):
            kind = loading.registered_class(tokenizer["class_name"], TokenizerBase)
            tokenizer = kind.from_config(tokenizer["config"])
        return cls(tokenizer=tokenizer, **config)


def as_batch(x: Any) -> Any:
    """One text, or one pair, as a batch of one."""
    if not is_single(x):
        return x
    return tuple([part] for part in x) if isinstance(x, tuple) else [x]


def is_single(x: Any) -> bool:
    """Whether this is one text, or one pair of texts in a tuple."""
    if isinstance(x, tuple) and len(x) == 2:
        return all(not isinstance(part, tuple) and is_single(part) for part in x)
    return isinstance(x, str | bytes) or (getattr(x, "shape", None) == () and not callable(x))
