"""Tokens of running text, for which many words come again and again."""

import re
from typing import Dict, List

from luke_allennlp.data.word_tokenizer import WordTokenizer

# Words beyond this length hardly come again: those of scripts that have no spaces are whole sentences.
_LONGEST_CACHED = 40
_CACHED = 500_000
_BRACKET = re.compile(r"(?<=[<\[])")


class RunningTextEncoder:
    """
    Tokenises pieces of text as the tokenizer does, but several times as fast: each word (between white space)
    is tokenised once. The tokens of RoBERTa, XLM-R and BERT never reach across white space.

    What looks like a special token, as `<mask>` in an article about language models, is text like any other.
    """

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self.tokenizer = tokenizer
        self._specials = {tokenizer.start_id, tokenizer.end_id, tokenizer.pad_id, tokenizer.mask_id}
        self._after_space: Dict[str, List[int]] = {}
        self._joined: Dict[str, List[int]] = {}

    def extend(self, ids: List[int], text: str, start: int, end: int) -> None:
        """
        Appends the tokens of a piece of a paragraph, from character `start` to `end`. The first one
        follows a space if the piece begins with or follows white space, or begins the paragraph.
        """
        words = text[start:end].split()
        if not words:
            return
        known = self._after_space
        if start != 0 and not text[start].isspace() and not text[start - 1].isspace():
            joined = self._joined.get(words[0])
            ids += self._encode(words[0], False) if joined is None else joined
            del words[0]
        for word in words:
            found = known.get(word)
            ids += self._encode(word, True) if found is None else found

    def _encode(self, word: str, follows_space: bool) -> List[int]:
        ids = self.tokenizer.encode(word, follows_space).ids
        if not self._specials.isdisjoint(ids):
            parts = _BRACKET.split(word)
            ids = []
            for part in parts:
                ids += self.tokenizer.encode(part, follows_space and part is parts[0]).ids
        cache = self._after_space if follows_space else self._joined
        if len(word) <= _LONGEST_CACHED:
            if len(cache) >= _CACHED:
                cache.clear()
            cache[word] = ids
        return ids
