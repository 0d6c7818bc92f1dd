"""From dumps of a wiki to pages with links."""

import hashlib
import importlib.metadata
import re
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from allennlp.common.checks import ConfigurationError

from luke_allennlp import __version__
from luke_allennlp.common.files import file_sha256, remove_temporaries, write_json, write_json_lines
from luke_allennlp.common.requirements import required
from luke_allennlp.wikipedia.dump import Dump, DumpPart
from luke_allennlp.wikipedia.executors import LOGS, Executor, Stage
from luke_allennlp.wikipedia.guarded_pool import CRASH, MEMORY, TIME, Limits, guarded_map
from luke_allennlp.wikipedia.jobs import begin, read_json
from luke_allennlp.wikipedia.page_xml import WIKITEXT, BadPage, RawPage
from luke_allennlp.wikipedia.pages import FORMAT, METADATA_FILE, PAGES, VERSION, Page, page_writer
from luke_allennlp.wikipedia.siteinfo import SiteInfo
from luke_allennlp.wikipedia.titles import ARTICLE, NAMESPACE, TitleRules
from luke_allennlp.wikipedia.wikitext import WikitextParser

# Small enough for workers to share a small dump, large enough for a large dump not to have too many.
_PARTS = 64
_SMALLEST_PART = 1 << 20
_LARGEST_PART = 16 << 20
_ENDS = 1 << 20
FAILURES_FILE = "failures.jsonl"
_EXTRACT = "extract"
# What each task did; the last task merges it.
_REPORTS = "reports"
_COUNTS = ("pages", "redirects", "disambiguations", "sections", "paragraphs", "links")
_REASONS = {
    TIME: "took more than {limits.seconds:g} seconds",
    MEMORY: "its process was killed twice, as the system does when memory is short",
    CRASH: "the parser crashed twice",
}


class ExtractionOptions(NamedTuple):
    """
    The namespaces whose pages are extracted; whether the surface of `[[bus]]es` is "buses", as MediaWiki
    shows it, or "bus"; the bytes of a dump that a task reads (chosen by the dump's size if `None`); and the
    limits of a page.
    """

    namespaces: Tuple[int, ...] = (0,)
    link_trail: bool = True
    part_size: Optional[int] = None
    limits: Limits = Limits()


def extract(
    dumps: Sequence[str],
    output: str,
    options: Optional[ExtractionOptions] = None,
    executor: Optional[Executor] = None,
    force: bool = False,
) -> Optional[Mapping[str, Any]]:
    """
    Extracts the pages of a wiki from the files of one dump, in order, to a directory for
    `ExtractedWikipedia`; or resumes an interrupted extraction. With `force`, what was begun there with other
    dumps or options is replaced. Returns the metadata, or `None` if the work was submitted to a cluster. A
    `ConfigurationError` if the dumps are of several wikis or not dumps, or the directory is of something
    else.
    """
    options, executor = options or ExtractionOptions(), executor or Executor()
    directory = Path(output).absolute()
    opened = [Dump(Path(path).absolute()) for path in dumps]
    site = _common_site(opened)
    sizes = [Path(dump.path).stat().st_size for dump in opened]
    size = options.part_size or min(max(sum(sizes) // _PARTS, _SMALLEST_PART), _LARGEST_PART)
    head = {"format": FORMAT, "version": VERSION}
    described = {
        "options": {
            "namespaces": sorted(set(options.namespaces)),
            "link_trail": options.link_trail,
            "part_size": size,
            **options.limits._asdict(),
        },
        "versions": _versions(),
    }
    begin(
        directory, {**head, "dumps": [_fingerprint(Path(dump.path)) for dump in opened], **described}, force
    )
    if not is_complete(output):
        job = ExtractionJob(
            directory,
            [dump.path for dump in opened],
            [part for dump in opened for part in dump.parts(size)],
            options,
            {**head, "siteinfo": site.to_dict(), **described},
        )
        if not executor.run(job.stages(), directory / LOGS):
            return None
    return read_json(directory / METADATA_FILE)


def is_complete(output: str) -> bool:
    """Whether a directory holds a finished extraction."""
    return (Path(output) / METADATA_FILE).exists()


def parse_size(text: str) -> int:
    """The bytes of a text such as "500000", "500K" or "64M"; a `ValueError` if it is no size."""
    match = re.fullmatch(r"([0-9]+)([KMG]?)", text, re.IGNORECASE)
    if match is None or not int(match[1]):
        raise ValueError(f"{text!r} is not a size; expected bytes, or a number such as 500K, 64M or 1G")
    return int(match[1]) * {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[match[2].upper()]


def _common_site(dumps: Sequence[Dump]) -> SiteInfo:
    if not dumps:
        raise ConfigurationError("There is no dump to extract; name one or more files.")
    names = [Path(dump.path).name for dump in dumps]
    twice = [name for name, count in Counter(dump.path for dump in dumps).items() if count > 1]
    if twice:
        raise ConfigurationError(f"{twice[0]} is named twice; name every file of the dump once.")
    first = dumps[0].site
    for dump, name in zip(dumps, names, strict=True):
        # Dumps of different years: namespaces come and go, and old heads say less.
        is_same = dump.site.language == first.language and dump.site.case == first.case
        if not is_same or (dump.site.dbname and first.dbname and dump.site.dbname != first.dbname):
            raise ConfigurationError(
                f"{names[0]} is of {_wiki(first)}, but {name} of {_wiki(dump.site)}; extract every wiki into "
                "a directory of its own."
            )
    namespaces = {number: name for dump in reversed(dumps) for number, name in dump.site.namespaces.items()}
    return first._replace(namespaces=dict(sorted(namespaces.items())))


def _wiki(site: SiteInfo) -> str:
    return site.dbname or site.base or site.sitename or site.language


def _fingerprint(path: Path) -> Dict[str, Any]:
    """Distinguishes files of the same name without reading all of them."""
    size = path.stat().st_size
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        digest.update(file.read(_ENDS))
        file.seek(max(0, size - _ENDS))
        digest.update(file.read(_ENDS))
    return {"file": path.name, "bytes": size, "sha256_of_ends": digest.hexdigest()}


def _versions() -> Dict[str, str]:
    """Of the packages that the output depends on."""
    versions = {"luke-allennlp": __version__}
    for name in ("mwparserfromhell", "pyarrow"):
        required(name)
        versions[name] = importlib.metadata.version(name)
    return versions


class ExtractionJob(NamedTuple):
    """
    Makes a directory of pages. The first tasks compute the hashes of the `dumps`, the others read a part
    each; the last one merges what they report, and its metadata file marks the extraction as complete.
    """

    directory: Path
    dumps: List[str]
    parts: List[DumpPart]
    options: ExtractionOptions
    metadata: Mapping[str, Any]

    def stages(self) -> List[Stage]:
        return [
            Stage(_EXTRACT, self.extract, len(self.dumps) + len(self.parts)),
            Stage("gather", self.gather, 1),
        ]

    def extract(self, task: int) -> Mapping[str, int]:
        number = task - len(self.dumps)
        if number < 0:
            file = Path(self.dumps[task])
            described = {"file": file.name, "bytes": file.stat().st_size, "sha256": file_sha256(file)}
            write_json(self._report(task), described)
            return {}
        report = _extract_part(
            self.parts[number], self.options, self.directory / PAGES / f"{number:05d}.parquet"
        )
        write_json(self._report(task), report)
        return {"pages": report["counts"]["pages"], "failures": len(report["failures"])}

    def gather(self, task: int) -> Mapping[str, int]:
        reports = [self._read_report(number) for number in range(len(self.dumps) + len(self.parts))]
        described, reports = reports[: len(self.dumps)], reports[len(self.dumps) :]
        totals: Dict[str, "Counter[str]"] = {
            name: sum((Counter(report[name]) for report in reports), Counter())
            for name in ("counts", "left_out", "dropped_links")
        }
        failures = [failure for report in reports for failure in report["failures"]]
        counts, totals["failures"] = totals.pop("counts"), Counter(failure["kind"] for failure in failures)
        write_json_lines(self.directory / FAILURES_FILE, failures)
        for directory in (self.directory, self.directory / PAGES, self.directory / _REPORTS):
            remove_temporaries(directory)
        content = {
            **self.metadata,
            "shards": len(self.parts),
            "dumps": described,
            "counts": {
                **{name: counts[name] for name in _COUNTS},
                **{name: dict(sorted(group.items())) for name, group in totals.items()},
            },
        }
        write_json(self.directory / METADATA_FILE, content)
        return {"pages": counts["pages"], "failures": len(failures)}

    def _report(self, task: int) -> Path:
        number = task - len(self.dumps)
        name = f"dump-{task:05d}.json" if number < 0 else f"{number:05d}.json"
        return self.directory / _REPORTS / name

    def _read_report(self, task: int) -> Any:
        try:
            return read_json(self._report(task))
        except FileNotFoundError:
            # A cluster may begin a stage after tasks of the one before have failed.
            log = self.directory / LOGS / _EXTRACT / LOGS / f"task_{task:05d}.log"
            raise ConfigurationError(
                f"Task {task} of {_EXTRACT!r} failed: {self._report(task)} is missing ({log} says more). "
                "Start the command again to resume."
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


def _extract_part(part: DumpPart, options: ExtractionOptions, output: Path) -> Dict[str, Any]:
    """Writes the pages of a part; returns counts and failures, for JSON."""
    dump = Dump(part.path)
    counts: "Counter[str]" = Counter(dict.fromkeys(_COUNTS, 0))
    left_out: "Counter[str]" = Counter()
    dropped: "Counter[str]" = Counter()
    failures: List[Dict[str, Any]] = []

    def wanted() -> Iterator[Union[RawPage, BadPage]]:
        for raw in dump.pages(part):
            if isinstance(raw, RawPage) and raw.namespace not in options.namespaces:
                left_out["namespace"] += 1
            elif isinstance(raw, RawPage) and raw.redirect is None and raw.model != WIKITEXT:
                left_out["no wikitext"] += 1
            else:
                yield raw

    parse = _PageParser(dump, options).parse
    with page_writer(output) as writer:
        for raw, parsed, kind in guarded_map(parse, wanted(), options.limits):
            if parsed is None:
                kind = kind or CRASH
                parsed = _Parsed(failure=(kind, _REASONS[kind].format(limits=options.limits)))
            dropped.update(parsed.dropped_links)
            if parsed.page is not None:
                counts.update(_counted(parsed.page))
                writer.add(parsed.page)
            elif parsed.failure is not None:
                kind, reason = parsed.failure
                page_id = raw.page_id if isinstance(raw, RawPage) else None
                failures.append({"page_id": page_id, "title": raw.title, "kind": kind, "reason": reason})
            elif parsed.left_out is not None:
                left_out[parsed.left_out] += 1
    return {"counts": counts, "left_out": left_out, "dropped_links": dropped, "failures": failures}


def _counted(page: Page) -> Dict[str, int]:
    return {
        "pages": 1,
        "redirects": page.redirect is not None,
        "disambiguations": page.is_disambiguation,
        "sections": len(page.sections),
        "paragraphs": len(page.paragraphs),
        "links": sum(len(paragraph.links) for paragraph in page.paragraphs),
    }
