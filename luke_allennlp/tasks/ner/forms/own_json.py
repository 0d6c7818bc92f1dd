"""This project's own JSON, texts with character spans or tokens with token spans, and SciERC's JSON lines."""

from typing import Any, Iterator, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, get_list, get_string, get_strings
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.form import (
    NO_ENTITIES,
    Entity,
    Reading,
    RecordForm,
    document_from_text,
    entities_from_json,
    sentence_from_tokens,
)

_CONTENT_KEYS = ("text", "tokens", "sentences")
_ENTITY_KEYS = ("entities", "spans")


def document_from_record(record: Record, where: str, reading: Reading) -> Document:
    """
    Makes a document of a JSON object in one of these forms:

    - `{"text": "...", "entities": [{"start": 0, "end": 5, "label": "PER"}, ...], "id": "..."}`: a document,
      split by the segmenter; entities count in characters;
    - `{"tokens": [...], "entities": [...], "document": "..."}`: a sentence; entities count in tokens;
    - `{"sentences": [[...], ...], "entities": [[...], ...], "id": "..."}`: a document; entities count in
      the tokens of their sentences.

    Ends are exclusive. An entity may also be written `[0, 5, "PER"]`, and have its own `text`; `entities` may
    also be called `spans`. Without either, the entities are unknown. Other keys are ignored. Texts without
    words and empty lists give a document without sentences.
    """
    found = [key for key in _CONTENT_KEYS if record.get(key) is not None]
    if len(found) != 1:
        what = f"both {found[0]!r} and {found[1]!r}" if found else f"only the keys {sorted(record)}"
        raise ConfigurationError(
            f"{where}: has {what}; expected exactly one of 'text', 'tokens' or 'sentences'."
        )
    entity_keys = [key for key in _ENTITY_KEYS if record.get(key) is not None]
    if len(entity_keys) > 1:
        raise ConfigurationError(f"{where}: has both 'entities' and 'spans'; expected one of them.")
    key = entity_keys[0] if entity_keys else None
    document = Document("", [], where=where)
    if found == ["sentences"]:
        for inner, tokens, values in _token_sentences(record, key, where):
            entities = entities_from_json(values, f"{inner}, {key}")
            document.sentences.append(sentence_from_tokens(tokens, entities, reading, inner))
    else:
        entities = entities_from_json(get_list(record, key, where) if key else [], f"{where}, {key}")
        if found == ["text"]:
            document = document_from_text(get_string(record, "text", where), entities, reading, where)
        elif get_strings(record, "tokens", where) or entities:
            tokens = get_strings(record, "tokens", where)
            document.sentences.append(sentence_from_tokens(tokens, entities, reading, where))
    document.unlabeled = None if key else NO_ENTITIES
    return document


def _token_sentences(
    record: Record, key: Optional[str], where: str
) -> Iterator[Tuple[str, List[str], List[Any]]]:
    """
    Of `{"sentences": [[...], ...], key: [[...], ...]}`, where the key is `None` if there are no entities: the
    name of each sentence in errors, its tokens, and its entities as they are in the file.
    """
    token_lists = get_list(record, "sentences", where)
    entity_lists = (get_list(record, key, where) if key else []) or [[]] * len(token_lists)
    if len(token_lists) != len(entity_lists):
        raise ConfigurationError(
            f"{where}: 'sentences' has {len(token_lists)} items and {key!r} {len(entity_lists)}; expected a "
            "list of entities for each sentence."
        )
    for index, (tokens, entities) in enumerate(zip(token_lists, entity_lists, strict=True)):
        inner = f"{where}, sentence {index}"
        values = get_list({str(key): entities}, str(key), inner)
        yield inner, get_strings({"tokens": tokens}, "tokens", inner), values


def _scierc_document(record: Record, where: str, reading: Reading) -> Document:
    """
    Of SciERC's JSON lines, which PURE and DyGIE++ share, `{"doc_key": "...", "sentences": [[...], ...],
    "ner": [[[0, 1, "Task"], ...], ...]}`: a list of entities for each sentence, in tokens of the whole
    document, the ends inclusive.
    """
    key = None if record.get("ner") is None else "ner"
    document = Document("", [], where=where, unlabeled=None if key else NO_ENTITIES)
    before = 0
    for inner, tokens, values in _token_sentences(record, key, where):
        # DyGIE++ appends scores.
        values = [value[:3] if isinstance(value, list) else value for value in values]
        entities = entities_from_json(values, f"{inner}, ner")
        entities = [_in_sentence(entity, before, len(tokens)) for entity in entities]
        document.sentences.append(sentence_from_tokens(tokens, entities, reading, inner))
        before += len(tokens)
    return document


def _in_sentence(entity: Entity, before: int, length: int) -> Entity:
    first, last = entity.start, entity.end
    if not before <= first <= last < before + length:
        raise ConfigurationError(
            f"{entity.where}: the tokens {first} to {last} are not in its sentence, which has the tokens "
            f"{before} to {before + length - 1} of the document; expected first <= last, both inclusive."
        )
    return entity._replace(start=first - before, end=last - before + 1)


def _has_entities(record: Record) -> bool:
    if not _accepts(record):
        return False
    for key in _ENTITY_KEYS:
        value = record.get(key)
        if isinstance(value, list) and value:
            items = value[0] if "sentences" in record and isinstance(value[0], list) and value[0] else value
            first = items[0]
            return not isinstance(first, dict) or "start_offset" not in first
    return False


def _accepts(record: Record) -> bool:
    return any(record.get(key) is not None for key in _CONTENT_KEYS)


FORM = RecordForm(
    name="JSON with 'text', 'tokens' or 'sentences' and 'entities'",
    entity_keys=_ENTITY_KEYS,
    has_entities=_has_entities,
    accepts=_accepts,
    document=document_from_record,
)

SCIERC = RecordForm(
    name="SciERC's JSON lines",
    entity_keys=("ner",),
    has_entities=lambda record: (
        isinstance(record.get("sentences"), list) and isinstance(record.get("ner"), list)
    ),
    accepts=lambda record: isinstance(record.get("sentences"), list) and "doc_key" in record,
    document=_scierc_document,
)
