"""Forms of JSON: an object a record, in a file of JSON lines or an array."""

from difflib import get_close_matches
from typing import Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, get_id
from luke_allennlp.common.text_lines import shown
from luke_allennlp.tasks.base.task_forms import other_task
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.building import NO_WORDS
from luke_allennlp.tasks.ner.forms.form import Form, Reading, Source

Records = List[Tuple[str, Record]]


class RecordForm(NamedTuple):
    """
    A form of JSON, by its records.

    # Parameters

    name : `str`
        As of `Form`.
    entity_keys : `Tuple[str, ...]`
        The keys under which records have entities.
    has_entities : `Callable[[Record], bool]`
        Whether a record has entities as this form writes them, and no other.
    accepts : `Callable[[Record], bool]`
        Whether a record without entities can be one of this form.
    document : `Callable[[Record, str, Reading, str], Document]`
        Of a record, what to call it in an error, how to read, and its id if the record has none.
    prepare : `Callable[[Records, str, Reading], Reading]`, optional
        Looks through all records first, for what is the same for all of them.
    """

    name: str
    entity_keys: Tuple[str, ...]
    has_entities: Callable[[Record], bool]
    accepts: Callable[[Record], bool]
    document: Callable[[Record, str, Reading, str], Document]
    prepare: Callable[[Records, str, Reading], Reading] = lambda records, path, reading: reading

    def form(self) -> Form:
        """As a `Form` of files."""
        return Form(
            name=self.name,
            recognises=lambda source: any(self.has_entities(record) for _, record in source.records or ()),
            read=self.read,
            accepts=lambda source: any(self.accepts(record) for _, record in (source.records or ())[:1]),
            entity_keys=self.entity_keys,
        )

    def read(self, source: Source, reading: Reading) -> List[Document]:
        """
        Successive records with `tokens` and the same `document` are the sentences of one document.

        # Returns

        `List[Document]`
            Their ids differ: where the file gives an id twice, the second gets a number after it.

        # Raises

        `ConfigurationError`
            A record is not as expected, or the sentences of a document do not follow each other.
        """
        records = source.records or []
        reading = self.prepare(records, source.path, reading)
        documents: List[Document] = []
        begun: Dict[str, str] = {}
        ids: Set[str] = set()
        current: Optional[str] = None
        for where, record in records:
            document = self.document(record, where, reading, str(len(documents)))
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
                    "ended "
                    "before this one; expected its sentences one after the other. Sort the file by "
                    "`document`."
                )
            if part_of is not None:
                begun[part_of] = where.rpartition(", ")[2]
            current = part_of
            document.id = _unused(document.id, ids)
            ids.add(document.id)
            documents.append(document)
        return documents


def document_id(record: Record, where: str, default: str, keys: Tuple[str, ...] = ("id", "document")) -> str:
    """
    # Returns

    `str`
        What the first of these keys says, if the record has one; a number will do.
    """
    for key in keys:
        if record.get(key) is not None:
            return get_id(record, key, where)
    return default


def no_entities(record: Record) -> str:
    """Why a record's entities are not known: which keys it has, and the nearest that some form has."""
    from luke_allennlp.tasks.ner.forms import FORMS

    known = [key for form in FORMS for key in form.entity_keys]
    found = f"found only the keys {', '.join(map(repr, record))}"
    other = other_task(record, "luke_ner")
    if other is not None:
        return f"{found}; it is {other}"
    for key, value in record.items():
        if key in known:
            return f"{found}, and {key!r} is {shown(value)}, no list of entities"
    for key in record:
        close = get_close_matches(key, known, n=1, cutoff=0.75)
        if close:
            return f"{found} (did you mean {close[0]!r} by {key!r}?)"
    return found


def _unused(identifier: str, used: Set[str]) -> str:
    number = 1
    unused = identifier
    while unused in used:
        number += 1
        unused = f"{identifier}-{number}"
    return unused
