"""What was pretrained here goes out, and comes back in."""

import json
import shutil
from types import SimpleNamespace

import pytest
import torch
import transformers
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models import Model, load_archive
from allennlp.modules.token_embedders import TokenEmbedder
from allennlp.predictors import Predictor
from allennlp.training import TrainerCallback

from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.exchange import export_checkpoint
from tests.pretraining.archives import config, make_model, write_archive, write_vocabulary

WORDS = torch.tensor([[0, 40, 300, 41, 522, 777, 2], [0, 8, 790, 2, 1, 1, 1]])
ENTITIES = {
    "entity_ids": torch.tensor([[3, 2], [5, 0]]),
    "entity_spans": torch.tensor([[[1, 2], [4, 4]], [[1, 2], [-1, -1]]]),
    "entity_mask": torch.tensor([[True, True], [True, False]]),
}


def our_scores(model):
    """Of every word and entity that is not padding."""
    model.eval()
    luke, mask = model.embedder.luke, WORDS != 1
    with torch.no_grad():
        tokens, entities = model.embedder.encode(WORDS, mask, **ENTITIES)
        table = luke.entity_embeddings.entity_embeddings.weight
        return [
            model.lm_head.scores(tokens[mask], luke.embeddings.word_embeddings.weight),
            model.entity_predictions.scores(entities[ENTITIES["entity_mask"]], table),
        ]


def their_scores(directory):
    model, report = transformers.LukeForMaskedLM.from_pretrained(directory, output_loading_info=True)
    assert not report["unexpected_keys"] and not report["mismatched_keys"]
    # The pooler, which no task uses, and what is tied.
    missing = {name.rsplit(".", 1)[0] for name in report["missing_keys"]}
    assert missing <= {"luke.pooler.dense", "lm_head.decoder", "entity_predictions.decoder"}
    mask, entity_mask = WORDS != 1, ENTITIES["entity_mask"]
    with torch.no_grad():
        output = model.eval()(
            WORDS,
            mask.long(),
            entity_ids=ENTITIES["entity_ids"],
            entity_position_ids=torch.tensor([[[1, 2], [4, -1]], [[1, 2], [-1, -1]]]),
            entity_attention_mask=entity_mask.long(),
        )
    return [output.logits[mask], output.entity_logits[entity_mask]]


def assert_same(ours, theirs):
    """But for rows behind ours, which an export appends."""
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(other[:, : one.size(1)], one, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def run(tmp_path_factory, fixtures_dir):
    """Of a RoBERTa with a vocabulary of seven entities."""
    place = tmp_path_factory.mktemp("place")
    vocabulary = write_vocabulary(place / "entity_vocab.jsonl")
    values = config(str(fixtures_dir / "tiny-roberta"), str(vocabulary), embedder={"entity_emb_size": 16})
    write_archive(place / "run", values, make_model(values))
    return place / "run"


@pytest.fixture(scope="module")
def exported(run):
    export_checkpoint(str(run), str(run.parent / "out"))
    return run.parent / "out"


def test_transformers_gives_the_same_scores(run, exported):
    ours = our_scores(load_archive(run / "model.tar.gz").model)
    theirs = their_scores(exported)
    assert ours[0].std() > 0.1 and ours[1].std() > 0.1
    assert_same(ours, theirs)
    # <ent> and <ent2> are copies of @ and #, [MASK2] is one of [MASK].
    ids = json.loads((exported / "vocab.json").read_text())
    assert theirs[0].shape[1] == 2000 and theirs[1].shape[1] == 8
    torch.testing.assert_close(theirs[0][:, 1998:], theirs[0][:, [ids["@"], ids["#"]]])
    torch.testing.assert_close(theirs[1][:, 7], theirs[1][:, 2])


def test_the_tokenizer_of_transformers_reads_it(exported):
    tokenizer = transformers.LukeTokenizer.from_pretrained(exported, task="entity_classification")
    assert tokenizer.convert_tokens_to_ids(["<ent>", "<ent2>"]) == [1998, 1999]
    encoded = tokenizer("Orsa met Marlow.", entity_spans=[(0, 4)])
    assert encoded["input_ids"].count(1998) == 2
    assert encoded["entity_ids"] == [2]
    tokenizer = transformers.LukeTokenizer.from_pretrained(exported)
    assert tokenizer("Orsa met Marlow.", entities=["Orsa"], entity_spans=[(0, 4)])["entity_ids"] == [3]


def test_a_second_stage_starts_from_it(run, exported, tmp_path):
    ours = our_scores(load_archive(run / "model.tar.gz").model)
    vocabulary = str(run.parent / "entity_vocab.jsonl")  # without the [MASK2] that was appended
    values = config(str(exported), vocabulary)
    model = make_model(values, noise=0.0)
    assert_same(ours, our_scores(model))
    # It goes out again with the same rows.
    write_archive(tmp_path / "run", values, model)
    assert export_checkpoint(str(tmp_path / "run"), str(tmp_path / "out")).notes == []
    first, second = their_scores(exported), their_scores(tmp_path / "out")
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one, other)
    for name in ("config.json", "entity_vocab.json", "added_tokens.json", "vocab.json"):
        written = [json.loads((directory / name).read_text()) for directory in (exported, tmp_path / "out")]
        assert written[0] == written[1]


def test_the_data_must_have_the_same_entities(exported, tmp_path):
    titles = ["[PAD]", "[UNK]", "[MASK]", "Orsa", "Tavin Lake", "Marlow", "Zoë Rask"]
    vocabulary = write_vocabulary(tmp_path / "entity_vocab.jsonl", titles)
    with pytest.raises(ConfigurationError, match=r"'Tavin Lake' \(4\) and 'Marlow' \(4\)"):
        make_model(config(str(exported), str(vocabulary)))
    write_vocabulary(vocabulary, titles[:4])
    with pytest.raises(ConfigurationError, match=r"none and 'Marlow' \(4\)"):
        make_model(config(str(exported), str(vocabulary)))


def test_lite(run, tmp_path):
    model = load_archive(run / "model.tar.gz").model
    export_checkpoint(str(run), str(tmp_path / "lite"), lite=True)
    bias = transformers.LukeForMaskedLM.from_pretrained(tmp_path / "lite").entity_predictions.bias
    vocabulary = EntityVocabulary.from_checkpoint(str(tmp_path / "lite"))
    assert list(vocabulary) == ["[PAD]", "[UNK]", "[MASK]", "[MASK2]"]
    torch.testing.assert_close(bias, model.entity_predictions.bias[[0, 1, 2, 2]])


@pytest.mark.parametrize("start", ["tiny-roberta", "tiny-bert", "tiny-luke"])
def test_an_archive_that_needs_nothing_beside_it(start, fixtures_dir, tmp_path):
    place = tmp_path / "place"
    shutil.copytree(fixtures_dir / start, place / "start")
    vocabulary = place / "start" / "entity_vocab.json"
    if start != "tiny-luke":
        vocabulary = write_vocabulary(place / "entity_vocab.jsonl")
    values = {**config(str(place / "start"), str(vocabulary)), "include_in_archive": ["checkpoint"]}
    model = make_model(values)
    (place / "run").mkdir()
    callback = TrainerCallback.by_name("archived_checkpoint")(str(place / "run"))
    callback.on_start(SimpleNamespace(model=model), is_primary=False)
    assert not list((place / "run").iterdir())
    callback.on_start(SimpleNamespace(model=model))
    callback.on_start(SimpleNamespace(model=model))  # of a run that is taken up again
    # A run that is taken up again finds these files, but weights where they always were.
    params = Params(json.loads(json.dumps(values["model"])))
    again = Model.from_params(params, vocab=Vocabulary.empty(), serialization_dir=str(place / "run"))
    assert again.embedder.weights_from is not None
    archive = write_archive(place / "run", values, model)
    expected = our_scores(model)
    shutil.move(str(archive), tmp_path / "model.tar.gz")
    shutil.rmtree(place)
    archived = load_archive(tmp_path / "model.tar.gz")
    assert_same(expected, our_scores(archived.model))
    record = {"text": "[MASK] met Orsa.", "mentions": [[11, 15]]}
    found = Predictor.from_archive(archived).predict_json(record)
    assert len(found["mentions"][0]["predictions"]) == 5
    if start != "tiny-bert":
        export_checkpoint(str(tmp_path / "model.tar.gz"), str(tmp_path / "out"))
        assert_same(expected, their_scores(tmp_path / "out"))


def test_ner_starts_from_it(exported, root_dir, monkeypatch):
    monkeypatch.chdir(root_dir)
    monkeypatch.setenv("LUKE_MODEL", str(exported))
    params = Params.from_file("training_configs/ner/conll.jsonnet")["model"]["embedder"]
    ours = TokenEmbedder.from_params(params).luke.state_dict()
    start = transformers.LukeForMaskedLM.from_pretrained(exported).luke.state_dict()
    layer = "encoder.layer.0.attention.self"
    torch.testing.assert_close(ours[f"{layer}.e2w_query.weight"], start[f"{layer}.query.weight"])
    table = "entity_embeddings.entity_embeddings.weight"
    torch.testing.assert_close(ours[table], start[table][[0, 2]])


@pytest.mark.parametrize(
    "start, architecture", [("tiny-roberta", "RobertaForMaskedLM"), ("tiny-bert", "BertForMaskedLM")]
)
def test_a_backbone_that_was_trained_further(start, architecture, fixtures_dir, tmp_path):
    values = config(str(fixtures_dir / start), None, {"entities": False})
    model, out = make_model(values), tmp_path / "out"
    write_archive(tmp_path / "run", values, model)
    assert export_checkpoint(str(tmp_path / "run"), str(out)) == (architecture, [])
    theirs, report = getattr(transformers, architecture).from_pretrained(out, output_loading_info=True)
    assert not report["unexpected_keys"] and not report["mismatched_keys"]
    words = torch.tensor([[5, 40, 300, 41, 522, 777, 6]])
    with torch.no_grad():
        states = model.embedder.encode(words, torch.ones_like(words, dtype=torch.bool)).tokens[0]
        ours = model.lm_head.scores(states, model.embedder.luke.embeddings.word_embeddings.weight)
        torch.testing.assert_close(theirs.eval()(words).logits[0], ours, rtol=1e-5, atol=1e-5)
    assert {path.name for path in out.iterdir()} >= {"config.json", "tokenizer_config.json", "README.md"}
    # From there it goes on.
    again = make_model(config(str(out), None, {"entities": False}), noise=0.0)
    assert torch.equal(again.lm_head.bias, model.lm_head.bias)
