"""``mlmzoo demo``: the main job from beginning to end, on what is installed."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from mlmzoo.cli import options

if TYPE_CHECKING:
    from mlmzoo.contract.records import Preset
    from mlmzoo.inference.filling import FilledText

LONGEST = 60.0
"""Seconds of training after which it ends, however slow the machine."""
CLOSE = 1e-4
"""How far a probability may move between a model and its copy read from disk, in float32."""


@click.command("demo")
@options.as_json
@options.backend
@options.debug
def command(as_json: bool) -> None:
    """The main job on real text in about two minutes, without a network.

    Loads a preset that comes with a plugin, fills masks, scores the preset on text it has never
    seen, trains it on text of that kind, scores it and fills the masks again, saves it, loads it
    back and checks that it answers the same.
    """
    from mlmzoo.contract.errors import PresetWarning
    from mlmzoo.plugins import registry

    preset = find(registry().presets())
    plan = preset.metadata["demo"]
    texts = read_text(plan["text"])

    from mlmzoo import MaskedLM
    from mlmzoo.cli.output import console, print_json
    from mlmzoo.cli.progress import ProgressBar, StopsAfter
    from mlmzoo.cli.scores import print_adaptation
    from mlmzoo.tasks.adaptation import adapt
    from mlmzoo.tasks.recipe import Training
    from mlmzoo.tasks.seeding import set_seed

    screen = console(stderr=as_json)
    screen.print(f"{preset.name}: {preset.description}")
    training = Training(**{"held_out_share": 0.15, **plan.get("training", {})})
    set_seed(training.seed)
    task = MaskedLM.from_preset(preset.name)
    before = task.fill_mask(list(plan["masks"]), top_k=3)

    screen.print(f"\nAdapting it to {plan['about']}.")
    with ProgressBar() as bar:
        callbacks = [bar, StopsAfter(LONGEST)]
        result = adapt(task, texts, training, on_epoch=bar.log, callbacks=callbacks)
    screen.print()
    print_adaptation(screen, result)

    after = task.fill_mask(list(plan["masks"]), top_k=3)
    _print_answers(screen, before, after)

    with tempfile.TemporaryDirectory(prefix="mlmzoo-demo-") as directory:
        with warnings.catch_warnings():
            # How KerasHub would compute this copy: nobody but us will ever read it.
            warnings.simplefilter("ignore", PresetWarning)
            task.save_to_preset(directory)
        again = MaskedLM.from_preset(directory).fill_mask(list(plan["masks"]), top_k=3)
    check_same(after, again)
    screen.print("\nSaved as a preset, loaded back: it answers the same.")
    if as_json:
        print_json(
            {
                "preset": preset.name,
                "text": plan["about"],
                **result.to_dict(),
                "filled_before": [answer.to_dict() for answer in before],
                "filled_after": [answer.to_dict() for answer in after],
            }
        )


def find(presets: Mapping[str, Preset]) -> Preset:
    """The first preset whose metadata say how to demonstrate it.

    ``metadata["demo"]`` holds ``text`` (``"package:file"``, one text a line), ``about`` (what
    that text is), ``masks`` (texts to fill) and, if need be, ``training`` (arguments of
    `mlmzoo.tasks.recipe.Training`).

    Raises:
        PluginError: There is none, or its entry is incomplete.
    """
    from mlmzoo.contract.errors import PluginError

    for name, preset in presets.items():
        plan = preset.metadata.get("demo")
        if plan is None:
            continue
        if missing := [key for key in ("text", "about", "masks") if not plan.get(key)]:
            raise PluginError(
                f"The demo of preset {name!r} lacks {', '.join(missing)}. Add it to the preset's "
                "metadata in its plugin."
            )
        return preset
    raise PluginError(
        f"A demonstration was asked for, and none of the {len(presets)} presets of the installed "
        "plugins brings one. Install one that does, for instance: pip install mlmzoo-bert."
    )


def read_text(place: str) -> list[str]:
    """Texts of ``"package:file"``, one a line.

    Raises:
        PluginError: There is no such file in the package.
    """
    from importlib import resources

    from mlmzoo.contract.errors import PluginError

    package, _, name = place.partition(":")
    try:
        text = resources.files(package).joinpath(name).read_text("utf-8")
    except (OSError, ImportError, ValueError) as error:
        raise PluginError(
            f"The demo's text {place!r} cannot be read ({type(error).__name__}: {error}). It has "
            "to be package data of the plugin; is it in the wheel?"
        ) from error
    return [line.strip() for line in text.split("\n") if line.strip()]


def check_same(left: Sequence[FilledText], right: Sequence[FilledText]) -> None:
    """Compare two models' answers.

    Raises:
        PresetFormatError: They differ.
    """
    from mlmzoo.contract.errors import PresetFormatError

    for one, other in zip(_candidates(left), _candidates(right), strict=True):
        if abs(one.probability - other.probability) > CLOSE:
            raise PresetFormatError(
                f"The saved preset was to answer as the model it was saved from, and gave {other} "
                f"where that gave {one}. Please report this."
            )


def _candidates(answers: Sequence[FilledText]) -> list[Any]:
    return [c for answer in answers for mask in answer.masks for c in mask.candidates]


def _print_answers(screen: Any, before: Sequence[FilledText], after: Sequence[FilledText]) -> None:
    from mlmzoo.cli.output import table

    for old, new in zip(before, after, strict=True):
        screen.print(f"\n{old.text}")
        rows = [
            (f"  {a.token}", f"{a.probability:.1%}", f"  {b.token}", f"{b.probability:.1%}")
            for a, b in zip(_candidates([old]), _candidates([new]), strict=True)
        ]
        screen.print(table(["  before", ">", "  after", ">"], rows))
