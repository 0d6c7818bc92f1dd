"""Datasets of pretraining for tests: random numbers in the form of sequences."""

import shutil
from pathlib import Path
from typing import Any, List, Sequence

import numpy as np

from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.pretraining.dataset import TokenSequence, write_metadata, write_shard

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
ROBERTA_SIZE = 1998
ENTITIES = 200


def random_sequences(
    number: int, seed: int = 0, longest: int = 30, most_entities: int = 6, vocab_size: int = ROBERTA_SIZE
) -> List[TokenSequence]:
    """Of all lengths, and some without entities."""
    random = np.random.default_rng(seed)
    sequences = []
    for _ in range(number):
        length = int(random.integers(1, longest + 1))
        entities = int(random.integers(0, most_entities + 1))
        starts = np.sort(random.integers(0, length, entities))
        ends = np.minimum(starts + random.integers(0, 3, entities), length - 1)
        words = random.integers(4, vocab_size, length)
        ids = random.integers(1, ENTITIES, entities)
        sequences.append(TokenSequence(int(random.integers(-1, ENTITIES)), words, ids, starts, ends))
    return sequences


def write_dataset(
    directory: Path,
    shards: Sequence[Sequence[TokenSequence]],
    validation: Sequence[Sequence[TokenSequence]] = (),
    tokenizer: Path = FIXTURES / "tiny-roberta",
    vocab_size: int = ROBERTA_SIZE,
    **options: Any,
) -> Path:
    """Writes a dataset of these shards, with a small tokenizer and a vocabulary of 200 entities."""
    (directory / "tokenizer").mkdir(parents=True)
    for name in ("vocab.json", "merges.txt", "vocab.txt", "tokenizer.json"):
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, directory / "tokenizer" / name)
    titles = ["[PAD]", "[UNK]", "[MASK]", *(f"Entity {number}" for number in range(3, ENTITIES))]
    vocabulary = EntityVocabulary.from_entries((id, [(title, None)], 1) for id, title in enumerate(titles))
    vocabulary.save(directory / "entity_vocab.jsonl")
    infos = {
        split: [
            write_shard(directory, f"{split}/{number:05}.arrow", rows, vocab_size)
            for number, rows in enumerate(parts)
        ]
        for split, parts in (("train", shards), ("validation", validation))
        if split == "train" or parts
    }
    write_metadata(directory, infos, vocabulary, "RobertaTokenizerFast", vocab_size, options)
    return directory
