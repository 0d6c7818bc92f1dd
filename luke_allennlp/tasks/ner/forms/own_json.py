"""This project's own JSON: texts with character spans, or tokens with token spans."""

from typing import Any, List

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, get_list, get_string, get_strings
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.form import (
    Entity,
    Reading,
    RecordForm,
    document_from_text,
    document_id,
    entity_from_json,
    no_entities,
    sentence_from_tokens,
)

_CONTENT_KEYS = ("text", "tokens", "sentences")
_ENTITY_KEYS = ("entities", "spans")
_EXPECTED = "'text', 'tokens' or 'sentences'"


def document_from_record(record: Record, where: str, reading: Reading, default_id: str = "0") -> Document:
    """
    Makes a document of a JSON object in one of these forms:

    - `{"text": "...", "entities": [{"start": 0, "end": 5, "label": "PER"}, ...], "id": "..."}`: a document,
      split by the segmenter; entities count in characters;
    - `{"tokens": [...], "entities": [...], "document": "..."}`: a sentence; entities count in tokens;
    - `{"sentences": [[...], ...], "entities": [[...], ...], "id": "..."}`: a document; entities count in
      the tokens of their sentences.

    Ends are exclusive. An entity may also be written `[0, 5, "PER"]`, have its own `text`, and `entities`
    also be called `spans`. Without either the entities are not known. Other keys are ignored.

    # Returns

    `Document`
        Its `text` and the `offsets` of its words are set in the first form only. A text without words, an
        empty list of tokens, and an empty list of sentences are a document without a sentence.

    # Raises

    `ConfigurationError`
        The object is in none of the forms, or an entity is not inside of its text or sentence.
    """
    found = [key for key in _CONTENT_KEYS if record.get(key) is not None]
    if len(found) != 1:
        what = f"both {found[0]!r} and {found[1]!r}" if found else f"only the keys {sorted(record)}"
        raise ConfigurationError(f"{where}: has {what}; expected exactly one of {_EXPECTED}.")
    # A line of tokens is a part of its document, and may have an id of its own, which is not the document's.
    keys = ("document",) if found == ["tokens"] else ("id", "document")
    identifier = document_id(record, where, default_id, keys)
    entity_keys = [key for key in _ENTITY_KEYS if record.get(key) is not None]
    if len(entity_keys) > 1:
        raise ConfigurationError(f"{where}: has both 'entities' and 'spans'; expected one of them.")
    entities: List[Any] = get_list(record, entity_keys[0], where) if entity_keys else []
    unlabeled = None if entity_keys else no_entities(record)
    if found == ["text"]:
        text = get_string(record, "text", where)
        return document_from_text(text, _entities(entities, where), reading, where, identifier, unlabeled)
    if found == ["tokens"]:
        tokens = get_strings(record, "tokens", where)
        sentences = (
            [sentence_from_tokens(tokens, _entities(entities, where), reading, where)]
            if tokens or entities
            else []
        )
        return Document(identifier, sentences, where=where, unlabeled=unlabeled)
    token_lists = get_list(record, "sentences", where)
    entity_lists = entities or [[]] * len(token_lists)
    if len(entity_lists) != len(token_lists):
        raise ConfigurationError(
            f"{where}: 'sentences' has {len(token_lists)} items and 'entities' {len(entity_lists)}; expected "
            f"a list of entities for each sentence."
        )
    document = Document(identifier, [], where=where, unlabeled=unlabeled)
    for index, (values, spans) in enumerate(zip(token_lists, entity_lists, strict=True)):
        inner = f"{where}, sentence {index}"
        tokens = get_strings({"tokens": values}, "tokens", inner)
        spans = get_list({"entities": spans}, "entities", inner)
        document.sentences.append(sentence_from_tokens(tokens, _entities(spans, inner), reading, inner))
    return document


def _entities(values: List[Any], where: str) -> List[Entity]:
    return [entity_from_json(value, f"{where}, entity {index}") for index, value in enumerate(values)]


def _has_entities(record: Record) -> bool:
    if not any(record.get(key) is not None for key in _CONTENT_KEYS):
        return False
    for key in _ENTITY_KEYS:
        value = record.get(key)
        if isinstance(value, list) and value:
            items = value[0] if "sentences" in record and isinstance(value[0], list) and value[0] else value
            first = items[0]
            return not isinstance(first, dict) or "start_offset" not in first
    return False


FORM = RecordForm(
    name="JSON with 'text', 'tokens' or 'sentences' and 'entities'",
    entity_keys=_ENTITY_KEYS,
    has_entities=_has_entities,
    accepts=lambda record: any(record.get(key) is not None for key in _CONTENT_KEYS),
    document=document_from_record,
)
