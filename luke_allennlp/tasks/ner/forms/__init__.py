"""
The formats in which NER data is published and exported, one module each. To add a format, add a module with a
`FORM`.
"""

import importlib
import logging
import pkgutil
from difflib import get_close_matches
from pathlib import Path
from typing import List, Optional, Tuple, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Record, read_records
from luke_allennlp.common.text_lines import read_lines
from luke_allennlp.tasks.base.task_forms import other_task
from luke_allennlp.tasks.ner.examples import Document
from luke_allennlp.tasks.ner.forms.columns import FORM as COLUMNS
from luke_allennlp.tasks.ner.forms.columns import NoColumnsError, UnevenColumnsError
from luke_allennlp.tasks.ner.forms.form import ColumnOptions, FileForm, Reading, RecordForm, Records
from luke_allennlp.tasks.ner.forms.unknown import PYTHON, describe_text

__all__ = ["ColumnOptions", "Reading", "document_from_record", "read_documents"]

logger = logging.getLogger(__name__)

_MODULES = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
FORMS: Tuple[Union[FileForm, RecordForm], ...] = tuple(
    module.FORM for module in _MODULES if hasattr(module, "FORM")
)
_RECORD_FORMS = [form for form in FORMS if isinstance(form, RecordForm)]


def read_documents(path: str, reading: Reading) -> List[Document]:
    """
    Reads a file, or for brat a directory, and detects its format. The log says which it is, and what was odd.

    # Raises

    `ConfigurationError`
        It has no known format, or several, or something in it is malformed.
    """
    form = _file_form(Path(path))
    if form is not None:
        logger.info("%s: is read as %s", path, form.name)
        documents = form.read(path, reading)
    elif _is_json(path, reading.encoding):
        records = list(read_records(path, reading.encoding))
        record_form = _record_form(records, path)
        logger.info("%s: is read as %s", path, record_form.name)
        documents = record_form.read(records, path, reading)
    else:
        logger.info("%s: is read as %s", path, COLUMNS.name)
        documents = _read_columns(path, reading)
    if not any(document.sentences for document in documents):
        raise ConfigurationError(f"{path}: there is no sentence in it. {_supported()}")
    reading.findings.log(path)
    return documents


def document_from_record(record: Record, where: str, reading: Reading) -> Document:
    """
    The document of a JSON object, without its entities, which are not read.

    # Raises

    `ConfigurationError`
        It has no known format.
    """
    form = _record_form([(where, record)], where)
    content = {key: value for key, value in record.items() if key not in form.entity_keys}
    (document,) = form.read([(where, content)], where, reading)
    return document


def _file_form(path: Path) -> Optional[FileForm]:
    start = b""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(2)
    for form in FORMS:
        if isinstance(form, FileForm) and (form.suffixes or form.magic):
            if path.is_dir() or path.suffix in form.suffixes or start in form.magic:
                if form.recognizes(path):
                    return form
    if path.is_dir():
        raise ConfigurationError(f"{path}: is a directory without any .ann file. {_supported()}")
    return None


def _is_json(path: str, encoding: str) -> bool:
    """Decided by the first two lines. A word in a column file can be a bracket."""
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


def _read_columns(path: str, reading: Reading) -> List[Document]:
    try:
        return COLUMNS.read(path, reading)
    except NoColumnsError as error:
        seems = describe_text(path, reading.encoding)
        if seems is None and isinstance(error, UnevenColumnsError):
            raise  # a single line, it seems
        raise ConfigurationError(" ".join(filter(None, [error.message, seems, _supported()]))) from None


def _record_form(records: Records, path: str) -> RecordForm:
    found = [form for form in _RECORD_FORMS if any(form.has_entities(record) for _, record in records)]
    if len(found) > 1:
        raise ConfigurationError(
            f"{path}: has the structure of {found[0].name} and of {found[1].name}; expected one format. "
            f"{_supported()}"
        )
    where, record = records[0]
    found = found or [form for form in _RECORD_FORMS if form.accepts(record)]
    if found:
        return found[0]
    what = "is" if where == path else f"what is at {where.rpartition(', ')[2]} is"
    other = other_task(record, "luke_ner")
    hint = f" It is {other}." if other else ""
    for key in () if other else record:
        close = get_close_matches(key, ("text", "tokens", "sentences"), n=1, cutoff=0.75)
        hint = hint or (f" Did you mean {close[0]!r} by {key!r}?" if close else "")
    keys = ", ".join(map(repr, record)) or "none"
    raise ConfigurationError(
        f"{path}: {what} no NER data that is known: its keys are {keys}.{hint} {_supported()}"
    )


def _supported() -> str:
    return f"Supported formats: {'; '.join(form.name for form in FORMS)}."
