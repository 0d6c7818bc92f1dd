"""Files of sentences with tagged entities: SemEval-2010 Task 8 and KBP37."""

import logging
import re
from dataclasses import replace
from typing import Dict, Iterator, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import Span
from luke_allennlp.common.text_lines import listed, read_lines, shown
from luke_allennlp.tasks.relation_classification.examples import RelationExample

logger = logging.getLogger(__name__)

_FIRST_LINE = re.compile(r'\s*\d+(?:\s*\t|\s+(?=["<]))(.*)', re.DOTALL)
_TAG = re.compile(r"(</?e[12]>)")
_TAGS = ("<e1>", "</e1>", "<e2>", "</e2>")


def read_tagged_text(path: str, encoding: str = "utf-8") -> Iterator[RelationExample]:
    """
    Reads records of several lines:

        1<TAB>"The <e1>lamp</e1> stood on the <e2>table</e2>."
        Other
        Comment: any

    The first line is a number, a tab and the sentence, quoted or not; it ends the record before it, whatever
    the blank lines. The next line is the relation, with its direction; a comment may follow. Both are missing
    in files for prediction. Other lines are skipped with a warning. `<e1>` is the head and `<e2>` the tail.
    Whitespace inside the tags, as in KBP37, is not part of the entities. An entity may be empty, as some of
    KBP37's are.
    """
    example: Optional[RelationExample] = None
    stray: List[str] = []
    for number, line in read_lines(path, encoding):
        where = f"{path}, line {number}"
        first_line = _FIRST_LINE.fullmatch(line)
        if first_line is not None:
            if example is not None:
                yield example
            text, head, tail = _parse_sentence(first_line.group(1), where)
            example = RelationExample(where, 0 if example is None else example.index + 1, text, head, tail)
        elif not line.strip():
            continue
        elif example is not None and line.lstrip().lower().startswith("comment"):
            continue  # these mention tags too
        elif example is None or _TAG.search(line):
            raise ConfigurationError(
                f"{where}: found {shown(line)}; expected a number, a tab and a sentence with <e1>..</e1> and "
                "<e2>..</e2> (or a JSON file)."
            )
        elif example.label is None:
            example = replace(example, label=line.strip())
        else:
            stray.append(f"line {number}: {shown(line)}")
    if example is None:
        raise ConfigurationError(f"{path}: is empty; expected sentences.")
    yield example
    if stray:
        logger.warning(
            "%s: skipped %d lines that are no sentence, relation or comment: %s",
            path,
            len(stray),
            listed(stray),
        )


def _parse_sentence(sentence: str, where: str) -> Tuple[str, Span, Span]:
    """The text without tags, and the spans of `e1` and `e2`."""
    sentence = sentence.strip()
    if len(sentence) > 1 and sentence[0] == sentence[-1] == '"':
        sentence = sentence[1:-1].strip()
    parts = _TAG.split(sentence)
    tags = parts[1::2]
    for tag in _TAGS:
        if tags.count(tag) != 1:
            raise ConfigurationError(
                f"{where}: {tag} occurs {tags.count(tag)} times in {shown(sentence)}; expected it once."
            )
    text = ""
    places: Dict[str, int] = {}
    for index, part in enumerate(parts):
        if index % 2:
            places[part] = len(text)
        elif text == "" or text[-1].isspace():
            text += part.lstrip()  # whitespace on both sides of the tag
        else:
            text += part
    text = text.rstrip()
    spans: List[Span] = []
    for name in ("e1", "e2"):
        if tags.index(f"</{name}>") < tags.index(f"<{name}>"):
            raise ConfigurationError(
                f"{where}: there is no text between <{name}> and </{name}> in {shown(sentence)}, where "
                f"</{name}> comes first; expected an entity."
            )
        start, end = places[f"<{name}>"], places[f"</{name}>"]
        end = start + len(text[start:end].rstrip())
        start += len(text[start:end]) - len(text[start:end].lstrip())
        spans.append((min(start, len(text)), min(end, len(text))))
    return text, spans[0], spans[1]
