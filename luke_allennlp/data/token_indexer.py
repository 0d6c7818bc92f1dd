"""Indexes the words of any AllenNLP `TextField` for the "luke" token embedder."""

from functools import partial
from typing import Any, Dict, List, Optional

import torch
from allennlp.common.util import pad_sequence_to_length
from allennlp.data import Token, Vocabulary
from allennlp.data.token_indexers.token_indexer import IndexedTokenList, TokenIndexer
from overrides import overrides

from luke_allennlp.data.word_tokenizer import WordTokenizer


@TokenIndexer.register("luke")
class LukeTokenIndexer(TokenIndexer):
    """
    Registered as a `TokenIndexer` with name "luke".

    Splits the words of a `TextField` into the checkpoint's tokens and records which belong to which word, so
    that the "luke" token embedder returns one vector per word. A `Token` whose `text_id` is set is used as
    is. Start and end tokens are added.

    # Parameters

    model_name : `str`
        A checkpoint's directory or hub id: that of the embedder.
    marker_tokens : `List[str]`, optional (default = `None`)
        As in `WordTokenizer`.
    token_min_padding_length : `int`, optional (default = `0`)
        As in `TokenIndexer`.
    revision : `str`, optional (default = `None`)
        As in `WordTokenizer`.
    serialization_dir : `str`, optional (default = `None`)
        Set by AllenNLP: the directory of the archive being loaded, which may contain the tokenizer.
    """

    def __init__(
        self,
        model_name: str,
        marker_tokens: Optional[List[str]] = None,
        token_min_padding_length: int = 0,
        revision: Optional[str] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(token_min_padding_length=token_min_padding_length)
        self._tokenizer = WordTokenizer(
            model_name, marker_tokens, revision=revision, serialization_dir=serialization_dir
        )

    @overrides
    def count_vocab_items(self, token: Token, counter: Dict[str, Dict[str, int]]) -> None:
        """Counts nothing: the checkpoint's vocabulary is fixed."""

    @overrides
    def tokens_to_indices(self, tokens: List[Token], vocabulary: Vocabulary) -> IndexedTokenList:
        """
        Returns `token_ids`, `type_ids` and `wordpiece_mask`, one per token; `mask` and `offsets` (first and
        last token, inclusive), one per word.
        """
        pieces = [[token.text_id] if token.text_id is not None else None for token in tokens]
        words = [token.ensure_text() for token, known in zip(tokens, pieces, strict=True) if known is None]
        encoded = iter(self._tokenizer.encode_words(words))
        token_ids = [self._tokenizer.start_id]
        offsets = []
        for known in pieces:
            ids = next(encoded) if known is None else known
            offsets.append((len(token_ids), len(token_ids) + len(ids) - 1))
            token_ids.extend(ids)
        token_ids.append(self._tokenizer.end_id)
        return {
            "token_ids": token_ids,
            "mask": [True] * len(tokens),
            "type_ids": [0] * len(token_ids),
            "offsets": offsets,
            "wordpiece_mask": [True] * len(token_ids),
        }

    @overrides
    def get_empty_token_list(self) -> IndexedTokenList:
        return {"token_ids": [], "mask": [], "type_ids": [], "offsets": [], "wordpiece_mask": []}

    @overrides
    def as_padded_tensor_dict(
        self, tokens: IndexedTokenList, padding_lengths: Dict[str, int]
    ) -> Dict[str, torch.Tensor]:
        padding: Dict[str, Any] = {
            "token_ids": self._tokenizer.pad_id,
            "mask": False,
            "type_ids": 0,
            "offsets": (0, 0),
            "wordpiece_mask": False,
        }
        tensors = {}
        for key, values in tokens.items():
            fill = partial(padding.__getitem__, key)
            padded = pad_sequence_to_length(values, padding_lengths[key], default_value=fill)
            dtype = torch.bool if key.endswith("mask") else torch.long
            tensors[key] = torch.tensor(padded, dtype=dtype).reshape((-1, 2) if key == "offsets" else (-1,))
        return tensors
