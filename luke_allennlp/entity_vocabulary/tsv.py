"""The first release's form: `title<TAB>count`, ids by line."""

import re
from pathlib import Path
from typing import IO

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.text_lines import shown
from luke_allennlp.entity_vocabulary.files import no_cycle_search, read_line_blocks
from luke_allennlp.entity_vocabulary.table import EntityTable, TableBuilder

# At most 18 digits: these fit 64 bits.
_LINE = re.compile(r"^([^\t\n]+)\t([0-9]{1,18})$", re.MULTILINE)
_UNFIT = re.compile("[\t\n\r\ufeff]")


def read_tsv(path: Path) -> EntityTable:
    """
    # Raises

    `ConfigurationError`
        The file cannot be read or is damaged; the message names the line.
    """
    builder = TableBuilder()
    with no_cycle_search():
        for number, block in read_line_blocks(path):
            pairs = _LINE.findall(block)
            if len(pairs) != block.count("\n") + 1:
                raise _damage(path, number, block)
            titles, counts = zip(*pairs, strict=True)
            builder.add(titles, range(builder.rows, builder.rows + len(titles)), list(map(int, counts)))
            del pairs, titles, counts
        return builder.finish(lambda row: f"{path}, line {row + 1}")


def write_tsv(table: EntityTable, file: IO[str], path: Path) -> None:
    """
    # Raises

    `ConfigurationError`
        The form cannot hold this vocabulary: it has languages, several titles of one id, ids that are left
        out, or a title with a tab or a line's end.
    """
    for row in range(len(table)):
        title, index = table.title(row), table.ids[row]
        found = None
        if table.language(row) is not None:
            found = f"the title {shown(title)} has a language, {table.language(row)!r}"
        elif index < row:
            found = f"the id {index} has several titles, {shown(table.title(row - 1))} and {shown(title)}"
        elif index > row:
            found = f"there is no entity with the id {row}, the next one is {index}"
        elif _UNFIT.search(title):
            found = f"the title {shown(title)} has a tab, a line's end or a byte order mark"
        if found is not None:
            raise ConfigurationError(f"{path}: tsv cannot hold this vocabulary: {found}. Save it as .jsonl.")
        file.write(f"{title}\t{table.count(row)}\n")


def _damage(path: Path, first: int, block: str) -> ConfigurationError:
    for number, line in enumerate(block.split("\n"), start=first):
        if _LINE.fullmatch(line):
            continue
        title, tab, count = line.partition("\t")
        if not tab:
            problem = f"found no tab in {shown(line)}"
        elif not title:
            problem = f"found no title before {shown(count)}"
        else:
            problem = f"found the count {shown(count)}"
        return ConfigurationError(
            f"{path}, line {number}: {problem}; expected a title, a tab and a whole number, and so in every "
            "line, since lines are ids."
        )
    return ConfigurationError(f"{path}, line {first} and after: is damaged.")
