"""Which columns of a CoNLL-like file have the words and the tags."""

import re
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

from luke_allennlp.common.text_lines import read_lines
from luke_allennlp.tasks.ner.tag_schemes import split_tag, tag_problem

_SAMPLE = 20_000  # lines
_NUMBER = re.compile(r"\d+(-\d+)?|\d+\.\d+")


def find_columns(path: str, encoding: str = "utf-8") -> Dict[str, Any]:
    """
    The options of the NER reader that differ from its defaults, words in the first column and tags in the
    last: `word_column` where the first only counts, `tag_column` where the last has the rarer of two layers
    of the same types (nested entities) or no tags, and `separator` where commas, semicolons or bars separate.
    Empty if the file has no columns.
    """
    if not Path(path).is_file():
        return {}
    lines = [line for _, line in islice(read_lines(path, encoding), _SAMPLE)]
    lines = [line for line in lines if line.strip() and "-DOCSTART-" not in line]
    if not lines or lines[0].lstrip().startswith(("{", "[{", "<")):
        return {}
    separator, rows = _rows(lines)
    # Comments may be as many as sentences.
    if len(rows) * 10 < sum(not line.startswith("#") for line in lines) * 9:
        return {}
    columns = list(zip(*rows, strict=True))
    types = {index: _entity_types(values) for index, values in enumerate(columns) if _are_tags(values)}
    if not types:
        return {}
    last = max(types)
    # Another layer has the same types; chunks and other tags have their own.
    layers = [index for index, found in types.items() if _same_types(found, types[last])]
    tag = max([last, *layers], key=lambda index: (types[index].total(), index))
    words = [index for index in range(len(columns)) if index not in types]
    word = next((index for index in words if not _are_numbers(columns[index])), 0)
    options: Dict[str, Any] = {}
    if word != 0:
        options["word_column"] = word
    if tag != len(columns) - 1:
        options["tag_column"] = tag
    if separator not in (" ", "\t"):
        options["separator"] = separator
    return options


def _rows(lines: List[str]) -> Tuple[str, List[List[str]]]:
    """The separator under which most lines have the same number of columns, and these lines."""
    best: Tuple[str, List[List[str]]] = ("", [])
    for separator in ("\t", " ", ";", ",", "|"):
        fields = [line.split() if separator == " " else line.split(separator) for line in lines]
        width, _ = Counter(map(len, fields)).most_common(1)[0]
        rows = [row for row in fields if len(row) == width]
        if width > 1 and len(rows) > len(best[1]):
            best = separator, rows
    return best


def _are_tags(values: Tuple[str, ...]) -> bool:
    counts = Counter(value.strip() for value in values)
    good = sum(
        count
        for tag, count in counts.items()
        if tag == "O" or split_tag(tag)[0] != "" and tag_problem(tag) is None
    )
    return good >= 0.9 * counts.total() and counts["O"] > 0 and len(counts) > 1


def _entity_types(values: Tuple[str, ...]) -> "Counter[str]":
    return Counter(split_tag(value.strip())[1] for value in values if value.strip() != "O")


def _same_types(first: "Counter[str]", second: "Counter[str]") -> bool:
    shared: Set[str] = first.keys() & second.keys()
    return 2 * len(shared) >= min(len(first), len(second))


def _are_numbers(values: Tuple[str, ...]) -> bool:
    return sum(bool(_NUMBER.fullmatch(value.strip())) for value in values) > 0.8 * len(values)
