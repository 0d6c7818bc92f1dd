import shutil

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


@pytest.fixture
def build(allennlp, made):
    """Runs the command with these options."""
    arguments = (f"{made}/pages", "-o", f"{made}/out", "--tokenizer", "fixtures/tiny-luke")
    vocabulary = ("--entity-vocab", f"{made}/entities.tsv")
    return lambda *options: allennlp("pretraining-dataset", *arguments, *vocabulary, *options)


def test_makes_a_dataset(build, made):
    options = (
        "--max-length 30 --max-entities 3 --seed 4 --min-sentence-length 2 --include-unk-entities "
        "--held-out 0.3 --shards 2 --include-sentences-without-entities --max-mention-length 2 "
        "--language simple"
    ).split()
    finished = build(*options)
    assert finished.status == 0, finished.err
    train, validation = (PretrainingDataset(f"{made}/out", split) for split in ("train", "validation"))
    for data in (train, validation):
        found = data.metadata["splits"][data.split]
        counts = f"{found['words']:,} sub-words and {found['entities']} entities"
        assert f"{made}/out, {data.split}: {len(data)} sequences with {counts}\n" in finished.out
    expected = {"max_length": 30, "max_mention_length": 2, "shards": 2, "include_unk_entities": True}
    expected.update(abstract_only=False, seed=4, languages=["simple"], held_out=0.3)
    assert expected.items() <= train.metadata["options"].items()
    assert train.longest <= 28 and train.most_entities == 3
    assert max(int((row.entity_ends - row.entity_starts).max(initial=0)) for row in train) == 1
    assert build(*options, "--abstract-only").error == (
        f"allennlp: error: {made}/out: already exists, and was not made with the same input and "
        "options; choose another directory, or give --force."
    )


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("--tokenizer", "fixtures/ner", "has no tokenizer that can be read"),
        ("--sentence-splitter", "punkt", " is 'punkt'; expected one of rule_based, icu."),
        ("--held-out", "2", "--held-out is 2.0; expected a share"),
    ],
)
def test_errors_are_one_sentence(build, made, option, value, message):
    finished = build(option, value)
    assert finished.error.startswith("allennlp: error: ") and message in finished.error
    assert not (made / "out").exists()


def test_says_why_nothing_is_held_out(build, made):
    shutil.rmtree(made / "pages")
    text = "One page links to the [[Page 2]] and has some more words."
    write_pages(made / "pages", [[page("Page 1", text)]])
    finished = build("--min-sentence-length", "2", "--held-out", "0.001")
    assert finished.status == 0, finished.err
    reason = "nothing is held out in spite of --held-out 0.001, as only one page has sequences"
    assert f"{made}/out: {reason}; give more pages.\n" in finished.err
    assert PretrainingDataset(f"{made}/out").metadata["counts"]["sequences"] == 1
