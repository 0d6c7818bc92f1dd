"""What a file or record of no known format seems to be, for the error."""

import csv
import re
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import List, Optional, Sequence

from luke_allennlp.common.records import Record
from luke_allennlp.common.text_lines import key_names, read_lines, shown
from luke_allennlp.tasks.base.task_forms import other_task

PYTHON = re.compile(r"""\s*(?:\w+\s*=\s*[\[(]\s*\(|[\[(]\s*\(|\()\s*[rbu]?["']\w""")
"""The beginning of a list of tuples in Python, as in spaCy's training data of version 2."""

_SAMPLE = 20
_KNOWN = (
    (
        r"<e[12]>.*</e[12]>",
        "data for relation classification (SemEval-2010 Task 8, KBP37), which 'luke_relation_classification' "
        "reads.",
    ),
    (
        rf"\A(?:{PYTHON.pattern})",
        "Python code with tuples, as spaCy's training data of version 2; write it as JSON lines or a DocBin.",
    ),
    (
        r"#begin document|(?:^|\s)\([A-Z_]{2,}\*?\)?(?:\s|$)",
        "OntoNotes' brackets (CoNLL-2012); convert them to one tag per word: IOB1, IOB2, BIOES or BILOU.",
    ),
    (
        r"\A\s*<[?!/]?[A-Za-z][^<>]*>|<(?:ENAMEX|NUMEX|TIMEX|[A-Z]{3,})\b[^<>]*>",
        "XML, HTML or text with tags in it; convert it to one of the formats.",
    ),
)
_PROSE_WORDS = 4


def describe_record(record: Record) -> str:
    """What a record of no known format is."""
    for key in ("text", "tokens", "sentences"):
        if key in record and record[key] is None:
            return f"its {key!r} is null."
    other = other_task(record, "luke_ner")
    hint = f" It is {other}." if other else _misspelt(record, ("text", "tokens", "sentences"))
    return f"its keys are {key_names(record) or 'none'}.{hint}"


def why_unlabeled(record: Record, entity_keys: Sequence[str]) -> str:
    """Why a record's entities are unknown, given the keys of entities in all formats."""
    found = f"found only the keys {key_names(record)}"
    other = other_task(record, "luke_ner")
    if other is not None:
        return f"{found}; it is {other}"
    for key, value in record.items():
        if key in entity_keys:
            return f"{found}, and {key!r} is {shown(value)}, not a list of entities"
    return f"{found}.{_misspelt(record, entity_keys)}"


def _misspelt(record: Record, keys: Sequence[str]) -> str:
    for key in record:
        close = get_close_matches(key, keys, n=1, cutoff=0.75)
        if close and close[0] != key:
            return f" Is {key!r} meant to be {close[0]!r}?"
    return ""


def describe_text(path: str, encoding: str) -> Optional[str]:
    """What a text file that is no column file seems to be, and what to do with it, if that is clear."""
    sample = [line for _, line in islice(read_lines(path, encoding), _SAMPLE * 5) if line.strip()][:_SAMPLE]
    if not sample:
        return None
    text = "\n".join(sample)
    for pattern, message in _KNOWN:
        if re.search(pattern, text):
            return f"It looks like {message}"
    delimiter = _delimiter(sample)
    if delimiter is not None:
        return (
            f"It looks like CSV with {delimiter!r} between its fields; if it has a word and its tag on a "
            f"line, set `separator` to {delimiter!r}, `word_column` and `tag_column`, and remove its header."
        )
    if sum(len(line.split()) >= _PROSE_WORDS for line in sample) * 2 > len(sample):
        return (
            f"It looks like prose, without labels; for brat, {Path(path).with_suffix('.ann').name} must lie "
            'beside it; to predict on it, write each text as {"text": ...} on a line of its own.'
        )
    return None


def _delimiter(sample: List[str]) -> Optional[str]:
    for delimiter in (",", ";", "|"):
        try:
            widths = {len(row) for row in csv.reader(sample, delimiter=delimiter, strict=True) if row}
        except csv.Error:
            continue
        if len(widths) == 1 and widths.pop() > 1:
            return delimiter
    return None
