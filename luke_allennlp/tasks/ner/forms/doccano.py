"""doccano's export of sequence labelling."""

from typing import Any, Optional

from luke_allennlp.common.records import Record, get_string
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.form import (
    NO_ENTITIES,
    Reading,
    RecordForm,
    document_from_text,
    document_id,
    entities_from_json,
)

_ENTITY_KEYS = ("label", "labels", "entities")
_TEXT_KEYS = ("text", "data")  # the second in exports of early versions


def _text_key(record: Record) -> Optional[str]:
    return next((key for key in _TEXT_KEYS if isinstance(record.get(key), str)), None)


def _entity_key(record: Record) -> Optional[str]:
    return next((key for key in _ENTITY_KEYS if isinstance(record.get(key), list)), None)


def _is_entity(value: Any, key: str) -> bool:
    if key == "entities":
        return isinstance(value, dict) and {"start_offset", "end_offset"} <= value.keys()
    return isinstance(value, list) and len(value) == 3 and isinstance(value[2], str)


def _has_entities(record: Record) -> bool:
    key = _entity_key(record)
    return _text_key(record) is not None and key is not None and any(_is_entity(v, key) for v in record[key])


def _document(record: Record, where: str, reading: Reading, default_id: str) -> Document:
    """
    Of `{"text": "...", "label": [[0, 5, "PER"], ...]}`, also with `labels`, or with `entities` and objects of
    `start_offset`, `end_offset` and `label`. Relations are ignored.
    """
    text = get_string(record, _text_key(record) or "text", where)
    key = _entity_key(record)
    values = record[key] if key else []
    entities = entities_from_json(values, f"{where}, {key}", ("start_offset", "end_offset"))
    identifier = document_id(record, where, default_id)
    return document_from_text(text, entities, reading, where, identifier, None if key else NO_ENTITIES)


FORM = RecordForm(
    name="doccano's export",
    entity_keys=_ENTITY_KEYS,
    has_entities=_has_entities,
    accepts=lambda record: isinstance(record.get("data"), str) or _entity_key(record) in ("label", "labels"),
    document=_document,
)
