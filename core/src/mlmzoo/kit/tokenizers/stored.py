"""A tokenizer as its constructor's arguments: in a config, and in the files of a preset."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Self

from mlmzoo.contract.errors import InputError, PresetFormatError
from mlmzoo.contract.protocols import Files
from mlmzoo.kit.tokenizers.settings import kinds_of, refuse_others

FROM_FILES = ("vocabulary", "merges", "proto")
"""Arguments that could name a file anywhere: a preset gives them by files of fixed names alone."""
KERAS_LAYER_ARGUMENTS = {"name", "trainable", "dtype", "config_file"}
"""What a KerasHub tokenizer's config holds because it is a Keras layer; ours is not."""


class Stored:
    """Mixin: a tokenizer that is made from a config or from a preset's files, and gives these."""

    sequence_length: int | None

    notes: tuple[str, ...] = ()
    """What a reader of preset files should know: settings that were ignored, say."""

    # Given by a subclass --------------------------------------------------------------------------

    @classmethod
    def _read_files(
        cls, files: Files, layout: str, config: dict[str, Any]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Constructor arguments read from a preset's files, and notes on them."""
        raise NotImplementedError

    def write_files(self, directory: str | os.PathLike[str], layout: str = "keras") -> None:
        """Writes the vocabulary (and, in the transformers layout, its settings) to a directory.

        Args:
            directory: A preset's directory; made if it is not there.
            layout: ``"keras"`` or ``"transformers"``.
        """
        raise NotImplementedError

    def _try_out(self) -> None:
        """Raises `InputError` for what would only be seen once a text is encoded. Optional."""

    # Config and files -----------------------------------------------------------------------------

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A tokenizer with the given constructor arguments, in which no file is named.

        Raises:
            PresetFormatError: A vocabulary, say, is the path of a file, which anybody may have
                written into a saved model.
        """
        for name in FROM_FILES:
            if isinstance(config.get(name), str | os.PathLike):
                raise PresetFormatError(
                    f"The config of a {cls.__name__} has {name}={config[name]!r:.100}, and a "
                    f"config must hold {name} itself, as get_config gives it; files it names are "
                    "not read. Save the model again, or give the file to the constructor."
                )
        return cls(**config)

    def keras_config(self) -> dict[str, Any]:
        """The ``config`` object of KerasHub's ``tokenizer.json``, in its argument names."""
        return {
            "name": re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower(),
            "trainable": True,
            "dtype": "int32",
            "config_file": "tokenizer.json",
            "sequence_length": self.sequence_length,
        }

    def extras(self) -> dict[str, Any]:
        """Constructor arguments that `keras_config` cannot express; empty where it says it all."""
        return {}

    @classmethod
    def from_files(
        cls,
        files: Files,
        layout: str,
        config: Mapping[str, Any] | None = None,
        **overrides: Any,
    ) -> Self:
        """The tokenizer of a preset.

        Args:
            files: The preset's files.
            layout: ``"keras"`` or ``"transformers"``.
            config: Settings found in the preset (the ``config`` of KerasHub's
                ``tokenizer.json``, with our `extras`). A setting that this class does not have
                is ignored, and `notes` says so.
            **overrides: Constructor arguments that win over what the files say.

        Raises:
            PresetMissingError: The vocabulary's file is not there.
            PresetFormatError: It is malformed, or of another kind of tokenizer.
            UnsupportedSettingError: It asks for something this class cannot do.
        """
        known = set(cls._arguments())
        settings, ignored = {}, []
        for key, value in (config or {}).items():
            if key in known and key not in FROM_FILES:
                settings[key] = value
            elif key not in {*KERAS_LAYER_ARGUMENTS, *FROM_FILES}:
                ignored.append(
                    f"The tokenizer's setting {key:.100}={value!r:.100} is unknown and ignored."
                )
        cls._refuse_unknown(set(overrides) - known)
        where = f"The tokenizer of {files.handle}"
        arguments, notes = cls._read_files(files, layout, settings)
        refuse_others(arguments, kinds_of(cls), where)
        if "special_tokens_in_text" in overrides:
            arguments.pop("special_tokens_in_strings", None)
        try:
            tokenizer = cls(**{**arguments, **overrides})
            tokenizer._try_out()
        except InputError as error:
            raise PresetFormatError(f"{where}: {error}") from error
        tokenizer.notes = (*ignored, *notes)
        return tokenizer

    # Inside ---------------------------------------------------------------------------------------

    @classmethod
    def _arguments(cls) -> list[str]:
        """Names of the constructor's arguments, those it passes on included."""
        names: dict[str, None] = {}
        for base in cls.__mro__[:-1]:
            if "__init__" in base.__dict__:
                for name, parameter in inspect.signature(
                    base.__dict__["__init__"]
                ).parameters.items():
                    if name != "self" and parameter.kind not in (
                        inspect.Parameter.VAR_POSITIONAL,
                        inspect.Parameter.VAR_KEYWORD,
                    ):
                        names[name] = None
        return list(names)

    @classmethod
    def _refuse_unknown(cls, names: Iterable[str]) -> None:
        if unknown := sorted(names):
            raise InputError(
                f"{cls.__name__} was given the unknown argument(s) "
                f"{', '.join(map(repr, unknown))}. It takes {', '.join(cls._arguments())}."
            )
