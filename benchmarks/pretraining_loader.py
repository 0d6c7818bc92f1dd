"""
How fast is the data loader of pretraining, and how much memory does it take?

    python benchmarks/pretraining_loader.py [--sequences 10000] [--shards 4] [--times 100] [--directory DIR]

Writes a synthetic dataset, of full sequences of RoBERTa's size, and reads an epoch of it in steps of 2,048
with no, one and two workers, against one `Instance` a sequence (which masks nothing). Then a dataset so
many times as large: the peak of the memory of the process and of its workers, each in a process of its own,
against that for the small one, and the time to the first step of an epoch, and to one deep in it.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict

VOCAB_SIZE, ENTITIES, STEP = 50265, 500_000, 2048


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sequences", type=int, default=10_000)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--times", type=int, default=100, help="how much larger the large dataset is")
    parser.add_argument("--directory", type=Path, help="where the temporary directory is made")
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "PATH", "WORKERS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        what, path, workers = arguments.child
        print(json.dumps(CHILDREN[what](Path(path), int(workers), arguments)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        small, large = Path(directory) / "small", Path(directory) / "large"
        _child("write", small, 0, arguments)
        _enlarge(small, large, arguments.times)
        _compare(small, large, arguments)


def _compare(small: Path, large: Path, arguments: argparse.Namespace) -> None:
    instances = _child("instances", small, 0, arguments)["rate"]
    print(f"{'sequences a second':34}{'':>10}{'ratio':>8}")
    print(f"{'an Instance each, nothing masked':34}{instances:10,.0f}{1:8.1f}")
    measured = {workers: _child("read", small, workers, arguments) for workers in (0, 1, 2)}
    for workers, figures in measured.items():
        print(
            f"{f'{workers} workers':34}{figures['rate']:10,.0f}{figures['rate'] / instances:8.1f}", flush=True
        )

    print(f"\n{'peak memory, MB':34}{'1x':>10}{f'{arguments.times}x':>10}{'ratio':>8}")
    for workers, who in ((0, "the process"), (1, "the process, one worker"), (1, "its worker")):
        key = "worker_peak" if who == "its worker" else "peak"
        one, many = measured[workers][key], _large(large, workers, arguments)[key]
        print(f"{who:34}{one / 1e6:10,.0f}{many / 1e6:10,.0f}{many / one:8.2f}", flush=True)

    print(f"\n{'seconds to the first step':34}{'':>10}{'ratio':>8}")
    first = None
    for part in (0, 50, 99):
        seconds = _child("resume", large, part, arguments)["seconds"]
        first = first or seconds
        print(f"{f'from {part}% of an epoch':34}{seconds:10.2f}{seconds / first:8.2f}", flush=True)


_READ: Dict[int, Dict[str, Any]] = {}


def _large(large: Path, workers: int, arguments: argparse.Namespace) -> Dict[str, Any]:
    if workers not in _READ:
        _READ[workers] = _child("read", large, workers, arguments)
    return _READ[workers]


def _child(what: str, path: Path, number: int, arguments: argparse.Namespace) -> Dict[str, Any]:
    options = ["--sequences", str(arguments.sequences), "--shards", str(arguments.shards)]
    command = [sys.executable, __file__, *options, "--child", what, str(path), str(number)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()[-1])


def _enlarge(small: Path, large: Path, times: int) -> None:
    """The same shards many times, under other names: hard links take no room on the disk."""
    shutil.copytree(small, large)
    metadata = json.loads((small / "metadata.json").read_text())
    split = metadata["splits"]["train"]
    shards = []
    for time_ in range(times):
        for shard in split["shards"]:
            file = shard["file"].replace("train/", f"train/{time_:03}-")
            os.link(large / shard["file"], large / file)
            shards.append({**shard, "file": file})
    split["shards"] = shards
    (large / "metadata.json").write_text(json.dumps(metadata))


def write(path: Path, _: int, arguments: argparse.Namespace) -> Dict[str, Any]:
    import numpy as np

    from luke_allennlp.entity_vocabulary import EntityVocabulary
    from luke_allennlp.pretraining.dataset import TokenSequence, write_metadata, write_shard

    tokenizer = path / "tokenizer"
    tokenizer.mkdir(parents=True)
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    # Six of ten begin a word: Wikipedia in RoBERTa's sub-words has about three words of four sub-words.
    names += [f"{'Ġ' if number % 10 < 7 else ''}a{number}" for number in range(4, VOCAB_SIZE - 1)]
    vocabulary = {name: number for number, name in enumerate([*names, "<mask>"])}
    (tokenizer / "vocab.json").write_text(json.dumps(vocabulary))
    (tokenizer / "merges.txt").write_text("#version: 0.2\n")
    titles = ["[PAD]", "[UNK]", "[MASK]", *(f"Entity {number}" for number in range(3, ENTITIES))]
    entities = EntityVocabulary({title: number for number, title in enumerate(titles)})
    entities.save(path / "entity_vocab.jsonl")
    random = np.random.default_rng(0)
    shards = []
    for number in range(arguments.shards):
        rows = []
        for _ in range(arguments.sequences // arguments.shards):
            # Packed sequences: most are nearly full, and the last of a page is not.
            length = int(random.integers(400, 511) if random.random() < 0.7 else random.integers(10, 511))
            count = int(random.integers(0, 30))
            starts = np.sort(random.integers(0, length - 3, count))
            ends = starts + random.integers(0, 3, count)
            words = random.integers(4, VOCAB_SIZE - 1, length)
            rows.append(TokenSequence(-1, words, random.integers(3, ENTITIES, count), starts, ends))
        shards.append(write_shard(path, f"train/{number:05}.arrow", rows, VOCAB_SIZE))
    write_metadata(path, {"train": shards}, entities, "RobertaTokenizerFast", VOCAB_SIZE, {})
    return {}


def _loader(path: Path, workers: int) -> Any:
    import torch

    from luke_allennlp.pretraining.loader import PretrainingDataLoader

    torch.set_num_threads(1)
    return PretrainingDataLoader(None, str(path), global_batch_size=STEP, num_workers=workers)


def read(path: Path, workers: int, arguments: argparse.Namespace) -> Dict[str, Any]:
    loader = _loader(path, workers)
    start, sequences = time.perf_counter(), 0
    for step in loader.steps(0):
        sequences += sum(len(batch["words"]["token_ids"]) for batch in step.batches)
    seconds = time.perf_counter() - start
    peaks = {"peak": _peak(resource.RUSAGE_SELF), "worker_peak": _peak(resource.RUSAGE_CHILDREN)}
    return {"rate": sequences / seconds, **peaks}


def resume(path: Path, part: int, arguments: argparse.Namespace) -> Dict[str, Any]:
    loader = _loader(path, 0)
    start = time.perf_counter()
    next(loader.steps(3, loader.steps_per_epoch * part // 100))
    return {"seconds": time.perf_counter() - start}


def instances(path: Path, _: int, arguments: argparse.Namespace) -> Dict[str, Any]:
    import numpy as np
    from allennlp.data import Instance, allennlp_collate

    from luke_allennlp.data.fields import EntityField, SubwordField
    from luke_allennlp.pretraining.dataset import PretrainingDataset

    dataset = PretrainingDataset(str(path))
    start, batch, number = time.perf_counter(), [], 0
    for sequence in dataset:
        words = np.concatenate(([0], sequence.word_ids, [2]))
        spans = np.stack((sequence.entity_starts, sequence.entity_ends), axis=1) + 1
        fields = {"words": SubwordField(words), "entities": EntityField(sequence.entity_ids, spans)}
        batch.append(Instance(fields))  # type: ignore[arg-type]
        number += 1
        if len(batch) == 32:
            allennlp_collate(batch)
            batch = []
    return {"rate": number / (time.perf_counter() - start)}


def _peak(who: int) -> int:
    kilobytes = resource.getrusage(who).ru_maxrss
    return kilobytes if sys.platform == "darwin" else kilobytes * 1024


CHILDREN: Dict[str, Any] = {"write": write, "read": read, "resume": resume, "instances": instances}


if __name__ == "__main__":
    main()
