"""The backbone's own fast tokenizer, with character offsets and LUKE's rules for the leading space."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError
from allennlp.data.tokenizers import Token, Tokenizer
from overrides import overrides
from tokenizers import AddedToken, Encoding, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Backend

from luke_allennlp.checkpoints.original_release import is_roberta, original_config, tokenizer_sources
from luke_allennlp.data.text_lines import shown, without_lone_surrogates
from luke_allennlp.model_files import archived_checkpoint, find_file, read_json

# The names that the special tokens have in the vocabularies of RoBERTa and XLM-R, and in those of BERT.
_SPECIAL_TOKENS = (
    {"start": "<s>", "end": "</s>", "pad": "<pad>", "unknown": "<unk>", "mask": "<mask>"},
    {"start": "[CLS]", "end": "[SEP]", "pad": "[PAD]", "unknown": "[UNK]", "mask": "[MASK]"},
)


TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "sentencepiece.bpe.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
_CACHED_WORDS = 1_000_000
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
        serialization_dir: Optional[str] = None,
    ) -> None:
        self.model_name = model_name
        self.marker_tokens = list(marker_tokens or [])
        self._adds_special_tokens = add_special_tokens

        source = archived_checkpoint(model_name, serialization_dir)
        backend = _load_backend(source)
        vocabulary = backend.get_vocab(with_added_tokens=True)
        names = next((names for names in _SPECIAL_TOKENS if names["start"] in vocabulary), None)
        if names is None or any(name not in vocabulary for name in names.values()):
            raise ConfigurationError(
                f"The tokenizer of {model_name!r} has neither all of "
                f"{', '.join(_SPECIAL_TOKENS[0].values())} nor all of "
                f"{', '.join(_SPECIAL_TOKENS[1].values())}; expected one of RoBERTa's, XLM-R's or BERT's."
            )
        self._is_bert = names is _SPECIAL_TOKENS[1]
        self.start_id, self.end_id = vocabulary[names["start"]], vocabulary[names["end"]]
        self.pad_id, self.mask_id = vocabulary[names["pad"]], vocabulary[names["mask"]]
        self.unknown_id = vocabulary[names["unknown"]]
        # The added tokens can only be looked up: in a text, such characters are characters like others.
        self._vocabulary = {**_added_tokens(source), **vocabulary}
        first_marker_id = _word_table_size(source, backend)
        self.marker_ids = {token: first_marker_id + i for i, token in enumerate(self.marker_tokens)}

        self._with_space = _variant(backend, add_prefix_space=True)
        self._without_space = _variant(backend, add_prefix_space=False)
        self._names: Optional[Dict[int, str]] = None
        self._cache: Dict[str, List[int]] = {}
        self._spaced: Dict[str, Encoded] = {}

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
        if len(self._spaced) > _CACHED_WORDS:
            self._spaced.clear()
        words = [(match.group(), match.start()) for match in _SPACED_WORD.finditer(text)]
        missing = list({word for word, _ in words if word not in self._spaced})
        encodings = self._with_space.encode_batch(
            [without_lone_surrogates(word.strip()) for word in missing], add_special_tokens=False
        )
        for word, encoding in zip(missing, encodings, strict=True):
            shift = len(word) - len(word.lstrip())
            self._spaced[word] = Encoded(encoding.ids, _offsets(encoding, word.strip(), shift))
        ids: List[int] = []
        offsets: List[Tuple[int, int]] = []
        for word, shift in words:
            encoded = self._spaced[word]
            ids.extend(encoded.ids)
            offsets.extend((start + shift, end + shift) for start, end in encoded.offsets)
        return Encoded(ids, offsets)

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
        if len(self._cache) > _CACHED_WORDS:
            self._cache.clear()  # a process that predicts for weeks does not grow
        missing = list({word for word in words if word not in self._cache})
        for add_prefix_space in (True, False):
            chosen = [word for word in missing if follows_space(word) == add_prefix_space]
            backend = self._with_space if add_prefix_space else self._without_space
            encodings = backend.encode_batch(
                [without_lone_surrogates(word.strip()) for word in chosen], add_special_tokens=False
            )
            for word, encoding in zip(chosen, encodings, strict=True):
                self._cache[word] = encoding.ids or [self.unknown_id]
        return [self._cache[word] for word in words]

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
        return {**self.__dict__, "_names": None, "_cache": {}, "_spaced": {}}


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


def _added_tokens(model_name: str) -> Dict[str, int]:
    path = find_file(model_name, "added_tokens.json")
    if path is None:
        return {}
    tokens = read_json(model_name, "added_tokens.json")
    for token, token_id in tokens.items():
        if not isinstance(token_id, int) or isinstance(token_id, bool) or token_id < 0:
            raise ConfigurationError(
                f"{path} is damaged: the id of {token!r} is {shown(token_id)}; expected a whole number."
            )
    return tokens


def _word_table_size(model_name: str, backend: Backend) -> int:
    original = original_config(model_name)
    if original is None and find_file(model_name, "config.json") is None:
        return backend.get_vocab_size(with_added_tokens=True)
    config = read_json(model_name, "config.json") if original is None else original
    size = config.get("vocab_size")
    if not isinstance(size, int):
        raise ConfigurationError(
            f"The config of {model_name!r} has 'vocab_size' = {size!r}; expected a whole number."
        )
    return size


def _load_backend(model_name: str) -> Backend:
    original = original_config(model_name)
    if original is None:
        backend = _backend_of(model_name)
    else:
        backend = _backend_of_original(model_name, original["bert_model_name"])
    if backend is None:
        raise ConfigurationError(
            f"The model {model_name!r} has no tokenizer that can be read: expected tokenizer.json, "
            "vocab.json with merges.txt, or vocab.txt. (A SentencePiece file alone must first be converted: "
            "save the fast tokenizer with transformers.)"
        )
    return backend


def tokenizer_files(model_name: str) -> List[Path]:
    """
    # Parameters

    model_name : `str`
        A directory, tarball or hub id.

    # Returns

    `List[Path]`
        All files that its tokenizer is made of, here and in `transformers`.
    """
    original = original_config(model_name)
    sources = [model_name]
    if original is not None:
        sources += tokenizer_sources(model_name, original["bert_model_name"])
    for source in sources:
        found = [path for name in TOKENIZER_FILES if (path := find_file(source, name)) is not None]
        names = {path.name for path in found}
        # What `_backend_of` can read.
        if names & {"tokenizer.json", "vocab.txt"} or names >= {"vocab.json", "merges.txt"}:
            return found
    return []


def _backend_of_original(model_name: str, bert_model_name: str) -> Backend:
    """The original release brings no tokenizer along, but may be given one."""
    is_cased = bert_model_name.endswith("-cased")
    backend = _backend_of(model_name, is_cased)
    try:
        for source in tokenizer_sources(model_name, bert_model_name):
            if backend is None:
                backend = _backend_of(source, is_cased)
    except ConfigurationError as error:
        raise ConfigurationError(_no_tokenizer(model_name, bert_model_name) + f" {error.message}") from None
    if backend is None:
        raise ConfigurationError(_no_tokenizer(model_name, bert_model_name))
    return backend


def _no_tokenizer(model_name: str, bert_model_name: str) -> str:
    files = "vocab.json and merges.txt" if is_roberta(bert_model_name) else "vocab.txt"
    is_tarball = Path(model_name).expanduser().is_file()
    at = f"a directory {bert_model_name!r} beside it" if is_tarball else "its directory"
    return (
        f"The model {model_name!r} of the original release brings no tokenizer along, and that of "
        f"{bert_model_name!r}, its backbone, is not in reach: put {files} into {at}."
    )


def _backend_of(model_name: str, is_cased: bool = False) -> Optional[Backend]:
    path = find_file(model_name, "tokenizer.json")
    if path is not None:
        return _read(Backend.from_file, path)
    vocabulary, merges = find_file(model_name, "vocab.json"), find_file(model_name, "merges.txt")
    if vocabulary is not None and merges is not None:
        return _byte_level_bpe(vocabulary, merges)
    vocabulary = find_file(model_name, "vocab.txt")
    if vocabulary is not None:
        return _word_piece(model_name, vocabulary, is_cased)
    return None


def _byte_level_bpe(vocabulary: Path, merges: Path) -> Backend:
    backend = Backend(
        _read(lambda path: models.BPE.from_file(path, str(merges), unk_token="<unk>"), vocabulary)
    )
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    _add_special_tokens(backend)
    return backend


def _word_piece(model_name: str, vocabulary: Path, is_cased: bool) -> Backend:
    config: Dict[str, Any] = {}
    if find_file(model_name, "tokenizer_config.json") is not None:
        config = read_json(model_name, "tokenizer_config.json")
    backend = Backend(_read(lambda path: models.WordPiece.from_file(path, unk_token="[UNK]"), vocabulary))
    backend.normalizer = normalizers.BertNormalizer(
        lowercase=config.get("do_lower_case", not is_cased),
        strip_accents=config.get("strip_accents"),
        handle_chinese_chars=config.get("tokenize_chinese_chars", True),
    )
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    _add_special_tokens(backend)
    return backend


def _read(reader: Any, path: Path) -> Any:
    try:
        return reader(str(path))
    except Exception as error:  # the library raises bare Exceptions
        raise ConfigurationError(f"{path} is damaged, no tokenizer can be read from it ({error}).") from None


def _add_special_tokens(backend: Backend) -> None:
    vocabulary = backend.get_vocab()
    for names in _SPECIAL_TOKENS:
        present = [name for name in names.values() if name in vocabulary]
        # Space on both sides is dropped, as the tokenizers did with which the released weights were trained.
        backend.add_special_tokens(
            [AddedToken(name, lstrip=True, rstrip=True, normalized=False, special=True) for name in present]
        )


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
