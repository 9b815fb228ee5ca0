"""`Tokenizer`: text to token ids and back, from presets and to presets."""

from __future__ import annotations

import os
from typing import Any, Self

from mlmzoo.kit.tokenizers.base import TokenizerBase
from mlmzoo.tasks.presettable import Presettable


class Tokenizer(Presettable, TokenizerBase):
    """Base class of the families' tokenizers: plain Python objects, no Keras layers.

    ``Tokenizer.presets`` holds the built-in presets of a class by name, over all installed
    families for this base class.
    """

    @classmethod
    def from_preset(cls, preset: str | os.PathLike[str], **kwargs: Any) -> Self:
        """The tokenizer of a preset; from this base class, of whatever family it is.

        Args:
            preset: Built-in name, ``kaggle://`` or ``hf://`` handle, or a local directory.
            **kwargs: Constructor arguments that win over those of the preset (``lowercase``,
                ``sequence_length``, …).

        Raises:
            FamilyMismatchError: The preset is of another family than this class.
            PresetMissingError: It has no tokenizer.
            PresetFormatError: Its files are malformed.
        """
        from mlmzoo.tasks.loading import load_tokenizer

        tokenizer: Self = load_tokenizer(cls, preset, **kwargs)
        return tokenizer

    def save_to_preset(
        self,
        directory: str | os.PathLike[str],
        layout: str = "keras",
        *,
        overwrite: bool = False,
    ) -> None:
        """Writes the tokenizer as a preset; a model there stays.

        Args:
            directory: Where to; made if it is not there.
            layout: ``"keras"`` (KerasHub's format) or ``"transformers"``.
            overwrite: Whether the directory may hold something else than a preset, which stays, or
                be a file, which is replaced. A preset is always replaced.

        Raises:
            SavingError: The directory holds something else, or could not be written; what was
                there is untouched.
        """
        from mlmzoo.tasks.saving import save_tokenizer

        save_tokenizer(self, directory, layout, overwrite=overwrite)
