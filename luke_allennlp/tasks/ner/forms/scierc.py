"""SciERC's JSON lines, which PURE and DyGIE++ share."""

from typing import Any, List

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, get_list
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.building import Entity, checked_label, sentence_from_tokens, tokens_of
from luke_allennlp.tasks.ner.forms.form import Reading
from luke_allennlp.tasks.ner.forms.records import RecordForm, document_id, no_entities

_ENTITY_KEYS = ("ner",)


def _document(record: Record, where: str, reading: Reading, default_id: str) -> Document:
    """
    Of `{"doc_key": "...", "sentences": [[...], ...], "ner": [[[0, 1, "Task"], ...], ...]}`: a list of
    entities for each sentence, in tokens of the whole document, the ends inclusive.
    """
    token_lists = get_list(record, "sentences", where)
    has_entities = record.get("ner") is not None
    entity_lists: List[Any] = get_list(record, "ner", where) if has_entities else [[]] * len(token_lists)
    if len(token_lists) != len(entity_lists):
        raise ConfigurationError(
            f"{where}: 'sentences' has {len(token_lists)} items and 'ner' {len(entity_lists)}; expected a "
            "list "
            "of entities for each sentence."
        )
    document = Document(document_id(record, where, default_id, ("doc_key", "id")), [], where=where)
    document.unlabeled = None if has_entities else no_entities(record)
    shift = 0
    for index, (values, spans) in enumerate(zip(token_lists, entity_lists, strict=True)):
        inner = f"{where}, sentence {index}"
        tokens = tokens_of(values, inner)
        if not tokens:
            raise ConfigurationError(f"{inner}: has no tokens; expected one or more.")
        entities = [
            _entity(value, f"{inner}, ner[{position}]", shift, len(tokens))
            for position, value in enumerate(get_list({"ner": spans}, "ner", inner))
        ]
        document.sentences.append(sentence_from_tokens(tokens, entities, reading, inner))
        shift += len(tokens)
    return document


def _entity(value: Any, where: str, shift: int, length: int) -> Entity:
    # DyGIE++ puts scores behind the label.
    if not isinstance(value, list) or len(value) < 3:
        raise ConfigurationError(f"{where}: found {shown(value)}; expected [first token, last token, label].")
    first, last, label = value[:3]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in (first, last)):
        raise ConfigurationError(f"{where}: found {shown(value)}; expected two whole numbers and a label.")
    if not shift <= first <= last < shift + length:
        raise ConfigurationError(
            f"{where}: the tokens {first} to {last} are no part of its sentence, which has the tokens "
            f"{shift} to "
            f"{shift + length - 1} of the document; expected first <= last, both inclusive."
        )
    return Entity(first - shift, last - shift + 1, checked_label(label, where), where=where)


FORM = RecordForm(
    name="SciERC's JSON lines",
    entity_keys=_ENTITY_KEYS,
    has_entities=lambda record: (
        isinstance(record.get("sentences"), list) and isinstance(record.get("ner"), list)
    ),
    accepts=lambda record: isinstance(record.get("sentences"), list) and "doc_key" in record,
    document=_document,
).form()
