"""The files of a dataset of pretraining."""

import json
import shutil

import numpy as np
import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.pretraining.dataset import (
    PretrainingDataset,
    TokenSequence,
    describe_shard,
    write_metadata,
    write_shard,
)
from luke_allennlp.pretraining.sequences import Sequences
from tests.pretraining.datasets import ENTITIES, random_sequences, write_dataset

SHARDS = [random_sequences(20, 0), [], random_sequences(13, 1)]


@pytest.fixture
def directory(tmp_path):
    return write_dataset(tmp_path / "dataset", SHARDS, [random_sequences(5, 2)], seed=3)


def assert_same(found, expected):
    assert found.page_id == expected.page_id
    for one, other in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_written_is_read(directory):
    dataset = PretrainingDataset(str(directory))
    expected = [row for rows in SHARDS for row in rows]
    assert len(dataset) == 33 and dataset.splits == ["train", "validation"]
    for found, row in zip(dataset, expected, strict=True):
        assert_same(found, row)
    for index in (0, 19, 20, 32):
        assert_same(dataset.sequence(index), expected[index])
    with pytest.raises(IndexError):
        dataset.sequence(33)
    words, entities = ([len(row[column]) for row in expected] for column in (1, 2))
    assert (dataset.longest, dataset.most_entities) == (max(words), max(entities))
    split = dataset.metadata["splits"]["train"]
    assert (split["words"], split["entities"]) == (sum(words), sum(entities))
    assert dataset.metadata["options"] == {"seed": 3}
    assert dataset.special_entities == {"[PAD]": 0, "[UNK]": 1, "[MASK]": 2}
    assert (dataset.vocab_size, dataset.entity_table_size) == (1998, ENTITIES)
    assert EntityVocabulary.from_file(dataset.entity_vocabulary_file)["Entity 7"] == 7
    assert len(PretrainingDataset(str(directory), "validation")) == 5
    dataset.verify()


def test_same_bytes_again(directory, tmp_path):
    again = write_dataset(tmp_path / "again", SHARDS, [random_sequences(5, 2)], seed=3)
    for path in directory.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(directory)).read_bytes()
    assert not [path for path in directory.rglob("*") if path.name.startswith(".")]


def test_large_vocabularies(tmp_path):
    rows = [TokenSequence(-1, [70_000, 3], [2**31 - 2], [0], [1])]
    info = write_shard(tmp_path, "0.arrow", rows, 250_002)
    assert (info.sequences, info.words, info.entities, info.longest, info.most_entities) == (1, 2, 1, 2, 1)
    write = write_dataset(tmp_path / "dataset", [rows], vocab_size=250_002)
    dataset = PretrainingDataset(str(write))
    assert dataset.shard(0).word_ids.dtype == np.uint32
    assert_same(dataset.sequence(0), rows[0])


@pytest.mark.parametrize(
    "row, expected",
    [
        (([5, 100], [], [], []), "word id 100 is not below the vocabulary's size 100"),
        (([70_000], [], [], []), "does not fit uint16"),
        (([5], [3], [0], []), "1, 1 and 0 entity ids, starts and ends"),
        (([5, 6], [3], [1], [2]), "from token 1 to 2 in a sequence of 2"),
        (([5, 6], [3], [1], [0]), "from token 1 to 0"),
        (([5] * 65_536, [], [], []), "65,536 tokens"),
    ],
)
def test_wrong_sequences_are_not_written(tmp_path, row, expected):
    with pytest.raises(ValueError, match=expected):
        rows = [TokenSequence(-1, [1, 2], [], [], []), TokenSequence(-1, *row)]
        write_shard(tmp_path, "0.arrow", rows, 100)
    assert list(tmp_path.iterdir()) == []


def test_metadata_is_last(directory):
    vocabulary = EntityVocabulary.from_file(directory / "entity_vocab.jsonl")
    info = describe_shard(directory, "train/00000.arrow")
    (directory / "metadata.json").unlink()
    with pytest.raises(ConfigurationError, match="metadata.json is missing, so the dataset is not complete"):
        PretrainingDataset(str(directory))
    shutil.rmtree(directory / "tokenizer")
    with pytest.raises(ConfigurationError, match="tokenizer is missing"):
        write_metadata(directory, {"train": [info]}, vocabulary, "X", 10, {})
    assert not (directory / "metadata.json").exists()


def metadata_with(**changes):
    def damage(directory):
        path = directory / "metadata.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


def truncate(directory):
    path = directory / "train/00000.arrow"
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize(
    "damage, expected",
    [
        (metadata_with(format="other"), "the format is 'other'; expected 'luke-pretraining-dataset'"),
        (metadata_with(version=2), "the version is 2; expected 1"),
        (metadata_with(splits=3), "metadata.json is damaged"),
        (metadata_with(splits={"train": {"shards": [{}]}}), "metadata.json is damaged"),
        (metadata_with(splits={"test": {"shards": []}}), "no split 'train'; expected one of 'test'"),
        (lambda d: (d / "metadata.json").write_text("{"), "metadata.json cannot be read"),
        (lambda d: (d / "metadata.json").write_text("[]"), "holds a JSON list; expected an object"),
        (lambda d: (d / "train/00002.arrow").unlink(), "the shard train/00002.arrow is missing"),
        (lambda d: (d / "entity_vocab.jsonl").unlink(), "entity_vocab.jsonl is missing"),
        (truncate, r"train/00000.arrow has [\d,]+ bytes; expected"),
        (shutil.rmtree, "there is no such directory"),
    ],
)
def test_damage_is_named(directory, damage, expected):
    damage(directory)
    with pytest.raises(ConfigurationError, match=f"{directory}.*{expected}"):
        PretrainingDataset(str(directory))


def test_every_byte_of_a_shard_is_an_error_or_other_numbers(directory):
    """No damage of the file ends the process, or leads out of the columns."""
    path = directory / "train/00002.arrow"
    content = path.read_bytes()
    errors = []
    for at in [*range(0, len(content), 7), len(content) - 3]:
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        try:
            list(PretrainingDataset(str(directory)).shard(2))
        except ConfigurationError as error:
            errors.append(str(error))
        with pytest.raises(ConfigurationError, match="damaged: its SHA-256"):
            PretrainingDataset(str(directory)).verify()
    assert "train/00002.arrow: is no shard" in errors[-1] and "\n" not in "".join(errors)


def test_a_shard_of_another_dataset(directory):
    info = write_shard(directory, "train/00000.arrow", random_sequences(4, 9), 1998)
    shards = json.loads((directory / "metadata.json").read_text())["splits"]["train"]["shards"]
    shards[0]["bytes"] = info.bytes
    metadata_with(splits={"train": {"shards": shards}})(directory)
    with pytest.raises(ConfigurationError, match="has 4 sequences .* expected 20"):
        PretrainingDataset(str(directory)).shard(0)


def test_without_validation(tmp_path):
    write_dataset(tmp_path / "dataset", [random_sequences(4, 1)])
    message = "'train'; build it with --held-out, or set validate:: false"
    with pytest.raises(ConfigurationError, match=message):
        PretrainingDataset(str(tmp_path / "dataset"), "validation")


def test_without_pyarrow(directory, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"pyarrow is not installed.*luke-allennlp\[pretraining\]"):
        PretrainingDataset(str(directory)).shard(0)


def test_taking_and_cutting():
    rows = random_sequences(30, 5)
    sequences = Sequences.of(rows, 1998)
    order = np.array([3, 3, 29, 0, 17])
    for found, number in zip(sequences.take(order), order, strict=True):
        assert_same(found, rows[number])
    for found, row in zip(Sequences.concatenate([sequences, sequences.take(order)]), rows, strict=False):
        assert_same(found, row)
    for found, row in zip(sequences.cut(9), rows, strict=True):
        kept = [number for number, end in enumerate(row.entity_ends) if end < 9]
        columns = [column[kept] for column in (row.entity_ids, row.entity_starts, row.entity_ends)]
        assert_same(found, TokenSequence(row.page_id, row.word_ids[:9], *columns))
    for found, row in zip(sequences.without_entities(), rows, strict=True):
        assert_same(found, TokenSequence(row.page_id, row.word_ids, [], [], []))
