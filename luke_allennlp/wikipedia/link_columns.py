"""The links of pages without their texts: several times as fast as whole pages."""

from pathlib import Path
from typing import Any, Iterator, List, Tuple

from luke_allennlp.common.requirements import required
from luke_allennlp.wikipedia.pages import read_batches

_TEXT = "paragraphs.list.element.text"
_TARGET = "paragraphs.list.element.links.list.element.target"
_SURFACE = "paragraphs.list.element.links.list.element.surface"
# Pages at a time.
_BATCH = 1024


def target_counts(shard: Path) -> Iterator[Tuple[List[str], List[int]]]:
    """For some pages of a file at a time, each target of their links once, and how many links lead there."""
    for batch in read_batches(shard, [_TARGET], _BATCH):
        counts = required("pyarrow.compute").value_counts(_of_links(batch, "target"))
        yield counts.field("values").to_pylist(), counts.field("counts").to_pylist()


def target_surfaces(shard: Path) -> Iterator[Tuple[List[str], List[str]]]:
    """For some pages of a file at a time, the targets and the texts of all their links."""
    for batch in read_batches(shard, [_TARGET, _SURFACE], _BATCH):
        yield _of_links(batch, "target").to_pylist(), _of_links(batch, "surface").to_pylist()


def page_links(shard: Path) -> Iterator[Tuple[str, List[Tuple[str, str]]]]:
    """The title of each article of a file that is no redirect, with the target and text of each link."""
    for batch in read_batches(shard, ["title", "namespace", "redirect", _TARGET, _SURFACE], _BATCH):
        for row in batch.to_pylist():
            if row["namespace"] == 0 and row["redirect"] is None:
                links = [link for paragraph in row["paragraphs"] for link in paragraph["links"]]
                yield row["title"], [(link["target"], link["surface"]) for link in links]


def page_texts(shard: Path) -> Iterator[List[str]]:
    """The texts of the paragraphs of each page of a file."""
    for batch in read_batches(shard, [_TEXT], _BATCH):
        for row in batch.to_pylist():
            yield [paragraph["text"] for paragraph in row["paragraphs"]]


def _of_links(batch: Any, field: str) -> Any:
    flatten = required("pyarrow.compute").list_flatten
    return flatten(flatten(batch.column("paragraphs")).field("links")).field(field)
