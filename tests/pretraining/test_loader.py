"""Batches of pretraining, from the disk."""

import gc
import multiprocessing
import re
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader, Vocabulary

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.pretraining import loader as loader_module
from luke_allennlp.pretraining.dataset import PretrainingDataset, TokenSequence
from luke_allennlp.pretraining.loader import PretrainingDataLoader
from luke_allennlp.pretraining.reader import PretrainingReader
from tests.conftest import ROOT
from tests.pretraining.datasets import FIXTURES, random_sequences, write_dataset

SIZES = (20, 0, 13, 1, 29)
WORD_MASK, ENTITY_MASK = 1997, 2


def marked(size, first):
    """Sequences whose first word tells their number, and which nothing else equals."""
    rows = random_sequences(size, first, longest=40)
    return [
        TokenSequence(row.page_id, [4 + first + number, *row.word_ids[1:]], *row[2:])
        for number, row in enumerate(rows)
    ]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    starts = np.cumsum([0, *SIZES])
    shards = [marked(size, int(start)) for size, start in zip(SIZES, starts, strict=False)]
    return write_dataset(tmp_path_factory.mktemp("data") / "dataset", shards, [marked(9, 500)])


def loader_of(directory, **options):
    options = {"global_batch_size": 16, "max_tokens": 200, **options}
    return PretrainingDataLoader(None, str(directory), **options)


def rows_of(batch):
    """
    For each sequence of a batch: as it is in the dataset, what the model sees, and the places of what is
    to be predicted.
    """
    words, entities = batch["words"], batch["entities"]
    tokens, ids = words["token_ids"].clone(), entities["entity_ids"].clone()
    tokens.view(-1)[batch["masked_words"]] = batch["word_targets"]
    ids.view(-1)[batch["masked_entities"]] = batch["entity_targets"]
    width, entity_width = tokens.size(1), ids.size(1)
    rows = []
    for row in range(len(tokens)):
        length, count = int(words["mask"][row].sum()), int(entities["entity_mask"][row].sum())
        spans = entities["entity_spans"][row, :count] - 1
        whole = (
            tokens[row, 1 : length - 1].tolist(),
            ids[row, :count].tolist(),
            spans[:, 0].tolist(),
            spans[:, 1].tolist(),
        )
        seen = (words["token_ids"][row, :length].tolist(), entities["entity_ids"][row, :count].tolist())
        chosen = (
            [int(at) % width for at in batch["masked_words"] if int(at) // width == row],
            [int(at) % entity_width for at in batch["masked_entities"] if int(at) // entity_width == row],
        )
        rows.append((whole, seen, chosen))
    return rows


def keyed(rows):
    """By what the sequence is: text that can be compared and counted."""
    return Counter(repr(row) for row in rows)


def steps_of(loader, epoch=0, start=0):
    return [[row for batch in step.batches for row in rows_of(batch)] for step in loader.steps(epoch, start)]


def on_ranks(monkeypatch, ranks, make, epoch=0, start=0):
    """What all ranks get, by rank."""
    found = []
    for rank in range(ranks):
        monkeypatch.setattr(loader_module, "rank_and_world_size", lambda rank=rank: (rank, ranks))
        found.append(list(make().steps(epoch, start)))
    return found


def test_batches_have_the_form_that_the_model_takes(directory):
    loader = loader_of(directory)
    assert loader.steps_per_epoch == 4
    number = 0
    for step in loader.steps(0):
        assert step.totals["word_total"] == sum(len(batch["masked_words"]) for batch in step.batches)
        assert step.totals["entity_total"] == sum(len(batch["masked_entities"]) for batch in step.batches)
        for batch in step.batches:
            number += 1
            tokens, mask = batch["words"]["token_ids"], batch["words"]["mask"]
            ids, spans = batch["entities"]["entity_ids"], batch["entities"]["entity_spans"]
            entity_mask = batch["entities"]["entity_mask"]
            assert tokens.shape == mask.shape == batch["words"]["type_ids"].shape
            assert spans.shape == (*ids.shape, 2) and entity_mask.shape == ids.shape
            assert mask.dtype == entity_mask.dtype == torch.bool
            longs = [tokens, ids, spans, batch["words"]["type_ids"]]
            longs += [
                batch[key] for key in ("masked_words", "word_targets", "masked_entities", "entity_targets")
            ]
            assert {tensor.dtype for tensor in longs} == {torch.long}
            assert not batch["words"]["type_ids"].any()
            assert tokens.size(0) * (tokens.size(1) + ids.size(1)) <= 200
            lengths = mask.sum(dim=1)
            assert lengths.max() == tokens.size(1) and entity_mask.sum(dim=1).max() == ids.size(1)
            assert (mask == (torch.arange(tokens.size(1)) < lengths[:, None])).all()
            assert (tokens[:, 0] == 0).all() and (tokens[~mask] == 1).all()
            assert (tokens[torch.arange(len(tokens)), lengths - 1] == 2).all()
            # Padded entities are those of an `EntityField`.
            assert (ids[~entity_mask] == 0).all() and (spans[~entity_mask] == -1).all()
            assert (spans[entity_mask] >= 1).all()
            assert (spans[..., 1] < lengths[:, None] - 1).all()
            # Never padding, nor what stands at both ends.
            rows, places = batch["masked_words"] // tokens.size(1), batch["masked_words"] % tokens.size(1)
            assert (places >= 1).all() and (places < lengths[rows] - 1).all()
            assert entity_mask.view(-1)[batch["masked_entities"]].all()
            assert (ids.view(-1)[batch["masked_entities"]] == ENTITY_MASK).all()
    assert number > 6


@pytest.mark.parametrize("ranks, workers, max_tokens", [(1, 2, 200), (2, 0, 200), (3, 1, 120), (5, 0, 1000)])
def test_steps_do_not_depend_on_how_they_are_made(directory, monkeypatch, ranks, workers, max_tokens):
    for epoch in (0, 3):
        expected = [keyed(step) for step in steps_of(loader_of(directory), epoch)]
        found = on_ranks(
            monkeypatch,
            ranks,
            lambda: loader_of(directory, num_workers=workers, max_tokens=max_tokens),
            epoch,
        )
        monkeypatch.undo()
        for number, steps in enumerate(zip(*found, strict=True)):
            assert len({len(step.batches) for step in steps}) == 1
            union = [row for step in steps for batch in step.batches for row in rows_of(batch)]
            assert keyed(union) == expected[number]


def test_more_ranks_than_sequences(directory, monkeypatch):
    """63 sequences in steps of 15: the last has three, for four ranks."""
    expected = [keyed(step) for step in steps_of(loader_of(directory, global_batch_size=15))]
    found = on_ranks(monkeypatch, 4, lambda: loader_of(directory, global_batch_size=15))
    last = [steps[-1] for steps in found]
    assert [len(step.batches) for step in last] == [1, 1, 1, 1]
    (filler,) = [step for step in last if step.totals["word_total"] == 0]
    (batch,) = filler.batches
    assert len(batch["words"]["token_ids"]) == 1 and filler.totals["entity_total"] == 0
    assert len(batch["masked_words"]) == len(batch["entity_targets"]) == 0
    # It is the smallest of the three, as it is in the dataset.
    rows = [rows_of(step.batches[0])[0] for step in last]
    whole, (seen_words, seen_entities), _ = rows_of(batch)[0]
    assert (seen_words[1:-1], seen_entities) == whole[:2]
    assert len(whole[0]) + len(whole[1]) == min(len(row[0][0]) + len(row[0][1]) for row in rows)
    assert keyed([row for row in rows if row[2][0]]) == expected[-1]


def test_starting_in_the_middle(directory):
    whole = steps_of(loader_of(directory), 2)
    for start in range(5):
        assert steps_of(loader_of(directory, num_workers=start % 3), 2, start) == whole[start:]


def test_epochs_and_seeds_differ(directory):
    whole = [steps_of(loader_of(directory, seed=seed), epoch) for seed in range(2) for epoch in range(2)]
    orders = {repr([row[0] for step in steps for row in step]) for steps in whole}
    assert len(orders) == 4
    by_sequence = [{repr(row[0]): row[1:] for step in steps for row in step} for steps in whole]
    for other in by_sequence[1:]:
        assert by_sequence[0].keys() == other.keys()
        # Short ones may by chance have the same masked.
        assert sum(by_sequence[0][key] == other[key] for key in other) < 20
    assert steps_of(loader_of(directory, seed=1), 1) == whole[3]


def test_validation(directory):
    loader = loader_of(directory, split="validation", shuffle=False, max_tokens=100)
    first, second = (
        [row for batch in loader for row in rows_of(batch)],
        [row for batch in loader for row in rows_of(batch)],
    )
    assert first == second
    assert first == [row for step in loader.steps(7) for batch in step.batches for row in rows_of(batch)]
    assert len(first) == 9 and {row[0][0][0] // 500 for row in first} == {1}


def test_words_only(directory):
    whole = {repr(row[0][0]): row for step in steps_of(loader_of(directory)) for row in step}
    for step in loader_of(directory, entities=False).steps(0):
        assert step.totals["entity_total"] == 0
        for batch in step.batches:
            ids = batch["entities"]["entity_ids"]
            assert ids.shape == (len(ids), 0) and batch["entities"]["entity_spans"].shape == (len(ids), 0, 2)
            for row in rows_of(batch):
                assert row[1][0] == whole[repr(row[0][0])][1][0]


def test_long_sequences_are_cut(directory):
    by_number = {row[0][0][0]: row[0] for step in steps_of(loader_of(directory)) for row in step}
    lengths = set()
    for step in steps_of(loader_of(directory, max_length=12)):
        for (words, entities, starts, ends), _, (chosen, _) in step:
            whole = by_number[words[0]]
            assert words == whole[0][:10]
            kept = [number for number, end in enumerate(whole[3]) if end < 10]
            assert [entities, starts, ends] == [[column[at] for at in kept] for column in whole[1:]]
            assert 1 <= len(chosen) <= max(1, round(0.15 * len(words)))
            lengths.add(len(words))
    assert max(lengths) == 10


def test_several_datasets(directory, tmp_path, monkeypatch):
    second = write_dataset(tmp_path / "second", [marked(6, 300), marked(3, 400)])
    options = {"datasets": [str(second)], "sampling_exponent": 0.5, "global_batch_size": 24}
    loader = loader_of(directory, **options)
    assert loader.steps_per_epoch == 3  # of 72
    counts, seen = Counter(), Counter()
    for epoch in range(2):
        for step in steps_of(loader, epoch):
            from_second = [row for row in step if row[0][0][0] >= 300]
            assert len(step) == 24 and 6 <= len(from_second) <= 7
            counts[epoch] += len(from_second)
            seen.update(row[0][0][0] for row in from_second)
    # 63^0.5 : 9^0.5 are 0.726 : 0.274.
    assert counts == {0: 20, 1: 20}
    assert len(seen) == 9 and set(seen.values()) == {4, 5}
    assert [keyed(step) for step in steps_of(loader_of(directory, **options), 1, 2)] == [keyed(step)]
    union = on_ranks(monkeypatch, 2, lambda: loader_of(directory, num_workers=1, **options), 1, 2)
    assert keyed(row for (found,) in union for batch in found.batches for row in rows_of(batch)) == keyed(
        step
    )


def test_datasets_need_the_same_vocabularies(directory, tmp_path):
    other = write_dataset(
        tmp_path / "bert",
        [random_sequences(3, vocab_size=500)],
        tokenizer=FIXTURES / "tiny-bert",
        vocab_size=500,
    )
    with pytest.raises(
        ConfigurationError, match="bert: has another tokenizer than .*dataset; .* need the same"
    ):
        loader_of(directory, datasets=[str(other)])


def reader_of(tokenizer):
    return PretrainingReader(WordTokenizer(str(FIXTURES / tokenizer)))


def test_the_dataset_needs_the_tokenizer_of_the_model(directory):
    options = {"data_path": str(directory), "max_tokens": 200}
    # The same, and one with tokens behind it, as an export has.
    for tokenizer in ("tiny-roberta", "tiny-luke"):
        assert PretrainingDataLoader(reader_of(tokenizer), **options).steps_per_epoch == 1
    with pytest.raises(ConfigurationError, match="dataset: was made with .*tiny-bert'.* here; start from"):
        PretrainingDataLoader(reader_of("tiny-bert"), **options)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"global_batch_size": 0}, "global_batch_size is 0; expected 1 or more"),
        ({"num_workers": -1}, "num_workers is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"max_length": 2}, "max_length is 2; expected 3 or more"),
        ({"max_tokens": 30}, "may take 48 tokens; max_tokens is 30: raise it, or lower max_length"),
        ({"split": "test"}, "no split 'test'; expected one of 'train', 'validation'"),
    ],
)
def test_wrong_options(directory, options, expected):
    with pytest.raises(ConfigurationError, match=expected):
        loader_of(directory, **options)


def test_empty_datasets(tmp_path):
    with pytest.raises(ConfigurationError, match="its split 'train' has no sequences"):
        loader_of(write_dataset(tmp_path / "empty", [[]]))


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_of_workers_reach_the_user(directory, tmp_path, workers):
    copy = shutil.copytree(directory, tmp_path / "copy")
    loader = loader_of(copy, num_workers=workers, shuffle=False)
    path = copy / "train/00004.arrow"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    before = set(multiprocessing.active_children())
    steps = loader.steps(0)
    next(steps)
    next(steps)
    with pytest.raises(ConfigurationError, match="00004.arrow: is no shard") as caught:
        next(steps)
    assert "\n" not in caught.value.message
    assert not set(multiprocessing.active_children()) - before


@pytest.mark.slow
@pytest.mark.parametrize(
    "rest",
    [
        "next(steps); raise RuntimeError('in a step')",
        # The traceback of a worker's error holds the workers.
        "loader._builder.build = None; next(loader.steps(0))",
    ],
)
def test_a_run_with_an_error_ends(directory, rest):
    """Although nobody has told the workers to end."""
    code = (
        "import sys\n"
        "from luke_allennlp.pretraining.loader import PretrainingDataLoader\n"
        "options = dict(global_batch_size=16, max_tokens=200, num_workers=2)\n"
        "loader = PretrainingDataLoader(None, sys.argv[1], **options)\n"
        "steps = loader.steps(0)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code + rest, str(directory)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )
    assert finished.returncode == 1
    assert re.search("^(Runtime|Type)Error: .*\\s*\\Z", finished.stderr, re.MULTILINE), finished.stderr


def test_numbers_that_are_damaged_in_the_middle(directory, tmp_path):
    """The file is whole, but a word is beyond the vocabulary."""
    copy = shutil.copytree(directory, tmp_path / "copy")
    path = copy / "train/00004.arrow"
    content = path.read_bytes()
    words = PretrainingDataset(str(copy)).sequence(40).word_ids[:3].astype("<u2").tobytes()
    assert content.count(words) == 1
    path.write_bytes(content.replace(words, b"\xff\xff" + words[2:]))
    with pytest.raises(ConfigurationError, match="00004.arrow is damaged: the word id 65535"):
        list(loader_of(copy).steps(0))


def test_workers_end(directory):
    before = set(multiprocessing.active_children())
    steps = loader_of(directory, num_workers=2).steps(0)
    next(steps)
    workers = set(multiprocessing.active_children()) - before
    assert len(workers) == 2
    steps.close()
    gc.collect()
    for worker in workers:
        worker.join(timeout=10)
        assert not worker.is_alive()


def test_random_numbers_of_dropout_stay(directory):
    """A run that is resumed draws the same numbers, whatever its workers."""
    state = torch.get_rng_state()
    for workers in (0, 1):
        list(loader_of(directory, num_workers=workers).steps(0))
        assert torch.equal(torch.get_rng_state(), state)


def test_as_a_loader_of_allennlp(directory):
    params = {
        "type": "luke_pretraining",
        "global_batch_size": 16,
        "max_tokens": 200,
        "masking": {"type": "luke", "whole_words": False},
    }
    loader = DataLoader.from_params(Params(params), reader=None, data_path=str(directory))
    assert isinstance(loader, PretrainingDataLoader)
    assert list(loader.iter_instances()) == []
    loader.index_with(Vocabulary.empty())
    loader.set_target_device(torch.device("cpu"))
    assert len(list(loader)) > 6
    with pytest.raises(TypeError):
        len(loader)


@pytest.mark.slow
def test_started_anew_and_not_forked(directory):
    expected = steps_of(loader_of(directory))
    assert steps_of(loader_of(directory, num_workers=1, start_method="spawn")) == expected


@pytest.mark.gpu
def test_batches_go_to_the_gpu(directory):
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    loader = loader_of(directory)
    loader.set_target_device(torch.device("cuda", 0))
    for step in loader.steps(0):
        for batch in step.batches:
            tensors = [*batch["words"].values(), *batch["entities"].values(), batch["masked_words"]]
            assert all(tensor.is_pinned() for tensor in tensors if tensor.numel())
    assert next(iter(loader))["words"]["token_ids"].is_cuda
