"""Names and the pages that links on them lead to, mapped into memory."""

from array import array
from pathlib import Path
from typing import Iterable, List, NamedTuple, Sequence, Tuple, Union

import numpy
from allennlp.common.checks import ConfigurationError

from luke_allennlp.linking.mapped_directory import (
    DirectoryWriter,
    Format,
    MappedDirectory,
    new_mapped_directory,
)
from luke_allennlp.linking.names import normalized_name

MENTION_FORMAT = Format(
    name="luke-mention-database",
    version=1,
    tries={"names.marisa": "names", "titles.marisa": ""},
    arrays={
        "name_offsets.npy": ("<i8", "names"),
        "name_link_counts.npy": ("<u4", "names"),
        "name_document_counts.npy": ("<u4", "names"),
        "mention_titles.npy": ("<u4", "mentions"),
        "mention_link_counts.npy": ("<u4", "mentions"),
    },
    remedy="Expected a mention database: build it with `allennlp wikipedia-mention-db`.",
)

# A name, the number of links on it, the number of pages it stands in, and the titles it leads to, each with
# its number of links.
NameRecord = Tuple[str, int, int, Sequence[Tuple[str, int]]]


class Mention(NamedTuple):
    """
    What a name can mean: a title, how many links on the name lead there, how many links are on the name, and
    in how many pages the name stands, as a link or not.
    """

    title: str
    link_count: int
    total_link_count: int
    document_count: int

    @property
    def link_probability(self) -> float:
        """Links on the name by pages with it, at most 1."""
        return min(1.0, self.total_link_count / self.document_count) if self.document_count else 0.0

    @property
    def prior_probability(self) -> float:
        """The part of the links on the name that leads to this page."""
        return min(1.0, self.link_count / self.total_link_count) if self.total_link_count else 0.0


class MentionDatabase(MappedDirectory):
    """
    The names of pages, in the form of `normalized_name`, with what each can mean. docs/link_database.md
    describes the files of the directory.
    """

    format = MENTION_FORMAT

    @property
    def mention_count(self) -> int:
        """How many pairs of a name and a title there are."""
        return len(self.arrays["mention_titles.npy"])

    def query(self, text: str) -> List[Mention]:
        """What a name, in any spelling, can mean; nothing if it is not known."""
        return self.mentions(normalized_name(text))

    def mentions(self, name: str) -> List[Mention]:
        """As `query`, of a name in the form of `normalized_name`."""
        number = self.number(name)
        if number < 0:
            return []
        start, end = self.arrays["name_offsets.npy"][number : number + 2].tolist()
        titles, counts = (
            self.arrays[key][start:end].tolist() for key in ("mention_titles.npy", "mention_link_counts.npy")
        )
        return [
            Mention(self.string("titles.marisa", title), count, *self._counts_of(number))
            for title, count in zip(titles, counts, strict=True)
        ]

    def _counts_of(self, number: int) -> Tuple[int, int]:
        links, documents = (
            self.arrays[key][number].item() for key in ("name_link_counts.npy", "name_document_counts.npy")
        )
        return links, documents

    def link_probability(self, text: str) -> float:
        """How often a text is a link where it stands in Wikipedia; 0 if it is not a known name."""
        number = self.number(normalized_name(text))
        return Mention("", 0, *self._counts_of(number)).link_probability if number >= 0 else 0.0

    @classmethod
    def build(
        cls, records: Iterable[NameRecord], path: Union[str, Path], force: bool = False
    ) -> "MentionDatabase":
        """
        Writes a database of names in the form of `normalized_name`. Its bytes do not depend on their order.

        # Raises

        `ConfigurationError`
            `path` exists and is not to be replaced, a name comes twice, or a count takes more than 32
            bits.
        """
        with new_mapped_directory(Path(path), MENTION_FORMAT, force) as writer:
            _write(records, writer)
        return cls(path)


def _write(records: Iterable[NameRecord], writer: DirectoryWriter) -> None:
    names, titles = writer.spool("names"), writer.spool("titles")
    sizes, links, documents, counts = array("q"), array("q"), array("q"), array("q")
    for name, total, documents_of_name, mentions in records:
        names.add(name, "a name")
        sizes.append(len(mentions))
        links.append(total)
        documents.append(documents_of_name)
        for title, count in mentions:
            titles.add(title, f"a title of the name {name!r}")
            counts.append(count)
    # Shapes: (names,), (mentions,)
    name_numbers = names.all_numbers(writer.save_trie(names), unique="name")
    title_numbers = titles.all_numbers(writer.save_trie(titles))
    order = numpy.argsort(name_numbers)
    sizes_of_names = numpy.array(sizes, dtype=numpy.int64)
    starts = numpy.cumsum(sizes_of_names) - sizes_of_names
    # Where the mentions of each name are in the input, name by name. Shape: (names + 1,)
    offsets = numpy.concatenate([[0], numpy.cumsum(sizes_of_names[order])])
    mentions_in_order = numpy.arange(len(counts)) + numpy.repeat(
        starts[order] - offsets[:-1], sizes_of_names[order]
    )
    writer.save_array("name_offsets.npy", offsets)
    for file, values in {
        "name_link_counts.npy": numpy.array(links, dtype=numpy.int64)[order],
        "name_document_counts.npy": numpy.array(documents, dtype=numpy.int64)[order],
        "mention_titles.npy": title_numbers[mentions_in_order],
        "mention_link_counts.npy": numpy.array(counts, dtype=numpy.int64)[mentions_in_order],
    }.items():
        if len(values) and not 0 <= int(values.min()) <= int(values.max()) < 1 << 32:
            raise ConfigurationError(f"A count is {int(values.max())} or less than 0; expected 32 bits.")
        writer.save_array(file, values)
    writer.finish({"names": len(order), "mentions": len(counts)})
