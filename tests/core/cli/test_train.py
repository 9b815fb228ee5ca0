"""`train`, of a preset and from scratch."""

from __future__ import annotations

import json

import pytest
from huggingface_hub import metadata_load

from mlmzoo import MaskedLM


def test_from_scratch_writes_a_preset_that_fills_masks(trained):
    task = MaskedLM.from_preset(trained.preset)
    assert task.head_state == "trained"
    assert len(task.fill_mask("the <mask> fox").masks) == 1


def test_from_scratch_logs_each_epoch_on_standard_error(trained):
    lines = [line for line in trained.stderr.splitlines() if line.startswith("epoch ")]
    assert [line.split(":")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert all("held out" in line for line in lines)


def test_from_scratch_learns_more_than_token_frequencies(trained):
    held = trained.record["held_out"]
    assert held["masked_tokens"] > 0
    assert held["loss"] < 4.1  # of the uniform guess: log 60
    assert 0 < held["unigram_loss"] < 4.1


def test_from_scratch_leaves_the_record_and_the_card(trained):
    stored = json.loads((trained.preset / "training.json").read_text())
    assert {**stored, "directory": str(trained.preset)} == trained.record
    assert f"{stored['held_out']['loss']:.3f}" in (trained.preset / "README.md").read_text()


def test_options_override_the_recipe(mlmzoo, trained, out):
    args = ["train", "--from-scratch", trained.recipe, "--data", trained.data, "--out", out]
    args += ["--epochs", 1, "--batch-size", 24, "--learning-rate", 0.01, "--seed", 3]
    args += ["--validation-split", 0.25, "--sequence-length", 8, "--json"]
    done = mlmzoo(*args)
    assert done.exit_code == 0, done.output
    recipe = json.loads(done.stdout)["recipe"]
    training = recipe["training"]
    assert recipe["preprocessor"] == {"sequence_length": 8}
    assert training["epochs"] == 1
    assert training["batch_size"] == 24
    assert training["learning_rate"] == 0.01
    assert training["seed"] == 3
    assert training["held_out_share"] == 0.25
    assert training["batching"] == "fixed"  # of the recipe


def test_how_to_train_is_one_option_away(mlmzoo, trained, out):
    args = ["train", "--from-scratch", trained.recipe, "--data", trained.data, "--out", out]
    args += ["--epochs", 1, "--warmup", 0.3, "--decay", "linear", "--weight-decay", 0.2]
    args += ["--clip-norm", 2, "--accumulate", 2, "--batching", "length"]
    args += ["--masking", "whole_word", "--mask-rate", 0.4, "--dtype", "mixed_bfloat16", "--json"]
    done = mlmzoo(*args)
    assert done.exit_code == 0, done.output
    recipe = json.loads(done.stdout)["recipe"]
    asked = {
        "warmup_share": 0.3,
        "decay": "linear",
        "weight_decay": 0.2,
        "clip_norm": 2,
        "accumulate": 2,
        "batching": "length",
        "dtype": "mixed_bfloat16",
    }
    assert asked.items() <= recipe["training"].items()
    assert recipe["preprocessor"] == {"masking": "whole_word", "mask_selection_rate": 0.4}
    preprocessor = MaskedLM.from_preset(out).preprocessor
    assert (preprocessor.masking, preprocessor.mask_selection_rate) == ("whole_word", 0.4)


def test_a_preset_is_trained_in_the_precision_and_with_the_masks_asked_for(
    mlmzoo, trained, out, monkeypatch
):
    import mlmzoo.tasks.adaptation as adaptation

    seen = []

    def adapt(task, texts, training, **kwargs):
        seen.append((task.backbone.dtype_policy.name, task.preprocessor.masking, training))
        return carry_out(task, texts, training, **kwargs)

    carry_out = adaptation.adapt
    monkeypatch.setattr(adaptation, "adapt", adapt)
    args = ["train", trained.preset, "--data", trained.data, "--out", out, "--epochs", 1]
    args += ["--dtype", "mixed_bfloat16", "--masking", "span", "--accumulate", 3, "--json"]
    done = mlmzoo(*args)
    assert done.exit_code == 0, done.output
    ((policy, masking, training),) = seen
    assert (policy, masking, training.accumulate) == ("mixed_bfloat16", "span", 3)
    # What is saved is for any machine.
    assert MaskedLM.from_preset(out).backbone.dtype_policy.name == "float32"


def test_the_choices_are_those_there_are():
    from mlmzoo.cli.train import command
    from mlmzoo.data.masking import STRATEGIES

    (masking,) = (option for option in command.params if option.name == "masking")
    assert tuple(masking.type.choices) == STRATEGIES


@pytest.fixture(scope="module")
def adapted(trained, tmp_path_factory):
    """The toy trained on, with the table people see."""
    from click.testing import CliRunner

    from mlmzoo.cli.application import application

    out = tmp_path_factory.mktemp("adapted") / "out"
    args = ["train", trained.preset, "--out", out, "--epochs", 2, "--batch-size", 16]
    args += ["--learning-rate", 0.02, "--data", trained.data]
    result = CliRunner().invoke(application(), [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return out, result


def test_train_shows_loss_and_accuracy_before_and_after(adapted):
    _, result = adapted
    rows = {line.split("  ")[0]: line.split()[-2:] for line in result.stdout.splitlines()[2:5]}
    assert set(rows) == {"before", "after", "token frequencies alone"}
    assert float(rows["after"][0]) < float(rows["before"][0])


def test_train_saves_what_it_trained(adapted, trained):
    out, _ = adapted
    text = "the quick <mask> runs here"
    again = MaskedLM.from_preset(out).fill_mask(text)
    assert again != MaskedLM.from_preset(trained.preset).fill_mask(text)


def test_train_prints_json_alone(mlmzoo, trained, out):
    args = ["train", trained.preset, "--data", trained.data, "--out", out]
    done = mlmzoo(*args, "--epochs", 1, "--batch-size", 16, "--json")
    found = json.loads(done.stdout)
    assert found["training_texts"] + found["held_out_texts"] == 96
    assert found["before"]["loss"] > 0
    assert len(found["epochs"]) == 1


def test_a_place_that_is_taken_is_overwritten_on_request_only(mlmzoo, trained, out):
    out.mkdir()
    (out / "mine.txt").write_text("precious")
    args = ["train", "--from-scratch", trained.recipe, "--data", trained.data, "--out", out]
    done = mlmzoo(*args, "--epochs", 1)
    assert done.exit_code == 2 and "pass --overwrite" in done.stderr
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    done = mlmzoo(*args, "--epochs", 1, "--overwrite")
    assert done.exit_code == 0, done.output
    assert MaskedLM.from_preset(out).head_state == "trained"
    assert (out / "mine.txt").read_text() == "precious"


def test_several_files_follow_one_data_option_as_a_shell_expands_a_glob():
    from mlmzoo.cli.train import command

    given = "preset --data a.txt b.txt --out o --data c.txt --epochs 2"
    spread = "preset --data a.txt --data b.txt --out o --data c.txt --epochs 2"
    assert command.spread(given.split()) == spread.split()


@pytest.mark.parametrize(
    ("args", "phrase"),
    [
        ([], "Missing option '--data'"),
        (["--data"], "'--data' requires an argument"),
        (["--data", "DATA"], "Missing option '--out'"),
        (["--data", "DATA", "--out", "OUT"], "either PRESET or --from-scratch"),
        (["toy", "--from-scratch", "r.toml", "--data", "DATA", "--out", "OUT"], "only one"),
        (["toy", "--data", "DATA", "--out", "OUT", "--epochs", "0"], "--epochs"),
        (["toy", "--data", "DATA", "--out", "OUT", "--validation-split", "1"], "--validation"),
        (["toy", "--data", "DATA", "--out", "OUT", "--accumulate", "0"], "--accumulate"),
        (["toy", "--data", "DATA", "--out", "OUT", "--warmup", "-0.1"], "--warmup"),
        (["toy", "--data", "DATA", "--out", "OUT", "--warmup", "1"], "--warmup"),
        (["toy", "--data", "DATA", "--out", "OUT", "--weight-decay", "-1"], "--weight-decay"),
        (["toy", "--data", "DATA", "--out", "OUT", "--clip-norm", "-1"], "--clip-norm"),
        (["toy", "--data", "DATA", "--out", "OUT", "--decay", "steps"], "--decay"),
        (["toy", "--data", "DATA", "--out", "OUT", "--mask-rate", "0"], "--mask-rate"),
        (["toy", "--data", "DATA", "--out", "OUT", "--masking", "words"], "--masking"),
        (["toy", "--data", "DATA", "--out", "OUT", "--batching", "bucket"], "--batching"),
        (["toy", "--data", "DATA", "--out", "OUT", "--dtype", "int8"], "--dtype"),
        (["toy", "--data", "DATA", "--out", "DATA"], "is a file"),
    ],
)
def test_wrong_usage_of_train(mlmzoo, trained, out, args, phrase):
    named = {"DATA": str(trained.data), "OUT": str(out)}
    done = mlmzoo("train", *(named.get(arg, arg) for arg in args))
    assert done.exit_code == 2, done.output
    assert phrase in done.stderr


def test_a_run_too_short_for_one_update_is_refused(mlmzoo, trained, out):
    done = mlmzoo("train", trained.preset, "--data", trained.data, "--out", out, "--accumulate", 99)
    assert done.exit_code == 1
    assert "accumulate=99" in done.stderr


@pytest.mark.parametrize("what", [["no_such_preset"], ["--from-scratch", "no_such.toml"]])
def test_a_wrong_path_is_said_before_anything_else_is_looked_for(mlmzoo, out, what):
    done = mlmzoo("train", *what, "--data", "nothing*.txt", "--out", out)
    assert done.exit_code == 1
    assert "nothing*.txt" in done.stderr


def test_a_run_that_was_killed_goes_on_and_gives_the_same(mlmzoo, trained, out, monkeypatch):
    """From scratch: the tokenizer is not learnt again, and the record and the preset are alike."""
    from mlmzoo.tasks import run_state

    write = run_state.write

    def writes(path, model, record):
        write(path, model, record)
        if (record.epoch, record.step) == (1, 2):
            raise KeyboardInterrupt

    monkeypatch.setattr(run_state, "write", writes)
    args = ["train", "--from-scratch", trained.recipe, "--data", trained.data, "--out", out]
    args += ["--checkpoint-every", 1, "--json"]
    kept = out.with_name("out.checkpoint")
    done = mlmzoo(*args)
    assert done.exit_code == 130
    assert str(kept) in done.stderr
    assert "--resume" in done.stderr
    refused = mlmzoo(*args)
    assert refused.exit_code == 2
    assert "--resume" in refused.stderr
    monkeypatch.undo()

    from mlmzoo_toy.model import ToyTokenizer

    def train(cls, texts, vocabulary_size):
        raise AssertionError("learnt again")

    monkeypatch.setattr(ToyTokenizer, "train", classmethod(train))
    done = mlmzoo(*args, "--resume")
    assert done.exit_code == 0, done.output
    assert not kept.exists()
    record = json.loads(done.stdout)
    assert record["held_out"] == trained.record["held_out"]
    assert [e["epoch"] for e in record["epochs"]] == [1, 2]
    assert record["epochs"][0]["loss"] == trained.record["epochs"][0]["loss"]


def test_to_resume_there_has_to_be_a_run(mlmzoo, trained, out):
    done = mlmzoo("train", trained.preset, "--data", trained.data, "--out", out, "--resume")
    assert done.exit_code == 2
    assert "holds no run" in done.stderr


def test_to_resume_the_place_has_to_be_one_that_can_be_saved_in(mlmzoo, trained, out, monkeypatch):
    kept = out.with_name("out.checkpoint")
    kept.mkdir()
    (kept / "run.safetensors").touch()
    out.mkdir()
    monkeypatch.chdir(out)
    done = mlmzoo("train", trained.preset, "--data", trained.data, "--out", out, "--resume")
    assert done.exit_code == 2
    assert "the current directory is there" in done.stderr


def test_other_data_is_not_taken_for_the_run_that_is_kept(mlmzoo, trained, out, monkeypatch):
    from mlmzoo.tasks import run_state

    write = run_state.write

    def writes(path, model, record):
        write(path, model, record)
        raise SystemExit(143)

    monkeypatch.setattr(run_state, "write", writes)
    args = ["train", trained.preset, "--out", out, "--epochs", 1]
    assert mlmzoo(*args, "--data", trained.data).exit_code == 143
    monkeypatch.undo()
    other = out.with_name("other.txt")
    other.write_text("the old dog sleeps there\nthe brown fox runs here\n" * 3)
    done = mlmzoo(*args, "--data", other, "--resume")
    assert done.exit_code == 1
    assert "texts" in done.stderr
    assert "--resume" not in done.stderr  # it would fail again
    assert out.with_name("out.checkpoint").exists()


def test_an_adapted_checkpoint_of_transformers_has_a_card_with_what_was_measured(
    mlmzoo, trained, out
):
    args = ["train", trained.preset, "--data", trained.data, "--out", out, "--epochs", 1]
    args += ["--layout", "transformers", "--batch-size", 32, "--language", "en", "--json"]
    done = mlmzoo(*args)
    assert done.exit_code == 0, done.output
    found = metadata_load(out / "README.md")
    (result,) = found["model-index"][0]["results"]
    figures = {metric["type"]: metric["value"] for metric in result["metrics"]}
    after = json.loads(done.stdout)["after"]
    assert (figures["loss"], figures["accuracy"]) == (after["loss"], after["accuracy"])
    assert found["language"] == "en" and found["pipeline_tag"] == "fill-mask"
    assert "license" not in found and "base_model" not in found


def test_facts_that_cannot_be_stated_are_said_before_training(mlmzoo, trained, out):
    scratch = ["train", "--from-scratch", trained.recipe, "--data", trained.data, "--out", out]
    done = mlmzoo(*scratch, "--license", "mit")
    assert done.exit_code == 2 and "states them in [card]" in done.stderr
    adapt = ["train", trained.preset, "--data", trained.data, "--out", out]
    assert mlmzoo(*adapt, "--license", "mit").exit_code == 2
    adapt += ["--layout", "transformers", "--overwrite"]
    done = mlmzoo(*adapt, "--license", "a\nb")
    assert done.exit_code == 1 and "card= has license" in done.stderr
    out.mkdir()
    (out / "README.md").write_text("mine")
    done = mlmzoo(*adapt, "--license", "mit")
    assert done.exit_code == 1 and "README.md" in done.stderr and "epoch" not in done.stderr
    assert [path.name for path in out.iterdir()] == ["README.md"]
