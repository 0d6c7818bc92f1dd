"""What a file is that has none of the forms, for the error that says so."""

import csv
import re
from itertools import islice
from pathlib import Path
from typing import List, Optional

from luke_allennlp.common.text_lines import read_lines

_SAMPLE = 20
_PYTHON = re.compile(r"""\s*(?:\w+\s*=\s*[\[(]\s*\(|[\[(]\s*\(|\()\s*[rbu]?["']\w""")
_ONTONOTES = re.compile(r"#begin document|(?:^|\s)\([A-Z_]{2,}\*?\)?(?:\s|$)")
_MARKUP = re.compile(r"\s*<[?!/]?[A-Za-z][^<>]*>")
_RELATIONS = re.compile(r"<e[12]>.*</e[12]>")
_INLINE = re.compile(r"<(?:ENAMEX|NUMEX|TIMEX|[A-Z]{3,})\b[^<>]*>")
_PROSE_WORDS = 4


def looks_like_python(lines: List[str]) -> bool:
    """Whether these lines begin a Python list of tuples, as spaCy's training data of version 2."""
    return _PYTHON.match("\n".join(lines)) is not None


def describe_text(path: str, encoding: str) -> Optional[str]:
    """
    # Parameters

    path : `str`
        A text file that is no file of columns.
    encoding : `str`

    # Returns

    `Optional[str]`
        What it seems to be, and what to do with it; `None` if that is not clear.
    """
    sample = [line for _, line in islice(read_lines(path, encoding), _SAMPLE * 5) if line.strip()][:_SAMPLE]
    text = "\n".join(sample)
    if not sample:
        return None
    if _RELATIONS.search(text):
        return (
            "It looks like data for relation classification (SemEval-2010 Task 8, KBP37): that is read by "
            "'luke_relation_classification'."
        )
    if looks_like_python(sample):
        return (
            "It looks like Python code with tuples, as spaCy's training data of version 2; write it as JSON "
            "lines, or "
            "as a DocBin."
        )
    if _ONTONOTES.search(text):
        return (
            "It looks like OntoNotes' brackets (CoNLL-2012); convert them to tags, one of IOB1, IOB2, BIOES "
            "or BILOU "
            "a word."
        )
    if _MARKUP.match(sample[0]) or _INLINE.search(text):
        return "It looks like XML, HTML or text with tags in it; convert it to one of the forms."
    delimiter = _delimiter(sample)
    if delimiter is not None:
        return (
            f"It looks like CSV with {delimiter!r} between its fields; if it has a word and its tag on a "
            "line, set "
            f"`separator` to {delimiter!r}, `word_column` and `tag_column`, and remove its header."
        )
    if sum(len(line.split()) >= _PROSE_WORDS for line in sample) * 2 > len(sample):
        beside = Path(path).with_suffix(".ann").name
        return (
            f"It looks like prose, without labels; for brat, {beside} must lie beside it; to predict on it, "
            "write each "
            'text as {"text": ...} on a line of its own.'
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
