"""The model: training and loading, transformers' on the same weights, ablations, metrics."""

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Set

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Instance, Vocabulary
from allennlp.models import Model
from allennlp.modules.token_embedders import PassThroughTokenEmbedder, PretrainedTransformerEmbedder
from allennlp.nn import InitializerApplicator
from transformers import LukeForEntitySpanClassification

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.ner.examples import NIL, Document, LabeledSpan, Sentence
from luke_allennlp.tasks.ner.model import NerModel
from luke_allennlp.tasks.ner.reader import NerReader, sentences_of
from luke_allennlp.token_embedders import LukeEmbedder
from tests.tasks.support import batch_of as tensors_of
from tests.tasks.support import close, huggingface, huggingface_inputs, randomise, vocabulary_of

CONFIG = Path(__file__).with_name("experiment.jsonnet")
LABELS = [NIL, "LOC", "MISC", "ORG", "PER"]


@pytest.fixture(autouse=True)
def environment(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the experiment's config reads."""
    monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / "tiny-luke"))
    monkeypatch.setenv("LUKE_DATA", str(fixtures_dir))


class TestExperiment(ModelTestCase):
    """AllenNLP's own checks of a model."""

    def overrides(self, **options: Any) -> str:
        return json.dumps({"trainer.cuda_device": -1, **options})

    def test_can_train_save_and_load(self) -> None:
        self.ensure_model_can_train_save_and_load(CONFIG, overrides=self.overrides())

    def test_batches_are_consistent(self, fixtures_dir: Path) -> None:
        self.set_up_model(CONFIG, fixtures_dir / "ner" / "dev.conll", seed=5)
        # Predictions are compared below: here they would have to be the same to the last bit.
        self.ensure_batch_predictions_are_consistent(keys_to_ignore=["predictions"])


def instances_of(directory: Path, name: str = "tiny-luke", count: int = 9, **options: Any) -> List[Instance]:
    """The first sentences of the corpus, of all sizes."""
    reader = NerReader(WordTokenizer(str(directory / name)), **{"max_length": 64, **options})
    return list(reader.read(str(directory / "ner" / "dev.conll")))[:count]


def batch_of(instances: List[Instance], vocab: Optional[Vocabulary] = None) -> Dict[str, Any]:
    return tensors_of(instances, vocab or vocabulary_of(LABELS))


def luke(directory: Path, name: str = "tiny-luke", **options: Any) -> LukeEmbedder:
    return LukeEmbedder(str(directory / name), **{"entities": ["[PAD]", "[MASK]"], **options})


def ner_model(directory: Path, name: str = "tiny-luke", rows: Any = None, **options: Any) -> NerModel:
    """With weights far from those of a fresh model."""
    embedder = luke(directory, name, **({} if rows is None else {"entities": rows}))
    return randomise(NerModel(vocabulary_of(LABELS), embedder, **options))


@pytest.fixture
def model(fixtures_dir: Path) -> NerModel:
    return ner_model(fixtures_dir)


@pytest.fixture
def batch(fixtures_dir: Path) -> Dict[str, Any]:
    return batch_of(instances_of(fixtures_dir))


def untrained(model: Model) -> Set[str]:
    """Parameters without gradients, for which other processes would wait."""
    return {name for name, p in model.named_parameters() if p.requires_grad and p.grad is None}


@pytest.mark.parametrize("entity_aware", [True, False])
def test_equals_huggingface(fixtures_dir: Path, batch: Dict[str, Any], entity_aware: bool) -> None:
    embedder = luke(fixtures_dir, entity_aware_attention=entity_aware)
    model = randomise(NerModel(vocabulary_of(LABELS), embedder))
    head = {f"classifier.{name}": value for name, value in model.classifier.state_dict().items()}
    theirs = huggingface(LukeForEntitySpanClassification, embedder, head, len(LABELS))
    spans, mask = batch["entities"]["entity_spans"].clamp(min=0), batch["entities"]["entity_mask"]
    assert not batch["words"]["tokens"]["mask"].all() and not mask.all()
    ends = {"entity_start_positions": spans[..., 0], "entity_end_positions": spans[..., 1]}
    with torch.no_grad():
        ours = model(**batch)
        logits = theirs(**huggingface_inputs(batch), **ends).logits
    assert ours["logits"][mask].std() > 0.1
    torch.testing.assert_close(ours["logits"][mask], logits[mask], atol=1e-5, rtol=1e-5)
    expected = torch.nn.functional.cross_entropy(logits[mask], batch["labels"][mask])
    assert ours["loss"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_batches_predict_what_single_instances_do(model: NerModel, fixtures_dir: Path) -> None:
    instances = instances_of(fixtures_dir)
    together = model.forward_on_instances(instances)
    assert together == close([model.forward_on_instance(instance) for instance in instances])
    assert {name for output in together for name in output} == {"predictions"}
    assert sum(len(output["predictions"]) for output in together) > 20


def test_predictions_are_the_best_labels(model: NerModel, batch: Dict[str, Any]) -> None:
    output = model(**batch)
    for row, data, predictions in zip(
        output["logits"], batch["metadata"], output["predictions"], strict=True
    ):
        expected = []
        for scores, (start, end) in zip(row, data["candidates"].tolist(), strict=False):
            best = int(scores.argmax())
            if LABELS[best] != NIL:
                expected.append(
                    {
                        "start": start,
                        "end": end,
                        "label": LABELS[best],
                        "logit": pytest.approx(scores[best].item(), rel=1e-6),
                        "score": pytest.approx(scores.softmax(-1)[best].item(), rel=1e-5),
                    }
                )
        assert predictions == expected
    # JSON can hold them.
    json.dumps(output["predictions"])


class TestAblations:
    def test_without_entity_state(self, fixtures_dir: Path, batch: Dict[str, Any]) -> None:
        model = ner_model(fixtures_dir, use_entity_state=False)
        mask = batch["entities"]["entity_mask"]
        output = model(**batch)
        output["loss"].backward()
        assert untrained(model) == set()

        # No entity has a part in it: words alone through the encoder, the states at both ends.
        tokens, spans = batch["words"]["tokens"], batch["entities"]["entity_spans"]
        states = model.embedder.luke(tokens["token_ids"], tokens["mask"]).tokens
        rows = torch.arange(len(spans))[:, None]
        features = torch.cat([states[rows, spans[..., 0]], states[rows, spans[..., 1]]], dim=-1)
        expected = model.classifier(features)[mask]
        torch.testing.assert_close(output["logits"][mask], expected, atol=1e-5, rtol=1e-5)
        assert model.classifier.in_features == 128

    def test_without_word_states(self, fixtures_dir: Path, batch: Dict[str, Any]) -> None:
        model = ner_model(fixtures_dir, use_word_states=False)
        mask = batch["entities"]["entity_mask"]
        states = model.embedder.encode(**batch["words"]["tokens"], **batch["entities"]).entities
        expected = model.classifier(states)[mask]
        torch.testing.assert_close(model(**batch)["logits"][mask], expected, atol=1e-5, rtol=1e-5)
        assert model.classifier.in_features == 64

    @pytest.mark.parametrize("name", ["tiny-luke", "tiny-roberta", "tiny-bert"])
    def test_words_of_every_checkpoint(self, fixtures_dir: Path, name: str) -> None:
        model = ner_model(fixtures_dir, name, rows=[], use_entity_state=False)
        model(**batch_of(instances_of(fixtures_dir, name)))["loss"].backward()
        assert untrained(model) == set()
        assert model.embedder.luke.embeddings.word_embeddings.weight.grad.abs().sum() > 0

    @pytest.mark.parametrize("name", ["tiny-roberta", "tiny-bert"])
    def test_entities_on_a_checkpoint_without(self, fixtures_dir: Path, name: str) -> None:
        model = ner_model(fixtures_dir, name)
        model(**batch_of(instances_of(fixtures_dir, name)))["loss"].backward()
        assert model.embedder.luke.entity_embeddings.entity_embeddings.weight.grad[1].abs().sum() > 0

    def test_transformer_embedder_of_allennlp(self, fixtures_dir: Path) -> None:
        name = "tiny-roberta"
        embedder = PretrainedTransformerEmbedder(str(fixtures_dir / name))
        theirs = NerModel(vocabulary_of(LABELS), embedder, use_entity_state=False).eval()
        plain = luke(fixtures_dir, name, entities=[])
        ours = NerModel(vocabulary_of(LABELS), plain, use_entity_state=False).eval()
        ours.classifier.load_state_dict(theirs.classifier.state_dict())
        batch = batch_of(instances_of(fixtures_dir, name))
        mask = batch["entities"]["entity_mask"]
        output = theirs(**batch)
        torch.testing.assert_close(
            ours(**batch)["logits"][mask], output["logits"][mask], atol=1e-5, rtol=1e-5
        )
        assert theirs.dropout.p == 0.1
        output["loss"].backward()


class TestOptions:
    def test_head(self, fixtures_dir: Path) -> None:
        embedder = luke(fixtures_dir)
        model = NerModel(vocabulary_of(LABELS), embedder)
        assert model.dropout.p == 0.1
        assert NerModel(vocabulary_of(LABELS), luke(fixtures_dir, hidden_dropout=0.3)).dropout.p == 0.3
        assert model.classifier.weight.shape == (5, 3 * 64)
        deviation = embedder.luke.config.initializer_range
        assert model.classifier.weight.std().item() == pytest.approx(deviation, rel=0.15)
        assert not model.classifier.bias.any()
        initializer = InitializerApplicator.from_params(
            Params({"regexes": [["classifier.bias", {"type": "constant", "val": 7}]]})
        )
        model = NerModel(vocabulary_of(LABELS), embedder, dropout=0.0, initializer=initializer)
        assert (model.classifier.bias == 7).all() and model.dropout.p == 0.0

    def test_any_labels_in_any_namespace(self, fixtures_dir: Path) -> None:
        vocab = vocabulary_of(["PER", "dose", NIL], "drug_labels")
        model = NerModel(vocab, luke(fixtures_dir), label_namespace="drug_labels").eval()
        with torch.no_grad():
            model.classifier.bias.copy_(torch.tensor([0.0, 50.0, 0.0]))
        instances = instances_of(fixtures_dir, label_namespace="drug_labels")
        outputs = model.forward_on_instances(instances)
        for instance, output in zip(instances, outputs, strict=True):
            assert len(output["predictions"]) == len(instance["entities"])
            assert {entity["label"] for entity in output["predictions"]} <= {"dose"}
        # Labels that this vocabulary lacks are left out of the loss.
        assert set(batch_of(instances, vocab)["labels"].unique().tolist()) == {-100, 0, 2}

    @pytest.mark.parametrize(
        ("options", "labels", "message"),
        [
            ({"use_entity_state": False, "use_word_states": False}, LABELS, "are both false"),
            (
                {"embedder": PassThroughTokenEmbedder(64)},
                LABELS,
                "PassThroughTokenEmbedder, which knows no entities; use one of type 'luke', or set",
            ),
            ({}, ["O", "LOC"], "namespace 'labels' has no 'NIL'"),
            ({"label_namespace": "drugs"}, LABELS, "'drugs' has AllenNLP's padding and unknown tokens"),
            ({"flat": False, "paper_compatible": True}, LABELS, "set flat to true or paper_compatible"),
        ],
    )
    def test_mistakes(
        self, fixtures_dir: Path, options: Dict[str, Any], labels: List[str], message: str
    ) -> None:
        vocab = vocabulary_of(labels, options.get("label_namespace", "labels"))
        with pytest.raises(ConfigurationError, match=message):
            NerModel(vocab, **{"embedder": luke(fixtures_dir), **options})


class TestNumbers:
    @pytest.mark.parametrize("use_entity_state", [True, False])
    def test_batch_without_candidates(self, fixtures_dir: Path, use_entity_state: bool) -> None:
        reader = NerReader(WordTokenizer(str(fixtures_dir / "tiny-luke")))
        word = "xq" * 30
        document = Document("0", [Sentence([word], [LabeledSpan(0, 1, "LOC")]), Sentence([word] * 2, [])])
        chunks = [chunk for example in sentences_of(document) for chunk in reader.items(example)]
        batch = batch_of([reader.text_to_instance(chunk, labeled=True) for chunk in chunks])
        assert not batch["entities"]["entity_mask"].any()
        rows = ["[PAD]", "[MASK]"] if use_entity_state else []
        model = ner_model(fixtures_dir, rows=rows, use_entity_state=use_entity_state).train()
        output = model(**batch)
        assert output["logits"].shape == (2, 0, 5)
        assert output["loss"].item() == 0.0
        output["loss"].backward()
        assert untrained(model) == set()
        assert not any(p.grad.any() for p in model.parameters() if p.grad is not None)
        model.eval()
        assert model(**batch)["predictions"] == [[], []]
        assert model.get_metrics(reset=True)["recall_LOC"] == 0.0

    def test_unknown_labels_count_in_no_loss(self, model: NerModel, batch: Dict[str, Any]) -> None:
        batch["labels"][:, 1:] = -100
        expected = torch.nn.functional.cross_entropy(model(**batch)["logits"][:, 0], batch["labels"][:, 0])
        assert model(**batch)["loss"].item() == pytest.approx(expected.item(), rel=1e-5)

    def test_double_and_bfloat16(self, model: NerModel, batch: Dict[str, Any]) -> None:
        single = model(**batch)
        with torch.autocast("cpu", torch.bfloat16):
            output = model(**batch)
        assert output["loss"].dtype == torch.float32
        assert output["loss"].item() == pytest.approx(single["loss"].item(), rel=0.05)
        output["loss"].backward()
        double = model.double()(**batch)
        assert double["logits"].dtype == double["loss"].dtype == torch.float64
        mask = batch["entities"]["entity_mask"]
        torch.testing.assert_close(
            double["logits"][mask].float(), single["logits"][mask], atol=1e-5, rtol=1e-5
        )

    def test_labels_change_nothing_but_the_loss(self, model: NerModel, batch: Dict[str, Any]) -> None:
        with_labels = model(**batch)
        del batch["labels"]
        without = model(**batch)
        assert "loss" not in without
        assert without["predictions"] == with_labels["predictions"]
        del batch["metadata"]
        assert set(model(**batch)) == {"logits"}


class TestMetrics:
    def test_none_in_training(self, model: NerModel, batch: Dict[str, Any]) -> None:
        model.train()
        assert "predictions" not in model(**batch)
        assert model.get_metrics() == model.get_metrics(reset=True) == {}
        # What was trained on is not scored later.
        assert model.eval().get_metrics(reset=True) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}

    @pytest.mark.parametrize("flat", [True, False])
    def test_scores_are_those_of_the_decoded_predictions(self, fixtures_dir: Path, flat: bool) -> None:
        # Chunks of a sentence fall into different batches.
        instances = instances_of(fixtures_dir, count=60, max_entities=20)
        model = ner_model(fixtures_dir, flat=flat)
        predicted: Dict[Any, List[Dict[str, Any]]] = {}
        gold: Dict[Any, Any] = {}
        for at in range(0, len(instances), 2):
            batch = batch_of(instances[at : at + 2])
            for data, found in zip(batch["metadata"], model(**batch)["predictions"], strict=True):
                key = (data["document"], data["sentence"])
                predicted.setdefault(key, []).extend(found)
                gold[key] = set(data["gold"])
        correct = total = 0
        for key, entities in predicted.items():
            chosen: List[Dict[str, Any]] = []
            for entity in sorted(entities, key=lambda entity: -entity["logit"]):
                free = all(e["end"] <= entity["start"] or entity["end"] <= e["start"] for e in chosen)
                if free or not flat:
                    chosen.append(entity)
            total += len(chosen)
            correct += len({(e["start"], e["end"], e["label"]) for e in chosen} & gold[key])
        scores = model.get_metrics(reset=True)
        assert total > 20
        assert scores["precision"] == pytest.approx(correct / total)
        assert scores["recall"] == pytest.approx(correct / sum(map(len, gold.values())))
        assert not any(name.startswith("paper_") for name in scores)

    def test_paper_compatible_scores_come_at_the_end(self, fixtures_dir: Path, batch: Dict[str, Any]) -> None:
        model = ner_model(fixtures_dir, paper_compatible=True)
        model(**batch)
        assert "paper_f1" not in model.get_metrics()
        assert {"f1", "paper_precision", "paper_recall", "paper_f1"} <= set(model.get_metrics(reset=True))
