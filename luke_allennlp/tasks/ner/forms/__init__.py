"""The formats in which NER data is published and exported, all in `FORMS`."""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Set, Tuple, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, get_id, read_records
from luke_allennlp.common.text_lines import Findings, read_lines
from luke_allennlp.tasks.ner.examples import NIL, Document, LabeledSpan
from luke_allennlp.tasks.ner.forms import annotation_tools, brat, columns, docbin, hugging_face, own_json
from luke_allennlp.tasks.ner.forms.form import NO_ENTITIES, NO_WORDS, FileForm, Reading, RecordForm, Records
from luke_allennlp.tasks.ner.forms.unknown import PYTHON, describe_record, describe_text, why_unlabeled

__all__ = ["Reading", "document_from_record", "read_documents"]

logger = logging.getLogger(__name__)

_RECORD_FORMS = (
    annotation_tools.DOCCANO,
    annotation_tools.LABEL_STUDIO,
    hugging_face.FORM,
    own_json.FORM,
    own_json.SCIERC,
)
FORMS: Tuple[Union[FileForm, RecordForm], ...] = (brat.FORM, columns.FORM, docbin.FORM, *_RECORD_FORMS)


def read_documents(path: str, reading: Reading) -> List[Document]:
    """
    Reads a file, or for brat a directory, detects its format, and checks its entities. Logs the format, what
    is odd in the file, and what it contains.

    # Raises

    `ConfigurationError`
        It has no known format, or several, or something in it is malformed.
    """
    reading = replace(reading, findings=Findings())
    form = _file_form(Path(path))
    if form is None and _is_json(path, reading.encoding):
        records = list(read_records(path, reading.encoding))
        record_form = _record_form(records, path)
        logger.info("%s: is read as %s", path, record_form.name)
        documents = _read_records(record_form, records, path, reading)
    else:
        form = form or columns.FORM
        logger.info("%s: is read as %s", path, form.name)
        try:
            documents = form.read(path, reading)
        except columns.NoColumnsError as error:
            seems = describe_text(path, reading.encoding)
            if seems is None and isinstance(error, columns.UnevenColumnsError):
                raise  # it seems to be a single line
            raise ConfigurationError(" ".join(filter(None, [error.message, seems, _supported()]))) from None
    if not any(document.sentences for document in documents):
        raise ConfigurationError(f"{path}: there is no sentence in it. {_supported()}")
    for index, document in enumerate(documents):
        document.index = index
        for sentence in document.sentences:
            where = f"{path}, {sentence.where}" if sentence.where else path
            sentence.spans = [LabeledSpan(*span) for span in _settle(sentence.spans, where, reading)]
            sentence.unaligned = _settle(sentence.unaligned, where, reading)
    reading.findings.log(path)
    if reading.label_map is not None:
        reading.label_map.log(path)
    logger.info("%s: %s", path, _describe(documents))
    return documents


def document_from_record(record: Record, where: str, reading: Reading) -> Document:
    """The document of a JSON object, without its entities, which are not read."""
    form = _record_form([(where, record)], where)
    content = {key: value for key, value in record.items() if key not in form.entity_keys}
    (document,) = _read_records(form, [(where, content)], where, replace(reading, findings=Findings()))
    return document


def _file_form(path: Path) -> Optional[FileForm]:
    if path.is_fifo():
        raise ConfigurationError(
            f"{path}: is a pipe, and its form is found by reading it more than once; write it to a file."
        )
    if path.is_dir() and not brat.text_files(path):
        raise ConfigurationError(f"{path}: is a directory without any .ann file. {_supported()}")
    if (path.is_dir() or path.suffix in (".ann", ".txt")) and brat.text_files(path):
        return brat.FORM
    if path.suffix == ".spacy" and path.is_file():
        return docbin.FORM
    if path.is_file():
        with path.open("rb") as file:
            if file.read(2) in docbin.ZLIB:
                return docbin.FORM
    return None


def _is_json(path: str, encoding: str) -> bool:
    """Judges by the first two lines. A word in a column file can be a bracket."""
    lines = (line.strip() for _, line in read_lines(path, encoding) if line.strip())
    first, second = next(lines, ""), next(lines, "")
    if PYTHON.match(f"{first}\n{second}"):
        return False
    if first in ("{", "["):
        is_json = second in ("{", "[", "}", "]", "{}", "") or (
            second.startswith(('"', "{", "[[")) and len(second) > 4
        )
    else:
        is_object = first.startswith("{") and first.endswith("}")
        starts = ('{"', '{ "', "{'", "[{", "[ {", "[[", '["')
        is_json = is_object or first == "[]" or first.startswith(starts)
    if is_json and (first.startswith("[[") or first == "[" and second.startswith("[")):
        raise ConfigurationError(
            f"{path}: is an array of arrays, as spaCy's training data of version 2 in JSON; expected "
            f"objects. {_supported()}"
        )
    return is_json


def _record_form(records: Records, path: str) -> RecordForm:
    found = [form for form in _RECORD_FORMS if any(form.has_entities(record) for _, record in records)]
    if len(found) > 1:
        raise ConfigurationError(
            f"{path}: has the structure of {found[0].name} and of {found[1].name}; expected one format. "
            f"{_supported()}"
        )
    where, record = records[0]
    found = found or [form for form in _RECORD_FORMS if form.accepts(record)]
    if not found:
        what = describe_record(record)
        raise ConfigurationError(f"{where}: is not NER data in a known format: {what} {_supported()}")
    return found[0]


def _read_records(form: RecordForm, records: Records, path: str, reading: Reading) -> List[Document]:
    """
    Successive records with `tokens` and the same `document` become the sentences of one document. If an id is
    repeated, a number is appended to it.
    """
    reading = form.prepare(records, path, reading)
    documents: List[Document] = []
    begun: Dict[str, str] = {}
    ids: Set[str] = set()
    current: Optional[str] = None
    for where, record in records:
        document = form.document(record, where, reading)
        document.id = _document_id(record, where, str(len(documents)))
        if document.unlabeled == NO_ENTITIES:
            entity_keys = {key for form in _RECORD_FORMS for key in form.entity_keys}
            document.unlabeled = why_unlabeled(record, sorted(entity_keys))
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


def _document_id(record: Record, where: str, default: str) -> str:
    # Tokens are a part of their document, and may have an id of their own, which is not the document's.
    is_part = record.get("tokens") is not None
    keys = ("document",) if is_part else ("doc_key", "id", "document")
    return next((get_id(record, key, where) for key in keys if record.get(key) is not None), default)


def _settle(
    spans: Sequence[Tuple[int, int, str]], where: str, reading: Reading
) -> List[Tuple[int, int, str]]:
    """Renames the labels of entities, checks that each span has one label, and sorts them."""
    labels: Dict[Tuple[int, int], str] = {}
    for start, end, given in spans:
        label = given if reading.label_map is None else reading.label_map(given)
        if label is None:
            continue
        if label == NIL:
            raise ConfigurationError(
                f"{where}: the entity at {start}-{end} has the label {NIL!r}, which is reserved for "
                "candidates that are no entities; rename it with `label_map`, or drop it with null."
            )
        first = labels.setdefault((start, end), label)
        if first == label:
            continue
        if reading.duplicate_spans == "error":
            raise ConfigurationError(
                f"{where}: the span {start}-{end} has the labels {first!r} and {label!r}; expected one. "
                "Correct it, drop one of them with `label_map`, or set `duplicate_spans` to 'first'."
            )
        kind = "spans have several labels, of which the first is kept"
        reading.findings.add(kind, f"{where}: {start}-{end} is {first!r}, not {label!r}")
    return [(start, end, label) for (start, end), label in sorted(labels.items())]


def _describe(documents: Sequence[Document]) -> str:
    """The numbers of documents, sentences, words, and entities by label, for the log."""
    sentences = [sentence for document in documents for sentence in document.sentences]
    words = sum(len(sentence.words) for sentence in sentences)
    unaligned = sum(len(sentence.unaligned) for sentence in sentences)
    labels = Counter(label for s in sentences for _, _, label in (*s.spans, *s.unaligned))
    text = (
        f"{len(documents):,} documents, {len(sentences):,} sentences, {words:,} words, "
        f"{labels.total():,} entities"
    )
    if labels:
        text += f" ({', '.join(f'{label} {number:,}' for label, number in sorted(labels.items()))})"
    return text + (f", {unaligned:,} of them not aligned with words" if unaligned else "")


def _supported() -> str:
    return f"Supported formats: {'; '.join(form.name for form in FORMS)}."
