"""Pages of Wikipedia as text with links, in Parquet files."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Optional, Type, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.requirements import required
from luke_allennlp.common.temporary_files import temporary_path

if TYPE_CHECKING:
    import pyarrow

FORMAT = "luke-wikipedia-pages"
VERSION = 1
METADATA_FILE = "metadata.json"
PAGES = "pages"

# Pages that are in memory, and in a row group, at a time; or so many characters of them.
_ROWS = 1024
_CHARACTERS = 16 * 1024 * 1024


class PageLink(NamedTuple):
    """
    A link to a page of the same wiki.

    # Parameters

    target : `str`
        The normalised title it leads to; redirects are not resolved.
    surface : `str`
        The text it is on.
    start, end : `int`
        Where that text is in the paragraph's, in characters, `end` exclusive.
    fragment : `str`, optional (default = `None`)
        What followed `#`.
    """

    target: str
    surface: str
    start: int
    end: int
    fragment: Optional[str] = None


class Paragraph(NamedTuple):
    """
    # Parameters

    links : `List[PageLink]`
        In the order of the text, without overlap.
    section : `int`, optional (default = `-1`)
        Which of the page's sections it is in; -1 before the first heading.
    """

    text: str
    links: List[PageLink]
    section: int = -1


class Section(NamedTuple):
    """
    # Parameters

    level : `int`
        2 for `== Heading ==`.
    first_paragraph : `int`
        The number of the paragraph that comes next, which there may not be.
    """

    level: int
    title: str
    first_paragraph: int


class Page(NamedTuple):
    """
    # Parameters

    page_id : `int`
        The wiki's.
    namespace : `int`
        0 for articles.
    title : `str`
        With spaces, and with the namespace's name if it has one.
    redirect : `str`, optional
        The title it redirects to; such a page has no text.
    """

    page_id: int
    namespace: int
    title: str
    redirect: Optional[str]
    is_disambiguation: bool
    sections: List[Section]
    paragraphs: List[Paragraph]


class PageWriter:
    """
    Writes pages to a Parquet file. The file is there, whole, when the context ends without an error; else
    nothing is. The same pages give the same bytes. Several may write the same file at a time.

    # Parameters

    path : `Path`
        Of the file; what is there is replaced.
    """

    def __init__(self, path: Path) -> None:
        self._pyarrow = required("pyarrow")
        parquet = required("pyarrow.parquet")
        self._path = path
        self._temporary = temporary_path(path)
        self._schema = schema(self._pyarrow)
        self._writer = parquet.ParquetWriter(self._temporary, self._schema, compression="zstd")
        self._clear()

    def _clear(self) -> None:
        self._pages: List[Page] = []
        self._characters = 0

    def add(self, page: Page) -> None:
        self._pages.append(page)
        self._characters += sum(len(paragraph.text) for paragraph in page.paragraphs)
        if len(self._pages) >= _ROWS or self._characters >= _CHARACTERS:
            self._write()

    def _write(self) -> None:
        if self._pages:
            self._writer.write_table(_table(self._pyarrow, self._schema, self._pages))
            self._clear()

    def __enter__(self) -> "PageWriter":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        try:
            if kind is None:
                self._write()
            self._writer.close()
            if kind is None:
                with open(self._temporary, "rb") as file:
                    os.fsync(file.fileno())
                os.replace(self._temporary, self._path)
        finally:
            self._temporary.unlink(missing_ok=True)


class ExtractedWikipedia:
    """
    What `allennlp wikipedia-extract` made of a dump.

    # Parameters

    path : `Union[str, Path]`
        The directory.

    # Raises

    `ConfigurationError`
        It is missing, unfinished or something else.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        remedy = "expected the directory that `allennlp wikipedia-extract` made"
        try:
            content = (self.path / METADATA_FILE).read_text(encoding="utf-8")
        except OSError:
            raise ConfigurationError(
                f"{self.path}: there is no {METADATA_FILE}; {remedy}. If that was interrupted, start it "
                "again."
            ) from None
        try:
            metadata = json.loads(content)
            found = (metadata["format"], metadata["version"])
        except (ValueError, TypeError, KeyError):
            raise ConfigurationError(f"{self.path / METADATA_FILE} is damaged; {remedy}.") from None
        if found != (FORMAT, VERSION):
            raise ConfigurationError(
                f"{self.path}: is of the format {found[0]!r}, version {found[1]!r}; "
                f"expected {FORMAT!r}, version {VERSION}."
            )
        self.metadata: Dict[str, Any] = metadata
        self.shards = [self.path / PAGES / f"{index:05d}.parquet" for index in range(metadata["shards"])]
        missing = [shard.name for shard in self.shards if not shard.is_file()]
        if missing:
            raise ConfigurationError(
                f"{self.path / PAGES}: {missing[0]} is missing"
                + (f", and so are {len(missing) - 1} others" if len(missing) > 1 else "")
                + "; extract the dump again."
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
        # Parameters

        shard : `int`, optional (default = `None`)
            Of which of the files; of all if `None`.
        with_text : `bool`, optional (default = `True`)
            If false, sections and paragraphs are not read; that is much faster.

        # Returns

        `Iterator[Page]`
            In the order of the dump.
        """
        columns = None if with_text else ["page_id", "namespace", "title", "redirect", "is_disambiguation"]
        for path in self.shards if shard is None else [self.shards[shard]]:
            yield from read_pages(path, columns)


def read_pages(path: Path, columns: Optional[List[str]] = None) -> Iterator[Page]:
    """
    # Parameters

    path : `Path`
        Of a Parquet file of pages.
    columns : `List[str]`, optional (default = `None`)
        Only these are read; the lists that are missing are empty.

    # Raises

    `ConfigurationError`
        The file is damaged.
    """
    arrow = required("pyarrow")
    parquet = required("pyarrow.parquet")
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256, columns=columns):
                for row in batch.to_pylist():
                    yield _page(row)
    except (arrow.ArrowException, OSError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}. Extract the dump again.") from None


def _page(row: Dict[str, Any]) -> Page:
    return Page(
        row["page_id"],
        row["namespace"],
        row["title"],
        row["redirect"],
        row["is_disambiguation"],
        [Section(**section) for section in row.get("sections", ())],
        [
            Paragraph(
                paragraph["text"], [PageLink(**link) for link in paragraph["links"]], paragraph["section"]
            )
            for paragraph in row.get("paragraphs", ())
        ],
    )


def schema(arrow: Any) -> "pyarrow.Schema":
    """The columns of the Parquet files."""
    link = arrow.struct(
        [
            ("target", arrow.string()),
            ("fragment", arrow.string()),
            ("surface", arrow.string()),
            ("start", arrow.int32()),
            ("end", arrow.int32()),
        ]
    )
    paragraph = arrow.struct(
        [("section", arrow.int32()), ("text", arrow.string()), ("links", arrow.list_(link))]
    )
    section = arrow.struct(
        [("level", arrow.int8()), ("title", arrow.string()), ("first_paragraph", arrow.int32())]
    )
    return arrow.schema(
        [
            ("page_id", arrow.int64()),
            ("namespace", arrow.int32()),
            ("title", arrow.string()),
            ("redirect", arrow.string()),
            ("is_disambiguation", arrow.bool_()),
            ("sections", arrow.list_(section)),
            ("paragraphs", arrow.list_(paragraph)),
        ]
    )


def _table(arrow: Any, schema: "pyarrow.Schema", pages: List[Page]) -> "pyarrow.Table":
    # Column by column, and no dictionary a link: several times as fast as from a list of rows.
    paragraphs = [paragraph for page in pages for paragraph in page.paragraphs]
    sections = [section for page in pages for section in page.sections]
    links = [link for paragraph in paragraphs for link in paragraph.links]
    link_type = schema.field("paragraphs").type.value_type.field("links").type.value_type
    link_array = arrow.StructArray.from_arrays(
        [
            arrow.array([getattr(link, field.name) for link in links], type=field.type)
            for field in link_type.fields
        ],
        fields=link_type.fields,
    )
    paragraph_type = schema.field("paragraphs").type.value_type
    paragraph_array = arrow.StructArray.from_arrays(
        [
            arrow.array([paragraph.section for paragraph in paragraphs], type=arrow.int32()),
            arrow.array([paragraph.text for paragraph in paragraphs], type=arrow.string()),
            _lists(arrow, [len(paragraph.links) for paragraph in paragraphs], link_array),
        ],
        fields=paragraph_type.fields,
    )
    section_type = schema.field("sections").type.value_type
    section_array = arrow.StructArray.from_arrays(
        [
            arrow.array([getattr(section, field.name) for section in sections], type=field.type)
            for field in section_type.fields
        ],
        fields=section_type.fields,
    )
    plain = [
        arrow.array([getattr(page, name) for page in pages], type=schema.field(name).type)
        for name in ("page_id", "namespace", "title", "redirect", "is_disambiguation")
    ]
    nested = [
        _lists(arrow, [len(page.sections) for page in pages], section_array),
        _lists(arrow, [len(page.paragraphs) for page in pages], paragraph_array),
    ]
    return arrow.Table.from_arrays(
        [column.cast(field.type) for column, field in zip([*plain, *nested], schema, strict=True)],
        schema=schema,
    )


def _lists(arrow: Any, lengths: List[int], values: "pyarrow.Array") -> "pyarrow.Array":
    offsets = [0]
    for length in lengths:
        offsets.append(offsets[-1] + length)
    return arrow.ListArray.from_arrays(arrow.array(offsets, type=arrow.int32()), values)
