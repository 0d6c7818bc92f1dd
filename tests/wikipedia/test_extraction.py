"""From dumps to pages, whatever the pages hold and whenever somebody ends it."""

import hashlib
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm

from luke_allennlp.wikipedia.executors import Executor
from luke_allennlp.wikipedia.extraction import ExtractionOptions, extract, parse_size
from luke_allennlp.wikipedia.guarded_pool import Limits
from luke_allennlp.wikipedia.pages import ExtractedWikipedia, Page, PageLink
from luke_allennlp.wikipedia.wikitext import WikitextParser
from tests.wikipedia.kills import kill_until_done
from tests.wikipedia.made_dumps import articles, page_xml, write_dump

SMALL_PARTS = ExtractionOptions(part_size=4096)

PAGES = (
    page_xml(
        "Bus",
        "A '''bus''' is a [[vehicle]]. [[bus driver|Driver]]s drive [[coach (bus)#Use|it]].\n\n"
        "== Use ==\nIt is used. [[Category:Buses]] [[:fr:Autobus|in French]] {{x|[[y]]}}",
    ),
    page_xml("Omnibus", "#REDIRECT [[bus]]", 2, redirect="bus#Use"),
    page_xml("Coach", "{{disambig}}\n* [[Coach (bus)]]", 3),
    page_xml("Category:Buses", "About [[bus]]es.", 4, namespace=14),
    page_xml("Elsewhere", "#REDIRECT [[:fr:Autobus]]", 5, redirect=":fr:Autobus"),
    page_xml("Style", ".a {}", 6).replace("wikitext", "css"),
)


def files(directory: Path) -> Dict[str, str]:
    """The hashes of all but the logs."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.relative_to(directory).parts[0] != "logs"
    }


def failures(directory: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in (directory / "failures.jsonl").read_text("utf-8").splitlines()]


def run(dump: str, output: Path, options: ExtractionOptions = SMALL_PARTS, **kwargs: Any) -> Any:
    return extract([dump], str(output), options, **kwargs)


def test_what_is_extracted(tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "dump.xml.bz2", PAGES)
    metadata = run(dump, tmp_path / "out")
    wiki = ExtractedWikipedia(tmp_path / "out")
    bus, omnibus, coach = wiki.pages()
    assert bus[:5] == (1, 0, "Bus", None, False)
    assert [paragraph.text for paragraph in bus.paragraphs] == [
        "A bus is a vehicle. Drivers drive it.",
        "It is used. in French",
    ]
    assert bus.paragraphs[0].links == [
        PageLink("Vehicle", "vehicle", 11, 18),
        PageLink("Bus driver", "Drivers", 20, 27),
        PageLink("Coach (bus)", "it", 34, 36, "Use"),
    ]
    assert [section.title for section in bus.sections] == ["Use"]
    assert omnibus == Page(2, 0, "Omnibus", "Bus", False, [], [])
    assert coach.is_disambiguation
    assert metadata == wiki.metadata and wiki.language == "en" and wiki.namespaces[14] == "Category"
    content = Path(dump).read_bytes()
    assert metadata["dumps"] == [
        {"file": "dump.xml.bz2", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    ]
    assert set(metadata["versions"]) == {"luke-allennlp", "mwparserfromhell", "pyarrow"}
    limits = {"seconds": 60.0, "memory_mb": 2048}
    assert metadata["options"] == {"namespaces": [0], "link_trail": True, "part_size": 4096, **limits}
    assert metadata["counts"] == {
        **{"pages": 3, "redirects": 1, "disambiguations": 1, "sections": 1, "paragraphs": 3, "links": 4},
        "left_out": {"namespace": 1, "no wikitext": 1, "redirect to no page of the wiki": 1},
        "dropped_links": {"category": 1, "interwiki": 1, "template": 1},
        "failures": {},
    }
    assert failures(tmp_path / "out") == []
    assert str(tmp_path) not in "".join(
        path.read_text("utf-8") for path in (tmp_path / "out").rglob("*.json*") if "logs" not in path.parts
    )


@pytest.mark.slow
def test_files_of_one_dump(tmp_path: Path) -> None:
    one = write_dump(tmp_path / "one.xml.gz", articles(3))
    two = write_dump(tmp_path / "two.xml", articles(20, 4))
    metadata = extract([two, one], str(tmp_path / "out"), SMALL_PARTS)
    assert metadata is not None and metadata["shards"] > 2
    assert [dump["file"] for dump in metadata["dumps"]] == ["two.xml", "one.xml.gz"]
    numbers = [page.page_id for page in ExtractedWikipedia(tmp_path / "out").pages()]
    assert numbers == [*range(4, 24), 1, 2, 3]


def test_wrong_dumps(tmp_path: Path) -> None:
    english = write_dump(tmp_path / "en.xml", articles(1))
    german = write_dump(tmp_path / "de.xml", articles(1), language="de")
    for dumps, message in (
        ([english, german], "en.xml is of entestwiki, but de.xml of detestwiki; extract every wiki"),
        ([english, english], "is named twice"),
        ([], "no dump to extract"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            extract(dumps, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_workers_and_parts_do_not_matter(tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "dump.xml", articles(20))
    assert run(dump, tmp_path / "one")["shards"] > 3
    run(dump, tmp_path / "two", executor=Executor(workers=2))
    assert files(tmp_path / "one") == files(tmp_path / "two")
    run(dump, tmp_path / "whole", ExtractionOptions())
    one, whole = (list(ExtractedWikipedia(tmp_path / name).pages()) for name in ("one", "whole"))
    assert one == whole


def test_a_finished_directory(tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "dump.xml", articles(5))
    first = run(dump, tmp_path / "out")
    before = (tmp_path / "out" / "pages" / "00000.parquet").stat().st_mtime_ns
    assert run(dump, tmp_path / "out") == first
    assert before == (tmp_path / "out" / "pages" / "00000.parquet").stat().st_mtime_ns
    other = SMALL_PARTS._replace(link_trail=False)
    with pytest.raises(ConfigurationError, match="was begun with other options"):
        run(dump, tmp_path / "out", other)
    assert run(dump, tmp_path / "out", other, force=True)["options"]["link_trail"] is False
    # Of the same name and size, but another.
    write_dump(tmp_path / "dump.xml", [text.replace("words", "WORDS") for text in articles(5)])
    with pytest.raises(ConfigurationError, match="was begun with other dumps"):
        run(dump, tmp_path / "out", other)


def misbehave(monkeypatch: pytest.MonkeyPatch, **misdeeds: Callable[[], Any]) -> None:
    """Makes the parser do something at pages with a word in their text."""
    parse = WikitextParser.parse

    def parse_or_not(self: WikitextParser, text: str, title: str = "") -> Any:
        for word, misdeed in misdeeds.items():
            if word in text:
                misdeed()
        return parse(self, text, title)

    monkeypatch.setattr(WikitextParser, "parse", parse_or_not)


def test_pages_that_cannot_be_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    misbehave(
        monkeypatch,
        ENDLESS=lambda: time.sleep(60),
        DEADLY=lambda: os.kill(os.getpid(), signal.SIGKILL),
        CRASH=lambda: os._exit(3),
        LARGE=lambda: bytearray(1 << 30),
        ODD=lambda: int("odd"),
    )
    words = ("fine", "ENDLESS", "DEADLY", "good", "CRASH", "LARGE", "ODD", "well")
    pages = [page_xml(word.title(), f"A {word} page.", number) for number, word in enumerate(words)]
    pages.insert(3, "  <page>\n    <title>Broken</title>\n    <ns>0</ns>\n    <id>x</id>\n  </page>\n")
    dump = write_dump(tmp_path / "dump.xml", pages)
    options = ExtractionOptions(limits=Limits(seconds=0.3, memory_mb=256))
    metadata = run(dump, tmp_path / "out", options)
    assert [page.title for page in ExtractedWikipedia(tmp_path / "out").pages()] == ["Fine", "Good", "Well"]
    listed = [tuple(failure.values()) for failure in failures(tmp_path / "out")]
    assert listed.pop(2)[:3] == (None, "Broken", "xml")
    assert listed == [
        (1, "Endless", "time", "took more than 0.3 seconds"),
        (2, "Deadly", "memory", "its process was killed twice, as the system does when memory is short"),
        (4, "Crash", "crash", "the parser crashed twice"),
        (5, "Large", "memory", "took more than 256 megabytes"),
        (6, "Odd", "parser", "ValueError: invalid literal for int() with base 10: 'odd'"),
    ]
    assert metadata["counts"]["failures"] == {"crash": 1, "memory": 2, "parser": 1, "time": 1, "xml": 1}
    assert metadata["counts"]["pages"] == 3


@pytest.mark.parametrize(
    "workers, whole_group, step",
    [
        (2, False, 3),
        *(pytest.param(*case, 0.2, marks=pytest.mark.slow) for case in ((1, False), (2, True), (2, False))),
    ],
)
def test_killed_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, whole_group: bool, step: float
) -> None:
    dump = write_dump(tmp_path / "dump.xml", articles(10 if step > 1 else 24))
    run(dump, tmp_path / "undisturbed")
    # So that it is not over at once.
    misbehave(monkeypatch, Page=lambda: time.sleep(0.002))
    output = tmp_path / "out"

    def command() -> None:
        # Otherwise it is shared with this process, and a killed one may hold it.
        Tqdm.set_lock(threading.RLock())
        run(dump, output, executor=Executor(workers=workers))

    kills = kill_until_done(command, seed=10 * workers + whole_group, step=step, whole_group=whole_group)
    assert kills >= 1
    assert files(output) == files(tmp_path / "undisturbed")


def test_sizes() -> None:
    assert [parse_size(text) for text in ("12", "3k", "4M", "1G")] == [12, 3 << 10, 4 << 20, 1 << 30]
    for text in ("", "0", "-1", "1.5M", "M", "1T"):
        with pytest.raises(ValueError, match="is not a size"):
            parse_size(text)
