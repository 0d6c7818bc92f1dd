from pathlib import Path

import pytest

from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.pretraining.dataset import PretrainingDataset
from tests.wikipedia.made_pages import page, random_shards, write_pages


@pytest.fixture
def made(tmp_path: Path) -> Path:
    write_pages(tmp_path / "pages", random_shards(3, shards=2, pages=30))
    titles = ["[PAD]", "[UNK]", "[MASK]", *(f"Page {number}" for number in range(20))]
    EntityVocabulary({title: number for number, title in enumerate(titles)}).save(tmp_path / "entities.tsv")
    return tmp_path


def test_makes_a_dataset(allennlp, made):
    arguments = [
        *("pretraining-dataset", f"{made}/pages", "-o", f"{made}/out", "--tokenizer", "fixtures/tiny-luke"),
        *(
            "--entity-vocab",
            f"{made}/entities.tsv",
            "--max-length",
            "30",
            "--max-entities",
            "3",
            "--seed",
            "4",
        ),
        *("--min-sentence-length", "2", "--include-unk-entities", "--held-out", "0.3", "--shards", "2"),
        *("--include-sentences-without-entities", "--max-mention-length", "2", "--language", "simple"),
    ]
    finished = allennlp(*arguments)
    assert finished.status == 0, finished.err
    train, validation = (PretrainingDataset(f"{made}/out", split) for split in ("train", "validation"))
    assert [line for line in finished.out.splitlines() if "sub-words" in line] == [
        f"{made}/out, {data.split}: {len(data)} sequences with {entry['words']:,} sub-words and "
        f"{entry['entities']} entities"
        for data in (train, validation)
        for entry in [data.metadata["splits"][data.split]]
    ]
    assert train.metadata["options"] == {
        "max_length": 30,
        "max_entities": 3,
        "max_mention_length": 2,
        "min_sentence_length": 2,
        "include_sentences_without_entities": True,
        "include_unk_entities": True,
        "abstract_only": False,
        "sentence_splitter": "rule_based",
        "languages": ["simple"],
        "held_out": 0.3,
        "seed": 4,
        "shards": 2,
        "shard_sequences": 16384,
    }
    assert train.longest <= 28 and train.most_entities == 3
    assert max(int((row.entity_ends - row.entity_starts).max(initial=0)) for row in train) == 1
    # Once more, it is done at once.
    again = allennlp(*arguments)
    assert (again.status, again.out) == (0, finished.out)
    # With other options, only by force.
    other = allennlp(*arguments, "--abstract-only")
    assert other.status == 1
    assert other.error == (
        f"allennlp pretraining-dataset: {made}/out: already exists, and was not made with the same input and "
        "options; choose another directory, or give --force."
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--entity-vocab", "{}/nowhere.jsonl"], "nowhere.jsonl"),
        (["--tokenizer", "{}/pages/pages"], "has no tokenizer that can be read"),
        (
            ["--sentence-splitter", "punkt"],
            "--sentence-splitter is 'punkt'; expected one of rule_based, icu.",
        ),
        (["--workers", "0"], "--workers is 0; expected 1 or more."),
        (["--held-out", "2"], "--held-out is 2.0; expected a share"),
        (["--executor", "slurm"], "--executor slurm needs the partition"),
    ],
)
def test_errors_are_one_sentence(allennlp, made, arguments, message):
    finished = allennlp(
        *("pretraining-dataset", f"{made}/pages", "-o", f"{made}/out", "--tokenizer", "fixtures/tiny-luke"),
        *("--entity-vocab", f"{made}/entities.tsv", *(argument.format(made) for argument in arguments)),
    )
    assert finished.status == 1
    assert finished.error.startswith("allennlp pretraining-dataset: ") and message in finished.error
    assert not (made / "out").exists()


def test_unfinished_pages(allennlp, made):
    (made / "pages" / "metadata.json").unlink()
    finished = allennlp(
        *("pretraining-dataset", f"{made}/pages", "-o", f"{made}/out", "--tokenizer", "fixtures/tiny-luke"),
        *("--entity-vocab", f"{made}/entities.tsv"),
    )
    assert finished.status == 1 and "there is no metadata.json" in finished.error


def test_says_why_nothing_is_held_out(allennlp, made):
    write_pages(made / "one", [[page("Page 1", "One page links to the [[Page 2]] and has some more words.")]])
    finished = allennlp(
        *("pretraining-dataset", f"{made}/one", "-o", f"{made}/out", "--tokenizer", "fixtures/tiny-luke"),
        *("--entity-vocab", f"{made}/entities.tsv", "--min-sentence-length", "2", "--held-out", "0.001"),
    )
    assert finished.status == 0, finished.err
    reason = (
        "nothing is held out in spite of --held-out 0.001, as only one page has sequences; give more pages."
    )
    assert f"{made}/out: {reason}\n" in finished.err
    assert PretrainingDataset(f"{made}/out").metadata["counts"]["sequences"] == 1
