import dataclasses
import json
import os
import shutil
import time
import types
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.pretraining.dataset import PretrainingDataset
from luke_allennlp.wikipedia import dataset_builder
from luke_allennlp.wikipedia.dataset_builder import build_dataset
from luke_allennlp.wikipedia.dataset_plan import dataset_plan
from luke_allennlp.wikipedia.executors import Executor
from luke_allennlp.wikipedia.jobs import work_directory
from luke_allennlp.wikipedia.sequences import SequenceOptions
from tests.wikipedia.conftest import run_here
from tests.wikipedia.kills import kill_until_done
from tests.wikipedia.made_pages import random_shards, write_pages

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
ROBERTA = str(FIXTURES / "tiny-roberta")
OPTIONS = SequenceOptions(max_length=40, min_sentence_length=3, include_unk_entities=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Pages of two languages, and a vocabulary for them."""
    place = tmp_path_factory.mktemp("made")
    write_pages(place / "en", random_shards(1, shards=3, pages=60))
    write_pages(place / "ja", random_shards(2, shards=2, pages=30), language="ja")
    for name, languages in (("entities", [None]), ("multilingual", ["en", "ja"])):
        specials = [(id_, [(title, None)], 0) for id_, title in enumerate(("[PAD]", "[UNK]", "[MASK]"))]
        entries = [
            (number + 3, [(f"Page {number}", language) for language in languages], 1) for number in range(40)
        ]
        EntityVocabulary.from_entries([*specials, *entries]).save(place / f"{name}.jsonl")
    return place


def plan(made, *languages, tokenizer=ROBERTA, options=OPTIONS, **others):
    vocabulary = made / ("multilingual.jsonl" if len(languages) > 1 else "entities.jsonl")
    directories = [str(made / language) for language in languages or ("en",)]
    return dataset_plan(directories, tokenizer, str(vocabulary), options=options, **others)


def files(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def everything(made, **options):
    return plan(made, "en", "ja", held_out=0.2, **(options or {"shard_sequences": 20}))


@pytest.fixture(scope="module")
def dataset(made):
    assert build_dataset(everything(made), made / "dataset", Executor())
    return made / "dataset"


def test_what_is_there(made, dataset):
    assert [path for path in made.iterdir() if "work" in path.name] == []
    names = set(files(dataset))
    assert {name for name in names if not name.endswith(".arrow")} == {
        *("README.md", "entities.png", "entity_vocab.jsonl", "metadata.json"),
        *(f"tokenizer/{name}" for name in {*os.listdir(ROBERTA)} - {"config.json", "model.safetensors"}),
    }
    train, validation = PretrainingDataset(str(dataset)), PretrainingDataset(str(dataset), "validation")
    train.verify()
    assert len(train.shards) > 2 and len(validation.shards) >= 1
    assert all(1 <= shard.sequences <= 45 for shard in train.shards)
    vocabulary = EntityVocabulary.from_file(train.entity_vocabulary_file)
    assert vocabulary == EntityVocabulary.from_file(made / "multilingual.jsonl")
    text = "A tokenizer’s text."
    assert WordTokenizer(str(train.tokenizer_directory)).encode(text) == WordTokenizer(ROBERTA).encode(text)
    metadata = train.metadata
    assert metadata["options"] == {
        **OPTIONS._asdict(),
        **{"sentence_splitter": "rule_based", "languages": ["en", "ja"], "held_out": 0.2, "seed": 0},
        **{"shards": None, "shard_sequences": 20},
    }
    counts, splits = metadata["counts"], metadata["splits"].values()
    assert counts["sequences"] == len(train) + len(validation)
    assert counts["words"] == sum(split["words"] for split in splits)
    assert counts["links_kept"] + counts["links_kept_as_unk"] == sum(split["entities"] for split in splits)
    assert 0 < counts["pages_held_out"] < counts["pages_with_sequences"] <= counts["pages"] == 90
    assert set(metadata["versions"]) >= {"luke-allennlp", "tokenizers", "pyarrow"}
    assert str(made) not in (dataset / "metadata.json").read_text() + (dataset / "README.md").read_text()


def rows(dataset, split="train"):
    return [
        (row.page_id, row.word_ids.tolist(), row.entity_ids.tolist(), row.entity_starts.tolist())
        for row in PretrainingDataset(str(dataset), split)
    ]


def test_two_workers_make_the_same(made, dataset, tmp_path):
    again = tmp_path / "elsewhere"
    assert build_dataset(everything(made), again, Executor(workers=2))
    assert files(again) == files(dataset)


@pytest.mark.usefixtures("here")
@pytest.mark.slow
def test_the_order_depends_on_the_seed_alone(made, dataset, tmp_path):
    build_dataset(everything(made, shards=1), tmp_path / "one", Executor())
    for split in ("train", "validation"):
        assert rows(tmp_path / "one", split) == rows(dataset, split)
    build_dataset(plan(made, "en", "ja", shards=2, seed=1), tmp_path / "other", Executor())
    mixed = rows(tmp_path / "other")
    assert mixed != sorted(mixed)
    assert sorted(mixed) == sorted(rows(dataset) + rows(dataset, "validation"))


def test_a_second_start(made, dataset):
    """It finds that all is done. With other options it says so, and replaces nothing."""
    before = files(dataset)
    same = everything(made)
    assert build_dataset(same, dataset, Executor())
    other = dataclasses.replace(same, seed=5)
    with pytest.raises(ConfigurationError, match="already exists, and was not made with the same input"):
        build_dataset(other, dataset, Executor())
    assert files(dataset) == before and not work_directory(dataset).exists()


@pytest.mark.usefixtures("here")
def test_force(made, tmp_path):
    output = tmp_path / "out"
    first, second = plan(made, shards=1), plan(made, shards=1, seed=3)
    build_dataset(first, output, Executor())
    before = rows(output)
    build_dataset(second, output, Executor(), force=True)
    assert rows(output) != before and sorted(rows(output)) == sorted(before)
    assert os.listdir(tmp_path) == ["out"]
    # What is no dataset is not replaced, nor are the pages themselves.
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("one")
    for other, message in (
        (tmp_path / "thesis", "is not a dataset of `allennlp pretraining-dataset`, so it is not"),
        (made, "the pages; choose another directory"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            build_dataset(first, other, Executor(), force=True)
    # An unfinished job of other options is, by force.
    work_directory(tmp_path / "new").mkdir()
    (work_directory(tmp_path / "new") / "plan.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="begun with other"):
        build_dataset(first, tmp_path / "new", Executor())
    build_dataset(first, tmp_path / "new", Executor(), force=True)
    assert rows(tmp_path / "new") == before


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "options, message",
    [
        ({"held_out": 1.0}, "--held-out is 1.0; expected a share from 0 to below 1"),
        ({"seed": -1}, "--seed is -1; expected 0 or more"),
        ({"splitter": "opennlp"}, "--sentence-splitter is 'opennlp'; expected one of rule_based, icu"),
        ({"languages": ["en", "ja"]}, "There are 2 languages for 1 directories of pages"),
        ({"tokenizer": str(FIXTURES / "ner")}, "has no tokenizer that can be read"),
        ({"options": SequenceOptions(max_length=3)}, "--max-length is 3"),
        ({"options": SequenceOptions(min_sentence_length=400)}, "No sequence to learn from came out of"),
    ],
)
def test_errors(made, tmp_path, options, message):
    with pytest.raises(ConfigurationError, match=message):
        build_dataset(plan(made, **options), tmp_path / "out", Executor())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "languages, options, vocabulary, message",
    [
        ((), {"languages": ["fr"]}, "multilingual", "is of the language 'fr', which .*; it has en, ja"),
        (("en", "ja"), {}, "entities", "does not say of which languages .* but the pages are of en, ja"),
        ((), {}, "none", "none.jsonl"),
        ((), {}, "poor", r"has no \[UNK\] and no \[MASK\]"),
    ],
)
def test_unfitting_vocabularies(made, tmp_path, languages, options, vocabulary, message):
    EntityVocabulary({"[PAD]": 0, "Page 1": 1}).save(made / "poor.jsonl")
    wanted = plan(made, *languages, **options)
    wanted = dataclasses.replace(wanted, entity_vocabulary=str(made / f"{vocabulary}.jsonl"))
    with pytest.raises(ConfigurationError, match=message):
        build_dataset(wanted, tmp_path / "out", Executor())


def test_the_card(dataset):
    card = (dataset / "README.md").read_text(encoding="utf-8")
    metadata = json.loads((dataset / "metadata.json").read_text(encoding="utf-8"))
    counts = metadata["counts"]
    for name in ("links_kept_as_unk", "links_across_sentences", "sentences_too_short", "paragraphs", "pages"):
        assert f"| {counts[name]:,} |" in card
    assert "### train" in card and "### validation" in card
    assert f"{metadata['splits']['train']['sequences']:,} sequences in" in card
    assert "![Histogram of the entities a sequence](entities.png)" in card
    # The quantiles, counted plainly.
    lengths = sorted(len(row[2]) for row in rows(dataset))
    line = next(line for line in card.splitlines() if line.startswith("| entities a sequence"))
    cells = [cell.strip() for cell in line.split("|")[2:-1]]
    assert cells[0] == f"{sum(lengths) / len(lengths):.1f}"
    assert [int(cell) for cell in cells[1:]] == [
        lengths[max(0, -(-len(lengths) * share // 100) - 1)] for share in (0, 5, 25, 50, 75, 95, 100)
    ]
    found = {entity for row in rows(dataset) for entity in row[2]} - {0, 1, 2}
    assert f"{len(found)} of the 40 entities of the vocabulary ({len(found) / 40:.1%}) occur" in card


@pytest.mark.slow
@pytest.mark.parametrize("workers, whole_group", [(1, True), (2, False)])
def test_killed_at_any_moment(made, dataset, tmp_path, monkeypatch, workers, whole_group):
    # Such as not to be over at once.
    original = dataset_builder.random_key
    monkeypatch.setattr(dataset_builder, "random_key", lambda *of: (time.sleep(0.002), original(*of))[1])
    output = tmp_path / "out"
    wanted = everything(made)

    def build():
        build_dataset(wanted, output, Executor(workers=workers))

    kills = kill_until_done(build, seed=workers, step=0.3, whole_group=whole_group)
    assert kills >= 2
    assert files(output) == files(dataset)
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("moment", ["old moved", pytest.param("new moved", marks=pytest.mark.slow)])
def test_killed_while_it_is_put_in_place(made, tmp_path, monkeypatch, moment):
    """The old output is moved away, the new one in its place, and the work directory away."""
    output, wanted = tmp_path / "out", plan(made, shards=1)
    build_dataset(wanted, tmp_path / "undisturbed", Executor())
    build_dataset(plan(made, shards=1, seed=9), output, Executor())
    moves = []

    def rename(source, target):
        os.rename(source, target)
        moves.append(source)
        if len(moves) == (1 if moment == "old moved" else 2):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # Of that module alone: others rename files too.
        patch.setattr(dataset_builder, "os", types.SimpleNamespace(**{**vars(os), "rename": rename}))
        with pytest.raises(KeyboardInterrupt):
            build_dataset(wanted, output, Executor(), force=True)
    if moment == "old moved":
        # What an interrupted writer leaves.
        (work_directory(output) / "dataset" / "train" / ".00000.arrow.x3k.tmp").touch()
    build_dataset(wanted, output, Executor(), force=True)
    assert files(output) == files(tmp_path / "undisturbed")
    assert sorted(os.listdir(tmp_path)) == ["out", "undisturbed"]


def test_on_slurm_it_is_started_again(made, tmp_path, monkeypatch):
    """Without --shards, how many files there are is known when the sequences are."""
    submitted = []

    def submit(self, stages, directory):
        submitted.append([stage.name for stage in stages])
        run_here(self, stages, directory)
        return False

    monkeypatch.setattr(Executor, "run", submit)
    wanted = plan(made, shard_sequences=20, held_out=1e-9)
    assert not build_dataset(wanted, tmp_path / "out", Executor("slurm"))
    assert not build_dataset(wanted, tmp_path / "out", Executor("slurm"))
    assert submitted == [
        ["titles", "sequences", "held_out"],
        ["titles", "sequences", "held_out", "shards", "dataset"],
    ]
    assert len(PretrainingDataset(str(tmp_path / "out")).shards) > 1
    submitted.clear()
    assert not build_dataset(plan(made, shards=2), tmp_path / "two", Executor("slurm"))
    assert submitted == [["titles", "sequences", "shards", "dataset"]]


@pytest.mark.usefixtures("here")
def test_a_dataset_that_was_removed_is_made_again(made, tmp_path):
    wanted, output = plan(made, shards=1), tmp_path / "out"
    assert build_dataset(wanted, output, Executor())
    expected = files(output)
    # As Slurm leaves it: complete, with the work directory.
    work = work_directory(output)
    (work / "stages" / "dataset" / "completions").mkdir(parents=True)
    (work / "stages" / "dataset" / "completions" / "00000").touch()
    (work / "plan.json").write_text(json.dumps(wanted.described()))
    shutil.rmtree(output)
    assert build_dataset(wanted, output, Executor())
    assert files(output) == expected and os.listdir(tmp_path) == ["out"]
