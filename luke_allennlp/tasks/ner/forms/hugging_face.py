"""Token classification as Hugging Face's datasets have it: tokens, and a tag for each."""

import logging
from dataclasses import replace
from typing import Any, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, get_list, get_strings
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.form import (
    Reading,
    RecordForm,
    Records,
    document_id,
    no_entities,
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


def _tags(record: Record, where: str, names: Optional[Tuple[str, ...]]) -> List[str]:
    """The tags as strings; one for each token."""
    key = _tag_key(record)
    assert key is not None
    values, tokens = get_list(record, key, where), get_list(record, "tokens", where)
    if len(values) != len(tokens):
        raise ConfigurationError(
            f"{where}: {key!r} has {len(values)} items and 'tokens' {len(tokens)}; expected a tag for each "
            "token."
        )
    tags = []
    for index, value in enumerate(values):
        inner = f"{where}: {key}[{index}]"
        if isinstance(value, str):
            problem = tag_problem(value)
            if problem:
                raise ConfigurationError(f"{inner} is {value!r}, {problem}; expected a tag.")
            tags.append(value)
        elif not _is_tag(value):
            raise ConfigurationError(f"{inner} is {shown(value)}; expected a string or a number.")
        elif names is None:
            raise ConfigurationError(
                f"{inner} is the number {value}; set `label_names` to the names of the tags in order (in "
                "`datasets`: dataset.features['ner_tags'].feature.names)."
            )
        elif not 0 <= value < len(names):
            raise ConfigurationError(
                f"{inner} is the number {value}, and label_names has {len(names)} names, for 0 to "
                f"{len(names) - 1}."
            )
        else:
            tags.append(names[value])
    return tags


def _prepare(records: Records, path: str, reading: Reading) -> Reading:
    names = None if reading.label_names is None else tuple(reading.label_names)
    tagged = [
        (where, record, _tags(record, where, names))
        for where, record in records
        if _tag_key(record) is not None
    ]
    if names is not None and not any(
        isinstance(tag, int) for _, record, _ in tagged for tag in record[str(_tag_key(record))]
    ):
        logger.warning("%s: label_names is not used, as the tags are no numbers", path)
    sentences = [TaggedSentence(tags, where=where.rpartition(", ")[2]) for where, _, tags in tagged if tags]
    return replace(reading, tag_scheme=resolve_scheme(sentences, reading.tag_scheme, path))


def _document(record: Record, where: str, reading: Reading, default_id: str) -> Document:
    """
    Of `{"tokens": [...], "ner_tags": [...]}`, also with `tags` or `labels`, a sentence. Tags are strings of
    any scheme, or numbers of `Reading.label_names`.
    """
    tokens = get_strings(record, "tokens", where)
    identifier = document_id(record, where, default_id, ("document",))
    document = Document(identifier, [], where=where)
    if tokens:
        document.sentences.append(sentence_from_tokens(tokens, [], reading, where))
    if _tag_key(record) is None:
        document.unlabeled = no_entities(record)
    elif tokens:
        names = None if reading.label_names is None else tuple(reading.label_names)
        document.sentences[0].spans = tags_to_spans(_tags(record, where, names), reading.tag_scheme)
    return document


FORM = RecordForm(
    name="Hugging Face's 'tokens' with 'ner_tags' or 'tags'",
    entity_keys=_ENTITY_KEYS,
    has_entities=_has_entities,
    accepts=lambda record: isinstance(record.get("tokens"), list) and _tag_key(record) is not None,
    document=_document,
    prepare=_prepare,
)
