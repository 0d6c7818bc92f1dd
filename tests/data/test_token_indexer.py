import copy
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, DatasetReader, Instance, Token, Vocabulary
from allennlp.data.fields import ListField, TextField
from allennlp.data.token_indexers import TokenIndexer
from allennlp.models import Model
from allennlp.models.archival import archive_model, load_archive

from luke_allennlp.data.token_indexer import LukeTokenIndexer
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.training import ArchivedCheckpoint

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
LUKE, BERT = str(FIXTURES / "tiny-luke"), str(FIXTURES / "tiny-bert")
WORDS = ["The", "Brackwater", "Herald", "'s", "\u00a0", "Ōtaka", "."]


@pytest.fixture(scope="module")
def indexer() -> LukeTokenIndexer:
    return LukeTokenIndexer(LUKE)


@pytest.fixture(scope="module")
def tokenizer() -> WordTokenizer:
    return WordTokenizer(LUKE)


def text_field(words: List[str], indexer: TokenIndexer) -> TextField:
    return TextField([Token(word) for word in words], {"tokens": indexer})


def batch_tensors(*fields: Any) -> dict:
    batch = Batch([Instance({"text": field}) for field in fields])
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()["text"]["tokens"]


def test_joins_the_words_of_the_tokenizer(indexer: LukeTokenIndexer, tokenizer: WordTokenizer) -> None:
    indexed = indexer.tokens_to_indices([Token(word) for word in WORDS], Vocabulary())
    pieces = tokenizer.encode_words(WORDS)
    assert [tokenizer.unknown_id] in pieces  # a word without tokens
    assert indexed["token_ids"] == [0, *(piece for word in pieces for piece in word), 2]
    assert [indexed["token_ids"][first : last + 1] for first, last in indexed["offsets"]] == pieces
    assert indexed["mask"] == [True] * len(WORDS)
    assert indexed["wordpiece_mask"] == [True] * len(indexed["token_ids"])
    assert indexed["type_ids"] == [0] * len(indexed["token_ids"])


def test_takes_tokens_as_they_are(indexer: LukeTokenIndexer, tokenizer: WordTokenizer) -> None:
    mixed = [*tokenizer.tokenize("Drumochter"), Token("the")]
    indexed = indexer.tokens_to_indices(mixed, Vocabulary())
    ids = tokenizer.encode("Drumochter").ids
    assert len(ids) > 1
    assert indexed["token_ids"] == [0, *ids, *tokenizer.encode("the").ids, 2]
    assert indexed["offsets"] == [(i, i) for i in range(1, len(ids) + 2)]
    with pytest.raises(ValueError, match="text"):
        indexer.tokens_to_indices([Token()], Vocabulary())


class TestTextField:
    def test_pads(self, indexer: LukeTokenIndexer) -> None:
        tensors = batch_tensors(*(text_field(words, indexer) for words in (WORDS, ["the"], [])))
        num_pieces = tensors["wordpiece_mask"].sum(dim=1).tolist()
        assert num_pieces[1:] == [3, 2] and num_pieces[0] == tensors["token_ids"].size(1) > 3
        assert tensors["token_ids"][1, 3:].eq(1).all()
        bert = LukeTokenIndexer(BERT)
        tensors_of_bert = batch_tensors(text_field(["the", "pub"], bert), text_field(["the"], bert))
        assert tensors_of_bert["token_ids"][1, -1] == WordTokenizer(BERT).pad_id == 0
        assert tensors["mask"].tolist() == [[True] * 7, [True] + [False] * 6, [False] * 7]
        assert tensors["offsets"].shape == (3, 7, 2)
        assert tensors["offsets"][1].tolist() == [[1, 1]] + [[0, 0]] * 6
        masks = {"mask", "wordpiece_mask"}
        assert {name for name, tensor in tensors.items() if tensor.dtype == torch.bool} == masks
        assert {name for name, tensor in tensors.items() if tensor.dtype != torch.long} == masks

    def test_in_a_list_is_padded_by_empty_ones(self, indexer: LukeTokenIndexer) -> None:
        texts = [[["the"], ["pub", "."]], [["a"]]]
        fields = [ListField([text_field(words, indexer) for words in text]) for text in texts]
        tensors = batch_tensors(*fields)
        assert tensors["mask"].long().tolist() == [[[1, 0], [1, 1]], [[1, 0], [0, 0]]]
        assert tensors["token_ids"][1, 1].eq(1).all() and not tensors["wordpiece_mask"][1, 1].any()


def test_from_params(tmp_path: Path) -> None:
    params = {"type": "luke", "model_name": LUKE, "marker_tokens": ["[HEAD]"]}
    indexer = TokenIndexer.from_params(Params(params))
    assert isinstance(indexer, LukeTokenIndexer)
    marker = Token("[HEAD]", text_id=2000)
    assert indexer.tokens_to_indices([marker], Vocabulary())["token_ids"] == [0, 2000, 2]
    with pytest.raises(ConfigurationError, match="no model directory"):
        TokenIndexer.from_params(Params({"type": "luke", "model_name": str(tmp_path / "none")}))


@pytest.mark.parametrize("name", [LUKE, BERT])
def test_an_archive_that_needs_nothing_beside_it(name: str, tmp_path: Path) -> None:
    """A model of AllenNLP's own, in whose archive the indexer is in a reader."""
    start, run, data = tmp_path / "start", tmp_path / "run", tmp_path / "data.txt"
    shutil.copytree(name, start)
    data.write_text("Zoë###PER left###O\nShe###O won###O\n", encoding="utf-8")
    size = json.loads((start / "config.json").read_text())["hidden_size"]
    luke = {"type": "luke", "model_name": str(start)}
    embedders = {"token_embedders": {"tokens": {**luke, "entities": []}}}
    encoder = {"type": "pass_through", "input_dim": size}
    values: Any = {
        "dataset_reader": {"type": "sequence_tagging", "token_indexers": {"tokens": luke}},
        "model": {"type": "simple_tagger", "text_field_embedder": embedders, "encoder": encoder},
        "include_in_archive": ["checkpoint"],
    }

    def made(of: Any, key: str, **extras: Any) -> Any:
        return of.from_params(Params(copy.deepcopy(values[key])), **extras)

    def instances(reader: DatasetReader) -> List[Instance]:
        found = list(reader.read(str(data)))
        for instance in found:
            reader.apply_token_indexers(instance)
        return found

    reader = made(DatasetReader, "dataset_reader")
    vocab = Vocabulary.from_instances(instances(reader))
    model = made(Model, "model", vocab=vocab).eval()
    expected = [output["logits"] for output in model.forward_on_instances(instances(reader))]
    run.mkdir()
    (run / "config.json").write_text(json.dumps(values))
    vocab.save_to_files(str(run / "vocabulary"))
    torch.save(model.state_dict(), run / "weights.th")
    ArchivedCheckpoint(str(run)).on_start(SimpleNamespace(model=model))  # type: ignore[arg-type]
    archive_model(run, weights="weights.th", include_in_archive=["checkpoint"])
    shutil.rmtree(start)

    archived = load_archive(run / "model.tar.gz")
    for reader in (archived.dataset_reader, archived.validation_dataset_reader):
        outputs = archived.model.eval().forward_on_instances(instances(reader))
        for output, logits in zip(outputs, expected, strict=True):
            assert output["logits"] == pytest.approx(logits, abs=1e-5)
    # As anyone may make the reader of a run's directory.
    assert len(instances(made(DatasetReader, "dataset_reader", serialization_dir=str(run)))) == 2
    # Without the archive's files there is none.
    with pytest.raises(ConfigurationError, match="no model directory"):
        made(DatasetReader, "dataset_reader")


def test_a_model_without_an_embedder_has_no_checkpoint_to_archive(tmp_path: Path) -> None:
    trainer: Any = SimpleNamespace(model=torch.nn.Linear(1, 1))
    ArchivedCheckpoint(str(tmp_path)).on_start(trainer)
    assert not list(tmp_path.iterdir())
