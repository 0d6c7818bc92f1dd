"""Label Studio's JSON, full (`JSON`) and reduced (`JSON_MIN`)."""

from typing import Any, Dict, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, get_list, get_object, get_objects
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.form import (
    Entity,
    Reading,
    RecordForm,
    document_from_text,
    document_id,
    entity_from_json,
    no_entities,
)

_ENTITY_KEYS = ("annotations", "label")
_TASK_KEYS = ("annotations", "completions")  # the second before version 1.0


def _is_region(value: Any) -> bool:
    return isinstance(value, dict) and {"start", "end", "labels"} <= value.keys()


def _is_full(record: Record) -> bool:
    return isinstance(record.get("data"), dict)


def _region_keys(record: Record) -> List[str]:
    """The keys of the entities in the reduced form, which are the names of the project's controls."""
    return [
        key
        for key, value in record.items()
        if isinstance(value, list) and value and all(map(_is_region, value))
    ]


def _has_entities(record: Record) -> bool:
    if _is_full(record):
        return any(isinstance(record.get(key), list) for key in _TASK_KEYS)
    return bool(_region_keys(record))


def _document(record: Record, where: str, reading: Reading, default_id: str) -> Document:
    """
    Of a task of the full form, `{"data": {"text": "..."}, "annotations": [{"result": [...]}]}`, of which the
    first annotation that was not cancelled is read; or of the reduced form, `{"text": "...", "label":
    [{"start": 0, "end": 5, "labels": ["PER"]}, ...]}`.
    """
    content = get_object(record, "data", where) if _is_full(record) else record
    text_key = _text_key(content, where)
    if _is_full(record):
        regions, unlabeled = _annotated(record, where, reading)
    else:
        regions = [
            (f"{where}, {key}[{index}]", region)
            for key in _region_keys(record)
            for index, region in enumerate(record[key])
        ]
        # A task without any entity has no such key, but says who annotated it.
        unlabeled = None if regions or "annotation_id" in record else no_entities(record)
    entities = [entity for inner, region in regions for entity in _entities(region, inner)]
    identifier = document_id(record, where, default_id)
    return document_from_text(content[text_key], entities, reading, where, identifier, unlabeled)


def _text_key(content: Dict[str, Any], where: str) -> str:
    strings = [key for key, value in content.items() if isinstance(value, str)]
    if "text" in strings:
        return "text"
    if len(strings) != 1:
        raise ConfigurationError(
            f"{where}: which of the keys {', '.join(map(repr, content))} has the text is not clear; expected "
            "'text', or a single string."
        )
    return strings[0]


def _annotated(
    record: Record, where: str, reading: Reading
) -> Tuple[List[Tuple[str, Dict[str, Any]]], Optional[str]]:
    key = next((key for key in _TASK_KEYS if record.get(key) is not None), None)
    if key is None:
        return [], no_entities(record)
    annotations = [
        (inner, annotation)
        for inner, annotation in get_objects(record, key, where)
        if not annotation.get("was_cancelled")
    ]
    if not annotations:
        return [], f"the task has no annotation under {key!r} (or was skipped)"
    if len(annotations) > 1:
        reading.findings.add("tasks have several annotations, of which the first is read", where)
    regions: List[Tuple[str, Dict[str, Any]]] = []
    for inner, result in get_objects(annotations[0][1], "result", annotations[0][0]):
        value: Any = result.get("value")
        if result.get("type", "labels") == "labels" and _is_region(value):
            regions.append((inner, value))
        else:
            reading.findings.add(
                "results are no labelled spans and are not read", f"{inner}: {shown(result)}"
            )
    return regions, None


def _entities(region: Dict[str, Any], where: str) -> List[Entity]:
    labels = get_list(region, "labels", where)
    if not labels:
        raise ConfigurationError(f"{where}: has no label; expected one or more in 'labels'.")
    return [entity_from_json({**region, "label": label}, where) for label in labels]


FORM = RecordForm(
    name="Label Studio's export",
    entity_keys=_ENTITY_KEYS,
    has_entities=_has_entities,
    accepts=lambda record: _is_full(record) or "annotation_id" in record,
    document=_document,
)
