import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import models, pre_tokenizers
from transformers import BertTokenizerFast, RobertaTokenizerFast

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.wikipedia.sequences import RunningTextEncoder

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
ROBERTA, BERT = str(FIXTURES / "tiny-roberta"), str(FIXTURES / "tiny-bert")
ENCODERS = {name: RunningTextEncoder(WordTokenizer(name)) for name in (ROBERTA, BERT)}
REFERENCES = {
    (ROBERTA, prefix): RobertaTokenizerFast.from_pretrained(ROBERTA, add_prefix_space=prefix)
    for prefix in (True, False)
}
REFERENCES.update(dict.fromkeys([(BERT, True), (BERT, False)], BertTokenizerFast.from_pretrained(BERT)))

PIECES = [" ", "  ", "\n", "\t", "\u00a0", "\u2003", "\u200b", "\u3000", "\x1c", "\x85", "\u202e", "\x00"]
PIECES += ["e\u0301", "\u0301", *". ... 's ' n't $ “ ’ - ( a The harbour 2020 ½ é ß İ".split()]
PIECES += "日本語 한국어 ไทย हिन्दी مرحبا 😀 👩‍👩‍👧".split()
# What looks like a special token is text here, as a test below has it, but not for transformers.
SPECIALS = re.compile("<s>|</s>|<pad>|<unk>|<mask>|\\[(?:CLS|SEP|PAD|UNK|MASK)\\]")
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=14)
TEXTS = TEXTS.map("".join).filter(lambda text: not SPECIALS.search(text))


def encode(encoder, text, start=0, end=None):
    ids = []
    encoder.extend(ids, text, start, len(text) if end is None else end)
    return ids


def reference(name, piece, prefix):
    """Transformers' own tokenizer on a piece whose space is collapsed, as spec and original have it."""
    piece = re.sub(r"\s+", " ", piece).rstrip(" ")
    return REFERENCES[name, prefix].encode(piece, add_special_tokens=False) if piece else []


@pytest.mark.parametrize("name", [ROBERTA, BERT])
@given(text=TEXTS, data=st.data())
@settings(max_examples=200, deadline=None)
def test_pieces_are_those_of_transformers(name, text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    prefix = start == 0 or text[start : start + 1].isspace() or text[start - 1].isspace()
    assert encode(ENCODERS[name], text, start, end) == reference(name, text[start:end], prefix)


def test_special_tokens_in_a_text_are_text():
    for name, word in ((ROBERTA, "<mask>"), (ROBERTA, "x<s>y</s>"), (BERT, "[MASK]"), (BERT, "a[PAD]")):
        tokenizer = WordTokenizer(name)
        specials = {tokenizer.start_id, tokenizer.end_id, tokenizer.pad_id, tokenizer.mask_id}
        ids = encode(RunningTextEncoder(tokenizer), f"Text {word} more")
        assert ids and not specials & set(ids)
    assert REFERENCES[ROBERTA, False].decode(encode(ENCODERS[ROBERTA], "a <mask>")).strip() == "a <mask>"


@pytest.fixture
def sentence_piece(tmp_path):
    """A tokenizer as XLM-R's: what does not begin with a space loses those between its words as well."""
    names = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁ab", "ab", "▁cd", "cd", "<mask>"]
    names += sorted(set("abcdmask<>") - set(names))
    backend = Backend(models.Unigram([(name, -float(len(name) > 1) - 1) for name in names], 3))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    backend.save(str(tmp_path / "tokenizer.json"))
    encoder = RunningTextEncoder(WordTokenizer(str(tmp_path)))
    return lambda *arguments: [names[i] for i in encode(encoder, *arguments)]


def test_sentence_piece(sentence_piece):
    assert sentence_piece("ab cd") == ["▁ab", "▁cd"]
    assert sentence_piece("ab cd", 1) == ["b", "▁cd"]
    assert sentence_piece("(ab cd", 1) == ["ab", "▁cd"]
    assert "<mask>" not in sentence_piece("<mask>")
