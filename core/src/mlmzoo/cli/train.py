"""The command ``mlmzoo train``."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from mlmzoo.cli import options
from mlmzoo.cli.card import card_options, facts_for, stated
from mlmzoo.cli.many_files import ManyFiles, data_option
from mlmzoo.cli.unfinished import Unfinished
from mlmzoo.tasks.recipe import BATCHINGS, DECAYS

share = click.FloatRange(min=0, max=1, max_open=True)

OVERRIDES = {
    "epochs": "epochs",
    "batch_size": "batch_size",
    "learning_rate": "learning_rate",
    "warmup": "warmup_share",
    "decay": "decay",
    "weight_decay": "weight_decay",
    "clip_norm": "clip_norm",
    "accumulate": "accumulate",
    "batching": "batching",
    "dtype": "dtype",
    "validation_split": "held_out_share",
    "seed": "seed",
}
"""Option -> argument of `mlmzoo.tasks.recipe.Training`."""
PREPROCESSING = {
    "sequence_length": "sequence_length",
    "masking": "masking",
    "mask_rate": "mask_selection_rate",
}
"""Option -> argument of `mlmzoo.MaskedLMPreprocessor`."""


@dataclass(frozen=True)
class _Run:
    """What is asked of a run, of whatever model.

    Args:
        data: Text files.
        out: Where the preset goes.
        every: Steps from one checkpoint to the next.
        training: What options say instead of the defaults: arguments of `Training`.
        preprocessing: The same for the preprocessor.
        as_json: Whether JSON is printed.
    """

    data: tuple[str, ...]
    out: str
    every: int
    training: dict[str, Any]
    preprocessing: dict[str, Any]
    as_json: bool


def _out(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """A new directory, or with --resume the one that the run was for."""
    resume = ctx.params.get("resume", False)
    Unfinished(value).check(resume)
    if resume:
        options.refuse_unwritable(value)
        return os.path.expanduser(value)
    return options.new_directory(ctx, parameter, value)


@click.command("train", cls=ManyFiles)
@click.argument("preset", required=False)
@click.option("--from-scratch", "recipe", metavar="CONFIG", help="TOML recipe of a new model.")
@data_option
@click.option("--out", required=True, metavar="DIR", callback=_out, help="A new directory.")
@click.option("--epochs", type=click.IntRange(min=1), help="Times round the data.  [default: 3]")
@click.option("--batch-size", type=click.IntRange(min=1), help="Texts a batch.  [default: 32]")
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="The highest; it warms up to it and then falls to 0.  [default: 5e-5]",
)
@click.option(
    "--warmup", type=share, help="Share of the updates in which it rises.  [default: 0.1]"
)
@click.option(
    "--decay", type=click.Choice(DECAYS), help="How it falls afterwards.  [default: cosine]"
)
@click.option(
    "--weight-decay",
    type=click.FloatRange(min=0),
    help="AdamW's, of all but biases and normalisations.  [default: 0.01]",
)
@click.option(
    "--clip-norm",
    type=click.FloatRange(min=0),
    help="Largest norm of the gradient of an update; 0 for no limit.  [default: 1]",
)
@click.option(
    "--accumulate",
    type=click.IntRange(min=1),
    help="Batches an update: their gradients are averaged.  [default: 1]",
)
@click.option("--sequence-length", type=click.IntRange(min=3), help="Longest text, in tokens.")
@click.option(
    "--batching",
    type=click.Choice(BATCHINGS),
    help="Rows of similar length together, several texts a row, or all rows of one length.  "
    "[default: auto]",
)
@click.option(
    "--masking",
    type=click.Choice(["token", "whole_word", "span"]),
    help="What is masked as one.  [default: the preset's]",
)
@click.option(
    "--mask-rate",
    type=click.FloatRange(min=0, max=1, min_open=True),
    help="Share of the tokens to be predicted.  [default: the preset's]",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "mixed_bfloat16", "mixed_float16"]),
    help="What is computed in; weights stay float32.  [default: float32]",
)
@click.option(
    "--validation-split",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    help="Share of the texts to judge by, not to train on.  [default: 0.1]",
)
@click.option("--seed", type=click.IntRange(min=0), help="Of all that is random.  [default: 0]")
@click.option(
    "--checkpoint-every",
    "every",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    metavar="STEPS",
    help="Keep the run in OUT.checkpoint, until it is over, every so many steps.",
)
@click.option(
    "--resume",
    is_flag=True,
    is_eager=True,  # what --out may be depends on it
    help="Go on with a run that was interrupted; the other options as they were.",
)
@click.option(
    "--add-tokens",
    "words",
    type=click.Path(),
    metavar="FILE",
    help="First make one token of each line of a text file, see `propose-tokens`.",
)
@click.option("--layout", type=click.Choice(["keras", "transformers"]), help="Of what is written.")
@card_options
@options.overwrite
@options.as_json
@options.backend
@options.debug
def command(
    preset: str | None,
    recipe: str | None,
    data: tuple[str, ...],
    out: str,
    as_json: bool,
    every: int,
    resume: bool,  # `_out` has looked at it
    words: str | None,
    layout: str | None,
    overwrite: bool,
    **settings: Any,
) -> None:
    """Adapt PRESET to text files, or train a model from nothing as a recipe says.

    A share of the texts is held out; loss and accuracy on it, before and after, are shown at the
    end beside those of a unigram baseline, about the same masked tokens. With --from-scratch the
    options override the recipe's [training].

    A run that is interrupted, by Ctrl-C, SIGTERM or worse, is kept in DIR.checkpoint, and the
    same command with --resume goes on with it.
    """
    if (preset is None) == (recipe is None):
        raise click.UsageError("Give either PRESET or --from-scratch CONFIG, and only one.")
    facts = stated(settings, layout)
    training, preprocessing = (
        {table[n]: value for n, value in settings.items() if n in table and value is not None}
        for table in (OVERRIDES, PREPROCESSING)
    )
    run = _Run(data, out, every, training, preprocessing, as_json)
    if recipe is not None:
        if layout is not None:
            raise click.UsageError(
                "--layout is for PRESET; what --from-scratch writes, `mlmzoo convert` rewrites."
            )
        if words is not None:
            raise click.UsageError("--add-tokens is for PRESET; --from-scratch learns its tokens.")
        _from_scratch(recipe, run)
    else:
        _adapt(preset, run, words, layout or "keras", facts)


def _adapt(preset: Any, run: _Run, words: str | None, layout: str, facts: dict[str, Any]) -> None:
    from mlmzoo.data.text_files import read_lines
    from mlmzoo.presets.card_facts import CardFacts
    from mlmzoo.presets.layouts.card_file import refuse_to_lose

    texts = read_lines(run.data)  # before the model: a wrong path is said at once
    new_tokens = [] if words is None else read_lines([words])
    refuse_to_lose(Path(os.path.expanduser(run.out)), CardFacts.from_mapping(facts))

    from mlmzoo import MaskedLM
    from mlmzoo.cli.output import console, print_json
    from mlmzoo.cli.progress import ProgressBar
    from mlmzoo.cli.scores import print_adaptation
    from mlmzoo.tasks.adaptation import adapt
    from mlmzoo.tasks.known_facts import facts_of_adaptation
    from mlmzoo.tasks.recipe import Training
    from mlmzoo.tasks.seeding import set_seed

    usual = {"epochs": 3, "learning_rate": 5e-5, "held_out_share": 0.1}
    training = Training(**{**usual, **run.training})
    set_seed(training.seed)
    policy: dict[str, Any] = {"dtype": training.dtype} if "dtype" in run.training else {}
    task = MaskedLM.from_preset(preset, **run.preprocessing, **policy)
    if words is not None:
        task.add_tokens(new_tokens)
    unfinished = Unfinished(run.out)
    with unfinished.until_the_end():
        with ProgressBar() as bar:
            callbacks = [bar, unfinished.callback(run.every)]
            result = adapt(task, texts, training, on_epoch=bar.log, callbacks=callbacks)
        card = None
        if layout == "transformers":
            known = facts_of_adaptation(result, task.load_report.source)
            card = facts_for(run.out, known, facts)
        # --out was checked before; what is there by now is ours.
        task.save_to_preset(run.out, layout=layout, card=card, overwrite=True)
    if run.as_json:
        print_json({"preset": preset, "directory": run.out, **result.to_dict()})
        return
    print_adaptation(console(), result)
    console().print(f"Saved in {run.out}.")


def _from_scratch(path: str, run: _Run) -> None:
    from mlmzoo.data.text_files import read_lines
    from mlmzoo.tasks.recipe import Recipe

    read_lines(run.data)  # before the backend: a wrong path is said at once
    recipe = Recipe.read(path)
    recipe = replace(
        recipe,
        training=replace(recipe.training, **run.training),
        preprocessor={**recipe.preprocessor, **run.preprocessing},
    )

    from mlmzoo import MaskedLM  # noqa: F401  (says in words what a missing backend is)
    from mlmzoo.cli.output import console, print_json
    from mlmzoo.cli.progress import ProgressBar
    from mlmzoo.cli.scores import print_record
    from mlmzoo.tasks.pretraining import train_from_scratch

    unfinished = Unfinished(run.out)
    with unfinished.until_the_end(), ProgressBar() as bar:
        callbacks = [bar, unfinished.callback(run.every)]
        record = train_from_scratch(
            recipe, run.data, run.out, overwrite=True, on_epoch=bar.log, callbacks=callbacks
        )
    if run.as_json:
        print_json({"directory": run.out, **record})
        return
    print_record(console(), record)
    console().print(
        f"Saved in {run.out}, with the log (training.json) and a model card (README.md)."
    )
