"""What is fuzzed: every reader of a preset's files, each given a good preset with one file changed.

An input is the place of a file in one of the good presets and its new content:

    keras:assets/tokenizer/vocabulary.txt
    [PAD]
    ...

A reader may take it or raise an `MlmzooError`; anything else is a fault of ours.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

sys.path.append(str(Path(__file__).parents[1] / "toy"))

import h5py
import numpy as np
import sentencepiece
from mlmzoo_toy.plugin import mlmzoo_families
from mlmzoo_toy.weights import CHECKPOINT

from mlmzoo.contract.errors import MlmzooError, UnknownNameError
from mlmzoo.kit.tokenizers import BERT_SPECIAL_TOKENS, ByteLevelBPE, Unigram, WordPiece
from mlmzoo.presets import layouts, weights
from mlmzoo.presets.sources.local import LocalFiles

TEXTS = ["the Quick brown fox [MASK] <mask>", "", "naïve ﬁ ①日本 a\0b\u200c\u0301£ \n 12,"]

Preset = dict[str, bytes]
"""File name -> content."""


@dataclass(frozen=True)
class Target:
    """Readers that are fuzzed together.

    Args:
        presets: Name -> a good preset: its files by name.
        read: Reads one of them from a directory; gets its name too.
        ending: What the names of the files that are changed end with.
    """

    presets: Mapping[str, Preset]
    read: Callable[[LocalFiles, str], None]
    ending: str = ""

    def good(self, name: str) -> tuple[LocalFiles, str]:
        """What `read` takes: the preset of that name as it should be."""
        return LocalFiles(_directory(self, name), "the preset"), name

    def inputs(self) -> list[bytes]:
        """An input for every file, unchanged."""
        return [
            join(f"{preset}:{file}", content)
            for preset, files in self.presets.items()
            for file, content in files.items()
            if file.endswith(self.ending)
        ]


def join(place: str, content: bytes) -> bytes:
    """An input of a target."""
    return place.encode() + b"\n" + content


def split(data: bytes) -> tuple[str, bytes]:
    """The place and the content that an input was joined from."""
    place, _, content = data.partition(b"\n")
    return place.decode("utf-8", "replace"), content


def check(target: Target, data: bytes) -> None:
    """Runs a target; raises only what is a fault of ours."""
    place, content = split(data)
    name, _, file = place.partition(":")
    if file not in target.presets.get(name, {}):
        return
    directory = _directory(target, name)
    path = directory / file
    path.write_bytes(content)
    try:
        with warnings.catch_warnings(), suppress(MlmzooError):
            warnings.simplefilter("ignore")
            target.read(LocalFiles(directory, "the preset"), name)
    finally:
        path.write_bytes(target.presets[name][file])


_DIRECTORIES: dict[tuple[int, str], tempfile.TemporaryDirectory[str]] = {}


def _directory(target: Target, name: str) -> Path:
    """The directory where a good preset lies, made once."""
    key = (id(target), name)
    if key not in _DIRECTORIES:
        _DIRECTORIES[key] = tempfile.TemporaryDirectory(prefix="fuzz-", dir=_memory())
        write(target.presets[name], Path(_DIRECTORIES[key].name))
    return Path(_DIRECTORIES[key].name)


def _memory() -> Path | None:
    """Where files are quick, if there is such a place."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None


def write(preset: Preset, directory: Path) -> None:
    """Writes a preset's files."""
    for file, content in preset.items():
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _collected(directory: Path) -> Preset:
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


# Configs ------------------------------------------------------------------------------------------


class Registry:
    """Just enough of one: the toy family."""

    (toy,) = mlmzoo_families()

    def family_by_serialized_name(self, name):
        if name not in self.toy.serialized_names:
            raise UnknownNameError(f"There is no {name!r}.")
        return self.toy

    def family_by_model_type(self, name):
        if name not in self.toy.model_types:
            raise UnknownNameError(f"There is no {name!r}.")
        return self.toy

    def checkpoint(self, family):
        return CHECKPOINT


SIZES = {"vocabulary_size": 11, "num_layers": 2, "hidden_dim": 4, "max_sequence_length": 8}
SHAPES = {
    "token_embedding/embeddings": (11, 4),
    "position_embedding/embeddings": (8, 4),
    **{f"layer_{i}/kernel": (4, 4) for i in range(2)},
    **{f"layer_{i}/bias": (4,) for i in range(2)},
    "mlm_head/dense/kernel": (4, 4),
    "mlm_head/dense/bias": (4,),
    "mlm_head/layer_norm/gamma": (4,),
    "mlm_head/layer_norm/beta": (4,),
    "mlm_head/output_bias": (11,),
}


def _object(kind: str, config: Mapping[str, object], **own: object) -> dict[str, object]:
    result = {"module": "mlmzoo_toy", "class_name": kind, "config": dict(config)}
    result["registered_name"] = f"mlmzoo_toy>{kind}"
    return {**result, "mlmzoo": {"format": 1, **own}} if own else result


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _rows(part: str) -> list[weights.Weight]:
    return list(weights.expand(CHECKPOINT, SIZES, part))


def _stored(row: weights.Weight, layout: str) -> tuple[int, ...]:
    return weights.stored_shape(row, layout, SHAPES[row.ours], None)


def keras_preset() -> Preset:
    """The toy in the keras layout."""
    tokenizer = _object(
        "ToyTokenizer", {"name": "toy", "sequence_length": 8}, tokenizer={"lowercase": True}
    )
    preprocessor = _object(
        "ToyMaskedLMPreprocessor", {"tokenizer": tokenizer, "mask_selection_rate": 0.15}
    )
    backbone = _object("ToyBackbone", {**SIZES, "name": "toy", "dtype": "float32"})
    task = _object(
        "ToyMaskedLM",
        {"backbone": backbone, "preprocessor": preprocessor},
        head={"activation": "gelu", "epsilon": 1e-5},
        head_state="trained",
    )
    return {
        "config.json": _json(backbone),
        "task.json": _json(task),
        "tokenizer.json": _json(tokenizer),
        "preprocessor.json": _json(preprocessor),
        "metadata.json": _json({"keras_version": "3.15.1"}),
        "model.weights.h5": hdf5({row.keras: _stored(row, "keras") for row in _rows("backbone")}),
        "task.weights.h5": hdf5({row.keras: _stored(row, "keras") for row in _rows("head")}),
    }


def transformers_preset() -> Preset:
    """The toy in the transformers layout, its weights in two shards."""
    config = {
        "model_type": "toy",
        "architectures": ["ToyForMaskedLM"],
        "vocab_size": 11,
        "num_layers": 2,
        "hidden_size": 4,
        "max_positions": 8,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "dtype": "float32",
        "mlmzoo": {"format": 1, "backbone": {"num_layers": 2}, "head_state": "trained"},
    }
    shards: Preset = {}
    places: dict[str, str] = {}
    for number, part in enumerate(("backbone", "head"), 1):
        name = f"model-{number:05}-of-00002.safetensors"
        shapes = {row.transformers: _stored(row, "transformers") for row in _rows(part)}
        shards[name] = safetensors(shapes)
        places |= dict.fromkeys(shapes, name)
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    return {
        "config.json": _json(config),
        "model.safetensors.index.json": _json(index),
        **shards,
    }


def safetensors(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """A file of zeros."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
    text = _json(header)
    return struct.pack("<Q", len(text)) + text + bytes(end)


def hdf5(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """A file of zeros."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for name, shape in shapes.items():
            file.create_dataset(name, shape, "f4", data=np.zeros(shape, "f4"))
    return memory.getvalue()


def read_preset(files: LocalFiles, name: str) -> None:
    """Reads a preset and its weights, as loading does."""
    contents = layouts.read(files, Registry())
    assert contents.head_state in ("random", "trained", "unknown")
    for part in ("backbone", "head"):
        variables = {row.ours: Variable(SHAPES[row.ours]) for row in _rows(part)}
        outcome = contents.load(part, variables)
        assert {*outcome.loaded, *outcome.missing} == set(variables)
        assert all(variables[path].rows == variables[path].shape[0] for path in outcome.loaded)


@dataclass
class Variable:
    """What weights are loaded into."""

    shape: tuple[int, ...]
    rows: int = 0

    def assign(self, start: int, values: np.ndarray) -> None:
        assert start == self.rows and values.shape[1:] == self.shape[1:]
        self.rows += len(values)


# Tokenizers ---------------------------------------------------------------------------------------


SENTENCE = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}


class BertLike(WordPiece):
    special_tokens: Mapping[str, str] = BERT_SPECIAL_TOKENS
    start, end = "cls", "sep"
    transformers_class = "BertTokenizer"


class RobertaLike(ByteLevelBPE):
    special_tokens: Mapping[str, str] = SENTENCE
    start, end = "cls", "sep"
    pair_separators = 2
    transformers_class = "RobertaTokenizer"


class AlbertLike(Unigram):
    special_tokens: Mapping[str, str] = {
        "pad": "<pad>",
        "unk": "<unk>",
        "cls": "[CLS]",
        "sep": "[SEP]",
        "mask": "[MASK]",
    }
    start, end = "cls", "sep"
    preparation: ClassVar[Mapping[str, bool]] = {"lowercase": True, "strip_accents": True}
    model_tokens = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
    transformers_class = "AlbertTokenizer"
    transformers_switches = ("do_lower_case", "keep_accents")


class XLMRobertaLike(Unigram):
    special_tokens: Mapping[str, str] = SENTENCE
    start, end = "cls", "sep"
    tokens_before = ("<s>", "<pad>", "</s>", "<unk>")
    tokens_after = ("<mask>",)
    model_file = "sentencepiece.bpe.model"


WORDS = ["the", "##s", "quick", "brown", "fox", "naive", "##x", "日", ",", "1", "covid-19"]
ADDED = [{"content": "covid-19", "single_word": True}]
MERGES = ["t h", "th e", "Ġ the", "o x", "f ox"]


def tokenizers() -> dict[str, object]:
    """A small tokenizer of every kind."""
    byte_level = [chr(number) for number in range(33, 127)]
    pieces = dict.fromkeys([*byte_level, "Ġ", *(m.replace(" ", "") for m in MERGES)])
    specials = RobertaLike.special_tokens.values()
    return {
        "wordpiece": BertLike(
            [*BERT_SPECIAL_TOKENS.values(), *WORDS], lowercase=True, added_tokens=ADDED
        ),
        "byte_level_bpe": RobertaLike([*specials, *pieces, "covid-19"], MERGES, added_tokens=ADDED),
        "unigram": AlbertLike(model_proto(AlbertLike.model_tokens), added_tokens=["covid-19"]),
        "shifted": XLMRobertaLike(model_proto(("<unk>", "<s>", "</s>"), "bpe")),
    }


def model_proto(tokens: tuple[str, ...], kind: str = "unigram") -> bytes:
    """A sentencepiece model of some kilobytes, with a character map of its own."""
    roles = {"<unk>": "unk", "<pad>": "pad", "<s>": "bos", "</s>": "eos"}
    ids = {f"{role}_id": -1 for role in roles.values()}
    ids |= {f"{roles[token]}_id": id for id, token in enumerate(tokens) if token in roles}
    writer = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as rules:
        rules.write("FB01\t66 69\n2460\t31\n41 0301\tC1\n")
        rules.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["the quick brown fox", "a naive fox, 1 2 3"] * 9),
            model_writer=writer,
            model_type=kind,
            vocab_size=40,
            hard_vocab_limit=False,
            minloglevel=2,
            control_symbols=[token for token in tokens if token not in roles],
            normalization_rule_tsv=rules.name,
            **ids,
        )
    return writer.getvalue()


def tokenizer_target(*names: str) -> Target:
    """Presets of some of `tokenizers`, in both layouts and in transformers' older one."""
    presets: dict[str, Preset] = {}
    kinds: dict[str, type] = {}
    for name in names:
        tokenizer = tokenizers()[name]
        for layout in ("keras", "transformers"):
            with tempfile.TemporaryDirectory() as directory:
                tokenizer.write_files(directory, layout)
                preset = _collected(Path(directory))
            if layout == "keras":
                config = {**tokenizer.keras_config(), **tokenizer.extras()}
                preset["tokenizer.json"] = _json(config)
            presets[f"{name}-{layout}"] = preset
        older = {n: c for n, c in preset.items() if n != "tokenizer.json"}
        older["special_tokens_map.json"] = _json({"mask_token": tokenizer.mask_token})
        size = tokenizer.vocabulary_size()
        older["added_tokens.json"] = _json({"covid-19": size - 1})
        presets[f"{name}-older"] = older
        if name in ("unigram", "shifted"):
            whole = presets[f"{name}-transformers"]
            presets[f"{name}-json"] = {n: c for n, c in whole.items() if n != tokenizer.model_file}
        kinds[name] = type(tokenizer)

    def read(files: LocalFiles, name: str) -> None:
        kind, _, layout = name.rpartition("-")
        if layout != "keras":
            use(kinds[kind].from_files(files, "transformers"))
            return
        try:
            config = json.loads((files.directory / "tokenizer.json").read_bytes())
        except (ValueError, RecursionError):
            return  # that file is read by the layout, as in the target "config"
        if isinstance(config, dict):
            use(kinds[kind].from_files(files, layout, config))

    return Target(presets, read)


def use(tokenizer) -> None:
    """What is done with a tokenizer that was read: what it says must fit its vocabulary."""
    size = tokenizer.vocabulary_size()
    for specials in ("none", "mask", "all"):
        split = getattr(tokenizer, "split", True)
        rows = tokenizer.encode(TEXTS if split else [[text] for text in TEXTS], specials)
        for row in rows:
            assert all(0 <= id < size for id in row)
            assert isinstance(tokenizer.detokenize(row), str)
            assert len(tokenizer.word_starts(np.array(row, np.int32))) == len(row)
        if split:
            assert tokenizer.encode_with_offsets(TEXTS, specials)[0] == rows
    assert tokenizer.token_to_id(tokenizer.mask_token) == tokenizer.mask_token_id < size
    assert tokenizer.id_to_token(tokenizer.mask_token_id) == tokenizer.mask_token
    for layout in ("keras", "transformers"):
        with tempfile.TemporaryDirectory(dir=_memory()) as directory, suppress(MlmzooError):
            tokenizer.write_files(directory, layout)


# All of them --------------------------------------------------------------------------------------


MAKERS: dict[str, Callable[[], Target]] = {
    "config": lambda: Target(
        {"keras": keras_preset(), "transformers": transformers_preset()}, read_preset, ".json"
    ),
    "safetensors": lambda: Target(
        {"transformers": transformers_preset()}, read_preset, ".safetensors"
    ),
    "hdf5": lambda: Target({"keras": keras_preset()}, read_preset, ".h5"),
    "wordpiece": lambda: tokenizer_target("wordpiece"),
    "byte_level_bpe": lambda: tokenizer_target("byte_level_bpe"),
    "unigram": lambda: tokenizer_target("unigram", "shifted"),
}


@cache
def target(name: str) -> Target:
    """The target of that name."""
    return MAKERS[name]()
