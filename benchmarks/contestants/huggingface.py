"""transformers: a plain PyTorch loop over `DataCollatorForLanguageModeling`, as its `Trainer` does.

AdamW without weight decay (which is Adam), fused as in `Trainer`, no clipping of gradients. Batches
are padded to their longest row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import transformers

from benchmarks import judge, work
from benchmarks.turns import Turns

LEARNING_RATE = 5e-5
TOKENISED_AT_ONCE = 1000
"""Texts a call of the tokenizer, as `datasets.Dataset.map` has them."""
CONFIGS = {
    "Bert": ("bert", {}),
    "DebertaV3": (
        "deberta-v2",
        {
            "relative_attention": True,
            "position_buckets": 256,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pos_att_type": "p2c|c2p",
            "position_biased_input": False,
            "type_vocab_size": 0,
        },
    ),
    "FNet": ("fnet", {}),
}


def lines(turns: Turns, options: dict[str, Any]) -> None:
    """Fine-tuning on raw lines."""
    texts = work.read_lines(options["lines"])
    tokenizer, model = _checkpoint(options)
    step = _step(model, LEARNING_RATE)

    def epoch() -> float:
        return [step(**batch) for batch in _batches(tokenizer, texts, options)][-1]

    _take_turns(turns, epoch)


def steps(turns: Turns, options: dict[str, Any]) -> None:
    """Training steps on rows that are tokenised and masked already, weights at random."""
    kind, entries = CONFIGS[options["family"]]
    settings = options["settings"]
    config = transformers.AutoConfig.for_model(
        kind,
        vocab_size=settings["vocabulary_size"],
        num_hidden_layers=settings["num_layers"],
        hidden_size=settings["hidden_dim"],
        intermediate_size=settings["intermediate_dim"],
        hidden_dropout_prob=settings["dropout"],
        **(
            {
                "num_attention_heads": settings["num_heads"],
                "attention_probs_dropout_prob": settings["dropout"],
            }
            if "num_heads" in settings
            else {}
        ),
        **entries,
    )
    model = transformers.AutoModelForMaskedLM.from_config(config)
    step = _step(model, LEARNING_RATE)
    names = {"input_ids": "token_ids"}
    if options["family"] != "FNet":
        names["attention_mask"] = "padding_mask"
    x, y, _ = work.read_rows(options["rows"], list(work.INPUTS))
    labels = np.full_like(x["token_ids"], -100)
    np.put_along_axis(labels, x["mask_positions"], y, axis=1)
    arrays = {theirs: x[ours] for theirs, ours in names.items()} | {"labels": labels}
    tensors = {name: torch.tensor(array).long() for name, array in arrays.items()}
    size = options["batch"]

    def epoch() -> float:
        loss = 0.0
        for begin in range(0, len(labels), size):
            loss = step(**{name: value[begin : begin + size] for name, value in tensors.items()})
        return loss

    _take_turns(turns, epoch)


def pipeline(turns: Turns, options: dict[str, Any]) -> None:
    """Batches of masked tokens from raw lines."""
    texts = work.read_lines(options["lines"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(options["checkpoint"])
    for _ in _batches(tokenizer, texts[:64], options):
        pass
    turns.ready()
    while turns.wait() is not None:
        start = time.perf_counter()
        rows = sum(len(batch["input_ids"]) for batch in _batches(tokenizer, texts, options))
        seconds = time.perf_counter() - start
        assert rows == len(texts)
        turns.report(seconds=seconds)


def fill_mask(turns: Turns, options: dict[str, Any]) -> None:
    """Candidates for one mask a text."""
    fill = transformers.pipeline("fill-mask", model=options["checkpoint"], device="cpu")
    texts = work.read_lines(options["texts"])
    fill(texts[: 2 * options["batch"]], batch_size=options["batch"])
    turns.ready()
    while turns.wait() is not None:
        start = time.perf_counter()
        answers = fill(texts, batch_size=options["batch"])
        seconds = time.perf_counter() - start
        assert len(answers) == len(texts) and all(len(answer) == 5 for answer in answers)
        turns.report(seconds=seconds)


def score(turns: Turns, options: dict[str, Any]) -> None:
    """Pseudo-log-likelihood of every text, by minicons: a batch for each text."""
    from minicons.scorer import MaskedLMScorer

    scorer = MaskedLMScorer(options["checkpoint"], "cpu")
    # minicons 0.3.39 calls the tokenizer by a name that transformers 5 dropped.
    if not hasattr(scorer.tokenizer, "batch_encode_plus"):
        scorer.tokenizer.batch_encode_plus = scorer.tokenizer.__call__
    texts = work.read_lines(options["texts"])
    scorer.sequence_score(texts[:2])
    turns.ready()
    while turns.wait() is not None:
        start = time.perf_counter()
        # More at once it would pad, and keep logits at every token of all rows: 29 GB for these.
        scores = [scorer.sequence_score([text])[0] for text in texts]
        seconds = time.perf_counter() - start
        assert len(scores) == len(texts)
        turns.report(seconds=seconds)


def quality(turns: Turns, options: dict[str, Any]) -> None:
    """Held-out loss before and after training on raw lines."""
    texts = work.read_lines(options["lines"])
    turns.ready()
    while (given := turns.wait()) is not None:
        transformers.set_seed(given["seed"])
        tokenizer, model = _checkpoint(options)
        before = _held_out(model, options)
        step = _step(model, judge.LEARNING_RATE, judge.EPSILON)
        for _ in range(options["epochs"]):
            for batch in _batches(tokenizer, texts, options):
                step(**batch)
        turns.report(before=before, loss=_held_out(model, options))


def _held_out(model: Any, options: dict[str, Any]) -> float:
    model.eval()

    def logits(batch: dict[str, Any]) -> np.ndarray:
        with torch.no_grad():
            found = model(
                input_ids=torch.tensor(batch["token_ids"]).long(),
                attention_mask=torch.tensor(batch["padding_mask"]).long(),
            ).logits.numpy()
        return np.take_along_axis(found, batch["mask_positions"][..., None], axis=1)

    return judge.loss(options["held_out"], logits)


def _checkpoint(options: dict[str, Any]) -> tuple[Any, Any]:
    checkpoint = options["checkpoint"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    return tokenizer, transformers.AutoModelForMaskedLM.from_pretrained(checkpoint)


def _step(model: Any, learning_rate: float, epsilon: float = 1e-8) -> Callable[..., float]:
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, eps=epsilon, weight_decay=0.0, fused=True
    )

    def step(**batch: Any) -> float:
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step


def _batches(tokenizer: Any, texts: list[str], options: dict[str, Any]) -> Iterator[Any]:
    rows: list[dict[str, Any]] = []
    for begin in range(0, len(texts), TOKENISED_AT_ONCE):
        encoded = tokenizer(
            texts[begin : begin + TOKENISED_AT_ONCE],
            truncation=True,
            max_length=options["limit"],
            return_special_tokens_mask=True,
        )
        rows += [
            {name: values[i] for name, values in encoded.items()}
            for i in range(len(encoded["input_ids"]))
        ]
    collate = transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    loader = torch.utils.data.DataLoader(
        rows, batch_size=options["batch"], shuffle=True, collate_fn=collate
    )
    return iter(loader)


def _take_turns(turns: Turns, epoch: Callable[[], float]) -> None:
    start = time.perf_counter()
    epoch()
    turns.ready(warm_up=time.perf_counter() - start)
    while turns.wait() is not None:
        start = time.perf_counter()
        loss = epoch()
        turns.report(seconds=time.perf_counter() - start, loss=loss)
