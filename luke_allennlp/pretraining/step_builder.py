"""From shards on disk to the batches of an optimizer step."""

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError
from tokenizers import decoders

from luke_allennlp.data.punctuation import is_punctuation
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.pretraining.dataset import PretrainingDataset
from luke_allennlp.pretraining.epoch_order import EpochOrder, ShardRows
from luke_allennlp.pretraining.masking import Masked, Masking, MaskingTables
from luke_allennlp.pretraining.micro_batches import PackedStep, WordIds, pack
from luke_allennlp.pretraining.random_numbers import RandomNumbers
from luke_allennlp.pretraining.sequences import Sequences
from luke_allennlp.training.packing import pack_micro_batches

_SPECIAL_TOKENS = 2
_WORD_PIECE_PREFIX = "##"
_SENTENCE_PIECE_SPACE = "\u2581"


class StepBuilder:
    """
    Builds any step of any epoch, in any process. Only the shards of the last step stay mapped.

    # Parameters

    datasets : `Sequence[PretrainingDataset]`
        With the same vocabularies.
    global_batch_size : `int`
        Sequences of a step.
    max_tokens : `int`
        The limit of tokens and entities of a batch, padding included.
    max_length : `int`
        Tokens of a sequence, start and end tokens included.
    entities : `bool`
        If false, entities are dropped.
    sampling_exponent : `float`
        As of `EpochOrder`.
    """

    def __init__(
        self,
        datasets: Sequence[PretrainingDataset],
        global_batch_size: int,
        max_tokens: int,
        max_length: int,
        entities: bool,
        masking: Masking,
        seed: int,
        shuffle: bool,
        sampling_exponent: float,
    ) -> None:
        self._datasets = list(datasets)
        self._global_batch_size = global_batch_size
        self._max_tokens = max_tokens
        self._max_words = max_length - _SPECIAL_TOKENS
        self._has_entities = entities
        self._masking = masking
        self._random = RandomNumbers(seed)
        self.order = EpochOrder(
            [[shard.sequences for shard in dataset.shards] for dataset in datasets],
            self._random if shuffle else None,
            sampling_exponent if shuffle else 1.0,
        )
        self._starts = np.cumsum([0, *(len(dataset) for dataset in datasets)])
        self._ids, self._tables = _vocabularies(self._datasets[0])
        self._mapped: Dict[Tuple[int, int], Sequences] = {}

    @property
    def steps(self) -> int:
        """Of an epoch. The last may have fewer sequences than the others."""
        return -(-len(self.order) // self._global_batch_size)

    def build(self, epoch: int, step: int, rank: int, world_size: int) -> PackedStep:
        """The batches of one process. Raises a `ConfigurationError` if a shard is missing or damaged."""
        start = step * self._global_batch_size
        chunks = self.order.rows(epoch, start, min(len(self.order), start + self._global_batch_size))
        shards = self._map(chunks)
        words = np.concatenate(
            [shard.word_counts[chunk.rows] for shard, chunk in zip(shards, chunks, strict=True)]
        )
        words = (
            np.minimum(words, self._max_words) + _SPECIAL_TOKENS
        )  # Shape: (sequences of the step,), as the next
        counts = [shard.entity_counts[chunk.rows] for shard, chunk in zip(shards, chunks, strict=True)]
        entities = np.concatenate(counts) * self._has_entities
        batches = pack_micro_batches(words, entities, self._max_tokens, world_size)[rank]

        # A rank without a sequence gets the step's smallest, with nothing to predict: if it did nothing, the
        # others would wait for it.
        filler = np.array([np.argmin(words + entities)])
        numbers = np.concatenate([batch if len(batch) else filler for batch in batches])
        sizes = [max(1, len(batch)) for batch in batches]
        is_filler = np.repeat([len(batch) == 0 for batch in batches], sizes)
        sequences, epochs, indices = self._gather(shards, chunks, numbers)
        masked = self._masking(sequences, epochs, indices, self._random, self._tables)
        if is_filler.any():
            masked = _unmasked(masked, sequences, is_filler)
        return pack(sequences, masked, sizes, self._ids)

    def _map(self, chunks: Sequence[ShardRows]) -> List[Sequences]:
        used = {(chunk.dataset, chunk.shard) for chunk in chunks}
        self._mapped = {key: shard for key, shard in self._mapped.items() if key in used}
        for dataset, shard in used - self._mapped.keys():
            self._mapped[dataset, shard] = self._datasets[dataset].shard(shard)
        return [self._mapped[chunk.dataset, chunk.shard] for chunk in chunks]

    def _gather(
        self, shards: Sequence[Sequences], chunks: Sequence[ShardRows], numbers: np.ndarray
    ) -> Tuple[Sequences, np.ndarray, np.ndarray]:
        """
        Sequences by their numbers in the step, with the epoch and the index in the dataset of each. Shape of
        `numbers`: (chosen,)
        """
        ends = np.cumsum([len(chunk.rows) for chunk in chunks])
        sources = np.searchsorted(ends, numbers, side="right")  # Shape: (chosen,), as the next two
        epochs, indices = np.empty_like(numbers), np.empty_like(numbers)
        parts, places = [], []
        for source, (shard, chunk) in enumerate(zip(shards, chunks, strict=True)):
            here = np.flatnonzero(sources == source)
            rows = chunk.rows[numbers[here] - (ends[source] - len(chunk.rows))]
            dataset = self._datasets[chunk.dataset]
            epochs[here] = chunk.epoch
            indices[here] = self._starts[chunk.dataset] + dataset.shard_starts[chunk.shard] + rows
            part = shard.take(rows)
            try:
                part.check(dataset.vocab_size, dataset.entity_table_size)
            except ValueError as error:
                file = dataset.shards[chunk.shard].file
                raise ConfigurationError(f"{dataset.path}: {file} is damaged: {error}.") from None
            parts.append(part if self._has_entities else part.without_entities())
            places.append(here)
        sequences = Sequences.concatenate(parts)
        if len(parts) > 1:
            sequences = sequences.take(np.argsort(np.concatenate(places)))
        return sequences.cut(self._max_words), epochs, indices

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_mapped": {}}


def _vocabularies(dataset: PretrainingDataset) -> Tuple[WordIds, MaskingTables]:
    tokenizer = WordTokenizer(str(dataset.tokenizer_directory))
    for name in ("[PAD]", "[MASK]"):
        if name not in dataset.special_entities:
            raise ConfigurationError(
                f"{dataset.path}: its entity vocabulary has no {name}; expected one of LUKE."
            )
    tables = MaskingTables(
        continues_word=continuation_table(tokenizer, dataset.vocab_size),
        word_pad_id=tokenizer.pad_id,
        word_mask_id=tokenizer.mask_id,
        entity_pad_id=dataset.special_entities["[PAD]"],
        entity_mask_id=dataset.special_entities["[MASK]"],
        entity_table_size=dataset.entity_table_size,
    )
    return WordIds(tokenizer.start_id, tokenizer.end_id, tokenizer.pad_id), tables


def _unmasked(masked: Masked, sequences: Sequences, rows: np.ndarray) -> Masked:
    """Without anything to predict in some sequences. Shape of `rows`: (sequences,), booleans."""
    word_rows = np.repeat(rows, sequences.word_counts)  # Shape: (all words,)
    entity_rows = np.repeat(rows, sequences.entity_counts)  # Shape: (all entities,)
    return Masked(
        np.where(word_rows, sequences.word_ids, masked.word_ids),
        masked.chosen_words[~word_rows[masked.chosen_words]],
        np.where(entity_rows, sequences.entity_ids, masked.entity_ids),
        masked.chosen_entities[~entity_rows[masked.chosen_entities]],
    )


def continuation_table(tokenizer: WordTokenizer, size: int) -> np.ndarray:
    """
    Whether each token continues the word of the one before it: in BERT if it begins with `##`; in RoBERTa and
    XLM-R unless it begins with a space or punctuation. Shape: (size,), the size of the vocabulary
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
        # RoBERTa's tokens are bytes, each written as a character. Part of a character continues a word.
        text = token.replace(_SENTENCE_PIECE_SPACE, " ") if is_sentence_piece else decoder.decode([token])
        table[index] = bool(text) and not text[0].isspace() and not is_punctuation(text[0])
    table[[index for index in special if index < size]] = False
    return table
