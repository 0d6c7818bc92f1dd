"""SciERC's JSON lines, which PURE and DyGIE++ share."""

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.form import (
    NO_ENTITIES,
    Entity,
    Reading,
    RecordForm,
    entities_from_json,
    sentence_from_tokens,
    token_sentences,
)


def _document(record: Record, where: str, reading: Reading) -> Document:
    """
    Of `{"doc_key": "...", "sentences": [[...], ...], "ner": [[[0, 1, "Task"], ...], ...]}`: a list of
    entities for each sentence, in tokens of the whole document, the ends inclusive.
    """
    key = None if record.get("ner") is None else "ner"
    document = Document("", [], where=where, unlabeled=None if key else NO_ENTITIES)
    before = 0
    for inner, tokens, values in token_sentences(record, key, where):
        # DyGIE++ appends scores.
        triples = [value[:3] if isinstance(value, list) else value for value in values]
        entities = [
            _in_sentence(entity, before, len(tokens))
            for entity in entities_from_json(triples, f"{inner}, ner")
        ]
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


FORM = RecordForm(
    name="SciERC's JSON lines",
    entity_keys=("ner",),
    has_entities=lambda record: (
        isinstance(record.get("sentences"), list) and isinstance(record.get("ner"), list)
    ),
    accepts=lambda record: isinstance(record.get("sentences"), list) and "doc_key" in record,
    document=_document,
)
