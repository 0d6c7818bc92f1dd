"""A mention database of a wiki's pages (LUKE, appendix C)."""

import functools
from array import array
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Set, Tuple

import marisa_trie
import numpy
from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import written_whole
from luke_allennlp.common.requirements import required
from luke_allennlp.linking.mention_database import MENTION_FORMAT, MentionDatabase, NameRecord
from luke_allennlp.linking.names import names_in, normalized_name, num_words
from luke_allennlp.linking.string_spool import StringSpool
from luke_allennlp.wikipedia.executors import Executor, Stage
from luke_allennlp.wikipedia.jobs import pages_plan, run_job, save_array, summed, work_directory
from luke_allennlp.wikipedia.pages import ExtractedWikipedia, page_texts, read_batches, target_surfaces
from luke_allennlp.wikipedia.redirects import checked_pages, opened_resolver, titles_of, titles_stage

# Counts of pairs that are in memory before they are summed.
_PAIRS = 16_000_000


class MentionOptions(NamedTuple):
    """
    Names that are rarer as links, or longer, are omitted. A name leads to `top` titles at most, the most
    frequent (of equal ones the first by title), each by `min_link_count` links at least.
    """

    min_link_probability: float = 0.01
    max_mention_words: int = 20
    top: int = 100
    min_link_count: int = 1


def build_mention_database(
    pages: str,
    output: str,
    options: MentionOptions = MentionOptions(),
    executor: Executor = Executor(),
    force: bool = False,
) -> bool:
    """
    Counts the names in the pages of `allennlp wikipedia-extract`. The name of a link is its text in the form
    of `normalized_name`; it leads to the end of redirects, whether it is a page or not. A name's documents
    are the pages in which it stands, inside one paragraph. Of each name that has a document, and whose links
    by documents are enough, the titles it leads to are kept; the number of links on it is that of all titles.

    Unlike in the original, links to categories are not among the links, as pages do not have them.

    Returns whether it is written; if not, the job was submitted to Slurm.
    """
    if options.min_link_probability < 0:
        raise ConfigurationError(f"--min-link-prob is {options.min_link_probability}; expected 0 or more.")
    for name in ("max_mention_words", "top", "min_link_count"):
        value = getattr(options, name)
        if value < 1:
            raise ConfigurationError(f"--{name.replace('_', '-')} is {value}; expected 1 or more.")
    job = _Job(checked_pages(pages), Path(output).absolute(), options)
    shards = len(job.wiki.shards)
    stages = [
        titles_stage([job.wiki], job.work),
        Stage("names", job.count_names, shards),
        Stage("merge", job.merge_names, 1),
        Stage("documents", job.count_documents, shards),
        Stage("mentions", job.write, 1),
    ]
    plan = {
        "command": "wikipedia-mention-db",
        "pages": pages_plan([job.wiki]),
        "options": options._asdict(),
    }
    return run_job(job.output, plan, stages, executor, force, MENTION_FORMAT)


class _Job(NamedTuple):
    """The stages' tasks, and the files that they leave to each other."""

    wiki: ExtractedWikipedia
    output: Path
    options: MentionOptions

    @property
    def work(self) -> Path:
        return work_directory(self.output)

    def merged(self, name: str) -> Path:
        return self.work / "merged" / name

    def names_of(self, shard: int) -> Path:
        return self.work / "names" / f"{shard:05d}.parquet"

    def documents_of(self, shard: int) -> Path:
        return self.work / "documents" / f"{shard:05d}.npy"

    def count_names(self, task: int) -> Dict[str, int]:
        """Counts pairs of names and titles in a file of pages."""
        name_of = functools.lru_cache(maxsize=1 << 17)(normalized_name)
        final_of = functools.lru_cache(maxsize=1 << 17)(opened_resolver(titles_of(self.work)).resolve)
        pairs: "Counter[Tuple[str, str]]" = Counter()
        for targets, surfaces in target_surfaces(self.wiki.shards[task]):
            for (target, surface), count in Counter(zip(targets, surfaces, strict=True)).items():
                name = name_of(surface)
                if 1 <= num_words(name) <= self.options.max_mention_words:
                    pairs[name, final_of(target)] += count
        rows = sorted(pairs)
        arrow, parquet = required("pyarrow"), required("pyarrow.parquet")
        table = arrow.table(
            {
                "name": arrow.array([name for name, _ in rows], type=arrow.string()),
                "title": arrow.array([title for _, title in rows], type=arrow.string()),
                "count": arrow.array([pairs[row] for row in rows], type=arrow.int64()),
            }
        )
        with written_whole(self.names_of(task)) as temporary:
            parquet.write_table(table, temporary, compression="zstd")
        return {"links": sum(pairs.values())}

    def merge_names(self, task: int) -> Dict[str, int]:
        """
        Makes a trie of all names, and one of all titles, and sums the counts of each pair of their numbers.
        """
        spools = self.work / "spools"
        for directory in (self.merged(""), spools):
            directory.mkdir(exist_ok=True)
        names, titles, counts = StringSpool(spools, "names"), StringSpool(spools, "titles"), array("q")
        for shard in range(len(self.wiki.shards)):
            for batch in read_batches(self.names_of(shard), None, 1 << 16):
                for name in batch.column("name").to_pylist():
                    names.add(name)
                for title in batch.column("title").to_pylist():
                    titles.add(title)
                counts.extend(batch.column("count").to_pylist())
        tries = names.build(), titles.build()
        pairs, sums = numpy.empty(0, dtype=numpy.uint64), numpy.empty(0, dtype=numpy.int64)
        held: List[numpy.ndarray] = []
        done, read = 0, 0
        # Both spools take in as many strings, so that their chunks fit.
        chunks = zip(names.numbers(tries[0]), titles.numbers(tries[1]), strict=True)
        for name_numbers, title_numbers in chunks:
            held.append(name_numbers.astype(numpy.uint64) << numpy.uint64(32) | title_numbers)
            read += len(name_numbers)
            if read - done >= _PAIRS:
                pairs, sums = _added(pairs, sums, held, counts[done:read])
                held, done = [], read
        pairs, sums = _added(pairs, sums, held, counts[done:read])
        for trie, name in zip(tries, ("names", "titles"), strict=True):
            trie.save(str(self.merged(f"{name}.marisa")))
        save_array(self.merged("pairs.npy"), pairs)
        save_array(self.merged("counts.npy"), sums)
        return {"names": len(tries[0]), "pairs": len(pairs)}

    def count_documents(self, task: int) -> Dict[str, int]:
        """Counts in how many pages of a file each name stands."""
        trie = self.trie("names")
        found = array("I")
        for texts in page_texts(self.wiki.shards[task]):
            names: Set[str] = set()
            for text in texts:
                names.update(names_in(normalized_name(text), trie, self.options.max_mention_words))
            found.extend(trie[name] for name in names)
        numbers, counts = numpy.unique(numpy.array(found, dtype=numpy.uint32), return_counts=True)
        # Shape: (2, names)
        save_array(self.documents_of(task), numpy.stack([numbers.astype(numpy.int64), counts]))
        return {"names_in_pages": len(found)}

    def trie(self, name: str) -> marisa_trie.Trie:
        return marisa_trie.Trie().mmap(str(self.merged(f"{name}.marisa")))

    def write(self, task: int) -> Dict[str, int]:
        database = MentionDatabase.build(self.records(), self.output, force=True)
        return {"mentions": database.mention_count}

    def records(self) -> Iterator[NameRecord]:
        options, names, titles = self.options, self.trie("names"), self.trie("titles")
        pairs, counts = (numpy.load(self.merged(f"{name}.npy")) for name in ("pairs", "counts"))
        documents = numpy.zeros(len(names), dtype=numpy.int64)
        for shard in range(len(self.wiki.shards)):
            numbers, counts_of_shard = numpy.load(self.documents_of(shard))
            documents[numbers] += counts_of_shard
        name_of_pair = (pairs >> numpy.uint64(32)).astype(numpy.int64)
        title_of_pair = (pairs & numpy.uint64(0xFFFFFFFF)).astype(numpy.int64)
        # Every name has a pair, and the pairs are in the order of the names' numbers. Shape: (names,)
        firsts = numpy.searchsorted(name_of_pair, numpy.arange(len(names)))
        totals = numpy.add.reduceat(counts, firsts) if len(firsts) else counts
        ends = numpy.append(firsts[1:], len(pairs))
        with numpy.errstate(divide="ignore"):
            kept = (documents > 0) & (totals / documents >= options.min_link_probability)
        for number in numpy.flatnonzero(kept).tolist():
            rows = slice(int(firsts[number]), int(ends[number]))
            mentions = [
                (titles.restore_key(title), count)
                for title, count in zip(title_of_pair[rows].tolist(), counts[rows].tolist(), strict=True)
                if count >= options.min_link_count
            ]
            if mentions:
                mentions.sort(key=lambda mention: (-mention[1], mention[0]))
                total, found = int(totals[number]), int(documents[number])
                yield names.restore_key(number), total, found, mentions[: options.top]


def _added(
    pairs: numpy.ndarray, sums: numpy.ndarray, more: List[numpy.ndarray], counts: "array[int]"
) -> Tuple[numpy.ndarray, numpy.ndarray]:
    return summed(
        numpy.concatenate([pairs, *more]), numpy.concatenate([sums, numpy.array(counts, dtype=numpy.int64)])
    )
