"""
How much faster do two data workers read than one?

    python benchmarks/reading.py [--words 100000] [--document-words 250] [--sentence-words 20] [--runs 5]
                                 [--model-name fixtures/tiny-luke] [--workers 1 2]

Writes an NER file of made-up words, in columns, and reads it by a `MultiProcessDataLoader`, with so many
workers in turn, `--runs` times each. First it makes sure that all of them give the instances of a process
without workers. Printed are the medians of the time, and of the CPU time of the workers together and of the
main process, which gathers what they made; and each as a part of that of the first number of workers. With
`--ranks 1 2`, one of so many processes of distributed training, without workers, is measured instead. The
bound for two workers is 0.6 of the time of one, where there is a core for each and one for the main process.
"""

import argparse
import os
import random
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
from allennlp.data import Instance
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.data.dataset_readers.dataset_reader import DistributedInfo

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.ner.reader import NerReader

BOUND = 0.6
ROOT = Path(__file__).resolve().parents[1]


class Figures(NamedTuple):
    """Seconds of reading a file once."""

    wall: float
    workers: float
    main: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--words", type=int, default=100_000)
    parser.add_argument("--document-words", type=int, default=250)
    parser.add_argument("--sentence-words", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model-name", default=str(ROOT / "fixtures" / "tiny-luke"))
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--ranks", type=int, nargs="+", help="instead of workers, processes of distributed training"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "data.conll")
        write(path, arguments.words, arguments.document_words, arguments.sentence_words)
        if arguments.ranks:
            compare_ranks(path, arguments)
        else:
            compare_workers(path, arguments)


def compare_workers(path: str, arguments: argparse.Namespace) -> None:
    expected = contents(read(reader(arguments), path, 0))
    for workers in arguments.workers:
        if contents(read(reader(arguments), path, workers)) != expected:
            raise SystemExit(f"{workers} workers give other instances than none")
    print(f"{len(expected):,} instances, the same with any number of workers")
    found: Dict[int, List[Figures]] = {workers: [] for workers in arguments.workers}
    for _ in range(arguments.runs):
        for workers in arguments.workers:
            found[workers].append(measured(reader(arguments), path, workers))
    ratio = report("workers", found, arguments)
    if ratio is not None and ratio > BOUND:
        raise SystemExit(f"more than {BOUND} of the time")


def compare_ranks(path: str, arguments: argparse.Namespace) -> None:
    found: Dict[int, List[Figures]] = {ranks: [] for ranks in arguments.ranks}
    for _ in range(arguments.runs):
        for ranks in arguments.ranks:
            one = reader(arguments)
            if ranks > 1:
                one._set_distributed_info(DistributedInfo(ranks, 0))
            found[ranks].append(measured(one, path, 0))
    report("ranks", found, arguments)


def report(what: str, found: Dict[int, List[Figures]], arguments: argparse.Namespace) -> Optional[float]:
    """Prints the table; the ratio of two to one, if both are in it."""
    print(
        f"{arguments.words:,} words, {arguments.runs} runs in turn, medians; {os.cpu_count()} cores "
        f"({torch.backends.cpu.get_cpu_capability()}), load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"{what:>8}{'seconds':>10}{'ratio':>7}{'workers, CPU':>15}{'ratio':>7}{'main, CPU':>12}{'ratio':>7}"
    )
    medians = {
        number: [statistics.median(values) for values in zip(*runs, strict=True)]
        for number, runs in found.items()
    }
    first = next(iter(medians.values()))
    for number, values in medians.items():
        columns = "".join(
            f"{value:>{width}.2f}{value / base if base else 0:>7.2f}"
            for value, base, width in zip(values, first, (10, 15, 12), strict=True)
        )
        print(f"{number:>8}{columns}")
    return medians[2][0] / medians[1][0] if {1, 2} <= set(medians) else None


def write(path: str, words: int, document_words: int, sentence_words: int) -> None:
    """Words as frequent as Zipf's law has it; one in eight begins an entity."""
    draw = random.Random(0)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "ol")]
    known = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(known) + 1)]
    with open(path, "w", encoding="utf-8") as file:
        for number, word in enumerate(draw.choices(known, weights, k=words)):
            if number % document_words == 0:
                file.write("\n-DOCSTART- -X- O O\n")
            if number % document_words % sentence_words == 0:
                file.write("\n")
            tag = draw.choice(["B-PER", "B-LOC"]) if number % 8 == 0 else "O"
            file.write(f"{word} NN O {tag}\n")


def reader(arguments: argparse.Namespace) -> NerReader:
    """One that has seen no word yet."""
    return NerReader(WordTokenizer(arguments.model_name))


def read(one: NerReader, path: str, workers: int) -> List[Instance]:
    loader = MultiProcessDataLoader(one, path, batch_size=8, num_workers=workers, quiet=True)
    return list(loader.iter_instances())


def contents(instances: List[Instance]) -> List[Tuple[object, ...]]:
    """What is in the instances, in the order of the file."""
    found = []
    for instance in instances:
        data = instance["metadata"].metadata  # type: ignore[attr-defined]
        key = (data["document_index"], data["sentence"], data["chunk"])
        found.append((key, instance))
    return sorted(found, key=lambda pair: pair[0])


def measured(one: NerReader, path: str, workers: int) -> Figures:
    def of_workers() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    wall, main, others = time.perf_counter(), time.process_time(), of_workers()
    read(one, path, workers)
    return Figures(time.perf_counter() - wall, of_workers() - others, time.process_time() - main)


if __name__ == "__main__":
    main()
