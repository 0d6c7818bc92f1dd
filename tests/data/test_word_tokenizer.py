import functools
import json
import pickle
import re
import shutil
import tempfile
import unicodedata
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data.tokenizers import Tokenizer
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import models, pre_tokenizers, processors
from transformers import BertTokenizerFast, RobertaTokenizer, RobertaTokenizerFast

from luke_allennlp.data.word_tokenizer import Encoded, WordTokenizer, follows_space

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
LUKE, ROBERTA, BERT = (str(FIXTURES / name) for name in ("tiny-luke", "tiny-roberta", "tiny-bert"))
TOKENIZERS = {name: WordTokenizer(name) for name in (LUKE, ROBERTA, BERT)}
SPECIAL = ("<s>", "</s>", "<pad>", "<unk>", "<mask>", "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")

# By kind, and by whether a space is put before the text. In transformers 5 both kinds are one class.
REFERENCES = {
    (kind, prefix): cls.from_pretrained(ROBERTA, add_prefix_space=prefix)
    for kind, cls in (("slow", RobertaTokenizer), ("fast", RobertaTokenizerFast))
    for prefix in (True, False)
}

BERT_REFERENCE = BertTokenizerFast.from_pretrained(BERT)

# Pieces that tokenizers stumble over, between any characters.
PIECES = [
    *(" ", "  ", "\r\n", *"\n\t\u00a0\u2003\u2028\u200b\u200d\ufeff\x1c\x85"),
    *"'s ' n't . ... $ “ ’ - @ # ( a The Brackwater 2020 ½".split(),
    *"e\u0301 n\u0303\u0323 é \u0301 ß İ ﬁ 日本語 東 한국어 ไทย हिन्दी שלום مرحبا \u202e 😀 👩‍👩‍👧 🇫🇷".split(),
    *"\U0001f3fd\ufffd\x00\x7f",
]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=12).map("".join)
quick = settings(max_examples=150, deadline=None)


def holds_special(text: str) -> bool:
    return any(name in text for name in SPECIAL)


def reference_ids(kind: str, text: str, add_prefix_space: bool) -> List[int]:
    """Of transformers' tokenizer, which leaves the space at both ends of a text to its caller."""
    text = text.strip()
    if not text:
        return []
    return REFERENCES[kind, add_prefix_space](text, add_special_tokens=False)["input_ids"]


def copy(source: str, target: Path, **config: object) -> Path:
    shutil.copytree(source, target)
    content = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**content, **config}))
    return target


class TestOffsets:
    @pytest.mark.parametrize("model_name", [LUKE, BERT])
    @given(text=TEXTS, add_prefix_space=st.booleans())
    @quick
    def test_lie_in_the_text_in_order_and_without_the_space_around(
        self, model_name: str, text: str, add_prefix_space: bool
    ) -> None:
        encoded = TOKENIZERS[model_name].encode(text, add_prefix_space)
        assert len(encoded.ids) == len(encoded.offsets)
        for start, end in encoded.offsets:
            assert 0 <= start < end <= len(text)
            piece = text[start:end]
            assert piece.isspace() and len(piece) == 1 or piece == piece.strip()
        assert encoded.offsets == sorted(encoded.offsets)
        for (_, end), (start, _) in zip(encoded.offsets, encoded.offsets[1:], strict=False):
            assert start >= end - 1, "tokens overlap by more than a character whose bytes they share"
        if model_name == LUKE:  # bytes cover all but space
            covered = {i for start, end in encoded.offsets for i in range(start, end)}
            assert {i for i, character in enumerate(text) if not character.isspace()} <= covered

    def test_example(self) -> None:
        text = "  The pub's  Ō."
        encoded = TOKENIZERS[LUKE].encode(text)
        pieces = [text[start:end] for start, end in encoded.offsets]
        assert pieces[:2] == ["The", "p"]
        # One token for the first of two spaces, one for the other, one for each byte of Ō.
        assert pieces[-5:] == [" ", " ", "Ō", "Ō", "."]
        assert encoded.offsets[-5:] == [(11, 12), (12, 13), (13, 14), (13, 14), (14, 15)]
        text = "a  <mask>  b <s>"
        for add_prefix_space in (True, False):
            encoded = TOKENIZERS[LUKE].encode(text, add_prefix_space)
            assert [text[start:end] for start, end in encoded.offsets] == ["a", "<mask>", "b", "<s>"]


class TestIds:
    @given(text=TEXTS, prefix=st.booleans())
    @quick
    def test_are_those_of_roberta(self, text: str, prefix: bool) -> None:
        assume(not holds_special(text))
        for kind in ("slow", "fast"):
            expected = reference_ids(kind, text, prefix)
            for tokenizer in (TOKENIZERS[LUKE], TOKENIZERS[ROBERTA], from_tokenizer_json()):
                assert tokenizer.encode(text, prefix).ids == expected

    @given(parts=st.lists(st.one_of(TEXTS, st.sampled_from(SPECIAL[:5])), max_size=5), prefix=st.booleans())
    @settings(quick, max_examples=60)
    def test_around_special_tokens_are_those_of_stripped_pieces(self, parts: List[str], prefix: bool) -> None:
        text = "".join(parts)
        assume(not re.search("[\x1c-\x1f]", text))  # space for Python's strip, not for the tokenizers library
        tokenizer = TOKENIZERS[LUKE]
        expected: List[int] = []
        # The original's tokenizer: split at special tokens, strip each piece, put the space before it.
        for piece in re.split("(" + "|".join(SPECIAL[:5]) + ")", text):
            if piece in SPECIAL[:5]:
                expected.append(tokenizer.token_id(piece))
            else:
                expected.extend(reference_ids("slow", piece, prefix))
        assert tokenizer.encode(text, prefix).ids == expected

    @given(text=TEXTS, prefix=st.booleans())
    @quick
    def test_are_those_of_bert(self, text: str, prefix: bool) -> None:
        assume(not holds_special(text))
        expected = BERT_REFERENCE(text, add_special_tokens=False)["input_ids"]
        assert TOKENIZERS[BERT].encode(text, prefix).ids == expected

    @pytest.mark.parametrize(
        "options", [{}, {"do_lower_case": True}, {"do_lower_case": True, "strip_accents": False}]
    )
    def test_follow_the_config_of_bert(self, tmp_path: Path, options: Dict[str, bool]) -> None:
        directory = copy(BERT, tmp_path / "bert")
        (directory / "tokenizer_config.json").write_text(json.dumps(options))
        vocabulary = (directory / "vocab.txt").read_text().splitlines()
        vocabulary += ["héron", "heron"]
        (directory / "vocab.txt").write_text("\n".join(vocabulary))
        tokenizer = WordTokenizer(str(directory))
        keeps_accents = options.get("strip_accents") is False
        # Without a setting BERT lower-cases, and then takes the accents off.
        assert tokenizer.encode("HÉRON").ids == [len(vocabulary) - (2 if keeps_accents else 1)]
        assert tokenizer.encode("\n \t") == Encoded([], [])
        assert tokenizer.encode_words(["\u200b"]) == [[tokenizer.unknown_id]]

    @given(text=st.text(st.characters(categories=["Cs", "L"])))
    @quick
    def test_of_half_surrogate_pairs_are_those_of_the_replacement_character(self, text: str) -> None:
        replaced = re.sub("[\ud800-\udfff]", "\ufffd", text)
        for tokenizer in (TOKENIZERS[LUKE], TOKENIZERS[BERT]):
            assert tokenizer.encode(text) == tokenizer.encode(replaced)
            assert tokenizer.encode_words([text]) == tokenizer.encode_words([replaced])


@given(word=st.text(min_size=1, max_size=3))
@quick
def test_which_words_follow_a_space(word: str) -> None:
    codes = {*range(33, 48), *range(58, 65), *range(91, 97), *range(123, 127)}
    is_punctuation = len(word) == 1 and (ord(word) in codes or unicodedata.category(word)[0] == "P")
    assert follows_space(word) == (word[0] != "'" and not is_punctuation)


class TestWords:
    @given(words=st.lists(st.one_of(st.sampled_from(PIECES), st.text(min_size=1, max_size=8)), max_size=12))
    @quick
    def test_are_encoded_one_by_one(self, words: List[str]) -> None:
        assume(not any(holds_special(word) for word in words))
        tokenizer = TOKENIZERS[LUKE]
        expected = [
            reference_ids("slow", word, follows_space(word)) or [tokenizer.unknown_id] for word in words
        ]
        for _ in range(2):  # the second is what it has kept
            assert tokenizer.encode_words(words) == expected


class TestSpecialTokensAndMarkers:
    def test_ids_are_looked_up(self) -> None:
        for tokenizer, names in ((TOKENIZERS[LUKE], SPECIAL[:5]), (TOKENIZERS[BERT], SPECIAL[5:])):
            ids = [getattr(tokenizer, f"{name}_id") for name in "start end pad unknown mask".split()]
            assert ids == [tokenizer.vocabulary[name] for name in names]

    @pytest.mark.parametrize("model_name, first", [(LUKE, 2000), (ROBERTA, 1998), (BERT, 800)])
    def test_markers_follow_the_word_table(self, tmp_path: Path, model_name: str, first: int) -> None:
        tokenizer = WordTokenizer(model_name, marker_tokens=["[HEAD]", "[TAIL]"])
        assert tokenizer.marker_ids == {"[HEAD]": first, "[TAIL]": first + 1}
        directory = copy(model_name, tmp_path / "larger", vocab_size=2048)
        assert WordTokenizer(str(directory), ["[ENTITY]"]).marker_ids == {"[ENTITY]": 2048}

    def test_added_tokens_are_looked_up_and_not_cut_out_of_texts(self, tmp_path: Path) -> None:
        assert [TOKENIZERS[LUKE].token_id(token) for token in ("<ent>", "<ent2>")] == [1998, 1999]
        for name in ("<ent>", "the other"):
            with pytest.raises(ConfigurationError, match=f"tiny-roberta.*has no entry '{name}'"):
                TOKENIZERS[ROBERTA].token_id(name)
        text = "a <ent> b"
        assert TOKENIZERS[LUKE].encode(text) == TOKENIZERS[ROBERTA].encode(text)
        assert not {1998, 1999} & set(TOKENIZERS[LUKE].encode(text).ids)
        # The id that texts get is the one that is found.
        directory = copy(LUKE, tmp_path / "contradicting")
        (directory / "added_tokens.json").write_text('{"<mask>": 5, "<new>": 7}')
        tokenizer = WordTokenizer(str(directory), marker_tokens=["<new>"])
        assert tokenizer.token_id("<mask>") == tokenizer.mask_id == 1997
        assert tokenizer.token_id("<new>") == tokenizer.marker_ids["<new>"] == 2000


class TestTokenize:
    def test_gives_ids_and_offsets(self) -> None:
        text = "The Brackwater Daily Herald's"
        tokens, encoded = TOKENIZERS[LUKE].tokenize(text), TOKENIZERS[LUKE].encode(text)
        assert [token.text_id for token in tokens] == encoded.ids
        assert [(token.idx, token.idx_end) for token in tokens] == encoded.offsets
        assert [token.text for token in tokens] == [text[start:end] for start, end in encoded.offsets]
        first, *inner, last = WordTokenizer(LUKE, add_special_tokens=True).tokenize(text)
        assert inner == tokens
        assert [(token.text, token.text_id) for token in (first, last)] == [("<s>", 0), ("</s>", 2)]

    @pytest.mark.parametrize("model_name, between", [(LUKE, ["</s>", "</s>"]), (BERT, ["[SEP]"])])
    def test_adds_special_tokens_between_two_texts(self, model_name: str, between: List[str]) -> None:
        tokenizer = TOKENIZERS[model_name]
        a, b = tokenizer.tokenize("a"), tokenizer.tokenize("the")
        texts = [token.text for token in tokenizer.add_special_tokens(a, b)]
        start = "<s>" if model_name == LUKE else "[CLS]"
        assert texts == [start, *(t.text for t in a), *between, *(t.text for t in b), between[0]]
        pair = tokenizer.encode_pair(tokenizer.encode("a").ids, tokenizer.encode("the").ids)
        assert pair.ids.tolist() == [token.text_id for token in tokenizer.add_special_tokens(a, b)]
        assert pair.second_start == 1 + len(a) + len(between)
        types = None if model_name == LUKE else [0] * pair.second_start + [1] * (len(b) + 1)
        assert (pair.type_ids if pair.type_ids is None else pair.type_ids.tolist()) == types


class TestConstruction:
    def test_from_params_and_back(self) -> None:
        params = {"type": "luke", "model_name": LUKE, "marker_tokens": ["[HEAD]"], "add_special_tokens": True}
        tokenizer = Tokenizer.from_params(Params(dict(params)))
        assert isinstance(tokenizer, WordTokenizer)
        assert tokenizer.to_params().as_dict() == params

    def test_from_a_sentence_piece_tokenizer(self, tmp_path: Path) -> None:
        names = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁ab", "ab", "a", "b", "<mask>"]
        backend = Backend(models.Unigram([(name, -float(len(names) - i)) for i, name in enumerate(names)], 3))
        splitters = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
        backend.pre_tokenizer = pre_tokenizers.Sequence(splitters)
        backend.save(str(tmp_path / "tokenizer.json"))
        tokenizer = WordTokenizer(str(tmp_path))
        assert tokenizer.encode("ab") == Encoded([names.index("▁ab")], [(0, 2)])
        assert tokenizer.encode("ab", add_prefix_space=False) == Encoded([names.index("ab")], [(0, 2)])

    @pytest.mark.parametrize(
        "damage, message",
        [
            (lambda path: (path / "merges.txt").unlink(), "has no tokenizer that can be read"),
            (lambda path: (path / "vocab.json").write_text('{"<s>": 0,'), "vocab.json is damaged"),
            (lambda path: (path / "tokenizer.json").write_text("{}"), "tokenizer.json is damaged"),
            (lambda path: _remove_mask(path / "vocab.json"), "neither all of <s>, .*<mask> nor all of"),
            (lambda path: (path / "config.json").write_text("{}"), "'vocab_size' = None"),
            (lambda path: (path / "added_tokens.json").write_text("["), "added_tokens.json is not JSON"),
            (
                lambda path: (path / "added_tokens.json").write_text('{"<ent>": "1998"}'),
                "added_tokens.json is damaged: the id of '<ent>' is '1998'; expected a whole number",
            ),
        ],
    )
    def test_says_what_is_wrong(self, tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
        directory = copy(ROBERTA, tmp_path / "damaged")
        damage(directory)
        with pytest.raises(ConfigurationError, match=message) as error:
            WordTokenizer(str(directory))
        assert str(directory) in str(error.value)


def _remove_mask(path: Path) -> None:
    vocabulary = json.loads(path.read_text())
    del vocabulary["<mask>"]
    path.write_text(json.dumps(vocabulary))


@functools.cache
def from_tokenizer_json() -> WordTokenizer:
    """As `RobertaTokenizerFast` saves itself, with what this project does not want from it."""
    backend = Backend(models.BPE.from_file(f"{ROBERTA}/vocab.json", f"{ROBERTA}/merges.txt"))
    backend.add_special_tokens(list(SPECIAL[:5]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, trim_offsets=True)
    ends: Tuple[Tuple[str, int], Tuple[str, int]] = (("</s>", 2), ("<s>", 0))
    backend.post_processor = processors.RobertaProcessing(*ends, trim_offsets=True, add_prefix_space=True)
    backend.enable_truncation(4)
    backend.enable_padding(pad_id=1, pad_token="<pad>", length=8)
    with tempfile.TemporaryDirectory() as directory:
        backend.save(f"{directory}/tokenizer.json")
        return WordTokenizer(directory)


def test_what_is_kept_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luke_allennlp.data.word_tokenizer._MAX_CACHED", 5)
    tokenizer = WordTokenizer(LUKE)
    for words in ("one two three four", "five", "x" * 1000, "a b c d e f g", "one two three four"):
        assert tokenizer.encode_words(words.split()) == TOKENIZERS[LUKE].encode_words(words.split())
        assert tokenizer.encode_spaced(words) == TOKENIZERS[LUKE].encode_spaced(words)
        for cache in (tokenizer._split_words, tokenizer._spaced_words):
            assert len(cache._results) <= 5 and "x" * 1000 not in cache._results
    assert not pickle.loads(pickle.dumps(tokenizer))._split_words._results


class TestNames:
    @pytest.mark.parametrize("name", [LUKE, ROBERTA, BERT])
    def test_undo_ids(self, name: str) -> None:
        tokenizer = WordTokenizer(name, ["[HEAD]"])
        for token_id in (*tokenizer.encode("The Herald, 2020").ids, tokenizer.marker_ids["[HEAD]"]):
            assert tokenizer.has_token(token_id)
            assert tokenizer.token_id(tokenizer.token(token_id)) == token_id
        assert tokenizer.find("no such token") is None
        assert not tokenizer.has_token(100_000)
        with pytest.raises(ConfigurationError, match="no entry of the id 100000"):
            tokenizer.token(100_000)

    def test_and_what_they_stand_for(self) -> None:
        roberta, bert = TOKENIZERS[ROBERTA], TOKENIZERS[BERT]
        ids = roberta.encode("The Brackwater Herald").ids
        assert "".join(roberta.text_of(index) for index in ids) == "TheBrackwaterHerald"
        assert roberta.text_of(roberta.mask_id) == "<mask>"
        assert TOKENIZERS[LUKE].text_of(TOKENIZERS[LUKE].token_id("<ent>")) == "<ent>"
        pieces = [index for index in range(800) if bert.token(index).startswith("##")]
        assert bert.text_of(pieces[0]) == bert.token(pieces[0])[2:]
