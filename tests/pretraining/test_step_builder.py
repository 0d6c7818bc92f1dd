"""Which tokens continue a word."""

import json

import pytest

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.pretraining.step_builder import continuation_table


def continues(directory, tokens):
    tokenizer = WordTokenizer(str(directory))
    table = continuation_table(tokenizer, len(tokenizer.vocabulary))
    return {token: bool(table[tokenizer.token_id(token)]) for token in tokens}


def byte_level(directory, tokens):
    names = ["<s>", "<pad>", "</s>", "<unk>", *tokens, "<mask>"]
    (directory / "vocab.json").write_text(json.dumps({name: index for index, name in enumerate(names)}))
    (directory / "merges.txt").write_text("#version: 0.2\n")
    return directory


def test_roberta(tmp_path):
    # Ġ is a space, Ċ a line end, âĢĶ a dash, Ã© an e with an accent, âĢ the beginning of the dash.
    expected = {"Ġthe": False, "ing": True, ",": False, "'s": False, "Ċ": False, "Ġ": False, "7": True}
    expected.update({"âĢĶ": False, "Ã©": True, "âĢ": True, "$": False, "Ġ(": False})
    expected.update({"<s>": False, "<pad>": False, "</s>": False, "<unk>": False, "<mask>": False})
    assert continues(byte_level(tmp_path, [t for t in expected if t[0] != "<"]), expected) == expected


def test_bert(fixtures_dir):
    directory = fixtures_dir / "tiny-bert"
    tokens = (directory / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    found = continues(directory, tokens)
    assert found == {token: token.startswith("##") for token in tokens}
    assert 10 < sum(found.values()) < len(found) - 10


def test_xlm_roberta(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    expected = {"▁the": False, "ing": True, "▁": False, ",": False, "。": False, "的": True, "▁,": False}
    expected.update({"<s>": False, "<pad>": False, "</s>": False, "<unk>": False, "<mask>": False})
    backend = Tokenizer(models.Unigram([(token, -1.0) for token in expected], unk_id=0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.add_special_tokens([token for token in expected if token[0] == "<"])
    backend.save(str(tmp_path / "tokenizer.json"))
    assert continues(tmp_path, expected) == expected


@pytest.mark.parametrize("size", [10, 3000])
def test_other_sizes_than_the_tokenizer_has(fixtures_dir, size):
    table = continuation_table(WordTokenizer(str(fixtures_dir / "tiny-roberta")), size)
    assert table.shape == (size,) and not table[1998:].any()
