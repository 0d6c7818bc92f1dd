"""The links of the pages of Wikipedia, mapped into memory (docs/link_database.md)."""

from array import array
from pathlib import Path
from typing import Any, Iterable, List, NamedTuple, Tuple

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm
from numpy.lib.format import open_memmap

from luke_allennlp.common.records import get_list, get_string, read_object_lines
from luke_allennlp.common.text_lines import shown
from luke_allennlp.linking.mapped_directory import (
    DirectoryWriter,
    Format,
    MappedDirectory,
    new_mapped_directory,
)

# Links that are moved at a time.
_CHUNK = 1_000_000

LINK_FORMAT = Format(
    name="luke-link-database",
    version=1,
    tries={"titles.marisa": "pages", "anchors.marisa": "", "targets.marisa": ""},
    arrays={
        "link_offsets.npy": ("<i8", "pages"),
        "link_anchors.npy": ("<u4", "links"),
        "link_targets.npy": ("<u4", "links"),
        "link_probabilities.npy": ("<f4", "links"),
    },
    remedy=(
        "Expected a link database: build it with `allennlp build-link-database` of JSON lines, or with "
        "`allennlp wikipedia-link-db` of the pages of a dump."
    ),
)


class Link(NamedTuple):
    """
    A link of a page: its text, the title it leads to, and how often this text is a link where it stands in
    Wikipedia.
    """

    anchor: str
    title: str
    probability: float


class LinkDatabase(MappedDirectory):
    """The links of each page, by its title."""

    format = LINK_FORMAT

    @property
    def link_count(self) -> int:
        """How many links all pages have."""
        return len(self.arrays["link_anchors.npy"])

    def links(self, title: str) -> List[Link]:
        """The links of a page, in the order they were given; none if there is no such page."""
        page = self.number(title)
        if page < 0:
            return []
        start, end = self.arrays["link_offsets.npy"][page : page + 2].tolist()
        columns = (
            self.arrays[name][start:end].tolist()
            for name in ("link_anchors.npy", "link_targets.npy", "link_probabilities.npy")
        )
        return [
            Link(self.string("anchors.marisa", anchor), self.string("targets.marisa", target), probability)
            for anchor, target, probability in zip(*columns, strict=True)
        ]

    @classmethod
    def build(
        cls, records: Iterable[Tuple[str, Iterable[Tuple[str, str, float]]]], path: str, force: bool = False
    ) -> "LinkDatabase":
        """
        Writes a database of pages: their titles, and their links as text, title and probability. Its bytes
        depend on the pages and the order of each page's links alone.

        # Raises

        `ConfigurationError`
            `path` exists and is not to be replaced, a page comes twice, or a link is not as expected.
        """
        return cls._build(((f"page {shown(title)}", title, links) for title, links in records), path, force)

    @classmethod
    def from_json_lines(cls, file_path: str, path: str, force: bool = False) -> "LinkDatabase":
        """As `build`, from lines such as `{"title": "Page", "links": [["text", "Other page", 0.4]]}`."""
        records = (
            (where, get_string(record, "title", where), get_list(record, "links", where))
            for where, record in read_object_lines(file_path)
        )
        return cls._build(records, path, force)

    @classmethod
    def _build(
        cls, records: Iterable[Tuple[str, str, Iterable[Any]]], path: str, force: bool
    ) -> "LinkDatabase":
        with new_mapped_directory(Path(path), LINK_FORMAT, force) as writer:
            _write(Tqdm.tqdm(records, desc="pages of links", unit="pages"), writer)
        return cls(path)


def _is_link(link: Any) -> bool:
    return (
        isinstance(link, (list, tuple))
        and len(link) == 3
        and all(isinstance(text, str) and "\0" not in text for text in link[:2])
        and isinstance(link[2], (int, float))
        and not isinstance(link[2], bool)
        and 0 <= link[2] <= 1
    )


def _write(records: Iterable[Tuple[str, str, Iterable[Any]]], writer: DirectoryWriter) -> None:
    titles, anchors, targets = map(writer.spool, ("titles", "anchors", "targets"))
    probabilities, sizes = array("f"), array("q")
    for where, title, links in records:
        titles.add(title, f"{where}: 'title'")
        before = len(probabilities)
        for index, link in enumerate(links):
            if not _is_link(link):
                raise ConfigurationError(
                    f"{where}: links[{index}] is {shown(link)}; expected [text, title, probability], "
                    "without the character NUL, and with a probability of 0 to 1."
                )
            anchors.add(link[0], where)
            targets.add(link[1], where)
            probabilities.append(link[2])
        sizes.append(len(probabilities) - before)
    pages = titles.all_numbers(writer.save_trie(titles), unique="page")
    counts = numpy.frombuffer(sizes, dtype=numpy.int64)
    offsets = numpy.zeros(len(pages) + 1, dtype="<i8")
    offsets[pages + numpy.int64(1)] = counts
    offsets = offsets.cumsum()
    writer.save_array("link_offsets.npy", offsets)

    # Where the links of each page are in the input, and by how much they move. Shapes: (pages,)
    starts = counts.cumsum() - counts
    shifts = offsets[pages] - starts

    def save_column(name: str, chunks: Iterable[numpy.ndarray]) -> None:
        column = open_memmap(
            writer.directory / name,
            mode="w+",
            dtype=LINK_FORMAT.arrays[name][0],
            shape=(len(probabilities),),
            version=(1, 0),
        )
        done = 0
        for chunk in chunks:
            for piece in numpy.array_split(chunk, len(chunk) // _CHUNK + 1):
                places = numpy.arange(done, done + len(piece))
                column[places + shifts[numpy.searchsorted(starts, places, side="right") - 1]] = piece
                done += len(piece)
        column.flush()

    for spool in (anchors, targets):
        save_column(f"link_{spool.name}.npy", spool.numbers(writer.save_trie(spool)))
    save_column("link_probabilities.npy", [numpy.frombuffer(probabilities, dtype=numpy.float32)])
    writer.finish({"pages": len(pages), "links": len(probabilities)})
