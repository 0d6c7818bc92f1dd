"""A link database of a wiki's pages, for the entity linker of extractive QA."""

import functools
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

import numpy

from luke_allennlp.common.files import file_sha256, written_whole
from luke_allennlp.common.requirements import required
from luke_allennlp.linking.link_database import LINK_FORMAT, LinkDatabase
from luke_allennlp.linking.mapped_directory import METADATA_FILE
from luke_allennlp.linking.mention_database import MentionDatabase
from luke_allennlp.wikipedia.executors import Executor, Stage
from luke_allennlp.wikipedia.jobs import pages_plan, run_job, work_directory
from luke_allennlp.wikipedia.pages import ExtractedWikipedia, page_links, read_batches
from luke_allennlp.wikipedia.redirects import checked_pages, opened_resolver, titles_of, titles_stage


def build_link_database(
    pages: str, mentions: str, output: str, executor: Executor = Executor(), force: bool = False
) -> bool:
    """
    Writes, for each article of the pages of `allennlp wikipedia-extract`, its links that lead to articles,
    through redirects: the text of the link, the title it leads to, and the text's link probability by
    `mentions`, a `MentionDatabase` that should be of the same pages, or 0 for names it does not have. A
    repeated link is repeated. Of two articles of one title, as in dumps that were written while pages were
    moved, the first is taken.

    The texts of links are those of the pages: with link trails ("buses" for `[[bus]]es`), unless the pages
    were extracted without them, as the original's are.

    Returns whether it is written; if not, the job was submitted to Slurm.
    """
    job = _Job(checked_pages(pages), Path(mentions).absolute(), Path(output).absolute())
    MentionDatabase(job.mentions)  # complains if it is none
    stages = [
        titles_stage([job.wiki], job.work),
        Stage("links", job.find_links, len(job.wiki.shards)),
        Stage("database", job.write, 1),
    ]
    metadata = file_sha256(job.mentions / METADATA_FILE)
    plan = {
        "command": "wikipedia-link-db",
        "pages": pages_plan([job.wiki]),
        "mentions": {"path": str(job.mentions), "metadata": metadata},
    }
    return run_job(job.output, plan, stages, executor, force, LINK_FORMAT)


class _Job(NamedTuple):
    """The stages' tasks, and the files that they leave to each other."""

    wiki: ExtractedWikipedia
    mentions: Path
    output: Path

    @property
    def work(self) -> Path:
        return work_directory(self.output)

    def links_of(self, shard: int) -> Path:
        return self.work / "links" / f"{shard:05d}.parquet"

    def find_links(self, task: int) -> Dict[str, int]:
        """Looks up where the links in a file of pages lead, and how probable they are."""
        arrow, parquet = required("pyarrow"), required("pyarrow.parquet")
        page_of = functools.lru_cache(maxsize=1 << 17)(opened_resolver(titles_of(self.work)).page)
        database = _opened_mentions(self.mentions)
        probability_of = functools.lru_cache(maxsize=1 << 17)(database.link_probability)
        link = arrow.struct(
            [("anchor", arrow.string()), ("target", arrow.string()), ("probability", arrow.float64())]
        )
        schema = arrow.schema([("title", arrow.string()), ("links", arrow.list_(link))])
        rows: List[Dict[str, Any]] = []
        for title, links in page_links(self.wiki.shards[task]):
            found = [
                {"anchor": surface, "target": page, "probability": probability_of(surface)}
                for target, surface in links
                if (page := page_of(target)) is not None
            ]
            rows.append({"title": title, "links": found})
        with written_whole(self.links_of(task)) as temporary:
            parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), temporary, compression="zstd")
        return {"links": sum(len(row["links"]) for row in rows), "pages": len(rows)}

    def write(self, task: int) -> Dict[str, int]:
        database = LinkDatabase.build(self.records(), str(self.output), force=True)
        return {"links": database.link_count}

    def records(self) -> Iterator[Tuple[str, Iterator[Tuple[str, str, float]]]]:
        resolver = opened_resolver(titles_of(self.work))
        seen = numpy.zeros(len(resolver), dtype=bool)
        for shard in range(len(self.wiki.shards)):
            for batch in read_batches(self.links_of(shard), None, 1 << 16):
                for row in batch.to_pylist():
                    number = resolver.number(row["title"])
                    if not seen[number]:
                        seen[number] = True
                        links = row["links"]
                        yield (
                            row["title"],
                            ((link["anchor"], link["target"], link["probability"]) for link in links),
                        )


@functools.lru_cache(maxsize=1)
def _opened_mentions(path: Path) -> MentionDatabase:
    # Once a process, as `opened_resolver`.
    return MentionDatabase(path)
