import unicodedata

import marisa_trie
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.linking.names import SEPARATOR, names_in, normalized_name


@pytest.mark.parametrize(
    "text, words",
    [
        ("The Quick Fox", "the quick fox"),
        ("  O'Neill, Jr.\n", "o ' neill , jr ."),
        ("Élan Ångström", "elan angstrom"),
        ("山田 Yamada東京", "山 田 yamada 東 京"),
        ("a\u2581b", "a _ b"),  # the underscore is a punctuation mark
        ("ΟΔΟΣ ΣΑΣ", "οδος σας"),  # Greek's last sigma, word by word
        ("C++ $5 50%", "c + + $ 5 50 %"),
        ("a\u200bb\x00c\ufffd", "abc"),
        ("", ""),
        (" \n", ""),
    ],
)
def test_normalized_names(text, words):
    assert normalized_name(text) == words.replace(" ", SEPARATOR)


def test_as_the_tokenizer_of_bert():
    module = pytest.importorskip("transformers.models.bert.tokenization_bert")
    if not hasattr(module, "BasicTokenizer"):
        pytest.skip("this release of transformers has it no more")
    tokenizer = module.BasicTokenizer(do_lower_case=False)

    # Rust and Python know different releases of Unicode.
    @given(st.text(st.characters(exclude_categories=["Cs", "Co", "Cn"]).filter(_is_old)))
    @settings(max_examples=300, deadline=None, derandomize=True)
    def check(text):
        tokens = tokenizer.tokenize(text.replace(SEPARATOR, "_"))
        expected = [tokenizer._run_strip_accents(token.lower()) for token in tokens]
        assert normalized_name(text) == SEPARATOR.join(expected)

    check()


def _is_old(character):
    return unicodedata.category(character) == unicodedata.ucd_3_2_0.category(character)


def test_names_in_a_text():
    names = ["new york", "york", "new york city", "city", "or", "k", "u . s ."]
    trie = marisa_trie.Trie(name.replace(" ", SEPARATOR) for name in names)
    text = normalized_name("New York City or the U.S. New Yorker")
    few = {"city", "new york", "or", "york"}
    for max_words, expected in ((20, few | {"new york city", "u . s ."}), (2, few)):
        found = [name.replace(SEPARATOR, " ") for name in names_in(text, trie, max_words)]
        assert sorted(found) == sorted(expected)
    assert list(names_in("", trie, 20)) == []
