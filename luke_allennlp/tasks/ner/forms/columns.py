"""CoNLL-like files: one word and its tag per line, in columns, and a blank line after each sentence."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import read_lines, shown
from luke_allennlp.data.segmentation import INVISIBLE_SEPARATORS
from luke_allennlp.tasks.ner.examples import Document, Sentence
from luke_allennlp.tasks.ner.forms.form import FileForm, Reading
from luke_allennlp.tasks.ner.tag_schemes import (
    TaggedSentence,
    resolve_scheme,
    split_tag,
    tag_problem,
    tags_to_spans,
)

logger = logging.getLogger(__name__)

_DOCSTART = "-DOCSTART-"
_BLANK = " \t" + INVISIBLE_SEPARATORS


class NoColumnsError(ConfigurationError):
    """The file is not a column file, or has other columns than expected."""


class UnevenColumnsError(NoColumnsError):
    """A line has a different number of columns than the first."""


@dataclass
class _TaggedSentence:
    document: int
    line: int
    words: List[str] = field(default_factory=list)
    tags: List[str] = field(default_factory=list)


def read_columns(path: str, reading: Reading) -> List[Document]:
    """
    Reads a CoNLL-like file into documents with at least one sentence each, whose ids count from 0. Logs the
    tag scheme, the number of comment lines, and whether documents have boundaries.

    The default separator is a tab if the first line of data has one, otherwise a space, which stands for any
    number of them. A line with the comment prefix is a comment if it precedes the first word of a sentence
    and is not a word with its tag: a word `#` or `#hashtag` is kept.
    """
    lines = _Lines(path, reading)
    sentences = list(lines.read())
    if not sentences:
        raise ConfigurationError(
            f"{path}: there is no sentence in it; expected lines with a word and its tag."
        )
    scheme = reading.tag_scheme
    if reading.tag_column is not None:
        lines.check_tags(sentences)
        tagged = [TaggedSentence(sentence.tags, sentence.line) for sentence in sentences]
        scheme = resolve_scheme(tagged, scheme, path)
    if lines.comments:
        logger.info("%s: %d comment lines are skipped", path, lines.comments)
    is_split = lines.boundaries == 0 and reading.undivided == "sentences"
    if lines.boundaries == 0:
        what = "every sentence is a document" if is_split else "the whole file is one document"
        logger.info("%s: there is no %s, so %s", path, _DOCSTART, what)
    unlabeled = "tag_column is null" if reading.tag_column is None else None
    documents: List[Document] = []
    for _, group in groupby(sentences, key=lambda found: found.line if is_split else found.document):
        parts = [
            Sentence(part.words, tags_to_spans(part.tags, scheme), where=f"line {part.line}")
            for part in group
        ]
        where = f"{path}, {parts[0].where}"
        documents.append(Document(str(len(documents)), parts, where=where, unlabeled=unlabeled))
    return documents


class _Lines:
    """Reads the lines of a file as sentences, and counts boundaries and comments."""

    def __init__(self, path: str, reading: Reading) -> None:
        self.boundaries = 0
        self.comments = 0
        self._path = path
        self._reading = reading
        self._comment_prefix = reading.comment_prefix
        self._split, self._columns = self._survey(reading.separator)
        self._word = self._column("word_column", reading.word_column)
        self._tag = None if reading.tag_column is None else self._column("tag_column", reading.tag_column)
        if self._tag == self._word and self._columns > 0:
            raise NoColumnsError(
                f"{path}: words and tags are both expected in column {self._word} of {self._columns}; set "
                f"`tag_column` to null if the file has no tags, or `separator` to what separates its columns."
            )

    def read(self) -> Iterator[_TaggedSentence]:
        sentence: Optional[_TaggedSentence] = None
        known: Dict[str, Tuple[str, str]] = {}  # word and tag of each line; many lines are repeated
        for number, line in read_lines(self._path, self._reading.encoding):
            if sentence is None or line not in known:
                fields = self._fields(line)
                is_boundary = self._is_boundary(line, fields)
                if not fields or is_boundary:
                    if sentence is not None:
                        yield sentence
                    sentence = None
                    self.boundaries += is_boundary
                    continue
                if sentence is None and self._is_comment(line, fields):
                    self.comments += 1
                    continue
                self._check(number, line, fields)
                known[line] = fields[self._word], "" if self._tag is None else fields[self._tag].strip(" ")
            if sentence is None:
                sentence = _TaggedSentence(document=self.boundaries, line=number)
            word, tag = known[line]
            sentence.words.append(word)
            if self._tag is not None:
                sentence.tags.append(tag)
        if sentence is not None:
            yield sentence

    def check_tags(self, sentences: Sequence[_TaggedSentence]) -> None:
        """Raises an error if the tag column does not hold tags."""
        if self._reading.tag_scheme == "IO":  # then any word can be one
            return
        share = _share_of_tags(tag for sentence in sentences for tag in sentence.tags)
        if share >= 0.5:
            return
        found = f"{shown(sentences[0].tags[0])} on line {sentences[0].line}"
        shares = [_share_of_tags(values) for values in zip(*self._rows(), strict=True)]
        others = [column for column in range(self._columns) if column != self._tag]
        best = max(others, key=lambda column: shares[column], default=0)
        if others and shares[best] > max(0.9, share):
            swapped = f", `word_column` to {self._tag}" if best == self._word else ""
            raise ConfigurationError(
                f"{self._path}: column {self._tag} holds no tags ({found}), but column {best} does; set "
                f"`tag_column` to {best}{swapped}."
            )
        if share == 0:
            raise NoColumnsError(
                f"{self._path}: column {self._tag} holds no tags: neither O nor a type with a prefix such "
                f"as B- is in it, but {found} for example. Set `tag_column`, or `tag_scheme` to IO if every "
                "word is an entity."
            )

    def _rows(self) -> Iterator[List[str]]:
        for _, line in read_lines(self._path, self._reading.encoding):
            fields = self._fields(line)
            if len(fields) == self._columns and not self._is_boundary(line, fields):
                yield fields

    def _fields(self, line: str) -> List[str]:
        """None of a blank line."""
        if not line.strip(_BLANK):
            return []
        fields = self._split(line)
        # Published files have stray separators at the end of lines.
        while len(fields) > self._columns and not fields[-1]:
            fields.pop()
        return fields

    def _survey(self, separator: Optional[str]) -> Tuple[Callable[[str], List[str]], int]:
        """How to split a line, and into how many columns, by the first line that is certainly data."""
        first = ""
        for _, line in read_lines(self._path, self._reading.encoding):
            if not line.strip(_BLANK) or line.lstrip(_BLANK).startswith(_DOCSTART):
                continue
            first = first or line
            if not (self._comment_prefix and line.startswith(self._comment_prefix)):
                first = line
                break
        separator = separator or ("\t" if "\t" in first else " ")
        split = _split_at_spaces if separator == " " else lambda line: line.split(separator)
        return split, len(split(first)) if first else 0

    def _column(self, option: str, column: int) -> int:
        index = column + self._columns if column < 0 else column
        if self._columns and not 0 <= index < self._columns:
            raise ConfigurationError(
                f"{self._path}: {option} is {column}, but the lines have {self._columns} columns (counted "
                f"from 0); set {option}, or `separator` if columns are not found."
            )
        return index

    def _is_boundary(self, line: str, fields: List[str]) -> bool:
        if _DOCSTART not in line:
            return False
        return line.split()[0] == _DOCSTART or fields[self._word : self._word + 1] == [_DOCSTART]

    def _is_comment(self, line: str, fields: List[str]) -> bool:
        if not self._comment_prefix or not line.startswith(self._comment_prefix):
            return False
        if len(fields) != self._columns:
            return True
        return self._tag is not None and not _is_tag(fields[self._tag])

    def _check(self, number: int, line: str, fields: List[str]) -> None:
        where, correct = f"{self._path}, line {number}", f"{shown(line)}. Correct the line, or set"
        if len(fields) != self._columns:
            raise UnevenColumnsError(
                f"{where}: found {len(fields)} columns, expected {self._columns} as on the first line of "
                f"data: {correct} `separator`."
            )
        if not fields[self._word]:
            raise ConfigurationError(
                f"{where}: the word in column {self._word} is empty: {correct} `word_column`."
            )
        problem = None if self._tag is None else tag_problem(fields[self._tag].strip(" "))
        if problem:
            raise ConfigurationError(
                f"{where}: the tag in column {self._tag} is malformed, {problem}: {correct} `tag_column`."
            )


def _split_at_spaces(line: str) -> List[str]:
    # Not `str.split()`: a no-break space is a character of a word.
    return [field for field in line.split(" ") if field]


def _is_tag(value: str) -> bool:
    """Whether a value is certainly a tag: a word may be a type without a prefix."""
    tag = value.strip(" ")
    return tag == "O" or (split_tag(tag)[0] != "" and tag_problem(tag) is None)


def _share_of_tags(values: Iterable[str]) -> float:
    counts = Counter(values)
    return sum(count for value, count in counts.items() if _is_tag(value)) / max(counts.total(), 1)


FORM = FileForm(name="columns (CoNLL)", read=read_columns)
