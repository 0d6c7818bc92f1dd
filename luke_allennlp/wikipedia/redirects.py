"""Where the titles of a wiki lead."""

import functools
from array import array
from pathlib import Path
from typing import Dict, Iterable, Iterator, Optional, Sequence, Tuple, Union

import numpy
from allennlp.common.checks import ConfigurationError

from luke_allennlp.linking.mapped_directory import Format, MappedDirectory, new_mapped_directory
from luke_allennlp.linking.redirects import REDIRECTS_FORMAT, Redirects
from luke_allennlp.wikipedia.executors import Executor, Stage
from luke_allennlp.wikipedia.jobs import pages_plan, run_job, work_directory
from luke_allennlp.wikipedia.pages import ExtractedWikipedia, Page

# What a title is.
PAGE = 1
REDIRECT = 2
DISAMBIGUATION = 4
OTHER_NAMESPACE = 8

# What a title that was taken in is: one of a page, one of a redirect (its target comes next), or a target.
_TARGET = 16

_FORMAT = Format(
    name="luke-wikipedia-titles",
    version=1,
    tries={"titles.marisa": "titles"},
    arrays={"finals.npy": ("<u4", "titles"), "kinds.npy": ("|u1", "titles")},
    remedy="Expected titles that `RedirectResolver.build` wrote.",
)


class RedirectResolver(MappedDirectory):
    """
    The titles of a wiki, and the pages they lead to. They are mapped into memory: processes share them.

    A redirect is followed to the end of its chain. This may be a title that is no page. A redirect of a loop,
    and one that leads into a loop, leads nowhere: it stands for itself, and is no page. A title that is both
    a page's and a redirect's, as in dumps that were written while pages were moved, is the page's; of several
    redirects of a title, the first counts.
    """

    format = _FORMAT

    def __init__(self, path: Union[str, Path]) -> None:
        super().__init__(path)
        # By a title's number, that of the title it leads to, and what it is. Shape of both: (titles,)
        self.finals, self.kinds = self.arrays["finals.npy"], self.arrays["kinds.npy"]

    def title(self, number: int) -> str:
        """The title of a number."""
        return self.string("titles.marisa", number)

    def resolve(self, title: str) -> str:
        """The title, of a page or not, that a title leads to; the title itself if it leads nowhere."""
        number = self.number(title)
        if number < 0:
            return title
        final = int(self.finals[number])
        return title if final == number else self.title(final)

    def page(self, title: str) -> Optional[str]:
        """The title of the article that a title leads to; `None` if there is none."""
        number = self.page_number(title)
        return None if number < 0 else self.title(number)

    def page_number(self, title: str) -> int:
        """The number of that article's title; -1 if there is none."""
        number = self.number(title)
        final = -1 if number < 0 else int(self.finals[number])
        return final if final >= 0 and self.kinds[final] & PAGE else -1

    def is_missing(self, number: int) -> bool:
        """Whether a title is only led to, and neither a page's nor a redirect's."""
        return not self.kinds[number]

    def page_numbers(self, titles: Iterable[str]) -> numpy.ndarray:
        """As `page_number`, of many. Shape: (titles,)"""
        numbers = numpy.fromiter(map(self.number, titles), dtype=numpy.int64)
        if not len(self):
            return numpy.full_like(numbers, -1)
        finals = self.finals[numpy.maximum(numbers, 0)].astype(numpy.int64)
        return numpy.where((numbers >= 0) & (self.kinds[finals] & PAGE != 0), finals, -1)

    def redirects(self) -> Iterator[Tuple[str, str]]:
        """The titles that redirect somewhere, and where they lead at last."""
        for number in numpy.flatnonzero(self.kinds & REDIRECT).tolist():
            final = int(self.finals[number])
            if final != number:
                yield self.title(number), self.title(final)

    @classmethod
    def build(
        cls, pages: ExtractedWikipedia, path: Union[str, Path], force: bool = False
    ) -> "RedirectResolver":
        """Writes the titles of a wiki. Memory is that of the trie and a few bytes a title."""
        with new_mapped_directory(Path(path), _FORMAT, force) as writer:
            spool, kinds_of_rows = writer.spool("titles"), array("B")
            for page in pages.pages(with_text=False):
                spool.add(page.title)
                if page.redirect is None:
                    kinds_of_rows.append(_kind(page))
                else:
                    spool.add(page.redirect)
                    kinds_of_rows.extend((REDIRECT, _TARGET))
            trie = writer.save_trie(spool)
            # Shape: (rows,)
            rows = spool.all_numbers(trie)
            finals, kinds = _follow(rows, numpy.frombuffer(kinds_of_rows, dtype=numpy.uint8), len(trie))
            writer.save_array("finals.npy", finals)
            writer.save_array("kinds.npy", kinds)
            writer.finish({"titles": len(trie)})
        return cls(path)


def _kind(page: Page) -> int:
    if page.namespace != 0:
        return OTHER_NAMESPACE
    return PAGE | DISAMBIGUATION if page.is_disambiguation else PAGE


def _follow(
    rows: numpy.ndarray, kinds_of_rows: numpy.ndarray, size: int
) -> Tuple[numpy.ndarray, numpy.ndarray]:
    kinds = numpy.zeros(size, dtype=numpy.uint8)
    for kind in (PAGE, DISAMBIGUATION, OTHER_NAMESPACE):
        kinds[rows[kinds_of_rows & kind != 0]] |= kind
    places = numpy.flatnonzero(kinds_of_rows == REDIRECT)
    places = places[kinds[rows[places]] == 0]  # those that are no pages
    sources, first = numpy.unique(rows[places], return_index=True)
    kinds[sources] |= REDIRECT
    leads = numpy.arange(size, dtype=numpy.int64)
    leads[sources] = rows[places[first] + 1]
    # Each step doubles how far a redirect is followed.
    finals = leads
    for _ in range(max(1, size.bit_length())):
        further = finals[finals]
        if (further == finals).all():
            break
        finals = further
    # A chain ends at what is no redirect, unless there is a loop in it.
    nowhere = kinds[finals] & REDIRECT != 0
    finals[nowhere] = numpy.flatnonzero(nowhere)
    return finals, kinds


def build_redirects(pages: str, output: str, executor: Executor = Executor(), force: bool = False) -> bool:
    """
    Writes `Redirects` of the pages of `allennlp wikipedia-extract` for the entity linker of extractive QA.
    Since that follows one step, each title is given with the end of its chain; those of loops are omitted.
    Redirects to titles without a page are kept, since another dump's vocabulary may have them.

    Returns whether it is written; if not, the job was submitted to Slurm.
    """
    wiki, directory = checked_pages(pages), Path(output).absolute()
    work = work_directory(directory)
    stages = [
        titles_stage([wiki], work),
        Stage("redirects", functools.partial(_write_redirects, directory, work), 1),
    ]
    plan = {"command": "wikipedia-redirects", "pages": pages_plan([wiki])}
    return run_job(directory, plan, stages, executor, force, REDIRECTS_FORMAT)


def _write_redirects(output: Path, work: Path, task: int) -> Dict[str, int]:
    resolver = RedirectResolver(titles_of(work))
    return {"redirects": len(Redirects.build(resolver.redirects(), str(output), force=True))}


def titles_stage(wikis: Sequence[ExtractedWikipedia], work: Path) -> Stage:
    """The stage of a job that writes the titles of each wiki for later stages."""
    return Stage("titles", functools.partial(_write_titles, wikis, work), len(wikis))


def titles_of(work: Path, wiki: int = 0) -> Path:
    """Where `titles_stage` writes them."""
    return work / "titles" / f"{wiki:03d}"


def _write_titles(wikis: Sequence[ExtractedWikipedia], work: Path, task: int) -> Dict[str, int]:
    return {"titles": len(RedirectResolver.build(wikis[task], titles_of(work, task), force=True))}


@functools.lru_cache(maxsize=1)
def opened_resolver(path: Path) -> RedirectResolver:
    """The resolver of a directory, opened once a process, since all of it is compared with its checksums."""
    return RedirectResolver(path)


def checked_pages(path: Union[str, Path]) -> ExtractedWikipedia:
    """
    Extracted pages by an absolute path: a cluster's task may begin in another directory. A
    `ConfigurationError` if they are missing or incomplete, or there are none.
    """
    pages = ExtractedWikipedia(Path(path).absolute())
    if not pages.shards:
        raise ConfigurationError(f"{path}: has no pages; extract a dump that has some.")
    return pages
