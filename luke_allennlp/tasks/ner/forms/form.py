"""What a format of NER data is, and how its texts, tokens and entities become documents."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import (
    Record,
    check_span,
    get_integer,
    get_value,
)
from luke_allennlp.common.text_lines import Findings, shown, without_lone_surrogates
from luke_allennlp.data.label_map import LabelMap
from luke_allennlp.data.segmentation import TextSegmenter, strip_span
from luke_allennlp.tasks.ner.examples import Document, LabeledSpan, Sentence

NO_WORDS = "records have no words"
NO_ENTITIES = "no entities"
"""`Document.unlabeled` of a record without entities, until the reason is found."""
_UNALIGNED = (
    "entities do not start and end with words of one sentence, cannot be found, and count as missed (the "
    "option `segmenter` sets how texts are divided)"
)

Records = List[Tuple[str, Record]]
"""JSON objects, each with its name in errors."""


@dataclass(frozen=True)
class Reading:
    """The options of `NerReader` about files, and the findings: what is odd but can be read."""

    segmenter: TextSegmenter
    encoding: str = "utf-8"
    tag_scheme: str = "auto"
    label_names: Optional[Sequence[str]] = None
    label_map: Optional[LabelMap] = None
    duplicate_spans: str = "error"
    word_column: int = 0
    tag_column: Optional[int] = -1
    separator: Optional[str] = None
    comment_prefix: Optional[str] = "#"
    undivided: str = "sentences"
    findings: Findings = field(default_factory=Findings)


class FileForm(NamedTuple):
    """A format of files that are not JSON: its name in logs and errors, and how a file is read."""

    name: str
    read: Callable[[str, Reading], List[Document]]


class RecordForm(NamedTuple):
    """
    A format of JSON objects.

    # Parameters

    entity_keys : `Tuple[str, ...]`
        The keys under which records have entities.
    has_entities, accepts : `Callable[[Record], bool]`
        Whether a record has entities in this format and no other; whether one without may have this format.
    document : `Callable[[Record, str, Reading], Document]`
        Takes a record, its name in errors, and how to read it. The id is set by the caller.
    prepare : `Callable[[Records, str, Reading], Reading]`, optional
        Looks through all records of a file first.
    """

    name: str
    entity_keys: Tuple[str, ...]
    has_entities: Callable[[Record], bool]
    accepts: Callable[[Record], bool]
    document: Callable[[Record, str, Reading], Document]
    prepare: Callable[[Records, str, Reading], Reading] = lambda records, path, reading: reading


class Entity(NamedTuple):
    """
    An entity as a file gives it: start and end (exclusive) in characters or tokens, label, text according to
    the file, name in errors, and whether words between start and end are not part of it.
    """

    start: int
    end: int
    label: str
    text: Optional[str] = None
    where: str = ""
    has_gaps: bool = False


def entity_from_json(value: Any, where: str, ends: Tuple[str, str] = ("start", "end")) -> Entity:
    """
    An entity written `[start, end, label]`, or as an object with `label`, optionally `text`, and start and
    end under the keys `ends`.
    """
    if isinstance(value, list) and len(value) == 3:
        value = dict(zip((*ends, "label"), value, strict=True))
    if not isinstance(value, dict):
        raise ConfigurationError(
            f"{where}: found {shown(value)}; expected an object with {ends[0]}, {ends[1]} and label, or "
            "[start, end, label]."
        )
    start, end = (get_integer(value, key, where) for key in ends)
    label, text = get_value(value, "label", where), value.get("text")
    if not isinstance(label, str) or not label.strip():
        raise ConfigurationError(f"{where}: the label is {shown(label)}; expected a string.")
    return Entity(start, end, label, text if isinstance(text, str) else None, where)


def entities_from_json(
    values: List[Any], where: str, ends: Tuple[str, str] = ("start", "end")
) -> List[Entity]:
    """The entities of a list, whose name in errors is `where`."""
    return [entity_from_json(value, f"{where}[{index}]", ends) for index, value in enumerate(values)]


def document_from_text(text: str, entities: Sequence[Entity], reading: Reading, where: str) -> Document:
    """
    Splits a text, which may have no words, and aligns its entities, given in characters. White space and
    invisible separators at their ends are ignored. Entities that then do not start and end with words of one
    sentence, or that have gaps, become `Sentence.unaligned`.
    """
    text = without_lone_surrogates(text)
    sentences = [
        Sentence([text[start:end] for start, end in words], [], words, _place(where))
        for words in reading.segmenter.segment(text)
    ]
    words = [
        (start, end, index, sentence)
        for sentence in sentences
        for index, (start, end) in enumerate(sentence.offsets or ())
    ]
    starts = [start for start, _, _, _ in words]
    for entity in entities:
        check_span(entity.start, entity.end, len(text), entity.where)
        start, end = strip_span(text, entity.start, entity.end)
        if start == end:
            covered = text[entity.start : entity.end]
            raise ConfigurationError(f"{entity.where}: covers {covered!r}, white space; expected words.")
        first_start, _, first, sentence = words[bisect_right(starts, start) - 1]
        _, last_end, last, last_sentence = words[bisect_right(starts, end - 1) - 1]
        if not entity.has_gaps:
            _compare(entity, text[entity.start : entity.end], reading.findings)
            if start == first_start and end == last_end and last_sentence is sentence:
                sentence.spans.append(LabeledSpan(first, last + 1, entity.label))
                continue
        sentence.unaligned.append((start, end, entity.label))
        kind, found = _UNALIGNED, text[start:end]
        if entity.has_gaps:
            kind = "entities have gaps, cannot be found, and count as missed"
            found = entity.text or found
        reading.findings.add(kind, f"{entity.where}: {shown(found)} ({start}-{end}, {entity.label})")
    return Document("", sentences, text, where)


def sentence_from_tokens(
    tokens: Sequence[str], entities: Sequence[Entity], reading: Reading, where: str
) -> Sentence:
    """A sentence of at least one token, and entities given in tokens."""
    for index, token in enumerate(tokens):
        if not token:
            raise ConfigurationError(f"{where}: tokens[{index}] is empty; expected a word.")
    spans = []
    for entity in entities:
        check_span(entity.start, entity.end, len(tokens), entity.where, "tokens")
        _compare(entity, " ".join(tokens[entity.start : entity.end]), reading.findings)
        spans.append(LabeledSpan(entity.start, entity.end, entity.label))
    if not tokens:
        raise ConfigurationError(f"{where}: 'tokens' is empty; expected one or more words.")
    return Sentence(words=list(tokens), spans=spans, where=_place(where))


def _compare(entity: Entity, found: str, findings: Findings) -> None:
    # White space may differ: tokens are joined by spaces, and some files write line ends as spaces.
    if entity.text is not None and "".join(entity.text.split()) != "".join(found.split()):
        kind = "entities have a text that differs from the one at their offsets"
        findings.add(kind, f"{entity.where}: {shown(entity.text)}, where {shown(found)} is")


def _place(where: str) -> str:
    """The last part of `data.jsonl, line 7`."""
    return where.rpartition(", ")[2]
