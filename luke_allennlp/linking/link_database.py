"""The links of the pages of Wikipedia, mapped into memory (docs/link_database.md)."""

from array import array
from pathlib import Path
from typing import Any, Iterable, Iterator, List, NamedTuple, Tuple

import numpy
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm
from numpy.lib.format import open_memmap

from luke_allennlp.common.records import get_list, get_string, read_object_lines
from luke_allennlp.common.text_lines import shown, without_lone_surrogates
from luke_allennlp.linking.mapped_directory import (
    Format,
    MappedDirectory,
    write_metadata,
    written_whole,
)
from luke_allennlp.linking.string_spool import StringSpool

# Links that are moved at a time.
_CHUNK = 1_000_000

LINK_FORMAT = Format(
    name="luke-link-database",
    version=1,
    tries=("titles.marisa", "anchors.marisa", "targets.marisa"),
    arrays={
        "link_offsets.npy": "<i8",
        "link_anchors.npy": "<u4",
        "link_targets.npy": "<u4",
        "link_probabilities.npy": "<f4",
    },
    remedy=(
        "Expected a link database: build it with `allennlp build-link-database` of JSON lines, or with "
        "`allennlp wikipedia-link-db` of the pages of a dump."
    ),
)


class Link(NamedTuple):
    """
    A link of a page.

    # Parameters

    anchor : `str`
        The text it is on.
    title : `str`
        The page it leads to.
    probability : `float`
        How often this text is a link where it stands in Wikipedia.
    """

    anchor: str
    title: str
    probability: float


class LinkDatabase:
    """
    The links of each page.

    # Parameters

    path : `str`
        The directory.

    # Raises

    `ConfigurationError`
        It is missing, is something else or is damaged.
    """

    def __init__(self, path: str) -> None:
        self._directory = MappedDirectory(str(path), LINK_FORMAT)
        self._directory.check_length("titles.marisa", "pages")
        self._directory.check_length("link_offsets.npy", "pages", extra=1)
        for name in ("link_anchors.npy", "link_targets.npy", "link_probabilities.npy"):
            self._directory.check_length(name, "links")

    def __len__(self) -> int:
        return len(self._directory.tries["titles.marisa"])

    def __contains__(self, title: object) -> bool:
        return isinstance(title, str) and self._directory.find("titles.marisa", title) >= 0

    def __iter__(self) -> Iterator[str]:
        """The titles of the pages."""
        return self._directory.tries["titles.marisa"].iterkeys()

    @property
    def link_count(self) -> int:
        """How many links all pages have."""
        return len(self._directory.arrays["link_anchors.npy"])

    def links(self, title: str) -> List[Link]:
        """
        # Parameters

        title : `str`
            Of a page.

        # Returns

        `List[Link]`
            Its links, in the order they were given; none if there is no such page.
        """
        directory = self._directory
        page = directory.find("titles.marisa", title)
        if page < 0:
            return []
        start, end = directory.arrays["link_offsets.npy"][page : page + 2].tolist()
        columns = (
            directory.arrays[name][start:end].tolist()
            for name in ("link_anchors.npy", "link_targets.npy", "link_probabilities.npy")
        )
        return [
            Link(
                directory.string("anchors.marisa", anchor),
                directory.string("targets.marisa", target),
                probability,
            )
            for anchor, target, probability in zip(*columns, strict=True)
        ]

    @classmethod
    def build(
        cls, records: Iterable[Tuple[str, Iterable[Tuple[str, str, float]]]], path: str, force: bool = False
    ) -> "LinkDatabase":
        """
        Writes a database. Its bytes depend on the pages and the order of each page's links alone.

        # Parameters

        records : `Iterable[Tuple[str, Iterable[Tuple[str, str, float]]]]`
            The title of each page and its links: text, title and probability.
        path : `str`
            The directory to make.
        force : `bool`, optional (default = `False`)
            Whether to replace a link database that is there.

        # Raises

        `ConfigurationError`
            There is something already, a page comes twice, or a link is not as expected.
        """
        return cls._build(((f"page {shown(title)}", title, links) for title, links in records), path, force)

    @classmethod
    def from_json_lines(cls, file_path: str, path: str, force: bool = False) -> "LinkDatabase":
        """
        As `build`, from a file of lines such as `{"title": "Page", "links": [["text", "Other page", 0.4]]}`.

        # Parameters

        file_path : `str`
            The file.
        path, force
            As of `build`.
        """
        records = (
            (where, get_string(record, "title", where), get_list(record, "links", where))
            for where, record in read_object_lines(file_path)
        )
        return cls._build(records, path, force)

    @classmethod
    def _build(
        cls, records: Iterable[Tuple[str, str, Iterable[Any]]], path: str, force: bool
    ) -> "LinkDatabase":
        with written_whole(path, LINK_FORMAT, force) as directory:
            builder = _Builder(directory)
            for where, title, links in Tqdm.tqdm(records, desc="pages of links", unit="pages"):
                builder.add(where, title, links)
            builder.finish()
        return cls(path)


def _is_link(link: Any) -> bool:
    return (
        isinstance(link, (list, tuple))
        and len(link) == 3
        and isinstance(link[0], str)
        and isinstance(link[1], str)
        and "\0" not in link[0]
        and "\0" not in link[1]
        and isinstance(link[2], (int, float))
        and not isinstance(link[2], bool)
        and 0 <= link[2] <= 1
    )


def checked_string(text: str, where: str) -> str:
    """
    A string as a trie can hold it.

    # Raises

    `ConfigurationError`
        It has a character NUL.
    """
    if "\0" in text:
        raise ConfigurationError(f"{where} is {shown(text)}; expected a text without the character NUL.")
    return text if text.isascii() else without_lone_surrogates(text)


class _Builder:
    """Links page by page, then in the order of the pages' numbers."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._temporary = directory.parent / "spool"
        self._temporary.mkdir()
        self._titles, self._anchors, self._targets = (
            StringSpool(self._temporary, name) for name in ("titles", "anchors", "targets")
        )
        self._probabilities = array("f")
        self._counts = array("q")

    def add(self, where: str, title: str, links: Iterable[Any]) -> None:
        self._titles.add(checked_string(title, f"{where}: 'title'"))
        count = 0
        for index, link in enumerate(links):
            if not _is_link(link):
                raise ConfigurationError(
                    f"{where}: links[{index}] is {shown(link)}; expected [text, title, probability], "
                    "without the character NUL, and with a probability of 0 to 1."
                )
            anchor, target, probability = link
            self._anchors.add(checked_string(anchor, where))
            self._targets.add(checked_string(target, where))
            self._probabilities.append(probability)
            count += 1
        self._counts.append(count)
        if len(self._probabilities) >= _CHUNK:
            self._spill()

    def _spill(self) -> None:
        with open(self._temporary / "probabilities", "ab") as file:
            self._probabilities.tofile(file)
        self._probabilities = array("f")

    def finish(self) -> None:
        self._spill()
        titles = self._titles.build()
        titles.save(str(self._directory / "titles.marisa"))
        counts = numpy.frombuffer(self._counts, dtype=numpy.int64)
        pages = numpy.concatenate([numpy.empty(0, dtype="<u4"), *self._titles.numbers(titles)])
        unique(pages, titles, "page")
        offsets = numpy.zeros(len(pages) + 1, dtype="<i8")
        offsets[pages + numpy.int64(1)] = counts
        offsets = offsets.cumsum()
        numpy.save(self._directory / "link_offsets.npy", offsets.astype("<i8"))

        # Where the links of each page are in the input, and by how much they move.
        starts = counts.cumsum() - counts
        shifts = offsets[pages] - starts
        for name, spool in (("anchors", self._anchors), ("targets", self._targets)):
            trie = spool.build()
            trie.save(str(self._directory / f"{name}.marisa"))
            self._scatter(f"link_{name}.npy", spool.numbers(trie), starts, shifts)
        probabilities = numpy.fromfile(self._temporary / "probabilities", dtype=numpy.float32)
        self._scatter("link_probabilities.npy", [probabilities], starts, shifts)
        write_metadata(self._directory, LINK_FORMAT, {"pages": len(pages), "links": int(offsets[-1])})

    def _scatter(
        self, name: str, chunks: Iterable[numpy.ndarray], starts: numpy.ndarray, shifts: numpy.ndarray
    ) -> None:
        size = sum(self._counts)
        column = open_memmap(
            self._directory / name, mode="w+", dtype=LINK_FORMAT.arrays[name], shape=(size,), version=(1, 0)
        )
        done = 0
        for chunk in chunks:
            for piece in numpy.array_split(chunk, len(chunk) // _CHUNK + 1):
                links = numpy.arange(done, done + len(piece))
                column[links + shifts[numpy.searchsorted(starts, links, side="right") - 1]] = piece
                done += len(piece)
        column.flush()


def unique(numbers: numpy.ndarray, titles: Any, what: str) -> None:
    """
    # Raises

    `ConfigurationError`
        A title comes twice.
    """
    repeated = numpy.flatnonzero(numpy.bincount(numbers, minlength=1) > 1)
    if len(repeated):
        title = titles.restore_key(int(repeated[0]))
        raise ConfigurationError(
            f"The {what} {title!r} comes twice ({len(repeated):,} in all do); expected each once."
        )
