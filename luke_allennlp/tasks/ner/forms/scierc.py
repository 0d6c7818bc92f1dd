"""SciERC's JSON lines, which PURE and DyGIE++ share."""

from typing import Any

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, get_list, get_strings
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.form import (
    Entity,
    Reading,
    RecordForm,
    document_id,
    entity_from_json,
    no_entities,
    sentence_from_tokens,
)

_ENTITY_KEYS = ("ner",)


def _document(record: Record, where: str, reading: Reading, default_id: str) -> Document:
    """
    Of `{"doc_key": "...", "sentences": [[...], ...], "ner": [[[0, 1, "Task"], ...], ...]}`: a list of
    entities for each sentence, in tokens of the whole document, the ends inclusive.
    """
    token_lists = get_list(record, "sentences", where)
    has_entities = record.get("ner") is not None
    entity_lists = get_list(record, "ner", where) if has_entities else [[]] * len(token_lists)
    if len(token_lists) != len(entity_lists):
        raise ConfigurationError(
            f"{where}: 'sentences' has {len(token_lists)} items and 'ner' {len(entity_lists)}; expected a "
            "list of entities for each sentence."
        )
    document = Document(document_id(record, where, default_id, ("doc_key", "id")), [], where=where)
    document.unlabeled = None if has_entities else no_entities(record)
    shift = 0
    for index, (values, spans) in enumerate(zip(token_lists, entity_lists, strict=True)):
        inner = f"{where}, sentence {index}"
        tokens = get_strings({"tokens": values}, "tokens", inner)
        entities = [
            _entity(value, f"{inner}, ner[{position}]", shift, len(tokens))
            for position, value in enumerate(get_list({"ner": spans}, "ner", inner))
        ]
        document.sentences.append(sentence_from_tokens(tokens, entities, reading, inner))
        shift += len(tokens)
    return document


def _entity(value: Any, where: str, shift: int, length: int) -> Entity:
    # DyGIE++ appends scores.
    if not isinstance(value, list) or len(value) < 3:
        raise ConfigurationError(f"{where}: found {shown(value)}; expected [first token, last token, label].")
    entity = entity_from_json(value[:3], where)
    first, last = entity.start, entity.end
    if not shift <= first <= last < shift + length:
        raise ConfigurationError(
            f"{where}: the tokens {first} to {last} are no part of its sentence, which has the tokens "
            f"{shift} to {shift + length - 1} of the document; expected first <= last, both inclusive."
        )
    return entity._replace(start=first - shift, end=last - shift + 1)


FORM = RecordForm(
    name="SciERC's JSON lines",
    entity_keys=_ENTITY_KEYS,
    has_entities=lambda record: (
        isinstance(record.get("sentences"), list) and isinstance(record.get("ner"), list)
    ),
    accepts=lambda record: isinstance(record.get("sentences"), list) and "doc_key" in record,
    document=_document,
)
