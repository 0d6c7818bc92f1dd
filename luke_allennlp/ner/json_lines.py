"""JSON lines with entities: texts with character spans, or tokens with token spans."""

import json
import logging
from bisect import bisect_right
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.segmentation import SpacyRulesSegmenter, TextSegmenter, strip_span
from luke_allennlp.data.text_lines import read_lines, shown, without_lone_surrogates
from luke_allennlp.ner.documents import Document, LabeledSpan, Sentence, count_documents

logger = logging.getLogger(__name__)

_CONTENT_KEYS = ("text", "tokens", "sentences")


def read_json_lines(
    path: str, segmenter: Optional[TextSegmenter] = None, encoding: str = "utf-8"
) -> List[Document]:
    """
    Reads a file with a JSON object on each line, in one of three forms (see `document_from_json`). Successive
    lines with `tokens` and the same `document` are the sentences of one document. How many documents,
    sentences, words and entities there are is logged.

    # Parameters

    path : `str`
        A local file.
    segmenter : `TextSegmenter`, optional (default = `SpacyRulesSegmenter()`)
        Divides texts into sentences and words.
    encoding : `str`, optional (default = `"utf-8"`)

    # Returns

    `List[Document]`
        Their ids differ: where the file gives an id twice, the second gets a number after it.

    # Raises

    `ConfigurationError`
        If the file or a line of it is wrong, or the lines of a document do not follow each other.
    """
    segmenter = segmenter or SpacyRulesSegmenter()
    documents: List[Document] = []
    lines: List[int] = []
    first_lines: Dict[str, int] = {}
    ids: Set[str] = set()
    current: Optional[str] = None
    for number, line in read_lines(path, encoding):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        record = _parse(line, where)
        document = document_from_json(record, segmenter, where, default_id=str(len(documents)))
        for sentence in document.sentences:
            sentence.line = number
        given_id = _id(record, where) if record.get("tokens") is not None else None
        if given_id is not None and given_id == current:
            documents[-1].sentences.extend(document.sentences)
            continue
        if given_id in first_lines:
            raise ConfigurationError(
                f"{where}: belongs to the document {given_id!r}, which starts on line "
                f"{first_lines[given_id]} and ended before this line; expected its lines one after the "
                f"other. Sort the file by `document`."
            )
        if given_id is not None:
            first_lines[given_id] = number
        current = given_id
        document.id = _unused(document.id, ids)
        ids.add(document.id)
        documents.append(document)
        lines.append(number)

    if not any(document.sentences for document in documents):
        raise ConfigurationError(
            f"{path}: there is no sentence in it; expected JSON objects with {_listed()}."
        )
    _log_unaligned(documents, lines, path)
    logger.info("%s: %s", path, count_documents(documents))
    return documents


def document_from_json(
    record: Dict[str, Any], segmenter: TextSegmenter, where: str, default_id: str = "0"
) -> Document:
    """
    Makes a document of one JSON object, in one of these forms:

    - `{"text": "...", "entities": [{"start": 0, "end": 5, "label": "PER"}, ...], "id": "..."}`: a document,
      divided by the segmenter; entities count in characters;
    - `{"tokens": [...], "entities": [...], "document": "..."}`: a sentence; entities count in tokens;
    - `{"sentences": [[...], ...], "entities": [[...], ...], "id": "..."}`: a document; entities count in
      the tokens of their sentences.

    Ends are exclusive. An entity may also be written `[0, 5, "PER"]`, and `entities` also `spans`. All but
    the first key of each form may be missing, and other keys are ignored.

    Entities of a text lose white space and invisible separators at their ends. One whose ends then are not
    ends of words, or that goes beyond its sentence, is put into `Sentence.unaligned`.

    # Parameters

    record : `Dict[str, Any]`
    segmenter : `TextSegmenter`
        Divides a text into sentences and words.
    where : `str`
        What to call the object in an error: `data.jsonl, line 7` or `input 3`.
    default_id : `str`, optional (default = `"0"`)
        The id of the document if the object gives none.

    # Returns

    `Document`
        Its `text` and the `offsets` of its words are set in the first form only. A text without words has no
        sentence.

    # Raises

    `ConfigurationError`
        If the object is in none of the forms, or an entity is not inside of its text or sentence.
    """
    if not isinstance(record, dict):
        raise ConfigurationError(f"{where}: found {shown(record)}; expected a JSON object with {_listed()}.")
    found = [key for key in _CONTENT_KEYS if record.get(key) is not None]
    if len(found) != 1:
        what = f"both {found[0]!r} and {found[1]!r}" if found else f"only the keys {sorted(record)}"
        raise ConfigurationError(f"{where}: has {what}; expected exactly one of {_listed()}.")
    identifier = _id(record, where)
    document_id = default_id if identifier is None else identifier
    entities = _entities(record, where)
    if found == ["text"]:
        return _from_text(record["text"], entities, segmenter, where, document_id)
    if found == ["tokens"]:
        return Document(document_id, [_from_tokens(record["tokens"], entities, where)])

    token_lists = _list(record["sentences"], "sentences", where)
    entity_lists = entities or [[]] * len(token_lists)
    if len(entity_lists) != len(token_lists):
        raise ConfigurationError(
            f"{where}: 'sentences' has {len(token_lists)} items and 'entities' {len(entity_lists)}; expected "
            f"a list of entities for each sentence."
        )
    sentences = [
        _from_tokens(
            tokens, _list(spans, "entities", f"{where}, sentence {index}"), f"{where}, sentence {index}"
        )
        for index, (tokens, spans) in enumerate(zip(token_lists, entity_lists, strict=True))
    ]
    return Document(document_id, sentences)


def _from_text(
    text: Any, entities: Sequence[Any], segmenter: TextSegmenter, where: str, document_id: str
) -> Document:
    text = _string(text, "text", where)
    sentences = [
        Sentence(words=[text[start:end] for start, end in words], spans=[], offsets=words)
        for words in segmenter.segment(text)
    ]
    words = [
        (start, end, index, sentence)
        for sentence in sentences
        for index, (start, end) in enumerate(sentence.offsets or ())
    ]
    starts = [start for start, _, _, _ in words]
    for position, entity in enumerate(entities):
        start, end, label = _span(entity, len(text), "characters", f"{where}, entity {position}")
        covered = text[start:end]
        start, end = strip_span(text, start, end)
        if start == end:
            raise ConfigurationError(
                f"{where}, entity {position}: covers {covered!r}, white space; expected words."
            )
        first_start, _, first, sentence = words[bisect_right(starts, start) - 1]
        _, last_end, last, last_sentence = words[bisect_right(starts, end - 1) - 1]
        if start == first_start and end == last_end and last_sentence is sentence:
            sentence.spans.append(LabeledSpan(first, last + 1, label))
        else:
            sentence.unaligned.append((start, end, label))
    for sentence in sentences:
        sentence.spans = sorted(set(sentence.spans))
        sentence.unaligned = sorted(set(sentence.unaligned))
    return Document(document_id, sentences, text)


def _from_tokens(tokens: Any, entities: Sequence[Any], where: str) -> Sentence:
    words = [_string(token, f"tokens[{i}]", where) for i, token in enumerate(_list(tokens, "tokens", where))]
    if not words or not all(words):
        what = f"tokens[{words.index('')}] is empty" if words else "'tokens' is empty"
        raise ConfigurationError(
            f"{where}: {what}; expected one or more words, each of one or more characters."
        )
    spans = {
        LabeledSpan(*_span(entity, len(words), "tokens", f"{where}, entity {i}"))
        for i, entity in enumerate(entities)
    }
    return Sentence(words=words, spans=sorted(spans))


def _entities(record: Dict[str, Any], where: str) -> List[Any]:
    found = [key for key in ("entities", "spans") if record.get(key) is not None]
    if len(found) > 1:
        raise ConfigurationError(f"{where}: has both 'entities' and 'spans'; expected one of them.")
    return _list(record[found[0]], found[0], where) if found else []


def _span(entity: Any, length: int, unit: str, where: str) -> Tuple[int, int, str]:
    if isinstance(entity, dict):
        missing = [key for key in ("start", "end", "label") if key not in entity]
        if missing:
            raise ConfigurationError(f"{where}: {missing[0]!r} is missing in {shown(entity)}.")
        entity = [entity["start"], entity["end"], entity["label"]]
    if not isinstance(entity, list) or len(entity) != 3:
        raise ConfigurationError(
            f"{where}: found {shown(entity)}; expected an object with start, end and label, or [start, end, "
            f"label]."
        )
    start, end, label = entity
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in (start, end)):
        raise ConfigurationError(
            f"{where}: start and end are {shown([start, end])}; expected two whole numbers."
        )
    if not isinstance(label, str) or not label:
        raise ConfigurationError(f"{where}: the label is {shown(label)}; expected a string.")
    if not 0 <= start < end <= length:
        raise ConfigurationError(
            f"{where}: start {start} and end {end} are no part of {length} {unit}; expected 0 <= start < end "
            f"<= {length}, with the end exclusive."
        )
    return start, end, label


def _id(record: Dict[str, Any], where: str) -> Optional[str]:
    # A line of tokens is a part of its document, and may have an id of its own, which is not the document's.
    keys = ("document",) if record.get("tokens") is not None else ("id", "document")
    value = next((record[key] for key in keys if record.get(key) is not None), None)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ConfigurationError(f"{where}: {keys[0]!r} is {shown(value)}; expected a string or a whole number.")


def _list(value: Any, key: str, where: str) -> List[Any]:
    if not isinstance(value, list):
        raise ConfigurationError(f"{where}: {key!r} is {shown(value)}; expected a list.")
    return value


def _string(value: Any, key: str, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{where}: {key!r} is {shown(value)}; expected a string.")
    # Half of a surrogate pair is no character and cannot be encoded; its stand-in takes the same room.
    return without_lone_surrogates(value)


def _parse(line: str, where: str) -> Dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ConfigurationError(
            f"{where}: is no JSON ({error}); expected one JSON object on each line."
        ) from None
    if not isinstance(record, dict):
        raise ConfigurationError(f"{where}: found {shown(record)}; expected a JSON object with {_listed()}.")
    return record


def _listed() -> str:
    return "'text', 'tokens' or 'sentences'"


def _unused(identifier: str, used: Set[str]) -> str:
    number = 1
    unused = identifier
    while unused in used:
        number += 1
        unused = f"{identifier}-{number}"
    return unused


def _log_unaligned(documents: Sequence[Document], lines: Sequence[int], path: str) -> None:
    found = [
        f"line {line}: {(document.text or '')[start:end]!r} ({start}-{end}, {label})"
        for document, line in zip(documents, lines, strict=True)
        for sentence in document.sentences
        for start, end, label in sentence.unaligned
    ]
    if found:
        logger.warning(
            "%s: %d entities do not start and end with words of one sentence, cannot be found, and count as "
            "misses: %s",
            path,
            len(found),
            "; ".join(found),
        )
