"""Which sub-words continue a word."""

import numpy as np
from tokenizers import decoders

from luke_allennlp.data.word_tokenizer import WordTokenizer, is_punctuation

_WORD_PIECE_PREFIX = "##"
_SENTENCE_PIECE_SPACE = "\u2581"


def continuation_table(tokenizer: WordTokenizer, size: int) -> np.ndarray:
    """
    For each sub-word, whether it belongs to the word of the one before it. Of BERT's, those do that begin
    with `##`; of RoBERTa's and XLM-R's, those that do not begin with a space or with punctuation.

    # Parameters

    tokenizer : `WordTokenizer`
    size : `int`
        Of the vocabulary.

    # Returns

    `np.ndarray`
        Booleans. Shape: (size,)
    """
    table = np.zeros(size, dtype=bool)
    vocabulary = {token: index for token, index in tokenizer.vocabulary.items() if index < size}
    special = {
        tokenizer.start_id,
        tokenizer.end_id,
        tokenizer.pad_id,
        tokenizer.mask_id,
        tokenizer.unknown_id,
    }
    is_bert = tokenizer.separators == 1
    is_sentence_piece = any(token.startswith(_SENTENCE_PIECE_SPACE) for token in vocabulary)
    decoder = decoders.ByteLevel()
    for token, index in vocabulary.items():
        if is_bert:
            table[index] = token.startswith(_WORD_PIECE_PREFIX)
            continue
        # RoBERTa's tokens are bytes, each written as some character. A part of a character continues a word.
        text = token.replace(_SENTENCE_PIECE_SPACE, " ") if is_sentence_piece else decoder.decode([token])
        table[index] = bool(text) and not text[0].isspace() and not is_punctuation(text[0])
    table[[index for index in special if index < size]] = False
    return table
