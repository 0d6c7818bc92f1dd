"""Finds the pages of several wikis about the same thing."""

import re
from pathlib import Path
from typing import Dict, Iterator, Mapping, Tuple

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm

from luke_allennlp.common.text_lines import read_lines, shown
from luke_allennlp.wikipedia.link_counts import LinkCounts

_ITEM = re.compile(r"Q([1-9][0-9]{0,17})")


def items_of_pages(path: Path, wikis: Mapping[str, LinkCounts]) -> Dict[str, numpy.ndarray]:
    """
    Reads an inter-language table: one line of UTF-8 a page of Wikipedia, with its language, its title and its
    item of Wikidata, separated by tabs:

        en<TAB>Harbour<TAB>Q283202
        de<TAB>Hafen<TAB>Q283202

    Lines may be in any order, and those of other languages are skipped. Underscores in titles are spaces. A
    file that gzip compressed will do. The sitelinks of a dump of Wikidata make such a table, or the
    tables `page_props` (`wikibase_item`) and `page` of each wiki.

    A redirect counts for the page it leads to, unless that page has a line of its own. Of several lines of a
    page, the first counts.

    # Returns

    `Dict[str, numpy.ndarray]`
        For each language, by a title's number, the number of its item; 0 if it has none. Shape: (titles,)
    """
    items = {language: numpy.zeros(len(wiki.counts), dtype=numpy.int64) for language, wiki in wikis.items()}
    own = {language: numpy.zeros(len(wiki.counts), dtype=bool) for language, wiki in wikis.items()}
    for language, title, item in _lines(path):
        wiki = wikis.get(language)
        if wiki is None:
            continue
        number = wiki.number(title)
        if number < 0 or own[language][number]:
            continue
        if wiki.title(number) == title:
            items[language][number], own[language][number] = item, True
        elif not items[language][number]:
            items[language][number] = item
    return items


def _lines(path: Path) -> Iterator[Tuple[str, str, int]]:
    for number, line in Tqdm.tqdm(read_lines(str(path)), desc="inter-language table", unit="lines"):
        columns = line.split("\t")
        match = _ITEM.fullmatch(columns[2]) if len(columns) == 3 else None
        if match is None or not columns[0] or not columns[1]:
            raise ConfigurationError(
                f"{path}, line {number}: found {shown(line)}; expected a language, a title and an item such "
                "as Q42, separated by tabs."
            )
        yield columns[0], columns[1].replace("_", " "), int(match[1])
