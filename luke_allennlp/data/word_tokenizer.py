"""The backbone's fast tokenizer, with character offsets and LUKE's rules for the leading space."""

import json
import re
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
from allennlp.common.checks import ConfigurationError
from allennlp.data.tokenizers import Token, Tokenizer
from overrides import overrides
from tokenizers import Encoding
from tokenizers import Tokenizer as Backend

from luke_allennlp.checkpoints.model_files import archived_checkpoint, at_revision
from luke_allennlp.common.text_lines import without_lone_surrogates
from luke_allennlp.data.punctuation import is_punctuation
from luke_allennlp.data.tokenizer_files import SPECIAL_TOKENS, added_tokens, load_backend, word_table_size

_MAX_CACHED = 1_000_000
_MAX_CACHED_CHARACTERS = 40  # of one word
_SPACED_WORD = re.compile("[^ \t\r\n\u202f]+")


class Encoded(NamedTuple):
    """Tokens of a text, and the characters of each, end exclusive."""

    ids: List[int]
    offsets: List[Tuple[int, int]]


class EncodedPair(NamedTuple):
    """
    Two texts as one input, special tokens included: token ids, segments (for BERT; RoBERTa has none), both of
    shape (tokens,), and the position of the second text's first token.
    """

    ids: np.ndarray
    type_ids: Optional[np.ndarray]
    second_start: int


class _WordCache:
    """
    Caches a function of words that takes several at once. Bounded in number and length of words, so that
    a process may predict for weeks. Pickled empty.
    """

    def __init__(self, function: Callable[[List[str]], List[Any]]) -> None:
        self._function = function
        self._results: Dict[str, Any] = {}

    def __call__(self, words: Sequence[str]) -> List[Any]:
        known = self._results
        missing = list({word for word in words if word not in known})
        if not missing:
            return [known[word] for word in words]
        new = dict(zip(missing, self._function(missing), strict=True))
        results = [new[word] if word in new else known[word] for word in words]
        if len(known) + len(new) > _MAX_CACHED:
            self._results = known = {}  # other threads may still read the old one
        kept = [word for word in missing[:_MAX_CACHED] if len(word) <= _MAX_CACHED_CHARACTERS]
        known.update((word, new[word]) for word in kept)
        return results

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_results": {}}


@Tokenizer.register("luke")
class WordTokenizer(Tokenizer):
    """
    Registered as a `Tokenizer` with name "luke".

    Splits words or texts into the tokens of a checkpoint: RoBERTa's byte-level BPE, BERT's WordPiece or any
    `tokenizer.json`. Built on the `tokenizers` library; does not need `LukeTokenizer` of `transformers`.

    # Parameters

    model_name : `str`
        A checkpoint's directory, tarball or hub id, with `tokenizer.json`, `vocab.json` and `merges.txt`, or
        `vocab.txt`. The original release has none of these; its backbone's are used, from a directory of that
        name (`roberta-large`) inside or beside its own, or from the hub.
    marker_tokens : `List[str]`, optional (default = `None`)
        Tokens added for a task. Their ids follow the checkpoint's word embeddings, in this order; the "luke"
        token embedder needs the same list.
    add_special_tokens : `bool`, optional (default = `False`)
        Whether `tokenize` puts the start and end tokens around a text. The "luke" token indexer adds them
        itself.
    revision : `str`, optional (default = `None`)
        The commit, branch or tag on the hub, where `model_name` is a hub id.
    serialization_dir : `str`, optional (default = `None`)
        Set by AllenNLP: the directory of the archive being loaded, which may contain the tokenizer.

    # Raises

    `ConfigurationError`
        The checkpoint is missing, has no readable tokenizer, or its `added_tokens.json` is damaged.
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
        # Added tokens can only be looked up; in a text they are ordinary characters.
        self._vocabulary = {**added_tokens(source), **vocabulary}
        self.word_table_size = word_table_size(source, backend)  # of the checkpoint, without the markers
        self.marker_ids = {token: self.word_table_size + i for i, token in enumerate(self.marker_tokens)}

        self._with_space = _variant(backend, add_prefix_space=True)
        self._without_space = _variant(backend, add_prefix_space=False)
        self._names: Optional[Dict[int, str]] = None
        self._split_words = _WordCache(self._encode_split_words)
        self._spaced_words = _WordCache(self._encode_spaced_words)

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """Tokens as written in the tokenizer's files, added tokens included, and their ids."""
        return self._vocabulary

    @property
    def vocab_size(self) -> int:
        """One more than the highest id of a token in a text; markers come after."""
        return max(self._with_space.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def separators(self) -> int:
        """Number of end tokens between two texts: two for RoBERTa, one for BERT."""
        return 1 if self._is_bert else 2

    def token_id(self, token: str) -> int:
        """
        The id of a vocabulary entry, an entry of the checkpoint's `added_tokens.json` (such as `<ent>` of the
        published LUKE models) or a marker, by its exact name.
        """
        token_id = self.find(token)
        if token_id is None:
            raise ConfigurationError(f"The word vocabulary of {self.model_name!r} has no entry {token!r}.")
        return token_id

    def find(self, token: str) -> Optional[int]:
        """As `token_id`, but `None` if there is no such entry."""
        return self.marker_ids.get(token, self._vocabulary.get(token))

    def has_token(self, token_id: int) -> bool:
        """Whether a vocabulary entry or marker has this id: word embeddings may have more rows."""
        if self._names is None:
            self._names = {index: name for name, index in {**self._vocabulary, **self.marker_ids}.items()}
        return token_id in self._names

    def token(self, token_id: int) -> str:
        """The name of a vocabulary entry or marker, such as `ĠTokyo`."""
        if not self.has_token(token_id):
            raise ConfigurationError(
                f"The word vocabulary of {self.model_name!r} has no entry of the id {token_id}."
            )
        assert self._names is not None
        return self._names[token_id]

    def text_of(self, token_id: int) -> str:
        """
        The text of a vocabulary entry, without surrounding whitespace. Bytes that form no complete character
        become the replacement character.
        """
        name = self.token(token_id)
        if self._with_space.id_to_token(token_id) is None:  # an added token or a marker
            return name
        if self._is_bert:
            return name.removeprefix("##")
        return self._with_space.decode([token_id], skip_special_tokens=False).strip()

    def encode(self, text: str, add_prefix_space: bool = True, strip_end: bool = True) -> Encoded:
        """
        Tokens of a text, without start and end tokens.

        Whitespace at the ends of the text yields no tokens (at its end it may, if `strip_end` is false);
        `add_prefix_space` alone decides whether the first token follows a space. Offsets are those into the
        text as given. Tokens that split the bytes of a character share its offsets.
        """
        shift = len(text) - len(text.lstrip())
        stripped = without_lone_surrogates(text.strip() if strip_end else text.lstrip())
        backend = self._with_space if add_prefix_space else self._without_space
        encoding = backend.encode(stripped, add_special_tokens=False)
        return Encoded(encoding.ids, _offsets(encoding, stripped, shift))

    def encode_spaced(self, text: str) -> Encoded:
        """
        As `encode`, with each word tokenized separately as if it followed a space, as the original system's
        extractive QA tokenizes passages. Words are separated by spaces, tabs, line ends and narrow no-break
        spaces (U+202F).
        """
        matches = list(_SPACED_WORD.finditer(text))
        ids: List[int] = []
        offsets: List[Tuple[int, int]] = []
        words = self._spaced_words([match.group() for match in matches])
        for match, encoded in zip(matches, words, strict=True):
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
        Token ids of each word of a split text, as in the original system's NER: each word follows a space,
        except those that start with an apostrophe and single punctuation characters. A word without tokens
        (such as a lone no-break space) becomes the unknown token.
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
        """Tokens with `text_id` and character offsets `idx` and `idx_end`."""
        encoded = self.encode(text)
        tokens = [
            Token(text=text[start:end], text_id=token_id, idx=start, idx_end=end)
            for token_id, (start, end) in zip(encoded.ids, encoded.offsets, strict=True)
        ]
        return self.add_special_tokens(tokens) if self._adds_special_tokens else tokens

    @overrides
    def add_special_tokens(self, tokens1: List[Token], tokens2: Optional[List[Token]] = None) -> List[Token]:
        """
        `<start> tokens1 <end>`, or with a second text `<start> tokens1 <end> tokens2 <end>`, where RoBERTa
        has two end tokens between the texts.
        """
        start, end = (
            Token(text=self._with_space.id_to_token(token_id), text_id=token_id)
            for token_id in (self.start_id, self.end_id)
        )
        if tokens2 is None:
            return [start, *tokens1, end]
        return [start, *tokens1, *[end] * self.separators, *tokens2, end]

    def encode_pair(self, first: List[int], second: Union[List[int], np.ndarray]) -> EncodedPair:
        """Joins the token ids of two texts into one input, as `add_special_tokens` does."""
        before = [self.start_id, *first, *[self.end_id] * self.separators]
        ids = np.concatenate([before, second, [self.end_id]]).astype(np.int32)
        type_ids = (np.arange(len(ids)) >= len(before)).astype(np.int32) if self._is_bert else None
        return EncodedPair(ids, type_ids, len(before))

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
        # The space before a word is part of its first token, but not of the word; the space after a special
        # token is part of its match.
        while start < end - 1 and text[start].isspace():
            start += 1
        while start < end - 1 and text[end - 1].isspace():
            end -= 1
        offsets.append((start + shift, end + shift))
    return offsets


def follows_space(word: str) -> bool:
    """
    Whether a word of a split text is assumed to follow a space: not if it starts with an apostrophe or is a
    single punctuation character.
    """
    return not (word.startswith("'") or len(word) == 1 and is_punctuation(word))


def _variant(backend: Backend, add_prefix_space: bool) -> Backend:
    """A copy that adds a space before the text or not, and nothing else."""
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
