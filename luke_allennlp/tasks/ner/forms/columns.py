"""CoNLL-like files: a word and its tag a line, in columns, and a blank line after each sentence."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import read_lines, shown
from luke_allennlp.data.segmentation import INVISIBLE_SEPARATORS
from luke_allennlp.tasks.ner.examples import Document, Sentence
from luke_allennlp.tasks.ner.forms.form import ColumnOptions, FileForm, Reading
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
    """The file is no column file, or has other columns than expected."""


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
    Reads a CoNLL-like file. What it found is logged: the tag scheme, the comment lines, the boundaries of
    documents.

    The default `separator` is a tab if the first line of the data has one, otherwise spaces; a space stands
    for any number of them. A line with the `comment_prefix` is a comment if it is before the first word of a
    sentence and is not a word with its tag, with as many columns as other lines: a word `#` or `#hashtag` is
    kept. With a given `tag_scheme`, tags that break its rules are read as conlleval reads them, and counted
    in the log.

    # Returns

    `List[Document]`
        With at least one sentence each. Their ids are running numbers from 0.

    # Raises

    `ConfigurationError`
        The file or one of its lines is malformed, or it is no column file.
    """
    options = reading.columns
    reader = _Lines(path, options, reading.encoding)
    sentences = list(reader.read())
    if not sentences:
        raise ConfigurationError(
            f"{path}: there is no sentence in it; expected lines with a word and its tag."
        )
    scheme = reading.tag_scheme
    if options.tag_column is not None:
        reader.check_tags(sentences, scheme)
        tagged = [TaggedSentence(sentence.tags, sentence.line) for sentence in sentences]
        scheme = resolve_scheme(tagged, scheme, path)
    is_divided = reader.boundaries > 0
    documents: List[Document] = []
    last = -1
    for sentence in sentences:
        if (
            not documents
            or sentence.document != last
            or (not is_divided and options.undivided == "sentences")
        ):
            documents.append(Document(str(len(documents)), [], where=f"{path}, line {sentence.line}"))
            if options.tag_column is None:
                documents[-1].unlabeled = "tag_column is null"
        last = sentence.document
        spans = tags_to_spans(sentence.tags, scheme)
        documents[-1].sentences.append(Sentence(sentence.words, spans, where=f"line {sentence.line}"))

    if reader.comments:
        logger.info("%s: %d comment lines are skipped", path, reader.comments)
    if not is_divided:
        each = options.undivided == "sentences"
        what = "every sentence is a document" if each else "the whole file is one document"
        logger.info("%s: there is no %s, so %s", path, _DOCSTART, what)
    return documents


class _Lines:
    """Reads the lines of a file as sentences, and counts boundaries and comments."""

    def __init__(self, path: str, options: ColumnOptions, encoding: str) -> None:
        self.boundaries = 0
        self.comments = 0
        self._path = path
        self._encoding = encoding
        self._comment_prefix = options.comment_prefix
        self._split, self._columns = self._survey(options.separator)
        self._word = self._column("word_column", options.word_column)
        self._tag = None if options.tag_column is None else self._column("tag_column", options.tag_column)
        if self._tag == self._word and self._columns > 0:
            raise NoColumnsError(
                f"{path}: words and tags are both expected in column {self._word} of {self._columns}; set "
                f"`tag_column` to null if the file has no tags, or `separator` to what is between its "
                f"columns."
            )

    def read(self) -> Iterator[_TaggedSentence]:
        sentence: Optional[_TaggedSentence] = None
        known: Dict[str, Tuple[str, str]] = {}  # word and tag of each line; many lines are repeated
        for number, line in read_lines(self._path, self._encoding):
            if sentence is None or line not in known:
                fields = [] if _is_blank(line) else self._fields(line)
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
                tag = "" if self._tag is None else fields[self._tag].strip(" ")
                known[line] = fields[self._word], tag
            if sentence is None:
                sentence = _TaggedSentence(document=self.boundaries, line=number)
            word, tag = known[line]
            sentence.words.append(word)
            if self._tag is not None:
                sentence.tags.append(tag)
        if sentence is not None:
            yield sentence

    def check_tags(self, sentences: Sequence[_TaggedSentence], scheme: str) -> None:
        """Raises an error if the tag column does not hold tags."""
        if scheme == "IO":  # then any word can be one
            return
        share = _share_of_tags(tag for sentence in sentences for tag in sentence.tags)
        if share >= 0.5:
            return
        others = {
            column: _share_of_tags(self._values(column))
            for column in range(self._columns)
            if column != self._tag
        }
        best = max(others, key=lambda column: others[column], default=0)
        if others and others[best] > max(0.9, share):
            swapped = f", `word_column` to {self._tag}" if best == self._word else ""
            raise ConfigurationError(
                f"{self._path}: column {self._tag} holds no tags ({shown(sentences[0].tags[0])} on line "
                f"{sentences[0].line}), but column {best} does; set `tag_column` to {best}{swapped}."
            )
        if share == 0:
            raise NoColumnsError(
                f"{self._path}: column {self._tag} holds no tags: neither O nor a type with a prefix such "
                f"as B- is in it, but {shown(sentences[0].tags[0])} on line {sentences[0].line} for example. "
                "Set `tag_column`, or `tag_scheme` to IO if every word is an entity."
            )

    def _values(self, column: int) -> Iterator[str]:
        for _, line in read_lines(self._path, self._encoding):
            fields = [] if _is_blank(line) else self._fields(line)
            if len(fields) == self._columns and not self._is_boundary(line, fields):
                yield fields[column]

    def _fields(self, line: str) -> List[str]:
        fields = self._split(line)
        # Published files have stray separators at the end of lines.
        while len(fields) > self._columns and not fields[-1]:
            fields.pop()
        return fields

    def _survey(self, separator: Optional[str]) -> Tuple[Callable[[str], List[str]], int]:
        """How to split a line, and into how many columns, by the first line that is certainly data."""
        first = ""
        for _, line in read_lines(self._path, self._encoding):
            if _is_blank(line) or line.lstrip(_BLANK).startswith(_DOCSTART):
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
        return self._tag is not None and not _is_surely_tag(fields[self._tag].strip(" "))

    def _check(self, number: int, line: str, fields: List[str]) -> None:
        if len(fields) != self._columns:
            raise UnevenColumnsError(
                f"{self._path}, line {number}: found {len(fields)} columns, expected {self._columns} as on "
                f"the first line of data: {shown(line)}. Correct the line, or set `separator`."
            )
        if not fields[self._word]:
            raise ConfigurationError(
                f"{self._path}, line {number}: the word in column {self._word} is empty: {shown(line)}. "
                f"Correct the line, or set `word_column`."
            )
        problem = None if self._tag is None else tag_problem(fields[self._tag].strip(" "))
        if problem:
            raise ConfigurationError(
                f"{self._path}, line {number}: the tag in column {self._tag} is malformed, {problem}: "
                f"{shown(line)}. Correct the line, or set `tag_column`."
            )


def _split_at_spaces(line: str) -> List[str]:
    # Not `str.split()`: a no-break space is a character of a word.
    return [field for field in line.split(" ") if field]


def _is_blank(line: str) -> bool:
    return not line.strip(_BLANK)


def _is_surely_tag(tag: str) -> bool:
    return tag == "O" or (split_tag(tag)[0] != "" and tag_problem(tag) is None)


def _share_of_tags(values: Iterable[str]) -> float:
    counts = Counter(values)
    tags = sum(count for value, count in counts.items() if _is_surely_tag(value.strip(" ")))
    return tags / max(counts.total(), 1)


FORM = FileForm(name="columns (CoNLL)", read=read_columns)
