"""The redirects of Wikipedia, mapped into memory (docs/link_database.md)."""

from pathlib import Path
from typing import Iterable, Tuple

import numpy
from allennlp.common.tqdm import Tqdm

from luke_allennlp.common.records import get_string, read_object_lines
from luke_allennlp.linking.mapped_directory import Format, MappedDirectory, new_mapped_directory

REDIRECTS_FORMAT = Format(
    name="luke-redirects",
    version=1,
    tries={"titles.marisa": "redirects", "targets.marisa": ""},
    arrays={"redirect_targets.npy": ("<u4", "redirects")},
    remedy=(
        "Expected redirects: build them with `allennlp build-link-database --kind redirects` of JSON lines, "
        "or with `allennlp wikipedia-redirects` of the pages of a dump."
    ),
)


class Redirects(MappedDirectory):
    """Where titles lead that are not a page's own, by these titles."""

    format = REDIRECTS_FORMAT

    def resolve(self, title: str) -> str:
        """The title that a title leads to, in one step; the title itself if it leads to no other."""
        number = self.number(title)
        if number < 0:
            return title
        return self.string("targets.marisa", self.arrays["redirect_targets.npy"][number])

    @classmethod
    def build(cls, records: Iterable[Tuple[str, str]], path: str, force: bool = False) -> "Redirects":
        """
        Writes redirects: titles and where they lead. The bytes do not depend on their order. A title that
        comes twice is a `ConfigurationError`.
        """
        with new_mapped_directory(Path(path), REDIRECTS_FORMAT, force) as writer:
            titles, targets = writer.spool("titles"), writer.spool("targets")
            for title, target in Tqdm.tqdm(records, desc="redirects", unit="redirects"):
                titles.add(title, "the title of a redirect")
                targets.add(target, f"the target of {title!r}")
            numbers = titles.all_numbers(writer.save_trie(titles), unique="redirect")
            ordered = numpy.empty(len(numbers), dtype="<u4")
            ordered[numbers] = targets.all_numbers(writer.save_trie(targets))
            writer.save_array("redirect_targets.npy", ordered)
            writer.finish({"redirects": len(numbers)})
        return cls(path)

    @classmethod
    def from_json_lines(cls, file_path: str, path: str, force: bool = False) -> "Redirects":
        """As `build`, from a file of lines such as `{"title": "Old title", "target": "Page"}`."""
        records = (
            (get_string(record, "title", where), get_string(record, "target", where))
            for where, record in read_object_lines(file_path)
        )
        return cls.build(records, path, force)
