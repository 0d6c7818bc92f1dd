"""
The three formats of entity vocabularies:

- tsv, of the first release: `title<TAB>count`, where the line is the id;
- JSON lines, of the later releases, a line for each id:
  `{"id": 7, "entities": [["Japan", "en"], ["日本", "ja"]], "count": 12}`;
- JSON, Hugging Face's: one object, name -> id. Multilingual ones have names such as `en:Japan`.

Readers number the entries and leave checking their values to `EntityVocabulary`. Writers refuse what their
format cannot hold.
"""

import json
import re
from pathlib import Path
from typing import IO, Any, Collection, Dict, Iterable, Iterator, Optional, Sequence, Set, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.records import parse_json, parse_object
from luke_allennlp.common.text_lines import read_lines, read_text, shown
from luke_allennlp.entity_vocabulary.names import (
    all_have_languages,
    full_name,
    is_language,
    is_special,
    split_name,
)

# An id, its titles with their languages, and its count.
Entry = Tuple[int, Sequence[Tuple[str, Optional[str]]], int]
# With the number of the line or member it comes from.
Numbered = Iterator[Tuple[int, Entry]]

_COUNT = re.compile("[0-9]{1,18}")  # fits 64 bits
_UNFIT_FOR_TSV = re.compile("[\t\n\r\ufeff]")
# What `json.loads` calls, without its checks of each line, which take as long as the parsing.
_scan_json: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def read_tsv(path: str) -> Numbered:
    blank = 0
    for number, line in read_lines(path):
        if not line:  # allowed at the end
            blank = blank or number
            continue
        title, _, count = line.partition("\t")
        if blank or not title or not _COUNT.fullmatch(count):
            raise ConfigurationError(
                f"{path}, line {blank or number}: found {shown('' if blank else line)}; expected a title, a "
                "tab and a whole number in every line, since lines are ids."
            )
        yield number, (number - 1, ((title, None),), int(count))


def read_json_lines(path: str) -> Numbered:
    ids: Set[int] = set()
    for number, line in read_lines(path):
        line = line.strip()
        if not line:
            continue
        try:
            record, end = _scan_json(line, 0)
            entry = record["id"], record["entities"], record["count"]
            is_whole = end == len(line)
        except (KeyError, TypeError, ValueError, StopIteration, RecursionError):
            is_whole = False
        if not is_whole:
            found = parse_object(line, f"{path}, line {number}")
            raise ConfigurationError(
                f"{path}, line {number}: found {', '.join(map(repr, found)) or 'nothing'}; expected an "
                'object with "id", "entities" and "count" in every line.'
            )
        index = entry[0]
        if isinstance(index, int):  # others are refused with their entry
            if index in ids:
                raise ConfigurationError(
                    f"{path}, line {number}: the id {index} has a line already; expected one line for each "
                    "id, with all its titles."
                )
            ids.add(index)
        yield number, entry


def read_json(path: str, multilingual: Optional[bool] = None) -> Numbered:
    # As pairs: a dictionary would not show what occurs twice.
    names = parse_json(read_text(path), path, object_pairs_hook=tuple)
    if not isinstance(names, tuple):
        raise ConfigurationError(
            f"{path}: found a JSON {type(names).__name__}; expected an object of titles with whole numbers."
        )
    return entries_of_names(names, multilingual)


def entries_of_names(names: Collection[Tuple[str, Any]], multilingual: Optional[bool]) -> Numbered:
    """
    # Parameters

    names : `Collection[Tuple[str, Any]]`
        Names and ids.
    multilingual : `Optional[bool]`
        Whether names begin with a language's code and a colon. If `None`, they do if all but special ones
        look so.
    """
    if multilingual is None:
        multilingual = all_have_languages(name for name, _ in names)
    for number, (name, index) in enumerate(names, start=1):
        language, title = split_name(name) if multilingual else (None, name)
        yield number, (index, ((title, language),), 0)


def write_tsv(entries: Iterable[Entry], file: IO[str], path: Path) -> None:
    for expected, (index, titles, count) in enumerate(entries):
        title, language = titles[0]
        found = None
        if language is not None:
            found = f"the title {shown(title)} has a language, {language!r}"
        elif len(titles) > 1:
            found = f"the id {index} has several titles, {shown(title)} and {shown(titles[1][0])}"
        elif index != expected:
            found = f"there is no entity with the id {expected}, the next one is {index}"
        elif _UNFIT_FOR_TSV.search(title):
            found = f"the title {shown(title)} has a tab, a line break or a byte order mark"
        if found is not None:
            raise _unfit(path, found)
        file.write(f"{title}\t{count}\n")


def write_json_lines(entries: Iterable[Entry], file: IO[str]) -> None:
    for index, titles, count in entries:
        record = {"id": index, "entities": titles, "count": count}
        file.write(json.dumps(record, ensure_ascii=False) + "\n")


def write_json(entries: Iterable[Entry], file: IO[str], path: Path) -> None:
    """Omits counts, and the languages of special entities."""
    names: Dict[str, int] = {}
    examples: Dict[Optional[str], str] = {}  # by language
    for index, titles, _ in entries:
        for title, language in titles:
            names[full_name(title, language)] = index
            if not is_special(title):
                examples.setdefault(language, title)
    if set(examples) == {None} and all_have_languages(names):
        raise _unfit(path, f"{shown(examples[None])} and all others would be read as titles with a language")
    for language, title in examples.items():
        if set(examples) != {None} and (language is None or not is_language(language)):
            raise _unfit(
                path,
                f"the title {shown(title)} has the language {language!r}; expected one such as 'en' for "
                "every title, or none for all",
            )
    json.dump(names, file, indent=2, ensure_ascii=False)
    file.write("\n")


def _unfit(path: Path, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path}: {path.suffix[1:]} cannot hold this vocabulary: {found}. Save it as .jsonl."
    )
