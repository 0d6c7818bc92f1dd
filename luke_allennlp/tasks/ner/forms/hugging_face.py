"""Token classification as in Hugging Face's datasets: tokens, and a tag for each."""

import logging
from dataclasses import replace
from typing import Any, List, Optional, Sequence

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, get_list, get_strings
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.form import (
    NO_ENTITIES,
    Reading,
    RecordForm,
    Records,
    sentence_from_tokens,
)
from luke_allennlp.tasks.ner.tag_schemes import TaggedSentence, resolve_scheme, tag_problem, tags_to_spans

logger = logging.getLogger(__name__)

_ENTITY_KEYS = ("ner_tags", "tags", "labels")


def _tag_key(record: Record) -> Optional[str]:
    return next((key for key in _ENTITY_KEYS if isinstance(record.get(key), list)), None)


def _is_tag(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _has_entities(record: Record) -> bool:
    key = _tag_key(record)
    if not isinstance(record.get("tokens"), list) or key is None:
        return False
    return bool(record[key]) and all(map(_is_tag, record[key]))


def _tags(record: Record, key: str, where: str, names: Optional[Sequence[str]]) -> List[str]:
    """The tags as strings; one for each token."""
    values, tokens = record[key], get_list(record, "tokens", where)
    if len(values) != len(tokens):
        raise ConfigurationError(
            f"{where}: {key!r} has {len(values)} items and 'tokens' {len(tokens)}; expected a tag for each "
            "token."
        )
    return [_tag(value, f"{where}: {key}[{index}]", names) for index, value in enumerate(values)]


def _tag(value: Any, where: str, names: Optional[Sequence[str]]) -> str:
    if not _is_tag(value):
        raise ConfigurationError(f"{where} is {shown(value)}; expected a string or a number.")
    if isinstance(value, str):
        problem = tag_problem(value)
        if problem:
            raise ConfigurationError(f"{where} is {value!r}, {problem}; expected a tag.")
        return value
    if names is None:
        raise ConfigurationError(
            f"{where} is the number {value}; set `label_names` to the names of the tags in order (in "
            "`datasets`: dataset.features['ner_tags'].feature.names)."
        )
    if not 0 <= value < len(names):
        raise ConfigurationError(
            f"{where} is the number {value}, but label_names has names for 0 to {len(names) - 1} only."
        )
    return names[value]


def _prepare(records: Records, path: str, reading: Reading) -> Reading:
    sentences = []
    has_numbers = False
    for where, record in records:
        key = _tag_key(record)
        if key and record[key]:
            tags = _tags(record, key, where, reading.label_names)
            sentences.append(TaggedSentence(tags, where.rpartition(", ")[2]))
            has_numbers = has_numbers or any(isinstance(value, int) for value in record[key])
    if reading.label_names is not None and not has_numbers:
        logger.warning("%s: label_names is not used, as the tags are no numbers", path)
    return replace(reading, tag_scheme=resolve_scheme(sentences, reading.tag_scheme, path))


def _document(record: Record, where: str, reading: Reading) -> Document:
    """
    Of `{"tokens": [...], "ner_tags": [...]}`, also with `tags` or `labels`, a sentence. Tags are strings of
    any scheme, or numbers of `Reading.label_names`.
    """
    tokens, key = get_strings(record, "tokens", where), _tag_key(record)
    document = Document("", [], where=where, unlabeled=None if key else NO_ENTITIES)
    if tokens:
        sentence = sentence_from_tokens(tokens, [], reading, where)
        if key:
            tags = _tags(record, key, where, reading.label_names)
            sentence.spans = tags_to_spans(tags, reading.tag_scheme)
        document.sentences.append(sentence)
    return document


FORM = RecordForm(
    name="Hugging Face's 'tokens' with 'ner_tags' or 'tags'",
    entity_keys=_ENTITY_KEYS,
    has_entities=_has_entities,
    accepts=lambda record: isinstance(record.get("tokens"), list) and _tag_key(record) is not None,
    document=_document,
    prepare=_prepare,
)
