"""
The forms in which NER data is published and exported, a module each. To add one, add a module with a `FORM`;
nothing else names them.
"""

import importlib
import logging
import pkgutil
from difflib import get_close_matches
from pathlib import Path
from typing import List, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, read_records
from luke_allennlp.common.text_lines import read_lines
from luke_allennlp.tasks.base.task_forms import other_task
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.columns import NoColumnsError, UnevenColumnsError
from luke_allennlp.tasks.ner.forms.form import ColumnOptions, Findings, Form, Reading, Source
from luke_allennlp.tasks.ner.forms.unknown import describe_text, looks_like_python

__all__ = ["ColumnOptions", "Findings", "Form", "Reading", "Source", "document_from_record", "read_documents"]

logger = logging.getLogger(__name__)

_MODULES = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
FORMS: Tuple[Form, ...] = tuple(module.FORM for module in _MODULES if hasattr(module, "FORM"))


def read_documents(path: str, reading: Reading) -> List[Document]:
    """
    Reads a file, or for brat a directory, in whichever form it is. The log says which, and what was odd.

    # Parameters

    path : `str`
    reading : `Reading`

    # Returns

    `List[Document]`

    # Raises

    `ConfigurationError`
        It has none of the forms, or two of them, or something in it is not as expected.
    """
    source = _open(path, reading.encoding)
    form = _find(source)
    logger.info("%s: is read as %s", path, form.name)
    try:
        documents = form.read(source, reading)
    except NoColumnsError as error:
        seems = describe_text(path, reading.encoding)
        if seems is None and isinstance(error, UnevenColumnsError):
            raise  # a single line, it seems
        raise ConfigurationError(" ".join(filter(None, [error.message, seems, _listed()]))) from None
    if not any(document.sentences for document in documents):
        raise ConfigurationError(f"{path}: there is no sentence in it. {_listed()}")
    reading.findings.log(path)
    return documents


def document_from_record(record: Record, where: str, reading: Reading) -> Document:
    """
    # Parameters

    record : `Record`
        An object in one of the forms that are JSON.
    where : `str`
        What to call it in an error.
    reading : `Reading`

    # Returns

    `Document`
        Without its entities, which are not looked at.

    # Raises

    `ConfigurationError`
        It has none of the forms.
    """
    form = _find(Source(where, [(where, record)]))
    content = {key: value for key, value in record.items() if key not in form.entity_keys}
    (document,) = form.read(Source(where, [(where, content)]), reading)
    return document


def _open(path: str, encoding: str) -> Source:
    """Reads a file as far as it takes to know whether it is JSON."""
    source = Source(path)
    if Path(path).is_dir() or any(form.recognises(source) for form in FORMS):
        return source
    lines = (line.strip() for _, line in read_lines(path, encoding) if line.strip())
    first, second = next(lines, ""), next(lines, "")
    if not first or looks_like_python([first, second]) or not _is_json(first, second):
        return source
    if first.startswith("[[") or first == "[" and second.startswith("["):
        raise ConfigurationError(
            f"{path}: is an array of arrays, as spaCy's training data of version 2 in JSON; expected "
            f"objects. {_listed()}"
        )
    source.records = list(read_records(path, encoding))
    return source


def _is_json(first: str, second: str) -> bool:
    """By its first two lines; a word of a file of columns can be a bracket."""
    if first in ("{", "["):
        return (
            second in ("{", "[", "}", "]", "{}", "")
            or second.startswith(('"', "{", "[["))
            and len(second) > 4
        )
    if first.startswith("{") and first.endswith("}") or first == "[]":
        return True
    return first.startswith(('{"', '{ "', "{'", "[{", "[ {", "[[", '["'))


def _find(source: Source) -> Form:
    found = [form for form in FORMS if form.recognises(source)]
    if len(found) > 1:
        raise ConfigurationError(
            f"{source.path}: has the structure of {found[0].name} and of {found[1].name}; expected one form. "
            f"{_listed()}"
        )
    if not found:
        found = [form for form in FORMS if form.accepts(source)]
    if found:
        return found[0]
    raise ConfigurationError(f"{source.path}: {_unknown(source)} {_listed()}")


def _unknown(source: Source) -> str:
    if source.records is None:
        return "is a directory without any .ann file."
    where, record = source.records[0]
    what = "is" if where == source.path else f"what is at {where.rpartition(', ')[2]} is"
    other = other_task(record, "luke_ner")
    hint = f" It is {other}." if other else ""
    for key in () if other else record:
        close = get_close_matches(key, ("text", "tokens", "sentences"), n=1, cutoff=0.75)
        hint = hint or (f" Did you mean {close[0]!r} by {key!r}?" if close else "")
    keys = ", ".join(map(repr, record)) or "none"
    return f"{what} no NER data that is known: its keys are {keys}.{hint}"


def _listed() -> str:
    return f"What is read: {'; '.join(form.name for form in FORMS)}."
