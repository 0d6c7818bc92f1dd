import pytest

from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.pretraining.dataset import PretrainingDataset
from tests.wikipedia.made_pages import page, random_shards, write_pages


@pytest.fixture
def made(tmp_path):
    write_pages(tmp_path / "pages", random_shards(3, shards=2, pages=30))
    titles = ["[PAD]", "[UNK]", "[MASK]", *(f"Page {number}" for number in range(20))]
    EntityVocabulary({title: number for number, title in enumerate(titles)}).save(tmp_path / "entities.tsv")
    return tmp_path


def test_makes_a_dataset(allennlp, made):
    arguments = [
        *("pretraining-dataset", f"{made}/pages", "-o", f"{made}/out", "--tokenizer", "fixtures/tiny-luke"),
        *("--entity-vocab", f"{made}/entities.tsv", "--max-length", "30", "--max-entities", "3"),
        *"--seed 4 --min-sentence-length 2 --include-unk-entities --held-out 0.3 --shards 2".split(),
        *"--include-sentences-without-entities --max-mention-length 2 --language simple".split(),
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
    options = train.metadata["options"]
    assert options["max_length"] == 30 and options["max_mention_length"] == 2 and options["shards"] == 2
    assert options["include_unk_entities"] and not options["abstract_only"] and options["seed"] == 4
    assert options["languages"] == ["simple"] and options["held_out"] == 0.3
    assert train.longest <= 28 and train.most_entities == 3
    assert max(int((row.entity_ends - row.entity_starts).max(initial=0)) for row in train) == 1
    # With other options, only by force.
    other = allennlp(*arguments, "--abstract-only")
    assert other.status == 1
    assert other.error == (
        f"allennlp: error: {made}/out: already exists, and was not made with the same input and "
        "options; choose another directory, or give --force."
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--tokenizer", "{}/pages/pages"], "has no tokenizer that can be read"),
        (
            ["--sentence-splitter", "punkt"],
            "--sentence-splitter is 'punkt'; expected one of rule_based, icu.",
        ),
        (["--held-out", "2"], "--held-out is 2.0; expected a share"),
    ],
)
def test_errors_are_one_sentence(allennlp, made, arguments, message):
    finished = allennlp(
        *("pretraining-dataset", f"{made}/pages", "-o", f"{made}/out", "--tokenizer", "fixtures/tiny-luke"),
        *("--entity-vocab", f"{made}/entities.tsv", *(argument.format(made) for argument in arguments)),
    )
    assert finished.status == 1
    assert finished.error.startswith("allennlp: error: ") and message in finished.error
    assert not (made / "out").exists()


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
