"""The model: training and loading, transformers' on the same weights, baselines, metrics."""

import json
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Instance, Vocabulary
from allennlp.modules.token_embedders import PassThroughTokenEmbedder
from transformers import LukeForEntityPairClassification

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.relation_classification.model import RelationModel
from luke_allennlp.tasks.relation_classification.reader import RelationReader
from luke_allennlp.token_embedders import LukeEmbedder
from tests.tasks.support import batch_of, huggingface, huggingface_inputs, randomise, vocabulary_of

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "training_configs" / "relation_classification"
ENTITIES = ["[PAD]", "[MASK]", "[MASK]"]
MARKERS = {"[HEAD]": "@", "[TAIL]": "#"}
TINY = ["tiny-luke", "tiny-roberta", "tiny-bert"]


@pytest.fixture(autouse=True)
def environment(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the configs read."""
    monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / "tiny-luke"))
    monkeypatch.setenv("LUKE_DATA", str(fixtures_dir / "data"))


class TestExperiments(ModelTestCase):
    """AllenNLP's own checks of a model."""

    OVERRIDES = json.dumps({"trainer.cuda_device": -1, "trainer.num_epochs": 1})

    def test_can_train_save_and_load(self) -> None:
        # The entities alone decide: what the words ask for in the last layer changes nothing.
        unused = {
            f"embedder.luke.encoder.layer.1.attention.self.{query}.{kind}"
            for query in ("query", "w2e_query")
            for kind in ("weight", "bias")
        }
        self.ensure_model_can_train_save_and_load(
            CONFIGS / "tacred.jsonnet",
            gradients_to_ignore=unused,
            overrides=self.OVERRIDES,
        )


def instances_of(directory: Path, name: str = "tiny-luke", **options: Any) -> List[Instance]:
    reader = RelationReader(WordTokenizer(str(directory / name), list(MARKERS)), **options)
    return list(reader.read(str(directory / "data/tacred/dev.json")))


def vocabulary(directory: Path) -> Vocabulary:
    return Vocabulary.from_instances(instances_of(directory))


def luke(directory: Path, name: str = "tiny-luke", **options: Any) -> LukeEmbedder:
    # The tiny BERT has neither of the words that the markers start as.
    markers = dict(zip(MARKERS, ("&", "%"), strict=True)) if name == "tiny-bert" else MARKERS
    return LukeEmbedder(str(directory / name), **{"entities": ENTITIES, "marker_tokens": markers, **options})


def make(directory: Path, vocab: Optional[Vocabulary] = None, **options: Any) -> RelationModel:
    return RelationModel(vocab or vocabulary(directory), luke(directory), **options)


@pytest.fixture
def batch(fixtures_dir: Path) -> Dict[str, Any]:
    return batch_of(instances_of(fixtures_dir), vocabulary(fixtures_dir))


@pytest.fixture
def model(fixtures_dir: Path) -> RelationModel:
    return randomise(make(fixtures_dir))


@pytest.mark.parametrize("entity_aware", [True, False])
def test_equals_huggingface(fixtures_dir: Path, batch: Dict[str, Any], entity_aware: bool) -> None:
    embedder = luke(fixtures_dir, entity_aware_attention=entity_aware)
    model = randomise(RelationModel(vocabulary(fixtures_dir), embedder))
    head = {"classifier.weight": model.classifier.weight}
    theirs = huggingface(LukeForEntityPairClassification, embedder, head, model.classifier.out_features)
    assert not batch["words"]["tokens"]["mask"].all()
    with torch.no_grad():
        ours = model(**batch)
        expected = theirs(**huggingface_inputs(batch), labels=batch["label"])
    assert ours["logits"].std() > 0.1
    torch.testing.assert_close(ours["logits"], expected.logits, atol=1e-5, rtol=1e-5)
    assert ours["loss"].item() == pytest.approx(expected.loss.item(), rel=1e-5)


def test_output(model: RelationModel, fixtures_dir: Path, batch: Dict[str, Any]) -> None:
    logits = model(**batch)["logits"]
    outputs = model.forward_on_instances(instances_of(fixtures_dir))
    labels = model.vocab.get_token_to_index_vocabulary("labels")
    for row, output in zip(logits, outputs, strict=True):
        expected = row.softmax(-1)
        assert {labels[label]: p for label, p in output["probabilities"].items()} == pytest.approx(
            dict(enumerate(expected.tolist())), abs=1e-6
        )
        assert list(output["probabilities"].values()) == sorted(
            output["probabilities"].values(), reverse=True
        )
        assert labels[output["label"]] == int(row.argmax())
        assert output["probability"] == output["probabilities"][output["label"]]
        json.dumps(output)


def test_head_and_tail_are_told_apart(
    model: RelationModel, batch: Dict[str, Any], fixtures_dir: Path
) -> None:
    embedded = model.embedder.encode(**batch["words"]["tokens"], **batch["entities"]).entities
    expected = model.classifier(torch.cat([embedded[:, 0], embedded[:, 1]], dim=-1))
    torch.testing.assert_close(model(**batch)["logits"], expected, atol=1e-6, rtol=1e-6)
    # They start from the same row, and have one each.
    rows = luke(fixtures_dir).luke.entity_embeddings.entity_embeddings.weight
    assert rows.shape[0] == 3 and torch.equal(rows[1], rows[2])


class TestBaselines:
    def test_words_alone(self, fixtures_dir: Path, batch: Dict[str, Any]) -> None:
        model = randomise(make(fixtures_dir, use_entity_state=False, use_word_states=True))
        tokens = batch["words"]["tokens"]
        states = model.embedder.luke(tokens["token_ids"], tokens["mask"]).tokens
        expected = []
        for row, ids in zip(states, tokens["token_ids"].tolist(), strict=True):
            # The first [HEAD] and the first [TAIL].
            expected.append(torch.cat([row[ids.index(2000)], row[ids.index(2001)]]))
        logits = model.classifier(torch.stack(expected))
        torch.testing.assert_close(model(**batch)["logits"], logits, atol=1e-5, rtol=1e-5)
        assert model.classifier.in_features == 128

    def test_words_and_entities(self, fixtures_dir: Path, batch: Dict[str, Any]) -> None:
        model = randomise(make(fixtures_dir, use_word_states=True))
        assert model.classifier.in_features == 256
        output = model.embedder.encode(**batch["words"]["tokens"], **batch["entities"])
        starts = batch["entities"]["entity_spans"][..., 0]
        rows = torch.arange(len(starts))
        features = [
            state
            for side in (0, 1)
            for state in (output.tokens[rows, starts[:, side]], output.entities[:, side])
        ]
        expected = model.classifier(torch.cat(features, dim=-1))
        torch.testing.assert_close(model(**batch)["logits"], expected, atol=1e-5, rtol=1e-5)

    @pytest.mark.parametrize("name", TINY)
    @pytest.mark.parametrize("use_entity_state", [True, False])
    def test_every_parameter_is_trained(self, fixtures_dir: Path, name: str, use_entity_state: bool) -> None:
        vocab = vocabulary(fixtures_dir)
        embedder = luke(fixtures_dir, name, **({} if use_entity_state else {"entities": []}))
        model = RelationModel(
            vocab, embedder, use_entity_state=use_entity_state, use_word_states=not use_entity_state
        )
        model(**batch_of(instances_of(fixtures_dir, name), vocab))["loss"].backward()
        for parameter_name, parameter in model.named_parameters():
            # A process of several would wait for gradients that never come.
            assert (parameter.grad is not None) == parameter.requires_grad, parameter_name
        if use_entity_state:
            gradient = embedder.luke.entity_embeddings.entity_embeddings.weight.grad
            assert all(gradient[row].abs().sum() > 0 for row in (1, 2)) and not gradient[0].any()


@pytest.mark.parametrize(("labels", "warned"), [(["x"], True), (["x", "y"], False)])
def test_one_relation_alone(
    fixtures_dir: Path, labels: List[str], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    make(fixtures_dir, vocabulary_of(labels))
    assert ("The only relation in the training data is 'x'" in caplog.text) == warned


class TestOptions:
    def test_bias(self, fixtures_dir: Path) -> None:
        without, with_ = make(fixtures_dir), make(fixtures_dir, classifier_bias=True)
        assert without.classifier.bias is None
        assert with_.classifier.bias.shape == (6,) and not with_.classifier.bias.any()

    @pytest.mark.parametrize(
        ("labels", "option", "expected"),
        [
            (["a", "no_relation"], None, "no_relation"),
            (["a", "Other"], None, "Other"),
            (["a", "Other", "no_relation"], None, "no_relation"),
            (["a", "b"], None, None),
            (["a", "Other"], "a", "a"),
            (["a", "Other"], "", None),
        ],
    )
    def test_negative_label(
        self, fixtures_dir: Path, labels: List[str], option: Optional[str], expected: Optional[str]
    ) -> None:
        model = make(fixtures_dir, vocabulary_of(labels), negative_label=option)
        assert model.negative_label == expected

    @pytest.mark.parametrize(
        ("vocab", "options", "message"),
        [
            (["a"], {"use_entity_state": False}, "use_entity_state and use_word_states are both false"),
            (["a"], {"negative_label": "none"}, "namespace 'labels' has no 'none', the negative label"),
            ([], {}, "namespace 'labels' is empty"),
            (["a"], {"label_namespace": "drugs"}, "namespace 'drugs' is empty|padding and unknown"),
        ],
    )
    def test_mistakes(
        self, fixtures_dir: Path, vocab: List[str], options: Dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            make(fixtures_dir, vocabulary_of(vocab), **options)

    def test_embedders(self, fixtures_dir: Path) -> None:
        vocab = vocabulary_of(["a"])
        with pytest.raises(ConfigurationError, match="PassThroughTokenEmbedder, which knows no entities"):
            RelationModel(vocab, PassThroughTokenEmbedder(64))
        with pytest.raises(
            ConfigurationError, match=r"keeps the entities \['\[PAD\]', '\[MASK\]'\]; expected"
        ):
            RelationModel(vocab, luke(fixtures_dir, entities=["[PAD]", "[MASK]"]))
