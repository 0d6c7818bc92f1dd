"""
Does `allennlp wikipedia-extract` find the links that wikipedia2vec finds, and at what speed and memory?

    python benchmarks/wikipedia_extraction.py DUMP.xml.bz2 --wikipedia2vec COMMAND [--megabytes 60] [--runs 3]

COMMAND is `wikipedia2vec` 2.0.0, which may be in an environment of its own. Its `build-dump-db` reads the
same file. Without it, only times and memory here are measured.

Prints, for DUMP: of the (page, target, surface) triples that wikipedia2vec finds how many are found here,
without link trails since it has none, and of what kind the others are. Then, for a file that has DUMP's pages
so often that it is of so many megabytes of XML: seconds by the clock and of the processors (the same on an
idle machine, and what to look at on any other) of whole processes, medians of interleaved runs, their ratios,
and how many times as fast each is as with the first number of workers, as a whole and without the start of
`allennlp`; and how much more two commands with one worker each do side by side in the same time than one
alone, which is what this machine's cores have to give. Last, the peak of the memory of all processes
together, pages that they share counted once, for that file and for one of four times its size.
"""

import argparse
import bz2
import gzip
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from luke_allennlp.wikipedia.pages import ExtractedWikipedia
from luke_allennlp.wikipedia.siteinfo import SiteInfo
from luke_allennlp.wikipedia.titles import ARTICLE, NAMESPACE, TitleRules

HERE, THERE = "here", "wikipedia2vec"
ALLENNLP = str(Path(sys.executable).with_name("allennlp"))
PACKAGE = ("--include-package", "luke_allennlp")
# In wikipedia2vec's environment.
EXPORT = """
import json, sys
from wikipedia2vec.dump_db import DumpDB

database = DumpDB(sys.argv[1])
for title in database.titles():
    paragraphs = database.get_paragraphs(title)
    print(json.dumps([title, [[link.title, link.text] for part in paragraphs for link in part.wiki_links]]))
"""


class Measured(NamedTuple):
    """Seconds by the clock, seconds of the processors, megabytes at the peak."""

    clock: float
    processors: float
    peak: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dump", type=Path)
    parser.add_argument("--wikipedia2vec", metavar="COMMAND", help="its path")
    parser.add_argument("--megabytes", type=int, default=60, help="of XML (default: 60)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--no-memory", action="store_true", help="leave out the file of four times the size")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        dump = directory / "dump.xml.bz2"
        repeat(arguments.dump, dump, 0)
        if arguments.wikipedia2vec:
            compare_links(dump, arguments.wikipedia2vec, directory)
        large = directory / "large.xml.bz2"
        copies, megabytes = repeat(arguments.dump, large, arguments.megabytes)
        print(f"\n{copies} times the pages, {megabytes:.0f} MB of XML; medians of {arguments.runs} runs")
        peaks = compare_speed(large, arguments.wikipedia2vec, arguments.workers, arguments.runs, directory)
        if not arguments.no_memory:
            larger = directory / "larger.xml.bz2"
            repeat(arguments.dump, larger, 4 * arguments.megabytes)
            compare_memory(larger, arguments.wikipedia2vec, peaks, directory)


def repeat(source: Path, target: Path, megabytes: int) -> Tuple[int, float]:
    """Once if of no megabytes. Gives how often, and the megabytes."""
    opened = {".bz2": bz2.open, ".gz": gzip.open}.get(source.suffix, open)
    with opened(source, "rb") as file:  # type: ignore[operator]
        content = file.read()
    start, end = content.index(b"<page>"), content.rindex(b"</mediawiki>")
    copies = max(1, -(-megabytes * 10**6 // (end - start)))
    # Streams one after another are a bz2 file too; this is how Wikipedia's are made.
    head, pages, foot = map(bz2.compress, (content[:start], content[start:end], content[end:]))
    with target.open("wb") as file:
        file.write(head)
        for _ in range(copies):
            file.write(pages)
        file.write(foot)
    return copies, (len(content) + (copies - 1) * (end - start)) / 1e6


def commands(dump: Path, wikipedia2vec: Optional[str], workers: int, directory: Path) -> Dict[str, List[str]]:
    """Of both, which write new files of the same names; what was there is removed."""
    database, pages = directory / "wikipedia2vec.db", directory / "pages"
    for path in (database, database.with_name(f"{database.name}-lock")):
        path.unlink(missing_ok=True)
    here = extraction(dump, pages, workers)
    if wikipedia2vec is None:
        return {HERE: here}
    there = [wikipedia2vec, "build-dump-db", "--pool-size", str(workers), str(dump), str(database)]
    return {THERE: there, HERE: here}


def extraction(dump: Path, pages: Path, workers: int) -> List[str]:
    shutil.rmtree(pages, ignore_errors=True)
    return [
        *(ALLENNLP, "wikipedia-extract", str(dump), "-o", str(pages)),
        *("--workers", str(workers), *PACKAGE),
    ]


def side_by_side(dump: Path, directory: Path) -> float:
    """The seconds of two commands at once."""
    outputs = [directory / f"pages-{name}" for name in "ab"]
    begun = [extraction(dump, output, 1) for output in outputs]
    start = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for process in [subprocess.Popen(command, **quiet) for command in begun]:  # type: ignore[call-overload]
        if process.wait():
            raise SystemExit(f"{' '.join(begun[0])} failed")
    return time.perf_counter() - start


def compare_links(dump: Path, wikipedia2vec: str, directory: Path) -> None:
    both = commands(dump, wikipedia2vec, 1, directory)
    run(both[THERE])
    run([*both[HERE], "--no-link-trail"])
    wikipedia = ExtractedWikipedia(directory / "pages")
    rules = TitleRules(SiteInfo.from_dict(wikipedia.metadata["siteinfo"]))
    found = {
        page.title: Counter(
            (link.target, plain(link.surface)) for paragraph in page.paragraphs for link in paragraph.links
        )
        for page in wikipedia.pages()
    }
    missing: "Counter[str]" = Counter()
    lost: List[str] = []
    total = 0
    for title, links in their_links(wikipedia2vec, directory / "wikipedia2vec.db"):
        ours = found.get(title, Counter())
        total += len(links)
        theirs: "Counter[Tuple[str, str]]" = Counter()
        for target, surface in links:
            kind, resolved = kind_of(target, surface, title, rules)
            if kind:
                missing[kind] += 1
            else:
                theirs[resolved, plain(surface)] += 1
        for (target, surface), count in (theirs - ours).items():
            missing["of an article"] += count
            lost.append(f"{title}: [[{target}|{surface}]]")
    articles = total - sum(missing.values()) + missing["of an article"]
    same = articles - missing["of an article"]
    print(f"{total:,} links found by wikipedia2vec, {articles:,} of them with a label and to other articles")
    print(f"{same:,} of these found here: {same / max(articles, 1):.2%}; {same / max(total, 1):.2%} of all")
    print(f"{sum(sum(links.values()) for links in found.values()) - same:,} found only here")
    for kind, count in missing.most_common():
        print(f"  not found: {kind:40}{count:7,}")
    for line in lost[:20]:
        print(f"    {line}")


def their_links(wikipedia2vec: str, database: Path) -> "Iterator[Tuple[str, List[Tuple[str, str]]]]":
    # A console script's first line names the interpreter of its environment.
    with open(wikipedia2vec, encoding="utf-8") as file:
        interpreter = file.readline().removeprefix("#!").strip()
    exported = subprocess.run(
        [interpreter, "-c", EXPORT, str(database)], check=True, capture_output=True, text=True
    )
    for line in exported.stdout.splitlines():
        title, links = json.loads(line)
        yield title, [(target, surface) for target, surface in links]


def kind_of(target: str, surface: str, title: str, rules: TitleRules) -> Tuple[str, str]:
    """Of a link, why it is not kept here, or empty; and the title it leads to."""
    resolved = rules.resolve(target)
    if resolved.kind == NAMESPACE:
        return f"namespace {resolved.title.partition(':')[0]}", ""
    if resolved.kind != ARTICLE:
        return resolved.kind, ""
    if resolved.title == title:
        return "to the page itself", ""
    return ("" if surface.strip() else "without a label"), resolved.title


def plain(surface: str) -> str:
    """Spaces as they are shown, without soft hyphens."""
    return " ".join(surface.replace("\N{SOFT HYPHEN}", "").split())


def compare_speed(
    dump: Path, wikipedia2vec: Optional[str], workers: Sequence[int], runs: int, directory: Path
) -> Dict[str, float]:
    """Gives the peaks of memory with the first number of workers."""
    start = median([run([ALLENNLP, "wikipedia-extract", "--help", *PACKAGE]) for _ in range(runs)])
    print(f"starting `allennlp` takes {start.clock:.1f} s, {start.processors:.1f} s of a processor")
    measured: Dict[Tuple[int, str], List[Measured]] = {}
    both: List[float] = []
    for _ in range(runs):
        both.append(side_by_side(dump, directory))
        for number in workers:
            for name, command in commands(dump, wikipedia2vec, number, directory).items():
                measured.setdefault((number, name), []).append(run(command))
    medians = {key: median(values) for key, values in measured.items()}
    print(
        f"{'':20}{'workers':>8}{'clock, s':>10}{'CPU, s':>10}{'peak, MB':>10}"
        f"{'clock, ratio':>14}{'CPU, ratio':>12}{f'times {workers[0]}':>10}{'without start':>15}"
    )
    for (number, name), (clock, processors, peak) in medians.items():
        theirs = medians.get((number, THERE), medians[number, HERE])
        first = medians[workers[0], name].clock
        # What both have is the start of `allennlp`.
        begun = start.clock if name == HERE else 0.0
        print(
            f"{name:20}{number:8}{clock:10.2f}{processors:10.2f}{peak:10.0f}"
            f"{clock / theirs.clock:14.2f}{processors / theirs.processors:12.2f}{first / clock:10.2f}"
            f"{(first - begun) / (clock - begun):15.2f}"
        )
    alone = medians.get((1, HERE))
    if alone is not None:
        clock = statistics.median(both)
        print(
            f"two at once, a worker each: {clock:.2f} s, {2 * alone.clock / clock:.2f} times the work of one"
        )
    return {name: values.peak for (number, name), values in medians.items() if number == workers[0]}


def compare_memory(
    dump: Path, wikipedia2vec: Optional[str], peaks: Dict[str, float], directory: Path
) -> None:
    print(f"\n{'one worker':20}{'peak, MB':>10}{'of 4 times the size':>22}{'ratio':>8}")
    for name, command in commands(dump, wikipedia2vec, 1, directory).items():
        peak = run(command).peak
        print(f"{name:20}{peaks[name]:10.0f}{peak:22.0f}{peak / peaks[name]:8.2f}")


def median(values: Sequence[Measured]) -> Measured:
    return Measured(*(statistics.median(column) for column in zip(*values, strict=True)))


def run(command: Sequence[str]) -> Measured:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors) as process:
            peak = Peak(process.pid)
            status = process.wait()
            clock = time.perf_counter() - start
            megabytes = peak.stop()
        if status:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{errors.read().decode(errors='replace')[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processors = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(clock, processors, megabytes)


class Peak:
    """
    Looks now and then how much memory a process and those it started take. What several share is counted in
    equal shares (Linux's PSS).
    """

    def __init__(self, process: int) -> None:
        self._process = process
        self._bytes = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Gives megabytes."""
        self._stopped.set()
        self._thread.join()
        return self._bytes / 1e6

    def _look(self) -> None:
        while not self._stopped.wait(0.2):
            self._bytes = max(self._bytes, sum(map(shared_bytes, family(self._process))))


def family(process: int) -> List[int]:
    children = [process]
    for parent in children:
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
            for task in tasks:
                children.extend(map(int, (task / "children").read_text().split()))
        except OSError:
            # It has ended.
            continue
    return children


def shared_bytes(process: int) -> int:
    try:
        with open(f"/proc/{process}/smaps_rollup", encoding="ascii", errors="replace") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:")), 0)
    except OSError:
        return 0


if __name__ == "__main__":
    main()
