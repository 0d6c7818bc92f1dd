"""Entity vocabularies of the pages that are linked most (Yamada et al., EMNLP 2020, section 3.3)."""

from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import file_sha256
from luke_allennlp.common.text_lines import read_lines
from luke_allennlp.entity_vocabulary import MASK, MASK2, PAD, UNK, EntityVocabulary
from luke_allennlp.wikipedia.executors import Executor, Stage
from luke_allennlp.wikipedia.jobs import pages_plan, run_job, work_directory
from luke_allennlp.wikipedia.link_counts import LinkCounts, count_shard, items_of_pages
from luke_allennlp.wikipedia.pages import ExtractedWikipedia
from luke_allennlp.wikipedia.redirects import RedirectResolver, checked_pages, titles_of, titles_stage

# Titles with their languages, and their count.
_Entity = Tuple[List[Tuple[str, Optional[str]]], int]


class VocabularyOptions(NamedTuple):
    """
    The most entities, special ones among them; the fewest links that an entity has; a file of titles, one a
    line, that come first, in that order, if as many links lead there as `min_count` says (a redirect stands
    for its page), and whether no others follow; the language of the titles of one wiki, for `.jsonl`; whether
    `[MASK2]` is the fourth special entity, as in the published vocabularies; whether disambiguation pages are
    omitted; whether titles that are linked but have no page count too, for a part of a dump (this takes
    memory for each such title); and, for several wikis, the file that `items_of_pages` reads, and in how many
    of them an entity is linked.
    """

    size: int = 500_000
    min_count: int = 1
    white_list: Optional[str] = None
    white_list_only: bool = False
    language: Optional[str] = None
    mask2: bool = False
    without_disambiguation: bool = False
    missing_pages: bool = False
    interlanguage: Optional[str] = None
    min_num_languages: int = 3

    @property
    def specials(self) -> List[str]:
        """The special entities in the order of their ids. `[PAD]` is 0, as all models expect."""
        return [PAD, UNK, MASK, *([MASK2] if self.mask2 else [])]


def build_vocabulary(
    pages: Sequence[str],
    output: str,
    options: VocabularyOptions = VocabularyOptions(),
    executor: Executor = Executor(),
    force: bool = False,
) -> bool:
    """
    Counts the links that lead to each article of a wiki, through redirects, one for each time a link stands
    somewhere, and writes the special entities, the white list, and then the others by their counts, highest
    first. Entities of one count are in the order of their titles. Their ids have no gaps.

    Several wikis are merged: pages of one item of Wikidata are one entity, whose count is the sum. Pages of
    no item are an entity each. Special entities come first: `[PAD]`, `[UNK]`, `[MASK]`. (mLUKE's published
    vocabulary begins with `[MASK]`, `[UNK]`, `[PAD]`; all look them up by name.)

    The pages are directories of `allennlp wikipedia-extract`, each of another language; the output is a file:
    `.jsonl`, or `.tsv` for one wiki. Returns whether it is written; if not, the job was submitted to Slurm.
    """
    # A cluster's task may begin in another directory.
    options = options._replace(
        white_list=_absolute(options.white_list), interlanguage=_absolute(options.interlanguage)
    )
    job = _Job([checked_pages(path) for path in pages], Path(output).absolute(), options)
    _check_options(job.wikis, job.output, options)
    plan = {
        "command": "wikipedia-entity-vocab",
        "pages": pages_plan(job.wikis),
        "options": options._asdict(),
        "white_list": options.white_list and file_sha256(Path(options.white_list)),
        "interlanguage": options.interlanguage and file_sha256(Path(options.interlanguage)),
    }
    stages = [
        titles_stage(job.wikis, job.work),
        Stage("counts", job.count_links, len(job.shards)),
        Stage("vocabulary", job.write, 1),
    ]
    return run_job(job.output, plan, stages, executor, force)


def _absolute(path: Optional[str]) -> Optional[str]:
    return path and str(Path(path).absolute())


def _check_options(wikis: Sequence[ExtractedWikipedia], output: Path, options: VocabularyOptions) -> None:
    suffixes = (".jsonl",) if len(wikis) > 1 or options.language is not None else (".tsv", ".jsonl")
    if output.suffix not in suffixes:
        raise ConfigurationError(
            f"{output}: expected the suffix {' or '.join(suffixes)}"
            f"{' for a vocabulary with languages' if len(suffixes) == 1 else ''}."
        )
    if options.size <= len(options.specials):
        raise ConfigurationError(
            f"The vocabulary's size is {options.size}; expected more than the {len(options.specials)} of the "
            "special entities."
        )
    if options.min_count < 1:
        raise ConfigurationError(f"The least count is {options.min_count}; expected 1 or more.")
    if options.white_list_only and options.white_list is None:
        raise ConfigurationError("--white-list-only needs a white list; give --white-list.")
    languages = [wiki.language for wiki in wikis]
    several = f"The pages are of {len(languages)} languages"
    problem = ""
    if len(wikis) == 1:
        if options.interlanguage is not None:
            problem = "An inter-language table is for the pages of two languages or more."
    elif len(set(languages)) < len(languages):
        problem = f"The languages of the pages are {', '.join(languages)}; expected each once."
    elif options.interlanguage is None:
        problem = f"{several}; give an inter-language table by --interlanguage."
    elif options.white_list is not None or options.language is not None:
        problem = f"{several}; a white list and --language are for one language."
    elif not 1 <= options.min_num_languages <= len(languages):
        problem = (
            f"{several}, but the least number of languages is {options.min_num_languages}; expected 1 to "
            f"{len(languages)}: give --min-num-languages."
        )
    if problem:
        raise ConfigurationError(problem)


class _Job(NamedTuple):
    """The stages' tasks, and the files that they leave to each other."""

    wikis: List[ExtractedWikipedia]
    output: Path
    options: VocabularyOptions

    @property
    def work(self) -> Path:
        return work_directory(self.output)

    @property
    def shards(self) -> List[Tuple[int, int]]:
        """Each file of pages: the number of its wiki, and its number there."""
        return [(index, shard) for index, wiki in enumerate(self.wikis) for shard in range(len(wiki.shards))]

    def counts_of(self, wiki: int, shard: int) -> Path:
        return self.work / "counts" / f"{wiki:03d}" / f"{shard:05d}.npy"

    def count_links(self, task: int) -> Dict[str, int]:
        wiki, shard = self.shards[task]
        pages, titles = self.wikis[wiki].shards[shard], titles_of(self.work, wiki)
        return count_shard(pages, titles, self.counts_of(wiki, shard), self.options.missing_pages)

    def write(self, task: int) -> Dict[str, int]:
        counts = [
            LinkCounts.read(
                [self.counts_of(index, shard) for shard in range(len(wiki.shards))],
                RedirectResolver(titles_of(self.work, index)),
                self.options.without_disambiguation,
            )
            for index, wiki in enumerate(self.wikis)
        ]
        if len(counts) == 1:
            entities = _of_one_wiki(counts[0], self.options)
        else:
            entities = _of_several_wikis([wiki.language for wiki in self.wikis], counts, self.options)
        specials: List[_Entity] = [([(name, None)], 0) for name in self.options.specials]
        entries = [(id, titles, count) for id, (titles, count) in enumerate([*specials, *entities])]
        EntityVocabulary.from_entries(entries, "the vocabulary").save(self.output)
        return {"entities": len(entries)}


def _of_one_wiki(wiki: LinkCounts, options: VocabularyOptions) -> Iterator[_Entity]:
    left = options.size - len(options.specials)
    counts = numpy.where(wiki.counts >= options.min_count, wiki.counts, 0)
    for number in _white_list(wiki, options.white_list):
        if counts[number] and left:
            yield [(wiki.title(number), options.language)], int(counts[number])
            counts[number] = 0
            left -= 1
    if not options.white_list_only:
        for number in _most_frequent(counts, left, wiki.title):
            yield [(wiki.title(number), options.language)], int(counts[number])


def _white_list(wiki: LinkCounts, path: Optional[str]) -> List[int]:
    if path is None:
        return []
    titles = [line.strip().replace("_", " ") for _, line in read_lines(path)]
    return [number for number in map(wiki.number, filter(None, titles)) if number >= 0]


def _most_frequent(counts: numpy.ndarray, size: int, key: Callable[[int], Any]) -> List[int]:
    """
    The places of the highest counts that are not 0, highest first, and those of equal counts by `key`. Only
    for these is it asked.
    """
    places = numpy.flatnonzero(counts)
    if not size or not len(places):
        return []
    if len(places) > size:
        least = numpy.partition(counts[places], len(places) - size)[len(places) - size]
        places = places[counts[places] >= least]
    order = sorted(places.tolist(), key=lambda place: (-int(counts[place]), key(place)))
    return order[:size]


def _of_several_wikis(
    languages: Sequence[str], wikis: Sequence[LinkCounts], options: VocabularyOptions
) -> Iterator[_Entity]:
    assert options.interlanguage is not None
    items_of_wikis = items_of_pages(Path(options.interlanguage), dict(zip(languages, wikis, strict=True)))
    # A row for each page that is linked.
    numbers = [numpy.flatnonzero(wiki.counts) for wiki in wikis]
    wikis_of_rows = numpy.repeat(numpy.arange(len(wikis)), [len(rows) for rows in numbers])
    numbers_of_rows = numpy.concatenate(numbers)
    counts = numpy.concatenate([wiki.counts[rows] for wiki, rows in zip(wikis, numbers, strict=True)])
    of_pages = zip(languages, numbers, strict=True)
    items = numpy.concatenate([items_of_wikis[language][rows] for language, rows in of_pages])
    # Pages without an item are an entity each.
    items = numpy.where(items == 0, -1 - numpy.arange(len(items)), items)
    if not len(items):
        return
    order = numpy.lexsort([wikis_of_rows, items])
    items, counts = items[order], counts[order]
    wikis_of_rows, numbers_of_rows = wikis_of_rows[order], numbers_of_rows[order]
    _, firsts, sizes = numpy.unique(items, return_index=True, return_counts=True)
    begins_language = numpy.ones(len(items), dtype=numpy.int64)
    begins_language[1:] = (items[1:] != items[:-1]) | (wikis_of_rows[1:] != wikis_of_rows[:-1])
    # By entity. Shape: (entities,)
    num_languages = numpy.add.reduceat(begins_language, firsts)
    sums = numpy.add.reduceat(counts, firsts)
    sums[(num_languages < options.min_num_languages) | (sums < options.min_count)] = 0

    def titles(entity: int) -> List[Tuple[str, Optional[str]]]:
        rows = slice(firsts[entity], firsts[entity] + sizes[entity])
        places = zip(wikis_of_rows[rows].tolist(), numbers_of_rows[rows].tolist(), strict=True)
        pairs = sorted((languages[wiki], wikis[wiki].title(number)) for wiki, number in places)
        return [(title, language) for language, title in pairs]

    for entity in _most_frequent(sums, options.size - len(options.specials), titles):
        yield titles(entity), int(sums[entity])
