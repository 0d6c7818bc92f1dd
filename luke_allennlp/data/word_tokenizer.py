"""The backbone's own fast tokenizer, with character offsets and LUKE's rules for the leading space."""

import json
import re
import unicodedata
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError
from allennlp.data.tokenizers import Token, Tokenizer
from overrides import overrides
from tokenizers import Encoding
from tokenizers import Tokenizer as Backend

from luke_allennlp.checkpoints.model_files import archived_checkpoint, at_revision
from luke_allennlp.common.text_lines import without_lone_surrogates
from luke_allennlp.data.tokenizer_files import (
    SPECIAL_TOKENS,
    added_tokens,
    load_backend,
    word_table_size,
)
from luke_allennlp.data.word_cache import WordCache

_SPACED_WORD = re.compile("[^ \t\r\n\u202f]+")


class Encoded(NamedTuple):
    """
    Sub-words of a text.

    # Parameters

    ids : `List[int]`
    offsets : `List[Tuple[int, int]]`
        Where each stands in the text: character offsets, end exclusive.
    """

    ids: List[int]
    offsets: List[Tuple[int, int]]


@Tokenizer.register("luke")
class WordTokenizer(Tokenizer):
    """
    Registered as a `Tokenizer` with name "luke".

    Splits words or texts into the sub-words of a checkpoint: RoBERTa's byte-level BPE, BERT's WordPiece or
    any `tokenizer.json`. It is the `tokenizers` library underneath; `LukeTokenizer` of `transformers` is not
    needed.

    # Parameters

    model_name : `str`
        A checkpoint's directory, tarball or hub id, with `tokenizer.json`, `vocab.json` and `merges.txt`, or
        `vocab.txt`. The original release has none of these: its backbone's are taken, from a directory of
        that name (`roberta-large`) in its own or beside it, or from the hub.
    marker_tokens : `List[str]`, optional (default = `None`)
        Tokens that a task adds to the words. They get the ids that follow the checkpoint's word table, in
        this order; the "luke" token embedder must be given the same.
    add_special_tokens : `bool`, optional (default = `False`)
        Whether `tokenize` puts the start and end tokens around a text. The "luke" token indexer adds them
        itself.
    revision : `str`, optional (default = `None`)
        The commit, branch or tag on the hub, where `model_name` is a hub id.
    serialization_dir : `str`, optional (default = `None`)
        Given by AllenNLP: where the archive that is being loaded lies, which may bring the tokenizer along.

    # Raises

    `ConfigurationError`
        The checkpoint is not there, has no tokenizer that can be read, or its `added_tokens.json` is damaged.
    """

    def __init__(
        self,
        model_name: str,
        marker_tokens: Optional[List[str]] = None,
        add_special_tokens: bool = False,
        revision: Optional[str] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        self.model_name = model_name = at_revision(model_name, revision)
        self.marker_tokens = list(marker_tokens or [])
        self._adds_special_tokens = add_special_tokens

        source = archived_checkpoint(model_name, serialization_dir)
        backend = load_backend(source)
        vocabulary = backend.get_vocab(with_added_tokens=True)
        names = next((names for names in SPECIAL_TOKENS if names["start"] in vocabulary), None)
        if names is None or any(name not in vocabulary for name in names.values()):
            raise ConfigurationError(
                f"The tokenizer of {model_name!r} has neither all of "
                f"{', '.join(SPECIAL_TOKENS[0].values())} nor all of "
                f"{', '.join(SPECIAL_TOKENS[1].values())}; expected one of RoBERTa's, XLM-R's or BERT's."
            )
        self._is_bert = names is SPECIAL_TOKENS[1]
        self.start_id, self.end_id = vocabulary[names["start"]], vocabulary[names["end"]]
        self.pad_id, self.mask_id = vocabulary[names["pad"]], vocabulary[names["mask"]]
        self.unknown_id = vocabulary[names["unknown"]]
        # The added tokens can only be looked up: in a text, such characters are characters like others.
        self._vocabulary = {**added_tokens(source), **vocabulary}
        self.word_table_size = word_table_size(source, backend)  # of the checkpoint, without the markers
        self.marker_ids = {token: self.word_table_size + i for i, token in enumerate(self.marker_tokens)}

        self._with_space = _variant(backend, add_prefix_space=True)
        self._without_space = _variant(backend, add_prefix_space=False)
        self._names: Optional[Dict[int, str]] = None
        self._split_words = WordCache(self._encode_split_words)
        self._spaced_words = WordCache(self._encode_spaced_words)

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """Sub-words as they are written in the tokenizer's files, added tokens included, and their ids."""
        return self._vocabulary

    @property
    def vocab_size(self) -> int:
        """One more than the highest id that a text's sub-words can have; markers are beyond."""
        return max(self._with_space.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def separators(self) -> int:
        """How many end tokens stand between two texts: two for RoBERTa, one for BERT."""
        return 1 if self._is_bert else 2

    def token_id(self, token: str) -> int:
        """
        The id of a vocabulary entry, of an entry of the checkpoint's `added_tokens.json` (such as `<ent>` of
        the published LUKE models) or of a marker, by its exact name.

        # Raises

        `ConfigurationError`
            There is no such entry.
        """
        token_id = self.find(token)
        if token_id is None:
            raise ConfigurationError(f"The word vocabulary of {self.model_name!r} has no entry {token!r}.")
        return token_id

    def find(self, token: str) -> Optional[int]:
        """As `token_id`, but `None` if there is no such entry."""
        return self.marker_ids.get(token, self._vocabulary.get(token))

    def has_token(self, token_id: int) -> bool:
        """Whether there is a vocabulary entry or marker of this id: word tables may have more rows."""
        if self._names is None:
            self._names = {index: name for name, index in {**self._vocabulary, **self.marker_ids}.items()}
        return token_id in self._names

    def token(self, token_id: int) -> str:
        """
        The name of a vocabulary entry or marker, such as `ĠTokyo`.

        # Raises

        `ConfigurationError`
            There is no entry of this id.
        """
        if not self.has_token(token_id):
            raise ConfigurationError(
                f"The word vocabulary of {self.model_name!r} has no entry of the id {token_id}."
            )
        assert self._names is not None
        return self._names[token_id]

    def text_of(self, token_id: int) -> str:
        """
        What a vocabulary entry stands for in a text, without space around it. Bytes that are no character by
        themselves are the replacement character. Errors as of `token`.
        """
        name = self.token(token_id)
        if self._with_space.id_to_token(token_id) is None:  # an added token or a marker
            return name
        if self._is_bert:
            return name.removeprefix("##")
        return self._with_space.decode([token_id], skip_special_tokens=False).strip()

    def encode(self, text: str, add_prefix_space: bool = True, strip_end: bool = True) -> Encoded:
        """
        Sub-words of a text, without start and end tokens.

        Space at both ends of the text gives no sub-words; whether the first sub-word is one that follows a
        space is decided by `add_prefix_space` alone.

        # Parameters

        text : `str`
        add_prefix_space : `bool`, optional (default = `True`)
        strip_end : `bool`, optional (default = `True`)
            If false, space at the end of the text may give sub-words.

        # Returns

        `Encoded`
            Offsets are those of the text as given. Several sub-words may share a character whose bytes they
            split.
        """
        shift = len(text) - len(text.lstrip())
        stripped = without_lone_surrogates(text.strip() if strip_end else text.lstrip())
        backend = self._with_space if add_prefix_space else self._without_space
        encoding = backend.encode(stripped, add_special_tokens=False)
        return Encoded(encoding.ids, _offsets(encoding, stripped, shift))

    def encode_spaced(self, text: str) -> Encoded:
        """
        Sub-words of a text of which each word is tokenised by itself, as one that follows a space: so the
        original system's extractive QA makes those of a passage. Its words are what spaces, tabs, line ends
        and narrow no-break spaces (U+202F) leave.

        # Parameters

        text : `str`

        # Returns

        `Encoded`
            As of `encode`.
        """
        matches = list(_SPACED_WORD.finditer(text))
        ids: List[int] = []
        offsets: List[Tuple[int, int]] = []
        for match, encoded in zip(
            matches, self._spaced_words([match.group() for match in matches]), strict=True
        ):
            shift = match.start()
            ids.extend(encoded.ids)
            offsets.extend((start + shift, end + shift) for start, end in encoded.offsets)
        return Encoded(ids, offsets)

    def _encode_spaced_words(self, words: List[str]) -> List[Encoded]:
        encodings = self._with_space.encode_batch(
            [without_lone_surrogates(word.strip()) for word in words], add_special_tokens=False
        )
        return [
            Encoded(encoding.ids, _offsets(encoding, word.strip(), len(word) - len(word.lstrip())))
            for word, encoding in zip(words, encodings, strict=True)
        ]

    def encode_words(self, words: Sequence[str]) -> List[List[int]]:
        """
        Sub-words of each word of a text that is already split, as the original system's NER makes them: each
        word follows a space, but for those that start with an apostrophe and for single punctuation
        characters.

        # Parameters

        words : `Sequence[str]`

        # Returns

        `List[List[int]]`
            One list a word, none empty: a word that leaves nothing (such as a lone no-break space) is the
            unknown token.
        """
        return self._split_words(words)

    def _encode_split_words(self, words: List[str]) -> List[List[int]]:
        ids: Dict[str, List[int]] = {}
        for add_prefix_space in (True, False):
            chosen = [word for word in words if follows_space(word) == add_prefix_space]
            backend = self._with_space if add_prefix_space else self._without_space
            encodings = backend.encode_batch(
                [without_lone_surrogates(word.strip()) for word in chosen], add_special_tokens=False
            )
            for word, encoding in zip(chosen, encodings, strict=True):
                ids[word] = encoding.ids or [self.unknown_id]
        return [ids[word] for word in words]

    @overrides
    def tokenize(self, text: str) -> List[Token]:
        """
        # Parameters

        text : `str`

        # Returns

        `List[Token]`
            Sub-words with `text_id` and character offsets `idx` and `idx_end`.
        """
        encoded = self.encode(text)
        tokens = [
            Token(text=text[start:end], text_id=token_id, idx=start, idx_end=end)
            for token_id, (start, end) in zip(encoded.ids, encoded.offsets, strict=True)
        ]
        return self.add_special_tokens(tokens) if self._adds_special_tokens else tokens

    @overrides
    def add_special_tokens(self, tokens1: List[Token], tokens2: Optional[List[Token]] = None) -> List[Token]:
        """
        # Parameters

        tokens1 : `List[Token]`
        tokens2 : `List[Token]`, optional (default = `None`)
            A second text, which one more end token closes; RoBERTa has two of them between the texts, BERT
            one.

        # Returns

        `List[Token]`
        """
        start, end = (
            Token(text=self._with_space.id_to_token(token_id), text_id=token_id)
            for token_id in (self.start_id, self.end_id)
        )
        if tokens2 is None:
            return [start, *tokens1, end]
        return [start, *tokens1, *[end] * self.separators, *tokens2, end]

    @overrides
    def _to_params(self) -> Dict[str, Any]:
        return {
            "type": "luke",
            "model_name": self.model_name,
            "marker_tokens": self.marker_tokens,
            "add_special_tokens": self._adds_special_tokens,
        }

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_names": None}


def _offsets(encoding: Encoding, text: str, shift: int) -> List[Tuple[int, int]]:
    offsets = []
    for start, end in encoding.offsets:
        # The space before a word is part of its first sub-word, but not of the word; the space behind a
        # special token is part of its match.
        while start < end - 1 and text[start].isspace():
            start += 1
        while start < end - 1 and text[end - 1].isspace():
            end -= 1
        offsets.append((start + shift, end + shift))
    return offsets


def follows_space(word: str) -> bool:
    """
    Whether a word of a split text is taken to stand after a space: not if it starts with an apostrophe or is
    a single punctuation character: ASCII's, currency and mathematical signs included, or one of Unicode's
    categories P.
    """
    return not (word.startswith("'") or len(word) == 1 and is_punctuation(word))


def is_punctuation(character: str) -> bool:
    """As BERT's tokenizer has it: ASCII's signs of all kinds, and Unicode's categories P."""
    code = ord(character)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return unicodedata.category(character).startswith("P")


def _variant(backend: Backend, add_prefix_space: bool) -> Backend:
    """A copy that adds the space before the text, or does not, and nothing else."""
    specification = json.loads(backend.to_str())
    specification.update(post_processor=None, truncation=None, padding=None)
    _set_prefix_space(specification["pre_tokenizer"], add_prefix_space)
    return Backend.from_str(json.dumps(specification))


def _set_prefix_space(pre_tokenizer: Optional[Dict[str, Any]], value: bool) -> None:
    if pre_tokenizer is None:
        return
    if pre_tokenizer["type"] == "ByteLevel":
        pre_tokenizer["add_prefix_space"] = value
    elif pre_tokenizer["type"] == "Metaspace":
        pre_tokenizer.pop("add_prefix_space", None)
        pre_tokenizer["prepend_scheme"] = "always" if value else "never"
    elif pre_tokenizer["type"] == "Sequence":
        for part in pre_tokenizer["pretokenizers"]:
            _set_prefix_space(part, value)
