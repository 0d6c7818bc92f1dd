"""JSON exports of annotation tools: doccano, and Label Studio, full (`JSON`) and reduced (`JSON_MIN`)."""

from typing import Any, Dict, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, get_list, get_object, get_objects, get_string
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.form import (
    NO_ENTITIES,
    Reading,
    RecordForm,
    document_from_text,
    entities_from_json,
    entity_from_json,
)

_DOCCANO_KEYS = ("label", "labels", "entities")


def _text_key(record: Record) -> Optional[str]:
    # `data` in exports of early versions.
    return next((key for key in ("text", "data") if isinstance(record.get(key), str)), None)


def _entity_key(record: Record) -> Optional[str]:
    return next((key for key in _DOCCANO_KEYS if isinstance(record.get(key), list)), None)


def _is_entity(value: Any, key: str) -> bool:
    if key == "entities":
        return isinstance(value, dict) and {"start_offset", "end_offset"} <= value.keys()
    return isinstance(value, list) and len(value) == 3 and isinstance(value[2], str)


def _has_doccano(record: Record) -> bool:
    key = _entity_key(record)
    return _text_key(record) is not None and key is not None and any(_is_entity(v, key) for v in record[key])


def _doccano_document(record: Record, where: str, reading: Reading) -> Document:
    """
    Of `{"text": "...", "label": [[0, 5, "PER"], ...]}`, also with `labels`, or with `entities` and objects of
    `start_offset`, `end_offset` and `label`. Relations are ignored.
    """
    text = get_string(record, _text_key(record) or "text", where)
    key = _entity_key(record)
    values = record[key] if key else []
    entities = entities_from_json(values, f"{where}, {key}", ("start_offset", "end_offset"))
    document = document_from_text(text, entities, reading, where)
    document.unlabeled = None if key else NO_ENTITIES
    return document


DOCCANO = RecordForm(
    name="doccano's export",
    entity_keys=_DOCCANO_KEYS,
    has_entities=_has_doccano,
    accepts=lambda record: (
        isinstance(record.get("data"), str)
        or (_text_key(record) is not None and _entity_key(record) in ("label", "labels"))
    ),
    document=_doccano_document,
)

_TASK_KEYS = ("annotations", "completions")  # the second before version 1.0

_Regions = List[Tuple[str, Dict[str, Any]]]
"""Labelled spans, each with its name in errors."""


def _is_region(value: Any) -> bool:
    return isinstance(value, dict) and {"start", "end", "labels"} <= value.keys()


def _is_full(record: Record) -> bool:
    return isinstance(record.get("data"), dict)


def _region_keys(record: Record) -> List[str]:
    """The keys of the entities in the reduced form, which are the names of the project's controls."""
    lists = [key for key, value in record.items() if isinstance(value, list) and value]
    return [key for key in lists if all(map(_is_region, record[key]))]


def _has_entities(record: Record) -> bool:
    if _is_full(record):
        return any(isinstance(record.get(key), list) for key in _TASK_KEYS)
    return bool(_region_keys(record))


def _document(record: Record, where: str, reading: Reading) -> Document:
    """
    Of a task in the full form, `{"data": {"text": "..."}, "annotations": [{"result": [...]}]}`, of which the
    first annotation that was not cancelled is read; or in the reduced form, `{"text": "...", "label":
    [{"start": 0, "end": 5, "labels": ["PER"]}, ...]}`.
    """
    if _is_full(record):
        content = get_object(record, "data", where)
        regions, unlabeled = _annotated(record, where, reading)
    else:
        content = record
        regions = [found for key in _region_keys(record) for found in get_objects(record, key, where)]
        # A task without entities has no such key, but names who annotated it.
        unlabeled = None if regions or "annotation_id" in record else NO_ENTITIES
    entities = []
    for inner, region in regions:
        labels = get_list(region, "labels", inner)
        if not labels:
            raise ConfigurationError(f"{inner}: has no label; expected one or more in 'labels'.")
        entities += [entity_from_json({**region, "label": label}, inner) for label in labels]
    document = document_from_text(_text(content, where), entities, reading, where)
    document.unlabeled = unlabeled
    return document


def _text(content: Record, where: str) -> str:
    strings = [value for value in content.values() if isinstance(value, str)]
    if isinstance(content.get("text"), str):
        strings = [content["text"]]
    if len(strings) != 1:
        raise ConfigurationError(
            f"{where}: it is not clear which of the keys {', '.join(map(repr, content))} holds the text; "
            "expected 'text', or a single string."
        )
    return strings[0]


def _annotated(record: Record, where: str, reading: Reading) -> Tuple[_Regions, Optional[str]]:
    key = next((key for key in _TASK_KEYS if record.get(key) is not None), None)
    if key is None:
        return [], NO_ENTITIES
    annotations = [found for found in get_objects(record, key, where) if not found[1].get("was_cancelled")]
    if not annotations:
        return [], f"the task has no annotation under {key!r} (or was skipped)"
    if len(annotations) > 1:
        reading.findings.add("tasks have several annotations, of which the first is read", where)
    regions: _Regions = []
    inner, annotation = annotations[0]
    for name, result in get_objects(annotation, "result", inner):
        value: Any = result.get("value")
        if result.get("type", "labels") == "labels" and _is_region(value):
            regions.append((name, value))
        else:
            kind = "results are not labelled spans and are not read"
            reading.findings.add(kind, f"{name}: {shown(result)}")
    return regions, None


LABEL_STUDIO = RecordForm(
    name="Label Studio's export",
    entity_keys=("annotations", "label"),
    has_entities=_has_entities,
    accepts=lambda record: _is_full(record) or "annotation_id" in record,
    document=_document,
)
