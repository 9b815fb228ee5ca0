"""Pre-training from scratch: tokenizer and model, from text files and a recipe."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

import mlmzoo
from mlmzoo.contract.errors import CheckpointError, InputError
from mlmzoo.data.text_files import read_lines
from mlmzoo.plugins import registry
from mlmzoo.presets.atomic import replacing
from mlmzoo.presets.layouts.place import check_place
from mlmzoo.presets.sources.local import LocalFiles
from mlmzoo.tasks.adaptation import score
from mlmzoo.tasks.epoch_log import Epoch, EpochLog
from mlmzoo.tasks.held_out import held_out_split, unigram_baseline
from mlmzoo.tasks.known_facts import weight_digests
from mlmzoo.tasks.loading import constructor_arguments, family_class
from mlmzoo.tasks.masked_lm import MaskedLM
from mlmzoo.tasks.model_card import write_model_card
from mlmzoo.tasks.optimization import FitsSchedule, scheduled_adamw
from mlmzoo.tasks.recipe import Recipe
from mlmzoo.tasks.seeding import set_seed
from mlmzoo.tasks.training_checkpoint import TrainingCheckpoint, checkpoint_among


def new_task(recipe: Recipe, texts: Sequence[str], tokenizer: Any = None) -> MaskedLM:
    """A tokenizer learnt from `texts` and a model with random weights, as the recipe says.

    Args:
        recipe: What to make.
        texts: What the tokenizer learns from.
        tokenizer: One that was learnt from them before.

    Raises:
        InputError: A class does not take an argument that the recipe gives it.
        UnknownNameError: No installed family is called so.
    """
    family = registry().family(recipe.family)
    tokenizer_class = family_class(family, "tokenizer")
    backbone_class = family_class(family, "backbone")
    preprocessor_class = family_class(family, "preprocessor")
    taken = set(inspect.signature(tokenizer_class.train).parameters) | constructor_arguments(
        tokenizer_class
    )
    _refuse_unknown("tokenizer", recipe.tokenizer, taken)
    _refuse_unknown("backbone", recipe.backbone, constructor_arguments(backbone_class) - {"dtype"})
    _refuse_unknown("preprocessor", recipe.preprocessor, constructor_arguments(preprocessor_class))

    if tokenizer is None:
        tokenizer = tokenizer_class.train(list(texts), **recipe.tokenizer)
    backbone = backbone_class(
        vocabulary_size=tokenizer.vocabulary_size(), **recipe.backbone, dtype=recipe.training.dtype
    )
    longest = {"sequence_length": backbone.max_sequence_length}
    preprocessor = preprocessor_class(tokenizer, **{**longest, **recipe.preprocessor})
    return family_class(family, "masked_lm")(backbone, preprocessor)


def train_from_scratch(
    recipe: Recipe | Mapping[str, Any] | str | os.PathLike[str],
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    directory: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    on_epoch: Callable[[Epoch], None] | None = None,
    callbacks: Sequence[Any] = (),
) -> dict[str, Any]:
    """Train a tokenizer and a model from nothing, and write the best epoch as a preset.

    The preset holds the model of the epoch with the lowest held-out loss. It is loaded back from
    the directory to be judged, so the figures are those of the files. Beside it are written
    ``training.json``, all there is to know of the run, and the model card, ``README.md``.
    An interrupted run (`KeyboardInterrupt`) keeps the best epoch so far. With a
    `mlmzoo.TrainingCheckpoint` among the callbacks it ends there, and the same call goes on with
    it. The tokenizer is then kept beside the checkpoint, in ``<path>.tokenizer.json``: to learn it
    again may take long, and need not give the same one.

    Args:
        recipe: A `Recipe`, the same as plain data, or the path of its TOML file.
        files: Text files, one text a line: one path or glob, or several.
        directory: Where the preset goes.
        overwrite: Whether the directory may hold something else than a preset; see
            `MaskedLM.save_to_preset`. Record and card there are always replaced.
        on_epoch: Called with each `Epoch` of the log.
        callbacks: Further Keras callbacks.

    Returns:
        The record, plain data, as it stands in ``training.json``.

    Raises:
        InputError: The recipe or the files cannot be used.
        UnknownNameError: No installed family is called so.
        SavingError: The directory holds something else, or cannot be written to.

    Example:
        >>> record = train_from_scratch("tiny.toml", ["corpus/*.txt"], "tiny")  # doctest: +SKIP
        >>> record["held_out"]["accuracy"] > record["held_out"][
        ...     "unigram_accuracy"
        ... ]  # doctest: +SKIP
        True
    """
    recipe = _as_recipe(recipe)
    # Now, and not after the first epoch.
    training, place = recipe.training, check_place(directory, overwrite)
    paths = [files] if isinstance(files, str | os.PathLike) else list(files)
    texts = read_lines(paths)
    seen, held_out = held_out_split(texts, training.held_out_share, training.seed)

    set_seed(training.seed)
    checkpoint = checkpoint_among(callbacks)
    task = _new_or_kept_task(recipe, seen, checkpoint)
    steps = -(-len(seen) // training.batch_size) * training.epochs
    task.compile(optimizer=scheduled_adamw(training, steps))

    def save(model: MaskedLM) -> None:
        model.save_to_preset(place, dtype=training.saved_dtype, overwrite=True)

    log = EpochLog(on_epoch, save)
    interrupted = False
    try:
        task.fit(
            seen,
            batch_size=training.batch_size,
            epochs=training.epochs,
            validation_data=held_out,
            batching=training.batching,
            callbacks=[FitsSchedule(training), *callbacks, log],
            verbose=0,
        )
    except KeyboardInterrupt:
        if log.best is None or checkpoint is not None:
            raise
        interrupted = True
    if log.best is None:
        raise InputError(
            "Training came to no usable model: the held-out loss was "
            f"{log.epochs[-1].held_out_loss} in every epoch. "
            f"Lower learning_rate, which is {training.learning_rate}."
        )

    saved = MaskedLM.from_preset(place)
    result = score(saved, held_out, training.batch_size)
    unigram = unigram_baseline(saved.preprocessor, seen, held_out)
    record = {
        "recipe": recipe.to_dict(),
        "data": {
            "files": [Path(path).name for path in paths],
            "sha256": _digest(texts),
            "texts": len(texts),
            "training_texts": len(seen),
            "held_out_texts": len(held_out),
        },
        "model": {
            "vocabulary_size": saved.preprocessor.tokenizer.vocabulary_size(),
            "backbone_parameters": saved.backbone.count_params(),
            "parameters": saved.count_params(),
            "weights": weight_digests(LocalFiles(place)),
        },
        "held_out": {
            "masked_tokens": unigram.tokens,
            "loss": result.loss,
            "accuracy": result.accuracy,
            "unigram_loss": unigram.loss,
            "unigram_accuracy": unigram.accuracy,
            "unigram_token": saved.preprocessor.tokenizer.id_to_token(unigram.most_frequent),
        },
        "run": {
            "mlmzoo": mlmzoo.__version__,
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
            "seconds": log.seconds,
            "best_epoch": log.best.epoch,
            "interrupted": interrupted,
        },
        "epochs": [asdict(epoch) for epoch in log.epochs],
    }
    write_model_card(place, record)
    return record


def _new_or_kept_task(
    recipe: Recipe, texts: Sequence[str], checkpoint: TrainingCheckpoint | None
) -> MaskedLM:
    if checkpoint is None:
        return new_task(recipe, texts)
    place = checkpoint.path.with_name(f"{checkpoint.path.name}.tokenizer.json")
    if checkpoint.path.exists():  # the first one is written when the tokenizer is there
        tokenizer_class = family_class(registry().family(recipe.family), "tokenizer")
        try:
            kept = tokenizer_class.from_config(json.loads(place.read_text("utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"The run in {checkpoint.path} was to go on, and its tokenizer cannot be read from "
                f"{place} ({error}). Remove the checkpoint to begin anew."
            ) from error
        return new_task(recipe, texts, kept)
    task = new_task(recipe, texts)
    place.parent.mkdir(parents=True, exist_ok=True)
    with replacing(place) as staging:
        staging.write_text(json.dumps(task.preprocessor.tokenizer.get_config()), "utf-8")
    return task


def _as_recipe(recipe: Recipe | Mapping[str, Any] | str | os.PathLike[str]) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping):
        return Recipe.from_mapping(recipe)
    return Recipe.read(recipe)


def _refuse_unknown(table: str, given: Mapping[str, Any], taken: set[str]) -> None:
    if unknown := sorted(set(given) - taken):
        raise InputError(
            f"The recipe gives [{table}] {', '.join(unknown)}, which the class does not take. "
            f"It takes: {', '.join(sorted(taken))}."
        )


def _digest(texts: Sequence[str]) -> str:
    """SHA-256 of a file that holds each text on a line of its own."""
    return hashlib.sha256("".join(f"{text}\n" for text in texts).encode()).hexdigest()
