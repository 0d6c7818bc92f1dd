"""
How long does an entity vocabulary take to load, and how much memory?

    python benchmarks/entity_vocabulary.py [--entries 1200000] [--runs 3]

Creates a vocabulary of that many entities, in four languages and scripts, in each of the three formats in a
temporary directory. Loads each in fresh processes, and prints medians: elapsed seconds, seconds of CPU,
megabytes at the peak and after loading, beyond those of the process before, and microseconds a look-up. The
bounds for 1.2 million entities are 4 seconds on an idle machine and 500 MB.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, Iterator, List

LANGUAGES = ("en", "de", "ja", "ru")
WORDS = {
    "en": ["River", "Saint", "County", "of the", "United", "(film)", "University", "Battle of", "Football"],
    "de": ["Österreich", "Straße", "Liste der", "Universität", "Fußball", "(Film)", "Schlacht bei", "Sankt"],
    "ja": ["日本", "東京都", "大学", "の戦い", "サッカー", "一覧", "映画", "国勢調査"],
    "ru": ["Москва", "река", "университет", "битва", "футбол", "список", "фильм", "перепись"],
}
SPECIALS = ("[PAD]", "[UNK]", "[MASK]", "[MASK2]")
LOAD = """
import json, resource, sys, time
from luke_allennlp.entity_vocabulary import EntityVocabulary

def megabytes(field):
    lines = dict(line.split(":") for line in open("/proc/self/status"))
    return int(lines[field].split()[0]) / 1024

before = megabytes("VmRSS")
clock, processor = time.perf_counter(), time.process_time()
vocabulary = EntityVocabulary.from_file(sys.argv[1])
clock, processor = time.perf_counter() - clock, time.process_time() - processor
peak, after = megabytes("VmHWM") - before, megabytes("VmRSS") - before
names = [name for name, _ in zip(vocabulary, range(10000))]
start = time.perf_counter()
for name in names:
    vocabulary[name]
lookup = (time.perf_counter() - start) / len(names) * 1e6
print(json.dumps([clock, processor, peak, after, before, lookup, len(vocabulary)]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=1_200_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        paths = make_files(Path(directory), arguments.entries)
        print(f"{arguments.entries:,} entities, median of {arguments.runs} runs")
        print(
            f"{'':24}{'file, MB':>10}{'clock, s':>10}{'CPU, s':>10}{'peak, MB':>10}{'after, MB':>10}"
            f"{'before, MB':>12}{'lookup, us':>12}"
        )
        for name, path in paths.items():
            measured = [load(path) for _ in range(arguments.runs)]
            clock, processor, peak, after, before, lookup, names = map(
                statistics.median, zip(*measured, strict=True)
            )
            if names != arguments.entries:
                raise SystemExit(f"{path} gave {names} names")
            print(
                f"{name:24}{path.stat().st_size / 1e6:10.0f}{clock:10.2f}{processor:10.2f}{peak:10.0f}"
                f"{after:10.0f}{before:12.0f}{lookup:12.1f}"
            )


def load(path: Path) -> List[float]:
    """In a process of its own, since memory is not given back."""
    command = [sys.executable, "-c", LOAD, str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def make_files(directory: Path, entries: int) -> Dict[str, Path]:
    paths = {
        "tsv": directory / "entity_vocab.tsv",
        "jsonl": directory / "entity_vocab.jsonl",
        "json": directory / "english.json",
        "json, multilingual": directory / "entity_vocab.json",
    }
    with (
        paths["tsv"].open("w", encoding="utf-8") as tsv,
        paths["jsonl"].open("w", encoding="utf-8") as lines,
    ):
        for index, (title, language) in enumerate(make_titles(entries)):
            count = 0 if language is None else entries - index
            tsv.write(f"{title}\t{count}\n")
            record = {"id": index, "entities": [[title, language]], "count": count}
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")
    titles = list(make_titles(entries))
    with paths["json"].open("w", encoding="utf-8") as file:
        json.dump({title: index for index, (title, _) in enumerate(titles)}, file)
    with paths["json, multilingual"].open("w", encoding="utf-8") as file:
        names = [title if language is None else f"{language}:{title}" for title, language in titles]
        json.dump({name: index for index, name in enumerate(names)}, file)
    return paths


def make_titles(entries: int) -> "Iterator[tuple[str, str | None]]":
    """Of about the length of Wikipedia's, all different."""
    yield from ((special, None) for special in SPECIALS[:entries])
    choose = random.Random(0)
    for index in range(len(SPECIALS), entries):
        language = choose.choice(LANGUAGES)
        words = choose.choices(WORDS[language], k=choose.randint(1, 3))
        yield " ".join([*words, str(index)]), language


if __name__ == "__main__":
    main()
