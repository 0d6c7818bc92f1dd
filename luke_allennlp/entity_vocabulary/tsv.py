"""The format of the first release: `title<TAB>count`, where the line is the id."""

import re
from pathlib import Path
from typing import IO, Iterable, Iterator

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.files import Entry, Row, read_lines

_COUNT = re.compile("[0-9]{1,18}")  # fits 64 bits
_UNFIT = re.compile("[\t\n\r\ufeff]")


def read_tsv(path: Path) -> Iterator[Row]:
    """
    # Raises

    `ConfigurationError`
        The file cannot be read or is damaged; the message names the line.
    """
    for number, line in read_lines(path):
        title, tab, count = line.partition("\t")
        if not title or not _COUNT.fullmatch(count):
            if not tab:
                problem = f"found no tab in {shown(line)}"
            elif not title:
                problem = f"found no title before {shown(count)}"
            else:
                problem = f"found the count {shown(count)}"
            raise ConfigurationError(
                f"{path}, line {number}: {problem}; expected a title, a tab and a whole number, and "
                "so in every line, since lines are ids."
            )
        yield number, number - 1, title, None, int(count)


def write_tsv(entries: Iterable[Entry], file: IO[str], path: Path) -> None:
    """
    # Raises

    `ConfigurationError`
        The vocabulary has languages, an id with several titles, a gap between ids, or a title with a tab or a
        line break.
    """
    for expected, (index, titles, count) in enumerate(entries):
        title, language = titles[0]
        found = None
        if language is not None:
            found = f"the title {shown(title)} has a language, {language!r}"
        elif len(titles) > 1:
            found = f"the id {index} has several titles, {shown(title)} and {shown(titles[1][0])}"
        elif index != expected:
            found = f"there is no entity with the id {expected}, the next one is {index}"
        elif _UNFIT.search(title):
            found = f"the title {shown(title)} has a tab, a line break or a byte order mark"
        if found is not None:
            raise ConfigurationError(f"{path}: tsv cannot hold this vocabulary: {found}. Save it as .jsonl.")
        file.write(f"{title}\t{count}\n")
