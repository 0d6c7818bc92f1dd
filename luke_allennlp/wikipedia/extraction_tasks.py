"""The tasks of an extraction."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.files import file_sha256, remove_temporaries, write_json, write_json_lines
from luke_allennlp.wikipedia.dump import Dump, DumpPart
from luke_allennlp.wikipedia.executors import LOGS, read_json
from luke_allennlp.wikipedia.guarded_pool import CRASH, MEMORY, TIME, Limits, guarded_map
from luke_allennlp.wikipedia.page_xml import WIKITEXT, BadPage, RawPage
from luke_allennlp.wikipedia.pages import METADATA_FILE, PAGES, Page, PageWriter, page_writer
from luke_allennlp.wikipedia.titles import ARTICLE, NAMESPACE, TitleRules
from luke_allennlp.wikipedia.wikitext import WikitextParser

FAILURES_FILE = "failures.jsonl"
# The stage of `ExtractionTask`.
EXTRACT = "extract"
# What each task did; the last task merges it.
REPORTS = "reports"

_COUNTS = ("pages", "redirects", "disambiguations", "sections", "paragraphs", "links")
_REASONS = {
    TIME: "took more than {limits.seconds:g} seconds",
    MEMORY: "its process was killed twice, as the system does when memory is short",
    CRASH: "the parser crashed twice",
}


class ExtractionOptions(NamedTuple):
    """
    # Parameters

    namespaces : `Tuple[int, ...]`, optional (default = `(0,)`)
        Pages of others are omitted.
    link_trail : `bool`, optional (default = `True`)
        Whether the surface of `[[bus]]es` is "buses", as MediaWiki shows it; otherwise "bus".
    part_size : `int`, optional (default = `None`)
        The bytes of a dump that a task reads; chosen by the dump's size if `None`.
    limits : `Limits`, optional
        Of a page.
    """

    namespaces: Tuple[int, ...] = (0,)
    link_trail: bool = True
    part_size: Optional[int] = None
    limits: Limits = Limits()


@dataclass(frozen=True)
class ExtractionTask:
    """
    Reads a part of a dump (`parts`), or computes the hash of one of the `dumps`, which are the first tasks.
    It can be sent to another machine.
    """

    directory: str
    dumps: Tuple[str, ...]
    parts: Tuple[DumpPart, ...]
    options: ExtractionOptions

    def __call__(self, rank: int, world_size: int) -> Mapping[str, int]:
        reports = Path(self.directory) / REPORTS
        if rank < len(self.dumps):
            write_json(reports / f"dump-{rank:05d}.json", _describe(self.dumps[rank]))
            return {}
        number = rank - len(self.dumps)
        part = self.parts[number]
        reader = _PartReader(Dump(part.path), self.options)
        with page_writer(Path(self.directory) / PAGES / f"{number:05d}.parquet") as writer:
            reader.read(part, writer)
        write_json(reports / f"{number:05d}.json", reader.report)
        return {"pages": reader.report["counts"]["pages"], "failures": len(reader.report["failures"])}


@dataclass(frozen=True)
class GatherTask:
    """Merges what the tasks have reported; its metadata file marks the extraction as complete."""

    directory: str
    dumps: int
    parts: int
    metadata: Mapping[str, Any]

    def __call__(self, rank: int, world_size: int) -> Mapping[str, int]:
        directory = Path(self.directory)
        described = [self._report(f"dump-{number:05d}.json", number) for number in range(self.dumps)]
        counts: "Counter[str]" = Counter()
        groups: Dict[str, "Counter[str]"] = {"left_out": Counter(), "dropped_links": Counter()}
        failures: List[Mapping[str, Any]] = []
        for number in range(self.parts):
            report = self._report(f"{number:05d}.json", self.dumps + number)
            counts.update(report["counts"])
            for name, group in groups.items():
                group.update(report[name])
            failures.extend(report["failures"])
        groups["failures"] = Counter(failure["kind"] for failure in failures)
        write_json_lines(directory / FAILURES_FILE, failures)
        content = {
            **self.metadata,
            "shards": self.parts,
            "dumps": described,
            "counts": {
                **{name: counts[name] for name in _COUNTS},
                **{name: dict(sorted(group.items())) for name, group in groups.items()},
            },
        }
        for name in (".", PAGES, REPORTS):
            remove_temporaries(directory / name)
        write_json(directory / METADATA_FILE, content)
        return {"pages": counts["pages"], "failures": len(failures)}

    def _report(self, name: str, task: int) -> Dict[str, Any]:
        path = Path(self.directory) / REPORTS / name
        try:
            return read_json(path)
        except FileNotFoundError:
            # A cluster may begin a stage after tasks of the one before have failed.
            log = Path(self.directory) / LOGS / EXTRACT / LOGS / f"task_{task:05d}.log"
            raise ConfigurationError(
                f"Task {task} of {EXTRACT!r} failed: {path} is missing ({log} says more). Start the command "
                "again to resume."
            ) from None


class _Parsed(NamedTuple):
    """What became of a page: the page, or why it was omitted, or the kind and reason of a failure."""

    page: Optional[Page] = None
    left_out: Optional[str] = None
    failure: Optional[Tuple[str, str]] = None
    dropped_links: Mapping[str, int] = {}


class _PageParser:
    """Parses pages; this is what may take too long or crash."""

    def __init__(self, dump: Dump, options: ExtractionOptions) -> None:
        self._options = options
        self._titles = TitleRules(dump.site)
        self._parser = WikitextParser(
            self._titles, link_trail=options.link_trail, language=dump.site.language
        )

    def parse(self, raw: Union[RawPage, BadPage]) -> _Parsed:
        if isinstance(raw, BadPage):
            return _Parsed(failure=("xml", raw.reason))
        fields = (raw.page_id, raw.namespace, raw.title)
        try:
            if raw.redirect is not None:
                target = self._titles.resolve(raw.redirect)
                if target.kind not in (ARTICLE, NAMESPACE):
                    return _Parsed(left_out="redirect to no page of the wiki")
                return _Parsed(Page(*fields, target.title, False, [], []))
            parsed = self._parser.parse(raw.text, raw.title)
            page = Page(*fields, None, parsed.is_disambiguation, parsed.sections, parsed.paragraphs)
            return _Parsed(page, dropped_links=parsed.dropped)
        except MemoryError:
            return _Parsed(failure=(MEMORY, f"took more than {self._options.limits.memory_mb} megabytes"))
        except Exception as error:  # whatever a page holds, the others are wanted
            return _Parsed(failure=("parser", f"{type(error).__name__}: {error}"))


class _PartReader:
    """Reads the pages of a part, and counts."""

    def __init__(self, dump: Dump, options: ExtractionOptions) -> None:
        self._dump = dump
        self._options = options
        self._counts: "Counter[str]" = Counter(dict.fromkeys(_COUNTS, 0))
        self._left_out: "Counter[str]" = Counter()
        self._dropped: "Counter[str]" = Counter()
        self._failures: List[Dict[str, Any]] = []

    @property
    def report(self) -> Dict[str, Any]:
        """The counts and failures, for JSON."""
        return {
            "counts": dict(self._counts),
            "left_out": dict(self._left_out),
            "dropped_links": dict(self._dropped),
            "failures": self._failures,
        }

    def read(self, part: DumpPart, writer: PageWriter) -> None:
        parse = _PageParser(self._dump, self._options).parse
        for raw, parsed, kind in guarded_map(parse, self._wanted(part), self._options.limits):
            if parsed is None:
                kind = kind or CRASH
                parsed = _Parsed(failure=(kind, _REASONS[kind].format(limits=self._options.limits)))
            self._take(raw, parsed, writer)

    def _wanted(self, part: DumpPart) -> Iterator[Union[RawPage, BadPage]]:
        for raw in self._dump.pages(part):
            if isinstance(raw, RawPage) and raw.namespace not in self._options.namespaces:
                self._left_out["namespace"] += 1
            elif isinstance(raw, RawPage) and raw.redirect is None and raw.model != WIKITEXT:
                self._left_out["no wikitext"] += 1
            else:
                yield raw

    def _take(self, raw: Union[RawPage, BadPage], parsed: _Parsed, writer: PageWriter) -> None:
        self._dropped.update(parsed.dropped_links)
        if parsed.page is not None:
            self._count(parsed.page)
            writer.add(parsed.page)
        elif parsed.failure is not None:
            kind, reason = parsed.failure
            page_id = raw.page_id if isinstance(raw, RawPage) else None
            self._failures.append({"page_id": page_id, "title": raw.title, "kind": kind, "reason": reason})
        elif parsed.left_out is not None:
            self._left_out[parsed.left_out] += 1

    def _count(self, page: Page) -> None:
        counts = self._counts
        counts["pages"] += 1
        counts["redirects"] += page.redirect is not None
        counts["disambiguations"] += page.is_disambiguation
        counts["sections"] += len(page.sections)
        counts["paragraphs"] += len(page.paragraphs)
        counts["links"] += sum(len(paragraph.links) for paragraph in page.paragraphs)


def _describe(path: str) -> Dict[str, Any]:
    file = Path(path)
    return {"file": file.name, "bytes": file.stat().st_size, "sha256": file_sha256(file)}
