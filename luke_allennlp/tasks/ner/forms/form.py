"""What a format of NER data is, and how its texts, tokens and entities become documents."""

from bisect import bisect_right
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, check_span, get_id, get_integer, get_value
from luke_allennlp.common.text_lines import Findings, shown, without_lone_surrogates
from luke_allennlp.data.segmentation import TextSegmenter, strip_span
from luke_allennlp.tasks.base.task_forms import other_task
from luke_allennlp.tasks.ner.examples import Document, LabeledSpan, Sentence

UNALIGNED = (
    "entities do not start and end with words of one sentence, cannot be found, and count as missed (the "
    "option `segmenter` sets how texts are divided)"
)
NO_WORDS = "records have no words"

Records = List[Tuple[str, Record]]
"""JSON objects, each with its name in errors."""

_entity_keys: Set[str] = set()  # of all record formats


@dataclass(frozen=True)
class ColumnOptions:
    """How column files are written; see `NerReader`."""

    word_column: int = 0
    tag_column: Optional[int] = -1
    separator: Optional[str] = None
    comment_prefix: Optional[str] = "#"
    undivided: str = "sentences"


@dataclass
class Reading:
    """
    The options of reading, and what was noticed. See `NerReader`.

    # Parameters

    findings : `Findings`, optional (default = `Findings()`)
        Collects what is odd but can be read.
    """

    segmenter: TextSegmenter
    encoding: str = "utf-8"
    tag_scheme: str = "auto"
    label_names: Optional[Sequence[str]] = None
    columns: ColumnOptions = ColumnOptions()
    findings: Findings = field(default_factory=Findings)


class FileForm(NamedTuple):
    """
    A format of files that are not JSON. Every module of this folder with a `FORM` adds a format.

    # Parameters

    name : `str`
        For the log and for errors.
    read : `Callable[[str, Reading], List[Document]]`
    suffixes : `Tuple[str, ...]`, optional (default = `()`)
    magic : `Tuple[bytes, ...]`, optional (default = `()`)
        The first two bytes of its files.
    recognizes : `Callable[[Path], bool]`, optional
        Whether a directory, or a file with such a suffix or beginning, has this format.
    """

    name: str
    read: Callable[[str, Reading], List[Document]]
    suffixes: Tuple[str, ...] = ()
    magic: Tuple[bytes, ...] = ()
    recognizes: Callable[[Path], bool] = Path.is_file


class RecordForm:
    """
    A format of JSON objects.

    # Parameters

    name : `str`
        For the log and for errors.
    entity_keys : `Tuple[str, ...]`
        The keys under which records have entities.
    has_entities : `Callable[[Record], bool]`
        Whether a record has entities in this format and no other.
    accepts : `Callable[[Record], bool]`
        Whether a record without entities may have this format.
    document : `Callable[[Record, str, Reading, str], Document]`
        Takes a record, its name in errors, how to read it, and its id if it has none.
    prepare : `Callable[[Records, str, Reading], Reading]`, optional
        Looks through all records of a file first.
    """

    def __init__(
        self,
        name: str,
        entity_keys: Tuple[str, ...],
        has_entities: Callable[[Record], bool],
        accepts: Callable[[Record], bool],
        document: Callable[[Record, str, Reading, str], Document],
        prepare: Callable[[Records, str, Reading], Reading] = lambda records, path, reading: reading,
    ) -> None:
        self.name = name
        self.entity_keys = entity_keys
        self.has_entities = has_entities
        self.accepts = accepts
        self._document = document
        self._prepare = prepare
        _entity_keys.update(entity_keys)

    def read(self, records: Records, path: str, reading: Reading) -> List[Document]:
        """
        Successive records with `tokens` and the same `document` become the sentences of one document. If an
        id is repeated, a number is appended to it.

        # Raises

        `ConfigurationError`
            A record is malformed, or the sentences of a document are not in sequence.
        """
        reading = self._prepare(records, path, reading)
        documents: List[Document] = []
        begun: Dict[str, str] = {}
        ids: Set[str] = set()
        current: Optional[str] = None
        for where, record in records:
            document = self._document(record, where, reading, str(len(documents)))
            if not document.sentences:
                reading.findings.add(NO_WORDS, where)
            part_of = None
            if record.get("tokens") is not None and record.get("document") is not None:
                part_of = get_id(record, "document", where)
            if part_of is not None and part_of == current:
                documents[-1].sentences.extend(document.sentences)
                documents[-1].unlabeled = documents[-1].unlabeled or document.unlabeled
                continue
            if part_of in begun:
                raise ConfigurationError(
                    f"{where}: belongs to the document {part_of!r}, which starts on {begun[part_of]} and "
                    "ended before this one; expected its sentences in sequence. Sort the file by `document`."
                )
            if part_of is not None:
                begun[part_of] = where.rpartition(", ")[2]
            current = part_of
            number, identifier = 1, document.id
            while document.id in ids:
                number += 1
                document.id = f"{identifier}-{number}"
            ids.add(document.id)
            documents.append(document)
        return documents


def document_id(record: Record, where: str, default: str, keys: Tuple[str, ...] = ("id", "document")) -> str:
    """The value, a string or an integer, of the first of these keys that the record has."""
    return next((get_id(record, key, where) for key in keys if record.get(key) is not None), default)


def no_entities(record: Record) -> str:
    """Why a record's entities are unknown: its keys, and the most similar key of a known format."""
    found = f"found only the keys {', '.join(map(repr, record))}"
    other = other_task(record, "luke_ner")
    if other is not None:
        return f"{found}; it is {other}"
    for key, value in record.items():
        if key in _entity_keys:
            return f"{found}, and {key!r} is {shown(value)}, no list of entities"
    for key in record:
        close = get_close_matches(key, sorted(_entity_keys), n=1, cutoff=0.75)
        if close:
            return f"{found} (did you mean {close[0]!r} by {key!r}?)"
    return found


class Entity(NamedTuple):
    """
    An entity as a file gives it.

    # Parameters

    start, end : `int`
        Characters or tokens, the end exclusive.
    label : `str`
    text : `str`, optional (default = `None`)
        Its text according to the file.
    where : `str`, optional (default = `""`)
        Its name in errors.
    has_gaps : `bool`, optional (default = `False`)
        Whether words between start and end are not part of it.
    """

    start: int
    end: int
    label: str
    text: Optional[str] = None
    where: str = ""
    has_gaps: bool = False


def entity_from_json(value: Any, where: str, ends: Tuple[str, str] = ("start", "end")) -> Entity:
    """
    # Parameters

    value : `Any`
        `[start, end, label]`, or an object with `label` and optionally `text`.
    where : `str`
    ends : `Tuple[str, str]`, optional (default = `("start", "end")`)
        The object's keys of start and end.

    # Raises

    `ConfigurationError`
        It is something else.
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


def document_from_text(
    text: str,
    entities: Sequence[Entity],
    reading: Reading,
    where: str,
    document_id: str,
    unlabeled: Optional[str] = None,
) -> Document:
    """
    # Parameters

    text : `str`
    entities : `Sequence[Entity]`
        In characters, stripped of white space and invisible separators. Those that then do not start and end
        with words of one sentence, or that have gaps, become `Sentence.unaligned`.

    # Returns

    `Document`
        Without sentences if the text has no word.

    # Raises

    `ConfigurationError`
        An entity is outside of the text, or only white space.
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
        kind, found = UNALIGNED, text[start:end]
        if entity.has_gaps:
            kind = "entities have gaps, cannot be found, and count as missed"
            found = entity.text or found
        reading.findings.add(kind, f"{entity.where}: {shown(found)} ({start}-{end}, {entity.label})")
    return Document(document_id, sentences, text, where, unlabeled)


def sentence_from_tokens(
    tokens: Sequence[str], entities: Sequence[Entity], reading: Reading, where: str
) -> Sentence:
    """
    # Parameters

    tokens : `Sequence[str]`
        At least one.
    entities : `Sequence[Entity]`
        In tokens.

    # Raises

    `ConfigurationError`
        There are no tokens, one is empty, or an entity is outside of the sentence.
    """
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
        kind = "entities say that they are another text than the one at their place"
        findings.add(kind, f"{entity.where}: {shown(entity.text)}, where {shown(found)} is")


def _place(where: str) -> str:
    """The last part of `data.jsonl, line 7`."""
    return where.rpartition(", ")[2]
