"""Texts with masked words and entities: records to instances."""

import logging
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import MetadataField
from allennlp.data.tokenizers import Tokenizer
from overrides import overrides

from luke_allennlp.checkpoints.model_files import archived_checkpoint
from luke_allennlp.common.records import read_records
from luke_allennlp.data.fields import EntityField, SubwordField
from luke_allennlp.entity_vocabulary import MASK, MASK2, PAD, EntityVocabulary, read_entity_vocabulary
from luke_allennlp.pretraining.masked_text import MaskedText, masked_text_from_record, pieces
from luke_allennlp.tasks.base.reader import TaskReader

logger = logging.getLogger(__name__)

_NEVER_TARGETS = (PAD, MASK, MASK2)


class MaskedInput(NamedTuple):
    """A text as the model sees it. Positions count from the start token."""

    example: MaskedText
    word_ids: List[int]  # start token, tokens and masks, end token
    masked_words: List[int]  # positions of the example's masks
    entity_ids: List[int]
    entity_spans: List[Tuple[int, int]]  # first and last position of each mention, inclusive
    masked_entities: List[int]  # indices of the masked mentions


@DatasetReader.register("luke_pretraining")
class PretrainingReader(TaskReader[MaskedText, MaskedInput]):
    """
    Registered as a `DatasetReader` with name "luke_pretraining".

    Reads texts with masked words or entities, for prediction; see `masked_text_from_record` for their form.
    In training, the data loader of the same name reads the dataset's shards itself.

    # Parameters

    tokenizer : `Tokenizer`
        The one of type "luke", with the tokenizer of the dataset.
    entity_vocabulary : `str`, optional (default = `None`)
        The embedder's: a file, or a dataset or checkpoint that has one. Not needed by a model without
        entities.
    max_length : `int`, optional (default = `512`)
        The limit of a text's tokens, start and end token included.
    max_mention_length : `int`, optional (default = `30`)
        An entity's position is the mean over at most so many positions, as in the dataset.
    top_k : `int`, optional (default = `5`)
        The number of answers for each mask, unless a record says otherwise.
    encoding : `str`, optional (default = `"utf-8"`)
        Of the files.
    max_instances : `int`, optional (default = `None`)
        The limit of texts.

    # Raises

    `ConfigurationError`
        An option, a file or a record is invalid.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        entity_vocabulary: Optional[str] = None,
        max_length: int = 512,
        max_mention_length: int = 30,
        top_k: int = 5,
        encoding: str = "utf-8",
        max_instances: Optional[int] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(tokenizer, encoding, max_instances, serialization_dir)
        for name, value, least in (
            ("max_length", max_length, 3),
            ("max_mention_length", max_mention_length, 1),
            ("top_k", top_k, 1),
        ):
            if value < least:
                raise ConfigurationError(f"{name} is {value}; expected at least {least}.")
        self._max_length = max_length
        self._max_mention_length = max_mention_length
        self._top_k = top_k
        self._vocabulary_source = entity_vocabulary
        if entity_vocabulary is not None:
            self._vocabulary_source = archived_checkpoint(entity_vocabulary, serialization_dir)
        self._vocabulary: Optional[EntityVocabulary] = None
        if self._vocabulary_source != entity_vocabulary:
            # The archive's own is gone once the archive is loaded.
            self._vocabulary = self.entity_vocabulary

    @property
    def has_entities(self) -> bool:
        """Whether there is an entity vocabulary."""
        return self._vocabulary_source is not None

    @property
    def entity_vocabulary(self) -> EntityVocabulary:
        """Read on first use. Raises a `ConfigurationError` if it is missing or damaged."""
        if self._vocabulary is None:
            if self._vocabulary_source is None:
                raise ConfigurationError(
                    "The reader has no entity_vocabulary; give it the one that the embedder has."
                )
            self._vocabulary = read_entity_vocabulary(self._vocabulary_source)
        return self._vocabulary

    @overrides
    def check_file(self, file_path: str, training: bool = False) -> None:
        """Of a dataset's directory, which the data loader reads, only the metadata is checked."""
        if Path(file_path).expanduser().is_dir():
            from luke_allennlp.pretraining.dataset import PretrainingDataset

            PretrainingDataset(file_path)
        else:
            super().check_file(file_path, training)

    @overrides
    def read_examples(self, file_path: str) -> Iterator[MaskedText]:
        for where, record in read_records(file_path, self.encoding):
            yield masked_text_from_record(record, where)

    @overrides
    def examples_from_json(self, record: Dict[str, Any], where: str) -> List[MaskedText]:
        return [masked_text_from_record(record, where)]

    @overrides
    def is_labeled(self, example: MaskedText) -> bool:
        return False

    @overrides
    def items(self, example: MaskedText) -> Sequence[MaskedInput]:
        """One input; a `ConfigurationError` if the text is too long, an entity unknown or a mention blank."""
        text = example.text
        ids = [self.tokenizer.start_id]
        masked_words: List[int] = []
        # The number of ids before each character at which a piece begins or ends.
        before = {0: 1}
        for start, end, is_mask in pieces(example):
            if is_mask:
                masked_words.append(len(ids))
                ids.append(self.tokenizer.mask_id)
            else:
                follows_space = start == 0 or text[start].isspace() or text[start - 1].isspace()
                ids += self.tokenizer.encode(text[start:end], follows_space).ids
            before[end] = len(ids)
        ids.append(self.tokenizer.end_id)
        if len(ids) > self._max_length:
            raise ConfigurationError(
                f"{example.where}: the text has {len(ids)} tokens with start and end token; expected at "
                f"most {self._max_length}: shorten it."
            )
        spans = []
        for mention in example.mentions:
            start, end = mention.span
            first, last = before[start], before[end] - 1
            if last < first:
                raise ConfigurationError(
                    f"{example.where}: the mention {list(mention.span)} is nothing but space; expected words."
                )
            spans.append((first, min(last, first + self._max_mention_length - 1)))
        masked_entities = [i for i, mention in enumerate(example.mentions) if mention.entity is None]
        entity_ids = [self._entity_id(example, mention.entity or MASK) for mention in example.mentions]
        return [MaskedInput(example, ids, masked_words, entity_ids, spans, masked_entities)]

    def _entity_id(self, example: MaskedText, title: str) -> int:
        index = self.entity_vocabulary.get(title, example.language)
        if index is None:
            unknown = self.entity_vocabulary.describe_unknown(title, example.language)
            raise ConfigurationError(f"{example.where}: {unknown}")
        return index

    @overrides(check_signature=False)
    def text_to_instance(self, item: MaskedInput, labeled: bool = False) -> Instance:
        """`words` (`SubwordField`), `entities` (`EntityField`) and `metadata`, with what to predict."""
        excluded: List[int] = []
        if item.masked_entities:
            vocabulary = self.entity_vocabulary
            excluded = [vocabulary[title] for title in _NEVER_TARGETS if title in vocabulary]
        metadata = {
            "masked_words": item.masked_words,
            "masked_entities": item.masked_entities,
            "excluded_entities": excluded,
            "top_k": self._top_k if item.example.top_k is None else item.example.top_k,
        }
        return Instance(
            {
                "words": SubwordField(item.word_ids, padding_id=self.tokenizer.pad_id),
                "entities": EntityField(item.entity_ids, item.entity_spans),
                "metadata": MetadataField(metadata),
            }
        )
