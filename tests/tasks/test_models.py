"""What holds for every task's model: training and loading, transformers' on the same weights, baselines."""

import json
from pathlib import Path
from typing import Any, Dict, Set, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.models import Model
from allennlp.modules.token_embedders import PassThroughTokenEmbedder, PretrainedTransformerEmbedder
from allennlp.training.metrics import Metric
from transformers import (
    LukeForEntityClassification,
    LukeForEntityPairClassification,
    LukeForEntitySpanClassification,
    LukeForQuestionAnswering,
)

from tests.tasks.support import (
    FIXTURES,
    TASKS,
    batch_of,
    config_of,
    data_batch,
    huggingface,
    huggingface_inputs,
    make_model,
    make_reader,
    randomise,
    vocabulary_of,
)

SQUAD = FIXTURES / "data" / "squad"
LINKER = {
    "type": "article_links",
    "model_name": str(FIXTURES / "tiny-luke"),
    "link_database": str(SQUAD / "links"),
    "link_redirects": str(SQUAD / "redirects_20160305"),
}
READER: Dict[str, Dict[str, Any]] = {
    "luke_reading_comprehension": {"linker": LINKER, "max_length": 112, "stride": 40}
}
HEADS = {"luke_cloze_qa": "scorer", "luke_reading_comprehension": "qa_outputs"}
EXPERIMENTS = {
    "luke_entity_typing": ("training_configs/entity_typing/open_entity.jsonnet", "open_entity/dev.json"),
    "luke_relation_classification": (
        "training_configs/relation_classification/tacred.jsonnet",
        "tacred/dev.json",
    ),
    "luke_cloze_qa": ("tests/tasks/cloze_qa/experiment.jsonnet", "record/dev.json"),
    "luke_reading_comprehension": (
        "tests/tasks/reading_comprehension/experiment.jsonnet",
        "squad/dev-v2.0.json",
    ),
    "luke_ner": ("tests/tasks/ner/experiment.jsonnet", "../ner/dev.conll"),
}


@pytest.fixture(params=list(TASKS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestExperiments(ModelTestCase):
    """AllenNLP's own checks."""

    @pytest.fixture(autouse=True)
    def experiment(self, name: str, root_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LUKE_MODEL", str(FIXTURES / "tiny-luke"))
        monkeypatch.setenv("LUKE_DATA", str(FIXTURES / "data"))
        monkeypatch.chdir(root_dir)
        config, data = EXPERIMENTS[name]
        self.set_up_model(root_dir / config, FIXTURES / "data" / data, seed=5)

    def test_can_train_save_and_load(self, name: str) -> None:
        # The last layer's queries whose results the head does not see.
        queries: Tuple[str, ...] = ("query", "w2e_query")
        unused: Set[str] = set()
        if name == "luke_ner":
            queries = ()
        if name == "luke_reading_comprehension":
            queries, unused = ("e2w_query", "e2e_query"), {"entity_embeddings.entity_embeddings.weight"}
        for query in queries:
            unused |= {f"encoder.layer.1.attention.self.{query}.{kind}" for kind in ("weight", "bias")}
        short = {"trainer.num_epochs": 1, "dataset_reader.max_instances": 20, "evaluate_on_test": False}
        self.ensure_model_can_train_save_and_load(
            self.param_file,
            gradients_to_ignore={f"embedder.luke.{parameter}" for parameter in unused},
            overrides=json.dumps({"trainer.cuda_device": -1, "trainer.optimizer.lr": 1e-3, **short}),
        )

    def test_batches_are_consistent(self) -> None:
        # These have the padding of their batch, or would have to be equal to the last bit.
        ignored = ["predictions", "candidates", "null_score", "start_logits", "end_logits"]
        self.ensure_batch_predictions_are_consistent(keys_to_ignore=ignored)


def without_padding(name: str, batch: Dict[str, Any], key: str = "logits") -> Any:
    """Which of a batch's logits are not padding's."""
    if key != "logits":
        return batch["words"]["tokens"]["mask"]
    return batch["entities"]["entity_mask"] if name == "luke_ner" else slice(None)


@pytest.mark.parametrize("entity_aware", [True, False])
@pytest.mark.parametrize(
    "name, theirs, outputs",
    [
        ("luke_entity_typing", LukeForEntityClassification, ["logits"]),
        ("luke_relation_classification", LukeForEntityPairClassification, ["logits"]),
        ("luke_reading_comprehension", LukeForQuestionAnswering, ["start_logits", "end_logits"]),
        ("luke_ner", LukeForEntitySpanClassification, ["logits"]),
    ],
)
def test_equals_huggingface(name: str, theirs: Any, outputs: Any, entity_aware: bool) -> None:
    batch, vocab = data_batch(name, **READER.get(name, {}))
    mask, spans = batch["words"]["tokens"]["mask"], batch["entities"]["entity_spans"]
    assert not mask.all() and batch["entities"]["entity_mask"].any(dim=1).all()
    assert name != "luke_entity_typing" or (spans[..., 1] - spans[..., 0] == 29).any()
    model = randomise(make_model(name, vocab, embedder={"entity_aware_attention": entity_aware}))
    prefix = HEADS.get(name, "classifier")
    head = {f"{prefix}.{key}": value for key, value in getattr(model, prefix).state_dict().items()}
    more = {"labels": batch.get("labels", batch.get("label"))}
    if "answer" in batch:
        more = dict(zip(("start_positions", "end_positions"), batch["answer"].T, strict=True))
        model.paper_compatible = True  # as in theirs, the softmax includes padding
    if name == "luke_ner":
        starts, ends = spans.clamp(min=0).unbind(-1)
        more = {**more, "entity_start_positions": starts, "entity_end_positions": ends}
    with torch.no_grad():
        ours = model(**batch)
        expected = huggingface(theirs, model.embedder, head, getattr(model, prefix).out_features)(
            **huggingface_inputs(batch), **more
        )
    assert ours["loss"].item() == pytest.approx(expected.loss.item(), rel=1e-5)
    for key in outputs:
        chosen = without_padding(name, batch, key)
        assert ours[key][chosen].std() > 0.1
        torch.testing.assert_close(ours[key][chosen], expected[key][chosen], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in TASKS if name != "luke_reading_comprehension"])
@pytest.mark.parametrize("use_entity_state, use_word_states", [(True, True), (False, True), (True, False)])
def test_features_are_the_states(name: str, use_entity_state: bool, use_word_states: bool) -> None:
    batch, vocab = data_batch(name)
    options = {"use_entity_state": use_entity_state, "use_word_states": use_word_states}
    model = randomise(make_model(name, vocab, **options))
    tokens, entities = batch["words"]["tokens"], batch["entities"]
    spans = entities["entity_spans"].clamp(min=0)
    if TASKS[name].markers:
        # The first tokens are markers, which follow the vocabulary's tokens.
        first = tokens["token_ids"].gather(1, spans[..., 0])
        assert (first[entities["entity_mask"]] >= 2000).all()
    if use_entity_state:
        words, *states = model.embedder.encode(**tokens, **entities)
    else:
        words, states = model.embedder.luke(tokens["token_ids"], tokens["mask"]).tokens, []
    if use_word_states:
        rows = torch.arange(len(words))[:, None]
        ends = (0, 1) if name == "luke_ner" else (0,)
        states = [*(words[rows, spans[..., end]] for end in ends), *states]
    features = torch.cat(states, dim=-1)
    logits, chosen = model(**batch)["logits"], without_padding(name, batch)
    if name == "luke_cloze_qa":
        candidates, chosen = features[:, 1:], entities["entity_mask"][:, 1:]
        pairs = torch.cat([features[:, :1].expand_as(candidates), candidates], dim=-1)
        expected = model.scorer(pairs).squeeze(-1)
    else:
        expected = model.classifier(features if name == "luke_ner" else features.flatten(1))
    torch.testing.assert_close(logits[chosen], expected[chosen], atol=1e-5, rtol=1e-5)


# It has no rows for markers of ours; a token of its own will do.
@pytest.mark.parametrize("name, marker", [("luke_entity_typing", {"marker": "@"}), ("luke_ner", {})])
def test_transformer_embedder_of_allennlp(name: str, marker: Dict[str, str]) -> None:
    batch, vocab = data_batch(name, "tiny-roberta", **marker)
    options: Dict[str, Any] = {"use_entity_state": False, "use_word_states": True}
    embedder = PretrainedTransformerEmbedder(str(FIXTURES / "tiny-roberta"))
    theirs: Any = Model.by_name(name)(vocab, embedder, **options).eval()
    without = {"entities": [], "marker_tokens": None}
    ours = make_model(name, vocab, "tiny-roberta", embedder=without, **options).eval()
    ours.classifier.load_state_dict(theirs.classifier.state_dict())
    expected, chosen = theirs(**batch), without_padding(name, batch)
    torch.testing.assert_close(
        ours(**batch)["logits"][chosen], expected["logits"][chosen], atol=1e-5, rtol=1e-5
    )
    expected["loss"].backward()


@pytest.mark.parametrize(
    "checkpoint, entities",
    [("tiny-luke", True), ("tiny-luke", False), ("tiny-roberta", True), ("tiny-bert", False)],
)
def test_every_parameter_that_is_trained_has_a_gradient(name: str, checkpoint: str, entities: bool) -> None:
    options: Dict[str, Any] = {}
    if name == "luke_reading_comprehension":
        # With entities, of which the batch has none.
        options = {"use_entities": entities and checkpoint == "tiny-luke"}
    elif not entities:
        options = {"use_entity_state": False, "use_word_states": True}
    if not all(options.values()):
        options["embedder"] = {"entities": []}
        if name == "luke_reading_comprehension":
            options["embedder"]["freeze_entity_table"] = False
    batch, vocab = data_batch(name, checkpoint)
    model = make_model(name, vocab, checkpoint, **options)
    assert batch["words"]["tokens"]["type_ids"].any() <= (checkpoint == "tiny-bert")
    model(**batch)["loss"].backward()
    for parameter_name, parameter in model.named_parameters():
        # A process of several would wait for gradients that never come.
        assert (parameter.grad is not None) == parameter.requires_grad, parameter_name


UNANSWERABLE: Dict[str, Dict[str, Any]] = {
    "luke_cloze_qa": {"passage": "No.", "query": "@placeholder?", "candidates": [], "answers": ["Zoë"]},
    # Too long to be a candidate.
    "luke_ner": {"tokens": ["xq" * 30], "entities": [[0, 1, "LOC"]]},
}
WORDS_ALONE = {"use_entity_state": False, "use_word_states": True, "embedder": {"entities": []}}


@pytest.mark.parametrize("name", UNANSWERABLE)
@pytest.mark.parametrize("options", [{}, WORDS_ALONE])
def test_batch_without_candidates(name: str, options: Dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([UNANSWERABLE[name]] * 2))
    batch = batch_of(list(make_reader(name).read(path)), vocabulary_of(TASKS[name].labels))
    model = make_model(name, **options)
    output = model(**batch)
    assert output["logits"].shape[:2] == (2, 0) and output["loss"].item() == 0.0
    output["loss"].backward()
    # None is missing: other processes would wait for it.
    for parameter_name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and not parameter.grad.any(), parameter_name
    model.eval()
    assert model(**batch)["predictions"] == [[], []]
    assert set(model.get_metrics(reset=True).values()) == {0.0}


class TestLosses:
    @pytest.fixture
    def batch(self, name: str) -> Dict[str, Any]:
        batch, self.vocab = data_batch(name)
        return batch

    def test_are_float32(self, name: str, batch: Dict[str, Any]) -> None:
        model = randomise(make_model(name, self.vocab))
        single = model(**batch)["loss"]
        with torch.autocast("cpu", torch.bfloat16):
            output = model(**batch)
        assert output["loss"].dtype == torch.float32
        assert output["loss"].item() == pytest.approx(single.item(), rel=0.05)
        output["loss"].backward()
        assert model.double()(**batch)["loss"].dtype == torch.float64

    def test_labels_change_nothing_else(self, name: str, batch: Dict[str, Any]) -> None:
        model = randomise(make_model(name, self.vocab))
        with_labels = model(**batch)
        for key in ("labels", "label", "answer"):
            batch.pop(key, None)
        without = model(**batch)
        assert set(with_labels) - set(without) == {"loss"}
        for key, value in without.items():
            if isinstance(value, torch.Tensor):
                torch.testing.assert_close(value, with_labels[key])

    def test_nothing_is_scored_in_training(self, name: str, batch: Dict[str, Any]) -> None:
        model = make_model(name, self.vocab).train()
        model(**batch)
        assert model.get_metrics() == model.get_metrics(reset=True) == {}
        # What was trained on is not scored later.
        scores = model.eval().get_metrics(reset=True)
        assert scores and set(scores.values()) == {0.0}
        # Those of each label, of which there is none, are patterns.
        names = {name for name in model.metric_names(config_of(name)["model"]) if "*" not in name}
        assert set(scores) == names
        assert isinstance(model._metric, Metric) and model.default_predictor == name


def test_head(name: str) -> None:
    head = HEADS.get(name, "classifier")
    regexes = [[".*weight" if head == "qa_outputs" else f"{head}.weight", {"type": "constant", "val": 7}]]
    model = make_model(name, dropout=0.3, initializer={"regexes": regexes})
    assert model.dropout.p == 0.3 and (getattr(model, head).weight == 7).all()
    model = make_model(name)
    assert model.dropout.p == (0.0 if head == "qa_outputs" else 0.1)
    assert getattr(model, head).weight.std().item() == pytest.approx(0.02, rel=0.3)


def test_embedder_without_entities(name: str) -> None:
    option = "use_entities" if name == "luke_reading_comprehension" else "use_entity_state"
    message = f"PassThroughTokenEmbedder, which knows no entities; .* set {option} to false"
    with pytest.raises(ConfigurationError, match=message):
        Model.by_name(name)(vocabulary_of(["no_relation"]), PassThroughTokenEmbedder(64))
    if option == "use_entity_state":
        with pytest.raises(ConfigurationError, match="use_entity_state and use_word_states are both false"):
            make_model(name, use_entity_state=False, use_word_states=False)
