"""CoNLL-like files: a word and its tag on a line, in columns, and a blank line after each sentence."""

import logging
from dataclasses import dataclass, field
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.segmentation import INVISIBLE_SEPARATORS
from luke_allennlp.data.text_lines import read_lines, shown
from luke_allennlp.ner.documents import Document, Sentence, count_documents
from luke_allennlp.ner.tag_schemes import (
    check_scheme,
    find_faults,
    recognise_scheme,
    split_tag,
    tag_problem,
    tags_to_spans,
)

logger = logging.getLogger(__name__)

_DOCSTART = "-DOCSTART-"
_BLANK = " \t" + INVISIBLE_SEPARATORS
_FAULTS_SHOWN = 5


@dataclass
class _TaggedSentence:
    document: int
    line: int
    words: List[str] = field(default_factory=list)
    tags: List[str] = field(default_factory=list)
    lines: List[int] = field(default_factory=list)


def read_conll(
    path: str,
    *,
    word_column: int = 0,
    tag_column: Optional[int] = -1,
    separator: Optional[str] = None,
    encoding: str = "utf-8",
    tag_scheme: str = "auto",
    comment_prefix: Optional[str] = "#",
    undivided: str = "sentences",
) -> List[Document]:
    """
    Reads a CoNLL-like file. What it found is logged: the tag scheme, and how many documents, sentences, words
    and entities there are.

    # Parameters

    path : `str`
        A local file.
    word_column : `int`, optional (default = `0`)
        The column of the words, from 0; negative ones count from the last.
    tag_column : `int`, optional (default = `-1`)
        The column of the tags. `None` is for a file without tags.
    separator : `str`, optional (default = `None`)
        What is between columns. By default a tab if the first line of the data has one, otherwise spaces. A
        space stands for any number of them.
    encoding : `str`, optional (default = `"utf-8"`)
    tag_scheme : `str`, optional (default = `"auto"`)
        One of IOB1, IOB2, BIOES, BILOU, IO, or `auto` to recognise it from the tags of the whole file. With a
        given scheme, tags that break its rules are read as conlleval reads them, and are counted in the log.
    comment_prefix : `str`, optional (default = `"#"`)
        How comment lines start. To be one, such a line must stand before the first word of a sentence, and
        not be a word with its tag, with as many columns as other lines; so a word `#` or `#hashtag` is kept.
        `None` if there are no comments.
    undivided : `str`, optional (default = `"sentences"`)
        What a file without any `-DOCSTART-` is: `"sentences"` if every sentence is a document of its own,
        `"document"` if they all are one document.

    # Returns

    `List[Document]`
        Their ids are running numbers from 0. Those without a sentence are left out.

    # Raises

    `ConfigurationError`
        If the file, a line of it, or an option is wrong.
    """
    tag_scheme = check_scheme(tag_scheme, allow_auto=True)
    if undivided not in ("sentences", "document"):
        raise ConfigurationError(f"undivided {undivided!r} is not known: choose sentences or document.")
    if separator == "":
        raise ConfigurationError("separator is empty: give a character, or null to have it found.")
    reader = _ConllLines(path, word_column, tag_column, separator, encoding, comment_prefix)
    sentences = list(reader.read())
    if not sentences:
        raise ConfigurationError(
            f"{path}: there is no sentence in it; expected lines with a word and its tag."
        )

    if tag_column is not None:
        if tag_scheme == "auto":
            tag_scheme = recognise_scheme((zip(s.tags, s.lines, strict=True) for s in sentences), path)
            same = ", whose entities are those of IOB1" if tag_scheme == "IO" else ""
            logger.info("%s: the tag scheme is recognised as %s%s", path, tag_scheme, same)
        else:
            logger.info("%s: the tag scheme is set to %s", path, tag_scheme)
        _log_faults(sentences, tag_scheme, path)
    is_divided = reader.boundaries > 0
    documents: List[Document] = []
    last = -1
    for sentence in sentences:
        if not documents or sentence.document != last or (not is_divided and undivided == "sentences"):
            documents.append(Document(id=str(len(documents)), sentences=[]))
        last = sentence.document
        spans = tags_to_spans(sentence.tags, tag_scheme)
        documents[-1].sentences.append(Sentence(words=sentence.words, spans=spans, line=sentence.line))

    if reader.comments:
        logger.info("%s: %d comment lines are left out", path, reader.comments)
    if not is_divided:
        what = (
            "every sentence is a document" if undivided == "sentences" else "the whole file is one document"
        )
        logger.info("%s: there is no %s, so %s", path, _DOCSTART, what)
    logger.info("%s: %s", path, count_documents(documents))
    return documents


class _ConllLines:
    """The lines of a file as sentences; once they are read, it has counted boundaries and comments."""

    def __init__(
        self,
        path: str,
        word_column: int,
        tag_column: Optional[int],
        separator: Optional[str],
        encoding: str,
        comment_prefix: Optional[str],
    ) -> None:
        self.boundaries = 0
        self.comments = 0
        self._path = path
        self._encoding = encoding
        self._comment_prefix = comment_prefix
        self._split, self._columns = self._survey(separator)
        self._word = self._column("word_column", word_column)
        self._tag = None if tag_column is None else self._column("tag_column", tag_column)
        if self._tag == self._word and self._columns > 0:
            raise ConfigurationError(
                f"{path}: words and tags are both expected in column {self._word} of {self._columns}; set "
                f"`tag_column` to null if the file has no tags, or `separator` to what is between its "
                f"columns."
            )

    def read(self) -> Iterator[_TaggedSentence]:
        sentence: Optional[_TaggedSentence] = None
        known: Dict[str, Tuple[str, str]] = {}  # word and tag of lines within sentences: many come again
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
                sentence.lines.append(number)
        if sentence is not None:
            yield sentence

    def _fields(self, line: str) -> List[str]:
        fields = self._split(line)
        # Published files have stray separators at the end of lines.
        while len(fields) > self._columns and not fields[-1]:
            fields.pop()
        return fields

    def _survey(self, separator: Optional[str]) -> Tuple[Callable[[str], List[str]], int]:
        """How to split a line, and into how many columns: what the first line that is surely data says."""
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
            raise ConfigurationError(
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


def _log_faults(sentences: Iterable[_TaggedSentence], scheme: str, path: str) -> None:
    faults = [
        (s.lines[fault.position], fault.reason) for s in sentences for fault in find_faults(s.tags, scheme)
    ]
    if faults:
        first = "; ".join(f"line {line} has {reason}" for line, reason in faults[:_FAULTS_SHOWN])
        logger.warning(
            "%s: %d tags break the rules of %s and are read as conlleval reads them: %s%s",
            path,
            len(faults),
            scheme,
            first,
            "; ..." if len(faults) > _FAULTS_SHOWN else "",
        )
