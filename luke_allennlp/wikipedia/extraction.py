"""From dumps of a wiki to pages with links."""

import hashlib
import importlib.metadata
import re
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence

from allennlp.common.checks import ConfigurationError

from luke_allennlp import __version__
from luke_allennlp.common.requirements import required
from luke_allennlp.wikipedia.dump import Dump
from luke_allennlp.wikipedia.executors import LOGS, Executor
from luke_allennlp.wikipedia.extraction_tasks import ExtractionJob, ExtractionOptions
from luke_allennlp.wikipedia.jobs import begin, read_json
from luke_allennlp.wikipedia.pages import FORMAT, METADATA_FILE, VERSION
from luke_allennlp.wikipedia.siteinfo import SiteInfo

# Small enough for workers to share a small dump, large enough for a large dump not to have too many.
_PARTS = 64
_SMALLEST_PART = 1 << 20
_LARGEST_PART = 16 << 20
_ENDS = 1 << 20


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
