"""How many links of a wiki lead to each page, and which pages of several wikis are about the same thing."""

import re
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm

from luke_allennlp.common.files import write_json
from luke_allennlp.common.text_lines import read_lines, shown
from luke_allennlp.wikipedia.jobs import read_json, save_array, summed
from luke_allennlp.wikipedia.pages import target_counts
from luke_allennlp.wikipedia.redirects import DISAMBIGUATION, RedirectResolver, opened_resolver

_ITEM = re.compile(r"Q([1-9][0-9]{0,17})")


class LinkCounts:
    """
    Counts of links by the titles they lead to, 0 for what is no page. Titles are numbered: those of the wiki,
    then those that have no page, whose counts are `missing`.
    """

    def __init__(self, resolver: RedirectResolver, counts: numpy.ndarray, missing: Mapping[str, int]) -> None:
        self._resolver = resolver
        self._missing = sorted(missing)
        self._numbers = {title: len(resolver) + place for place, title in enumerate(self._missing)}
        added = numpy.array([missing[title] for title in self._missing], dtype=numpy.int64)
        # Shape: (titles + missing titles,)
        self.counts = numpy.concatenate([counts, added])

    def title(self, number: int) -> str:
        """The title of a number."""
        known = len(self._resolver)
        return self._resolver.title(number) if number < known else self._missing[number - known]

    def number(self, title: str) -> int:
        """The number of the page that a title leads to, even if it is missing; -1 if there is none."""
        number = self._resolver.page_number(title)
        return number if number >= 0 else self._numbers.get(self._resolver.resolve(title), -1)

    @classmethod
    def read(
        cls, files: Sequence[Path], resolver: RedirectResolver, without_disambiguation: bool = False
    ) -> "LinkCounts":
        """Sums what `count_shard` wrote; `without_disambiguation` omits links to disambiguation pages."""
        totals = numpy.zeros(len(resolver), dtype=numpy.int64)
        missing: "Counter[str]" = Counter()
        for file in files:
            numbers, counts = numpy.load(file)
            totals[numbers] += counts
            if _missing_of(file).exists():
                missing.update(read_json(_missing_of(file)))
        if without_disambiguation:
            totals[resolver.kinds & DISAMBIGUATION != 0] = 0
        return cls(resolver, totals, missing)


def count_shard(shard: Path, titles: Path, output: Path, missing_pages: bool = False) -> Dict[str, int]:
    """
    Counts the links in a file of pages, each by the page it leads to by the `RedirectResolver` in the
    directory `titles`. If `missing_pages` is true, links that lead to no page are counted by their titles.
    Returns how many links there are, and how many of them lead to pages.
    """
    resolver = opened_resolver(titles)
    numbers: List[numpy.ndarray] = [numpy.empty(0, dtype=numpy.int64)]
    counts: List[numpy.ndarray] = [numpy.empty(0, dtype=numpy.int64)]
    missing: "Counter[str]" = Counter()
    for targets, their_counts in target_counts(shard):
        numbers.append(resolver.page_numbers(targets))
        counts.append(numpy.array(their_counts, dtype=numpy.int64))
        if missing_pages:
            for place in numpy.flatnonzero(numbers[-1] < 0).tolist():
                title = resolver.resolve(targets[place])
                number = resolver.number(title)
                # Not a redirect of a loop, nor a page of another namespace.
                if number < 0 or resolver.is_missing(number):
                    missing[title] += their_counts[place]
    # Shape: (targets,)
    pages, links = summed(numpy.concatenate(numbers), numpy.concatenate(counts))
    total, known = int(links.sum()), pages >= 0
    if missing_pages:
        write_json(_missing_of(output), dict(sorted(missing.items())))
    # Shape: (2, pages)
    save_array(output, numpy.stack([pages[known], links[known]]))
    return {"links": total, "links_to_pages": int(links[known].sum())}


def _missing_of(file: Path) -> Path:
    return file.with_suffix(".json")


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
    page, the first counts. Returns, for each language, by a title's number, the number of its item; 0 if it
    has none. Shape: (titles,)
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
