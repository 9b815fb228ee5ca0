"""`Backbone`: token ids to hidden states."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

import keras

from mlmzoo.contract.errors import InputError
from mlmzoo.tasks import loading, saving
from mlmzoo.tasks.presettable import Presettable


class Backbone(Presettable, keras.Model):
    """Base class of the families' encoders: a functional Keras model with named inputs.

    A subclass builds its graph in the constructor and hands it to this one.

    Args:
        inputs: Input tensors by name.
        outputs: Output tensors by name, ``"sequence_output"`` among them.
        settings: The subclass' constructor arguments; each becomes an attribute, and together
            they are the config.
        dtype: Keras dtype or dtype policy.
        hidden_states: The tensors ``(B, L, D)`` that go into the first block and come out of each,
            for those who want to look inside; the last is the sequence output.
        **kwargs: ``name`` and ``trainable``, as in Keras.

    Raises:
        TypeError: Something else was given, perhaps misspelt.

    Inputs: ``token_ids`` and ``padding_mask``, integers of shape ``(B, L)``, and in families
    with segments ``segment_ids``. Output: at least ``sequence_output`` of shape ``(B, L, D)``.
    """

    load_report: Any = None
    """`LoadReport` of the preset it came from, or ``None``."""

    lora_targets: tuple[str, ...] = ("query", "value")
    """Names of the dense layers that `enable_lora` updates unless told otherwise; none where a
    family has no dense layer worth it."""

    def __init__(
        self,
        inputs: dict[str, Any],
        outputs: dict[str, Any],
        settings: dict[str, Any],
        dtype: Any = None,
        hidden_states: Sequence[Any] = (),
        **kwargs: Any,
    ) -> None:
        if unknown := sorted(kwargs.keys() - {"name", "trainable"}):
            raise TypeError(
                f"{type(self).__name__} was made with {', '.join(unknown)}, which it lacks. "
                f"It takes {', '.join(settings)}, dtype, name and trainable."
            )
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        if dtype is not None:
            self.dtype_policy = dtype
        self.settings = settings
        self.hidden_states = tuple(hidden_states)
        for name, value in settings.items():
            setattr(self, name, value)

    @property
    def token_embedding(self) -> keras.layers.ReversibleEmbedding:
        """The layer a masked-LM head is tied to."""
        return self.get_layer("token_embedding")

    @classmethod
    def from_preset(
        cls, preset: str | os.PathLike[str], load_weights: bool = True, **kwargs: Any
    ) -> Self:
        """The backbone of a preset.

        Args:
            preset: Built-in name, ``kaggle://`` or ``hf://`` handle, or a local directory.
            load_weights: Whether to load its weights, or to initialise them at random.
            **kwargs: Constructor arguments to override (``dropout``, ``dtype``, …).

        Raises:
            FamilyMismatchError: The preset is of another family than this class.
            WeightsError: A weight is missing or of another shape.
        """
        return loading.load_backbone(cls, preset, load_weights, **kwargs)

    def save_to_preset(
        self,
        directory: str | os.PathLike[str],
        layout: str = "keras",
        dtype: str = "float32",
        *,
        overwrite: bool = False,
        allow_non_finite: bool = False,
    ) -> None:
        """Write the backbone as a preset; a tokenizer and a preprocessor there stay.

        Args:
            directory: Where to; made if it is not there.
            layout: ``"keras"`` (KerasHub's format) or ``"transformers"``.
            dtype: What the weights are stored in: ``"float32"``, ``"float16"`` or ``"bfloat16"``.
            overwrite: Whether the directory may hold something else than a preset, which stays, or
                be a file, which is replaced. A preset is always replaced.
            allow_non_finite: Whether weights may be NaN or infinite.

        Raises:
            SavingError: The directory holds something else, or could not be written; what was
                there is untouched.
            WeightsError: A weight is not finite, or too large for `dtype`.
        """
        how = {"overwrite": overwrite, "allow_non_finite": allow_non_finite}
        saving.save_backbone(self, directory, layout, dtype, **how)

    def enable_lora(self, rank: int, target_layer_names: tuple[str, ...] | None = None) -> None:
        """Freeze the backbone and train low-rank updates instead (Hu et al., 2021).

        Args:
            rank: Rank of the updates.
            target_layer_names: Names of the dense layers that get one; by default `lora_targets`.

        Raises:
            InputError: No layer is called so.
        """
        target_layer_names = target_layer_names or self.lora_targets
        targets = [
            layer
            for layer in self._flatten_layers(include_self=False)
            if layer.name in target_layer_names and isinstance(layer, keras.layers.Dense)
        ]
        if not targets:
            raise InputError(
                f"LoRA was asked for on layers called {target_layer_names}, and this backbone has "
                f"none. Give the names of dense layers; this family suggests {self.lora_targets}."
            )
        self.trainable = True
        for layer in self._flatten_layers(include_self=False):
            if not any(True for _ in layer._flatten_layers(include_self=False)):
                layer.trainable = layer in targets
        for layer in targets:
            layer.enable_lora(rank)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            **self.settings,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """A backbone with the given constructor arguments, weights initialised at random."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = keras.dtype_policies.deserialize(config["dtype"])
        trainable = config.pop("trainable", True)
        backbone = cls(**config)
        backbone.trainable = trainable
        return backbone
