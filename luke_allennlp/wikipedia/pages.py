"""Pages of Wikipedia as text with links, in Parquet files."""

import itertools
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import written_whole
from luke_allennlp.common.requirements import required

if TYPE_CHECKING:
    import pyarrow.parquet

FORMAT = "luke-wikipedia-pages"
VERSION = 1
METADATA_FILE = "metadata.json"
PAGES = "pages"

# Pages that are in memory, and in a row group, at a time; or so many characters of them.
_ROWS = 1024
_CHARACTERS = 16 * 1024 * 1024
# Columns of which some are several times as fast to read as whole pages.
_TEXT = "paragraphs.list.element.text"
_TARGET = "paragraphs.list.element.links.list.element.target"
_SURFACE = "paragraphs.list.element.links.list.element.surface"


class PageLink(NamedTuple):
    """
    A link to a page of the same wiki: the normalised title it leads to (redirects are not resolved), the text
    it is on, where that text is in the paragraph's, in characters, `end` exclusive, and what followed `#`.
    """

    target: str
    surface: str
    start: int
    end: int
    fragment: Optional[str] = None


class Paragraph(NamedTuple):
    """
    A paragraph with its links, in the order of the text and without overlap. `section` is the number of the
    page's section it is in; -1 before the first heading.
    """

    text: str
    links: List[PageLink]
    section: int = -1


class Section(NamedTuple):
    """A heading (`level` is 2 for `== Heading ==`), and the number of the next paragraph, if there is one."""

    level: int
    title: str
    first_paragraph: int


class Page(NamedTuple):
    """
    A page: its id in the wiki, its namespace (0 for articles), its title with spaces and with the name of its
    namespace, and the title it redirects to, if it does; then it has no text.
    """

    page_id: int
    namespace: int
    title: str
    redirect: Optional[str]
    is_disambiguation: bool
    sections: List[Section]
    paragraphs: List[Paragraph]


class PageWriter:
    """Writes pages to a Parquet file; `page_writer` makes one."""

    def __init__(self, writer: "pyarrow.parquet.ParquetWriter") -> None:
        self._writer = writer
        self._pages: List[Page] = []
        self._characters = 0

    def add(self, page: Page) -> None:
        self._pages.append(page)
        self._characters += sum(len(paragraph.text) for paragraph in page.paragraphs)
        if len(self._pages) >= _ROWS or self._characters >= _CHARACTERS:
            self.flush()

    def flush(self) -> None:
        if self._pages:
            self._writer.write_table(_table(self._pages))
            self._pages, self._characters = [], 0


@contextmanager
def page_writer(path: Path) -> Iterator[PageWriter]:
    """Writes a Parquet file of pages atomically. The same pages give the same bytes."""
    with (
        written_whole(path) as temporary,
        required("pyarrow.parquet").ParquetWriter(temporary, schema(), compression="zstd") as parquet,
    ):
        writer = PageWriter(parquet)
        yield writer
        writer.flush()


class ExtractedWikipedia:
    """The directory that `allennlp wikipedia-extract` wrote; a `ConfigurationError` if it is none."""

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        remedy = "expected the directory that `allennlp wikipedia-extract` made"
        try:
            content = (self.path / METADATA_FILE).read_text(encoding="utf-8")
            self.metadata: Dict[str, Any] = json.loads(content)
            found = (self.metadata["format"], self.metadata["version"])
        except OSError:
            raise ConfigurationError(
                f"{self.path}: there is no {METADATA_FILE}; {remedy}. If that was interrupted, run it again."
            ) from None
        except (ValueError, TypeError, KeyError):
            raise ConfigurationError(f"{self.path / METADATA_FILE} is damaged; {remedy}.") from None
        if found != (FORMAT, VERSION):
            raise ConfigurationError(
                f"{self.path}: is of the format {found[0]!r}, version {found[1]!r}; "
                f"expected {FORMAT!r}, version {VERSION}."
            )
        names = [f"{index:05d}.parquet" for index in range(self.metadata["shards"])]
        self.shards = [self.path / PAGES / name for name in names]
        missing = [shard.name for shard in self.shards if not shard.is_file()]
        if missing:
            others = f", and so are {len(missing) - 1} others" if len(missing) > 1 else ""
            raise ConfigurationError(
                f"{self.path / PAGES}: {missing[0]} is missing{others}; extract the dump again."
            )

    @property
    def language(self) -> str:
        """The wiki's language, such as "en"."""
        return self.metadata["siteinfo"]["language"]

    @property
    def namespaces(self) -> Dict[int, str]:
        """The names of the wiki's namespaces by their numbers."""
        return {int(key): name for key, name in self.metadata["siteinfo"]["namespaces"].items()}

    def pages(self, shard: Optional[int] = None, with_text: bool = True) -> Iterator[Page]:
        """
        The pages of one of the files, or of all, in the order of the dump. Without their text (sections and
        paragraphs) they are read much faster.
        """
        columns = None if with_text else ["page_id", "namespace", "title", "redirect", "is_disambiguation"]
        for path in self.shards if shard is None else [self.shards[shard]]:
            yield from read_pages(path, columns)


def read_pages(path: Path, columns: Optional[List[str]] = None) -> Iterator[Page]:
    """The pages of a Parquet file. If only some columns are read, the lists that are missing are empty."""
    for batch in read_batches(path, columns, 256):
        yield from map(_page, batch.to_pylist())


def read_batches(path: Path, columns: Optional[List[str]], size: int) -> "Iterator[pyarrow.RecordBatch]":
    """Rows of a Parquet file, `size` at a time; a `ConfigurationError` if it is damaged."""
    try:
        with required("pyarrow.parquet").ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=size, columns=columns)
    except (required("pyarrow").ArrowException, OSError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}. Extract the dump again.") from None


def _page(row: Dict[str, Any]) -> Page:
    sections = [Section(**section) for section in row.pop("sections", ())]
    paragraphs = [
        Paragraph(paragraph["text"], [PageLink(**link) for link in paragraph["links"]], paragraph["section"])
        for paragraph in row.pop("paragraphs", ())
    ]
    return Page(**row, sections=sections, paragraphs=paragraphs)


def schema() -> "pyarrow.Schema":
    """The columns of the Parquet files."""
    arrow = required("pyarrow")
    text, number = arrow.string(), arrow.int32()
    link = [("target", text), ("fragment", text), ("surface", text), ("start", number), ("end", number)]
    paragraph = [("section", number), ("text", text), ("links", arrow.list_(arrow.struct(link)))]
    section = [("level", arrow.int8()), ("title", text), ("first_paragraph", number)]
    return arrow.schema(
        [
            ("page_id", arrow.int64()),
            ("namespace", number),
            ("title", text),
            ("redirect", text),
            ("is_disambiguation", arrow.bool_()),
            ("sections", arrow.list_(arrow.struct(section))),
            ("paragraphs", arrow.list_(arrow.struct(paragraph))),
        ]
    )


def _table(pages: List[Page]) -> "pyarrow.Table":
    # Column by column, without a dictionary a link: several times as fast as from a list of rows.
    arrow = required("pyarrow")
    columns = [_array(arrow, [getattr(page, field.name) for page in pages], field.type) for field in schema()]
    return arrow.Table.from_arrays(columns, schema=schema())


def _array(arrow: Any, values: List[Any], type_: "pyarrow.DataType") -> "pyarrow.Array":
    if arrow.types.is_list(type_):
        offsets = arrow.array([0, *itertools.accumulate(map(len, values))], type=arrow.int32())
        items = _array(arrow, [item for value in values for item in value], type_.value_type)
        return arrow.ListArray.from_arrays(offsets, items).cast(type_)
    if arrow.types.is_struct(type_):
        columns = [
            _array(arrow, [getattr(value, field.name) for value in values], field.type)
            for field in type_.fields
        ]
        return arrow.StructArray.from_arrays(columns, fields=type_.fields)
    return arrow.array(values, type=type_)


def target_counts(shard: Path) -> Iterator[Tuple[List[str], List[int]]]:
    """For some pages of a file at a time, each target of their links once, and how many links lead there."""
    for batch in read_batches(shard, [_TARGET], _ROWS):
        counts = required("pyarrow.compute").value_counts(_of_links(batch, "target"))
        yield counts.field("values").to_pylist(), counts.field("counts").to_pylist()


def target_surfaces(shard: Path) -> Iterator[Tuple[List[str], List[str]]]:
    """For some pages of a file at a time, the targets and the texts of all their links."""
    for batch in read_batches(shard, [_TARGET, _SURFACE], _ROWS):
        yield _of_links(batch, "target").to_pylist(), _of_links(batch, "surface").to_pylist()


def page_links(shard: Path) -> Iterator[Tuple[str, List[Tuple[str, str]]]]:
    """The title of each article of a file that is no redirect, with the target and text of each link."""
    for batch in read_batches(shard, ["title", "namespace", "redirect", _TARGET, _SURFACE], _ROWS):
        for row in batch.to_pylist():
            if row["namespace"] == 0 and row["redirect"] is None:
                links = [link for paragraph in row["paragraphs"] for link in paragraph["links"]]
                yield row["title"], [(link["target"], link["surface"]) for link in links]


def page_texts(shard: Path) -> Iterator[List[str]]:
    """The texts of the paragraphs of each page of a file."""
    for batch in read_batches(shard, [_TEXT], _ROWS):
        for row in batch.to_pylist():
            yield [paragraph["text"] for paragraph in row["paragraphs"]]


def _of_links(batch: Any, field: str) -> Any:
    flatten = required("pyarrow.compute").list_flatten
    return flatten(flatten(batch.column("paragraphs")).field("links")).field(field)
