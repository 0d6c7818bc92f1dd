"""The links of pages without their texts: several times as fast as whole pages."""

from pathlib import Path
from typing import Any, Iterator, List, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.requirements import required

_LINKS = "paragraphs.list.element.links.list.element."
_TEXTS = "paragraphs.list.element.text"
# Pages at a time.
_BATCH = 1024


def target_counts(shard: Path) -> Iterator[Tuple[List[str], List[int]]]:
    """For some pages of a file at a time, each target of their links once, and how many links lead there."""
    compute = required("pyarrow.compute")
    for batch in _batches(shard, [_LINKS + "target"]):
        targets = _flat(compute, batch.column("paragraphs"), ("links", "target"))
        counts = compute.value_counts(targets)
        yield counts.field("values").to_pylist(), counts.field("counts").to_pylist()


def target_surfaces(shard: Path) -> Iterator[Tuple[List[str], List[str]]]:
    """For some pages of a file at a time, the targets and the texts of all their links."""
    compute = required("pyarrow.compute")
    for batch in _batches(shard, [_LINKS + "target", _LINKS + "surface"]):
        paragraphs = batch.column("paragraphs")
        yield (
            _flat(compute, paragraphs, ("links", "target")).to_pylist(),
            _flat(compute, paragraphs, ("links", "surface")).to_pylist(),
        )


def page_links(shard: Path) -> Iterator[Tuple[str, List[Tuple[str, str]]]]:
    """The title of each article of a file that is no redirect, with the target and text of each link."""
    columns = ["title", "namespace", "redirect", _LINKS + "target", _LINKS + "surface"]
    for batch in _batches(shard, columns):
        for row in batch.to_pylist():
            if row["namespace"] == 0 and row["redirect"] is None:
                yield (
                    row["title"],
                    [
                        (link["target"], link["surface"])
                        for paragraph in row["paragraphs"]
                        for link in paragraph["links"]
                    ],
                )


def page_texts(shard: Path) -> Iterator[List[str]]:
    """The texts of the paragraphs of each page of a file."""
    for batch in _batches(shard, [_TEXTS]):
        for row in batch.to_pylist():
            yield [paragraph["text"] for paragraph in row["paragraphs"]]


def _batches(shard: Path, columns: Sequence[str]) -> Iterator[Any]:
    arrow, parquet = required("pyarrow"), required("pyarrow.parquet")
    try:
        with parquet.ParquetFile(shard) as file:
            yield from file.iter_batches(batch_size=_BATCH, columns=list(columns))
    except (arrow.ArrowException, OSError) as error:
        raise ConfigurationError(f"{shard} cannot be read: {error}. Extract the dump again.") from None


def _flat(compute: Any, paragraphs: Any, fields: Sequence[str]) -> Any:
    values = paragraphs
    for name in fields:
        values = compute.list_flatten(values).field(name)
    return values
