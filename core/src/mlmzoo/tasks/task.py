"""`Task`: a backbone, a head, and the preprocessor that feeds them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

import keras

from mlmzoo.contract.errors import InputError
from mlmzoo.tasks import loading, saving
from mlmzoo.tasks.backbone import Backbone
from mlmzoo.tasks.derived import anew, forget_derived
from mlmzoo.tasks.matching import refuse_mismatch
from mlmzoo.tasks.preprocessor import Preprocessor
from mlmzoo.tasks.presettable import Presettable


class Task(Presettable, keras.Model):
    """Base class of tasks. A subclass adds its head and says what goes in and comes out.

    It defines `task_name`, a constructor that takes these two arguments, builds the head and ends
    with ``self.build()``, `call`, and `get_config` where its constructor takes more.

    Args:
        backbone: The encoder. Another one of the same sizes can be set later.
        preprocessor: Turns raw input into what the model takes; ``None`` where the input is
            prepared already. Can be set later, too.

    Raises:
        InputError: The preprocessor makes what the backbone does not take: its `sequence_length`
            is above the backbone's positions, or its tokenizer has more ids than the embedding.
    """

    task_name = ""
    """Name under which plugins bind classes to families, e.g. ``"masked_lm"``."""

    head_in_presets = False
    """Whether the head is the masked-LM head that presets hold. Any other one starts afresh in
    `from_preset`, and is saved by ``model.save("….keras")`` alone."""

    load_report: Any = None
    """`LoadReport` of the preset it came from, or ``None``."""

    def __init__(
        self, backbone: Backbone, preprocessor: Preprocessor | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.backbone = backbone
        self.preprocessor = preprocessor

    def build(self, input_shape: Any = None) -> None:
        """Nothing is left to build: a constructor builds the head."""
        self.built = True

    def __setattr__(self, name: str, value: Any) -> None:
        # Not a property: on PyTorch, where a model is a `torch.nn.Module`, its setter is passed by.
        if name == "backbone" and hasattr(self, "backbone"):
            refuse_mismatch(value, self.preprocessor)
            self._refuse_other_sizes(value)
            return self._exchange(backbone=value)
        if name == "preprocessor":
            refuse_mismatch(self.backbone, value)
        super().__setattr__(name, value)

    # Keras compiles each of these once. On TensorFlow it would go on with the weights from before
    # LoRA or quantisation.

    def make_train_function(self, force: bool = False) -> Any:
        """See `keras.Model.make_train_function`; compiled anew for other weights."""
        return super().make_train_function(force or anew(self, "train"))

    def make_test_function(self, force: bool = False) -> Any:
        """See `keras.Model.make_test_function`; compiled anew for other weights."""
        return super().make_test_function(force or anew(self, "test"))

    def make_predict_function(self, force: bool = False) -> Any:
        """See `keras.Model.make_predict_function`; compiled anew for other weights."""
        return super().make_predict_function(force or anew(self, "predict"))

    def _refuse_other_sizes(self, backbone: Backbone) -> None:
        if _sizes(backbone) != _sizes(self.backbone):
            raise InputError(
                f"A backbone with {_sizes(backbone)} was to replace one with "
                f"{_sizes(self.backbone)}, for which the head was built. Make a new task: "
                f"{type(self).__name__}(backbone, preprocessor)."
            )

    def _exchange(self, **layers: Any) -> None:
        """Let layers take the place of those of the same names, or raise and change nothing."""
        # The optimizer and the compiled steps hold the variables of those that go.
        compiled = _compiled_anew(self) if self.compiled else None
        for name, layer in layers.items():
            # A built Keras model takes no further layer, but lets one take another's place.
            self._tracker.replace_tracked_value("layers", getattr(self, name), layer)
            super().__setattr__(name, layer)
        forget_derived(self)
        if keras.backend.backend() == "torch":
            self._track_variables()  # else PyTorch goes on counting the old ones as parameters
        if compiled is not None:
            self.compile(**compiled)

    @classmethod
    def from_preset(
        cls, preset: str | os.PathLike[str], load_weights: bool = True, **kwargs: Any
    ) -> Self:
        """The task of a preset; on a base class the family is found from the preset.

        Args:
            preset: Built-in name, ``kaggle://`` or ``hf://`` handle, or a local directory.
            load_weights: Whether to load weights, or to initialise them at random.
            **kwargs: ``preprocessor=`` to use one's own or ``None``; constructor arguments of
                the backbone (``dropout``, ``dtype``, …) or of the preprocessor
                (``sequence_length``, ``seed``, …) to override.

        Raises:
            UnknownNameError: No installed plugin has such a preset; the message is a diagnosis.
            FamilyMismatchError: The preset is of another family than this class.
            HubUnavailableError: A hub could not be reached.
            WeightsError: A weight of the backbone is missing or of another shape.
        """
        return loading.load_task(cls, preset, load_weights, **kwargs)

    def save_to_preset(
        self,
        directory: str | os.PathLike[str],
        layout: str = "keras",
        dtype: str = "float32",
        *,
        card: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        allow_non_finite: bool = False,
    ) -> None:
        """Write backbone, head, tokenizer and preprocessor as a preset, without optimizer slots.

        LoRA updates are merged into the weights. The directory holds the older preset or the new
        one, whole, at every moment. In the transformers layout a model card, ``README.md``, is
        written with it, unless there is one that somebody wrote or edited: that stays.

        Args:
            directory: Where to; made if it is not there.
            layout: ``"keras"`` (KerasHub's format) or ``"transformers"`` (Hugging Face's).
            dtype: What the weights are stored in: ``"float32"``, or ``"float16"`` or
                ``"bfloat16"`` for half the size.
            card: What the model card states that the model does not know, such as
                ``{"license": "mit", "language": "en"}``: any of ``title``, ``description``,
                ``license``, ``license_name``, ``license_link``, ``language``, ``datasets``,
                ``data``, ``base_model``, ``metrics`` (what it was measured on -> metric -> number),
                ``evaluation``, ``good_for`` and ``not_good_for``. In the transformers layout only.
            overwrite: Whether the directory may hold something else than a preset, which stays, or
                be a file, which is replaced. A preset is always replaced.
            allow_non_finite: Whether weights may be NaN or infinite.

        Raises:
            SavingError: The directory holds something else, or could not be written, or has
                somebody's ``README.md`` where `card` is given; what was there is untouched.
            WeightsError: A weight is not finite, or too large for `dtype`.
            QuantizedModelError: The model is quantised; ``model.save("model.keras")`` holds it.
            InputError: Its head is none that presets hold, or `card` has an entry that is unknown
                or of another type.
        """
        how = {"overwrite": overwrite, "allow_non_finite": allow_non_finite}
        saving.save_task(self, directory, layout, dtype, card=card, **how)

    def quantize(self, mode: Any = None, **kwargs: Any) -> None:
        """Quantise the dense layers and embeddings, see `keras.Model.quantize`."""
        # Without a filter Keras warns of every layer that has nothing to quantise.
        kwargs.setdefault("filters", _has_weights_to_quantize)
        super().quantize(mode, **kwargs)
        self.quantized = mode

    quantized: str | None = None

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, backbone and preprocessor included."""
        preprocessor = self.preprocessor and {
            "class_name": keras.saving.get_registered_name(type(self.preprocessor)),
            "config": self.preprocessor.get_config(),
        }
        return {
            "name": self.name,
            "backbone": {
                "class_name": keras.saving.get_registered_name(type(self.backbone)),
                "config": self.backbone.get_config(),
            },
            "preprocessor": preprocessor,
            "quantized": self.quantized,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """A task with the given constructor arguments, weights initialised at random."""
        config = dict(config)
        quantized = config.pop("quantized", None)
        for part, base in (("backbone", Backbone), ("preprocessor", Preprocessor)):
            if isinstance(config.get(part), dict):
                kind = loading.registered_class(config[part]["class_name"], base)
                config[part] = kind.from_config(config[part]["config"])
        task = cls(**config)
        if quantized:
            task.quantize(quantized)
        return task

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """Print the preprocessor, then the layers and their sizes."""
        print_fn = kwargs.get("print_fn") or print
        if self.preprocessor is not None:
            tokenizer = self.preprocessor.tokenizer
            print_fn(
                f"Preprocessor: {type(self.preprocessor).__name__}, "
                f"sequence length {self.preprocessor.sequence_length}\n"
                f"Tokenizer: {type(tokenizer).__name__}, "
                f"vocabulary size {tokenizer.vocabulary_size():,}"
            )
        super().summary(*args, **kwargs)


def _compiled_anew(task: Task) -> dict[str, Any]:
    """What `compile` was given, but with an optimizer that has met no variables.

    Raises:
        InputError: Such an optimizer cannot be made.
    """
    given = dict(task._compile_config.config)
    optimizer = given["optimizer"]
    if isinstance(optimizer, keras.optimizers.Optimizer):
        schedule = optimizer._learning_rate
        try:
            config = optimizer.get_config()
            if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
                config["learning_rate"] = schedule  # itself: its class may be registered nowhere
            given["optimizer"] = type(optimizer).from_config(config)
        except Exception as error:
            raise InputError(
                f"A part of a model was to be exchanged that is compiled with a "
                f"{type(optimizer).__name__}, which cannot be made anew from its config "
                f"({type(error).__name__}: {error!s:.200}), and this one holds the old weights. "
                "Exchange it first, and compile the model then."
            ) from error
    return given


def _sizes(backbone: Backbone) -> dict[str, int]:
    """What a head depends on."""
    embedding = backbone.token_embedding
    return {
        "vocabulary": embedding.input_dim,
        "embedding": embedding.output_dim,
        "hidden": backbone.output["sequence_output"].shape[-1],
    }


def _has_weights_to_quantize(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Dense | keras.layers.Embedding)
