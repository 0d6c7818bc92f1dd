"""The names that links are on, in the form in which they are counted and looked up."""

import unicodedata
from functools import lru_cache
from typing import Any, Iterator, List

# Between the words of a name; in texts, another takes its place.
SEPARATOR = "\u2581"
_REPLACEMENT = "_"


def normalized_name(text: str) -> str:
    """
    Splits a text into words as BERT does before it splits words (white space, each punctuation mark and each
    Chinese character alone, no lower-casing), then makes each lower-case, strips its accents, and joins them
    by `SEPARATOR`.
    """
    normalizer, splitter = _tokenizer()
    clean = normalizer.normalize_str(text.replace(SEPARATOR, _REPLACEMENT))
    words = [word for word, _ in splitter.pre_tokenize_str(clean)]
    # Python's lower case and accents, as the original's. A word's do not depend on those beside it, since the
    # separator is no letter.
    name = SEPARATOR.join(words).lower()
    if name.isascii():
        return name
    name = unicodedata.normalize("NFD", name)
    for character in set(name):  # few of a text's letters differ, and fewer are marks
        if unicodedata.category(character) == "Mn":
            name = name.replace(character, "")
    return name


def num_words(name: str) -> int:
    """How many words a name of `normalized_name` has."""
    return name.count(SEPARATOR) + 1 if name else 0


def names_in(text: str, trie: Any, max_words: int) -> Iterator[str]:
    """
    The names of a trie, of at most `max_words` words, that stand as whole words in a text, which must be in
    the form of `normalized_name`. A name that stands there several times is repeated.
    """
    if not text:
        return
    ends: List[int] = [place for place, character in enumerate(text) if character == SEPARATOR]
    ends.append(len(text))
    start = 0
    for word, end_of_word in enumerate(ends):
        window = text[start : ends[min(word + max_words, len(ends)) - 1]]
        for name in trie.prefixes(window):
            if len(name) == len(window) or window[len(name)] == SEPARATOR:
                yield name
        start = end_of_word + 1


@lru_cache(maxsize=None)
def _tokenizer() -> Any:
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    normalizer = BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False
    )
    return normalizer, BertPreTokenizer()
