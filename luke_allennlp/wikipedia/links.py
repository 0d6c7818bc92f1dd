"""A link database of a wiki's pages, for the entity linker of extractive QA."""

import functools
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import numpy

from luke_allennlp.common.files import file_sha256, written_whole
from luke_allennlp.common.requirements import required
from luke_allennlp.linking.link_database import LINK_FORMAT, LinkDatabase
from luke_allennlp.linking.mapped_directory import METADATA_FILE, check_target
from luke_allennlp.linking.mention_database import MentionDatabase
from luke_allennlp.wikipedia.executors import Executor, Stage
from luke_allennlp.wikipedia.jobs import pages_plan, run_job, work_directory
from luke_allennlp.wikipedia.link_columns import page_links
from luke_allennlp.wikipedia.pages import ExtractedWikipedia
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
    wiki, directory = checked_pages(pages), Path(output).absolute()
    database = Path(mentions).absolute()
    MentionDatabase(database)
    if not work_directory(directory).exists():
        check_target(directory, LINK_FORMAT, force)
    plan = {
        "command": "wikipedia-link-db",
        "pages": pages_plan([wiki]),
        "mentions": {"path": str(database), "metadata": file_sha256(database / METADATA_FILE)},
    }
    stages = functools.partial(_stages, wiki, database, directory)
    return run_job(directory, plan, stages, executor, force)


def _stages(wiki: ExtractedWikipedia, mentions: Path, output: Path, work: Path) -> List[Stage]:
    return [
        titles_stage(wiki, work),
        Stage("links", functools.partial(_links, wiki, mentions, work), len(wiki.shards)),
        Stage("database", functools.partial(_database, wiki, output, work), 1),
    ]


def _links_of(work: Path, shard: int) -> Path:
    return work / "links" / f"{shard:05d}.parquet"


def _links(wiki: ExtractedWikipedia, mentions: Path, work: Path, task: int, tasks: int) -> Dict[str, int]:
    """Looks up where the links in a file of pages lead, and how probable they are."""
    arrow, parquet = required("pyarrow"), required("pyarrow.parquet")
    resolver, database = opened_resolver(titles_of(work)), _opened_mentions(mentions)
    page_of = functools.lru_cache(maxsize=1 << 17)(resolver.page)
    probability_of = functools.lru_cache(maxsize=1 << 17)(database.link_probability)
    link = arrow.struct(
        [("anchor", arrow.string()), ("target", arrow.string()), ("probability", arrow.float64())]
    )
    schema = arrow.schema([("title", arrow.string()), ("links", arrow.list_(link))])
    rows: List[Dict[str, Any]] = []
    for title, links in page_links(wiki.shards[task]):
        found = [
            {"anchor": surface, "target": page, "probability": probability_of(surface)}
            for target, surface in links
            if (page := page_of(target)) is not None
        ]
        rows.append({"title": title, "links": found})
    with written_whole(_links_of(work, task)) as temporary:
        parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), temporary, compression="zstd")
    return {"links": sum(len(row["links"]) for row in rows), "pages": len(rows)}


@functools.lru_cache(maxsize=1)
def _opened_mentions(path: Path) -> MentionDatabase:
    # Once a process, as `opened_resolver`.
    return MentionDatabase(path)


def _database(wiki: ExtractedWikipedia, output: Path, work: Path, task: int, tasks: int) -> Dict[str, int]:
    database = LinkDatabase.build(_records(wiki, work), str(output), force=True)
    return {"links": database.link_count}


def _records(wiki: ExtractedWikipedia, work: Path) -> Iterator[Tuple[str, Iterator[Tuple[str, str, float]]]]:
    parquet = required("pyarrow.parquet")
    resolver = opened_resolver(titles_of(work))
    seen = numpy.zeros(len(resolver), dtype=bool)
    for shard in range(len(wiki.shards)):
        with parquet.ParquetFile(_links_of(work, shard)) as file:
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    number = resolver.number(row["title"])
                    if not seen[number]:
                        seen[number] = True
                        yield (
                            row["title"],
                            ((link["anchor"], link["target"], link["probability"]) for link in row["links"]),
                        )
