"""Files of tokenizers that are out to do harm: refused in words, whatever they hold."""

import io
import json
from collections.abc import Mapping

import pytest

pytest.importorskip("sentencepiece")
pytest.importorskip("tokenizers")

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from mlmzoo.contract.errors import InputError, PresetFormatError
from mlmzoo.kit.tokenizers import BERT_SPECIAL_TOKENS, ByteLevelBPE, Unigram, WordPiece, reading
from mlmzoo.kit.tokenizers.reading import FILE_BYTES, JSON_DEPTH, SPECIAL_TOKENS, TOKENS

CORPUS = ["the quick brown fox jumps over the lazy dog", "the jugs in the box", "the end"]
WORDS = [*BERT_SPECIAL_TOKENS.values(), "the", "##s", "covid-19"]
VOCABULARY = "assets/tokenizer/vocabulary.txt"
IDS = "assets/tokenizer/vocabulary.json"
MERGES = "assets/tokenizer/merges.txt"
MODEL = "assets/tokenizer/vocabulary.spm"


class Words(WordPiece):
    special_tokens: Mapping[str, str] = BERT_SPECIAL_TOKENS
    transformers_class = "BertTokenizer"


class Pairs(ByteLevelBPE):
    special_tokens: Mapping[str, str] = {"mask": "<mask>"}


class Pieces(Unigram):
    special_tokens: Mapping[str, str] = {"unk": "<unk>", "mask": "[MASK]"}
    tokens_after = ("[MASK]",)
    transformers_switches = ("do_lower_case",)


@pytest.fixture(scope="module")
def good():
    """A tokenizer of every kind."""
    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*CORPUS] * 3),
        model_writer=writer,
        vocab_size=80,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return {
        Words: Words(WORDS, added_tokens=["covid-19"]),
        Pairs: Pairs(["<mask>", "t", "h", "th"], ["t h"]),
        Pieces: Pieces(writer.getvalue(), added_tokens=["covid-19"]),
    }


class Directory:
    """The files of a directory, and which were asked for."""

    def __init__(self, root):
        self.root, self.handle, self.asked = root, str(root), set()

    def path(self, name):
        self.asked.add(name)
        path = self.root / name
        return path if path.is_file() else None


def edited(**changes):
    """A change of a JSON file: ``a__b=value`` sets ``["a"]["b"]``."""

    def change(data):
        value = json.loads(data)
        for keys, new in changes.items():
            inner = value
            *path, last = keys.split("__")
            for key in path:
                inner = inner[key]
            inner[last] = new
        return json.dumps(value).encode()

    return change


def of_model(change):
    """A change of a sentencepiece model."""

    def changed(data):
        model = sentencepiece_model_pb2.ModelProto.FromString(data)
        change(model)
        return model.SerializeToString()

    return changed


def text(text, encoding="utf-8"):
    return lambda _: text.encode(encoding)


def set_piece(**values):
    def change(model):
        for name, value in values.items():
            setattr(model.pieces[9], name, value)

    return of_model(change)


def nested_symbols(model):
    for length in range(1, 67):
        model.pieces.add(piece="ζ" * length, score=0.0, type=4)


def many_symbols(model):
    model.trainer_spec.user_defined_symbols.extend(["ab"] * (2**20 + 1))  # of four bytes each


def bad_denormalizer(model):
    model.denormalizer_spec.precompiled_charsmap = b"\0\4\0\0" + bytes(1024)


def not_utf8(data):
    return set_piece(piece="QQQQ")(data).replace(b"QQQQ", b"\xff\xfe\xfd\xfc")


DEEP = b'{"a": ' * (JSON_DEPTH + 1) + b"1" + b"}" * (JSON_DEPTH + 1)
TOO_DEEP = b'{"a": ' * 100_000
HOSTILE = {
    # Text.
    "not UTF-8": (Words, "keras", VOCABULARY, text("[PAD]\ncafé", "latin-1")),
    "NUL character": (Words, "keras", VOCABULARY, text("[PAD]\n[UNK]\n", "utf-16-le")),
    "not UTF-8 text": (Words, "keras", VOCABULARY, text("[PAD]\n[UNK]\n", "utf-16")),
    "byte order mark": (Words, "keras", VOCABULARY, text("\n".join(WORDS), "utf-8-sig")),
    "is empty": (Words, "keras", VOCABULARY, text("")),
    "twice, in lines 6 and 7": (
        *(Words, "keras", VOCABULARY),
        text("\n".join([*WORDS[:5], "the", "the"])),
    ),
    "needs special tokens": (Words, "keras", VOCABULARY, text("the\n[PAD]\n")),
    "has 1001 characters": (Words, "keras", VOCABULARY, text("\n".join([*WORDS, "x" * 1001]))),
    "merges .* not UTF-8": (Pairs, "keras", MERGES, text("t h", "utf-16")),
    "merges .* byte order mark": (Pairs, "keras", MERGES, text("t h", "utf-8-sig")),
    "is no pair": (Pairs, "keras", MERGES, text("t h th")),
    "does not hold. Do the merges belong": (Pairs, "keras", MERGES, text("t x")),
    # JSON.
    "Unexpected UTF-8 BOM": (Pairs, "keras", IDS, text('{"<mask>": 0}', "utf-8-sig")),
    "surrogates not allowed": (Pairs, "keras", IDS, text('{"<mask>": 0, "\\uD83D": 1}')),
    "key 't' twice": (Pairs, "keras", IDS, text('{"<mask>": 0, "t": 1, "t": 2, "h": 2, "th": 3}')),
    "does not hold a JSON object": (Pairs, "keras", IDS, text("[]")),
    f"nests more than {JSON_DEPTH} deep": (Pairs, "keras", IDS, lambda _: DEEP),
    "is not JSON": (Pairs, "keras", IDS, lambda _: TOO_DEEP),
    "no token is id 3": (Pairs, "keras", IDS, edited(th=10**12)),
    "'th' as id -1|no token is id 3": (Pairs, "keras", IDS, edited(th=-1)),
    "'th' as id True": (Pairs, "keras", IDS, edited(th=True)),
    "'th' as id 3.0": (Pairs, "keras", IDS, edited(th=3.0)),
    "'th' as id '3'": (Pairs, "keras", IDS, edited(th="3")),
    r"'th' as id \[\[\]\]": (Pairs, "keras", IDS, edited(th=[[]])),
    "'th' as id 2, which 'h' is": (Pairs, "keras", IDS, edited(th=2)),
    # tokenizer.json.
    "an object was expected": (Words, "transformers", "tokenizer.json", edited(normalizer=7)),
    "'pre_tokenizer', where": (Words, "transformers", "tokenizer.json", edited(pre_tokenizer=[1])),
    "for its 'model'": (Words, "transformers", "tokenizer.json", edited(model="BPE")),
    "'suffix_indicator' to 7": (
        *(Words, "transformers", "tokenizer.json"),
        edited(model__continuing_subword_prefix=7),
    ),
    "'max_characters_per_word' to 1001": (
        *(Words, "transformers", "tokenizer.json"),
        edited(model__max_input_chars_per_word=1001),
    ),
    "'max_characters_per_word' to -1": (
        *(Words, "transformers", "tokenizer.json"),
        edited(model__max_input_chars_per_word=-1),
    ),
    "the added token 7": (Words, "transformers", "tokenizer.json", edited(added_tokens=7)),
    "'lstrip': 'no'": (
        *(Words, "transformers", "tokenizer.json"),
        edited(added_tokens=[{"id": 7, "content": "covid-19", "lstrip": "no"}]),
    ),
    "'id': True": (
        *(Words, "transformers", "tokenizer.json"),
        edited(added_tokens=[{"id": True, "content": "[UNK]"}]),
    ),
    "'content': ''": (
        *(Words, "transformers", "tokenizer.json"),
        edited(added_tokens=[{"id": 8, "content": ""}]),
    ),
    "nothing is left": (
        *(Words, "transformers", "tokenizer.json"),
        edited(added_tokens=[{"id": 8, "content": "\u200c"}]),
    ),
    "malformed vocabulary": (
        *(Pieces, "json", "tokenizer.json"),
        edited(model__vocab=[["<unk>", 0, 1]]),
    ),
    "malformed vocabulary .*'<unk>', nan": (
        *(Pieces, "json", "tokenizer.json"),
        edited(model__vocab=[["<unk>", float("nan")]]),
    ),
    "malformed vocabulary .*True": (
        *(Pieces, "json", "tokenizer.json"),
        edited(model__vocab=[["<unk>", True]]),
    ),
    "malformed vocabulary .*unk_id is -1": (
        *(Pieces, "json", "tokenizer.json"),
        edited(model__unk_id=-1),
    ),
    "unk_id is True": (Pieces, "json", "tokenizer.json", edited(model__unk_id=True)),
    "'normalizer', where": (Pieces, "json", "tokenizer.json", edited(normalizer="NFC")),
    "None among its normalizers": (
        *(Pieces, "json", "tokenizer.json"),
        edited(normalizer__normalizers=None),
    ),
    "7 among its pretokenizers": (
        *(Pieces, "json", "tokenizer.json"),
        edited(pre_tokenizer={"type": "Sequence", "pretokenizers": [7]}),
    ),
    "no base64": (
        *(Pieces, "json", "tokenizer.json"),
        edited(normalizer={"type": "Precompiled", "precompiled_charsmap": "*"}),
    ),
    "base64 .*|character map": (
        *(Pieces, "json", "tokenizer.json"),
        edited(normalizer={"type": "Precompiled", "precompiled_charsmap": "/////wAA"}),
    ),
    # tokenizer_config.json and the maps beside it.
    "'do_lower_case' to 'no'": (
        *(Words, "transformers", "tokenizer_config.json"),
        edited(do_lower_case="no"),
    ),
    "'strip_accents' to 1": (
        *(Words, "transformers", "tokenizer_config.json"),
        edited(strip_accents=1),
    ),
    r"'mask_token' to \['\[MASK\]'\]": (
        *(Words, "transformers", "tokenizer_config.json"),
        edited(mask_token=["[MASK]"]),
    ),
    "'additional_special_tokens' to 7": (
        *(Words, "transformers", "tokenizer_config.json"),
        edited(additional_special_tokens=7),
    ),
    "the added token .*'99999999999'": (
        *(Words, "transformers", "tokenizer_config.json"),
        edited(added_tokens_decoder={"9" * 11: {"content": "x"}}),
    ),
    "'added_tokens_decoder'|the added token": (
        *(Words, "transformers", "tokenizer_config.json"),
        edited(added_tokens_decoder=[7]),
    ),
    "'do_lower_case' to 3": (
        *(Pieces, "transformers", "tokenizer_config.json"),
        edited(do_lower_case=3),
    ),
    f"whole number below {TOKENS}": (
        *(Pieces, "transformers", "tokenizer_config.json"),
        edited(added_tokens_decoder={"99999999": {"content": "far"}}),
    ),
    # KerasHub's tokenizer.json, which names a class' arguments.
    "'oov_token' to 7": (Words, "keras", "tokenizer.json", edited(oov_token=7)),
    "'lowercase' to 'yes'": (Words, "keras", "tokenizer.json", edited(lowercase="yes")),
    "'sequence_length' to 1099511627776": (
        *(Words, "keras", "tokenizer.json"),
        edited(sequence_length=2**40),
    ),
    "'sequence_length' to 'x'": (Words, "keras", "tokenizer.json", edited(sequence_length="x")),
    "'special_tokens' to 7": (Words, "keras", "tokenizer.json", edited(special_tokens=7)),
    r"'special_tokens' to \[\['the'\]\]": (
        *(Words, "keras", "tokenizer.json"),
        edited(special_tokens=[["the"]]),
    ),
    "id_to_token is something else": (
        *(Words, "keras", "tokenizer.json"),
        edited(special_tokens={"id_to": "the"}),
    ),
    "'special_tokens' to .*most 10000|at most": (
        *(Words, "keras", "tokenizer.json"),
        edited(special_tokens=["the"] * (SPECIAL_TOKENS + 1)),
    ),
    "'added_tokens' to .*'size': 1": (
        *(Words, "keras", "tokenizer.json"),
        edited(added_tokens=[{"content": "the", "size": 1}]),
    ),
    "'unsplittable_tokens' to": (
        *(Pairs, "keras", "tokenizer.json"),
        edited(unsplittable_tokens=[7]),
    ),
    "'added_tokens' to .*-1": (
        *(Pieces, "keras", "tokenizer.json"),
        edited(added_tokens={"far": -1}),
    ),
    "'added_tokens' to .*1048576": (
        *(Pieces, "keras", "tokenizer.json"),
        edited(added_tokens={"far": TOKENS}),
    ),
    "add_bos=True": (Pieces, "keras", "tokenizer.json", edited(add_bos=True)),
    # sentencepiece.
    "is empty.*spm": (Pieces, "keras", MODEL, lambda _: b""),
    "cannot be parsed": (Pieces, "keras", MODEL, lambda data: data[:-7]),
    "it ends in field": (Pieces, "keras", MODEL, lambda _: b"\n\x01a" + b"\n" + b"\xff" * 12),
    "parsed .*of kind 3": (Pieces, "keras", MODEL, lambda _: b"\n\x01a" + b"\x0b" * 5000),
    f"more than {TOKENS} pieces": (Pieces, "keras", MODEL, lambda _: b"\n\0" * (TOKENS + 1)),
    "bytes besides its pieces": (Pieces, "keras", MODEL, of_model(many_symbols)),
    "piece that is not UTF-8|cannot be parsed": (Pieces, "keras", MODEL, not_utf8),
    "piece without text": (Pieces, "keras", MODEL, set_piece(piece="")),
    "piece with a NUL": (Pieces, "keras", MODEL, set_piece(piece="a\0b")),
    "piece of more than 1000": (Pieces, "keras", MODEL, set_piece(piece="x" * 200_000)),
    "score is not finite": (Pieces, "keras", MODEL, set_piece(score=float("inf"))),
    "2 of its pieces stand for unknown": (Pieces, "keras", MODEL, set_piece(type=2)),
    "symbols begin one another": (Pieces, "keras", MODEL, of_model(nested_symbols)),
    "gives its trie 1024 bytes": (Pieces, "keras", MODEL, of_model(bad_denormalizer)),
}


@pytest.mark.parametrize("says", HOSTILE)
def test_a_hostile_file_is_refused_in_words(says, good, tmp_path):
    kind, layout, name, change = HOSTILE[says]
    tokenizer = good[kind]
    tokenizer.write_files(tmp_path, "keras" if layout == "keras" else "transformers")
    if layout == "json":
        (tmp_path / kind.model_file).unlink()
    config = {}
    if layout == "keras":
        config = {**tokenizer.keras_config(), **tokenizer.extras()}
        (tmp_path / "tokenizer.json").write_text(json.dumps(config), encoding="utf-8")
    path = tmp_path / name
    path.write_bytes(change(path.read_bytes()))
    if layout == "keras":
        config = json.loads((tmp_path / "tokenizer.json").read_bytes())
    with pytest.raises(PresetFormatError, match=says) as error:
        kind.from_files(Directory(tmp_path), layout.replace("json", "transformers"), config)
    assert len(str(error.value)) < 2000


@pytest.mark.parametrize("kind", [Words, Pairs, Pieces])
@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_no_setting_names_a_file_elsewhere(kind, layout, good, tmp_path):
    good[kind].write_files(tmp_path, layout)
    path = tmp_path / "elsewhere"
    path.write_text("[PAD]\n", encoding="utf-8")
    elsewhere = dict.fromkeys(("vocabulary", "merges", "proto", "vocab_file"), str(path))
    config = {**good[kind].keras_config(), **good[kind].extras(), **elsewhere}
    if layout == "transformers":
        settings = json.loads((tmp_path / "tokenizer_config.json").read_bytes())
        settings |= elsewhere | {"tokenizer_file": str(path), "chat_template": "{{ 1 / 0 }}"}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    files = Directory(tmp_path)
    read = kind.from_files(files, layout, config)
    assert read.get_vocabulary() == good[kind].get_vocabulary()
    assert not any("elsewhere" in name for name in files.asked)


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt", "tokenizer_config.json"])
def test_a_file_that_is_too_large_is_not_read(name, good, tmp_path):
    good[Words].write_files(tmp_path, "transformers")
    if name == "vocab.txt":
        (tmp_path / "tokenizer.json").unlink()
    with (tmp_path / name).open("r+b") as file:
        file.truncate(2**40)  # without taking room
    with pytest.raises(PresetFormatError, match=f"{name} has {2**40} bytes, and {FILE_BYTES} are"):
        Words.from_files(Directory(tmp_path), "transformers")


def test_json_of_too_many_values_is_not_parsed(monkeypatch):
    monkeypatch.setattr(reading, "JSON_VALUES", 10)
    assert reading.parse_json(b"[1,1,1,1,1,1,1,1,1]", "it") == [1] * 9
    with pytest.raises(PresetFormatError, match="12 values, and 10 are the most"):
        reading.parse_json(b"[[],[],[],[],[],[]]", "it")


def test_whole_surrogate_pairs_are_what_they_stand_for():
    assert reading.parse_json(rb'["\ud83d\ude00", "\u0120"]', "it") == ["😀", "Ġ"]


def test_a_vocabulary_has_an_end(monkeypatch):
    monkeypatch.setattr("mlmzoo.kit.tokenizers.vocabulary.TOKENS", len(WORDS) - 1)
    with pytest.raises(InputError, match=f"vocabulary of {len(WORDS)} tokens, and"):
        Words(WORDS)


def test_a_file_of_too_many_lines_is_not_taken_apart(tmp_path, monkeypatch):
    monkeypatch.setattr("mlmzoo.kit.tokenizers.vocabulary.TOKENS", len(WORDS))
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*WORDS, ""]), encoding="utf-8")
    assert Words(path).get_vocabulary() == WORDS
    path.write_text("\n".join([*WORDS, "one", ""]), encoding="utf-8")
    with pytest.raises(PresetFormatError, match=f"vocab.txt has {len(WORDS) + 1} lines"):
        Words(path)


def test_special_tokens_are_few_and_strings(monkeypatch):
    with pytest.raises(InputError, match=r"\('mask', 7\). Roles and tokens are strings"):
        Words(WORDS, special_tokens={"mask": 7})
    monkeypatch.setattr("mlmzoo.kit.tokenizers.base.SPECIAL_TOKENS", 5)
    Words(WORDS)
    with pytest.raises(InputError, match="given 6 special tokens, and 5 are the most"):
        Words(WORDS, special_tokens=["the"])


def test_half_of_a_surrogate_pair_is_no_token():
    with pytest.raises(InputError, match=r"Words was given .*a.*ud800.*not valid Unicode"):
        Words([*WORDS, "a\ud800"])


def test_a_hidden_special_token_is_not_another_one():
    words = Words(WORDS, added_tokens=["[MASK]", "covid-19"])
    assert words.encode(["the [MASK] covid-19"]) == [[5, 1, 1, 1, 7]]
    assert words.encode(["the [MASK] covid-19"], "mask") == [[5, 4, 7]]


@pytest.mark.parametrize(
    "added", [{"far": -1}, {"far": TOKENS}, {"far": "7"}, {7: 7}, [7], {"far": True}]
)
def test_ids_of_added_tokens_are_ids(added, good):
    with pytest.raises(InputError, match="added_tokens has"):
        Pieces(good[Pieces].proto, added_tokens=added)


def test_an_added_token_far_beyond_the_pieces_is_refused(good):
    end = good[Pieces].vocabulary_size() - len(good[Pieces].added_tokens)
    near = {"[MASK]": end}
    taken = Pieces(good[Pieces].proto, added_tokens={**near, "far": end + SPECIAL_TOKENS - 1})
    assert taken.id_to_token(end + SPECIAL_TOKENS - 1) == "far"
    with pytest.raises(InputError, match=f"number {end + SPECIAL_TOKENS}, .* are the most"):
        Pieces(good[Pieces].proto, added_tokens={**near, "far": end + SPECIAL_TOKENS})


def test_what_was_not_looked_at_does_not_run(good):
    model = sentencepiece_model_pb2.ModelProto.FromString(good[Pieces].proto)
    foreign = b"\xc2\x3e\x04abcd"  # a field of number 1000
    assert model.SerializeToString() + foreign == Pieces(model.SerializeToString() + foreign).proto
    running = Pieces(model.SerializeToString() + foreign).running_model()
    assert foreign not in running.serialized


def test_the_most_that_is_taken_is_taken(good):
    symbols = sentencepiece_model_pb2.ModelProto.FromString(good[Pieces].proto)
    for length in range(1, 65):
        symbols.pieces.add(piece="ζ" * length, score=0.0, type=4)
    assert Pieces(symbols.SerializeToString()).encode(["ζ" * 64 + " ζ"])
    assert Words([*WORDS, "x" * 1000]).vocabulary_size() == len(WORDS) + 1
