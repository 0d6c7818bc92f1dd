"""The model: training and loading, transformers' on the same weights, ablations, metrics."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Instance, Vocabulary
from allennlp.modules.token_embedders import PretrainedTransformerEmbedder
from transformers import LukeForQuestionAnswering

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.linking.article_links import ArticleLinksEntityLinker
from luke_allennlp.tasks.reading_comprehension.model import ReadingComprehensionModel
from luke_allennlp.tasks.reading_comprehension.reader import ReadingComprehensionReader
from luke_allennlp.token_embedders import LukeEmbedder
from tests.tasks.support import batch_of, huggingface, huggingface_inputs, randomise

CONFIG = Path(__file__).with_name("experiment.jsonnet")


@pytest.fixture(autouse=True)
def environment(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the experiment's config reads."""
    monkeypatch.setenv("LUKE_MODEL", str(fixtures_dir / "tiny-luke"))
    monkeypatch.setenv("LUKE_DATA", str(fixtures_dir / "data"))


class TestExperiment(ModelTestCase):
    """AllenNLP's own checks of a model."""

    def overrides(self, **options: Any) -> str:
        return json.dumps({"trainer.cuda_device": -1, **options})

    def test_can_train_save_and_load(self) -> None:
        self.ensure_model_can_train_save_and_load(
            CONFIG,
            overrides=self.overrides(),
            # The table is frozen; nobody sees what entities ask for in the last layer.
            gradients_to_ignore={
                "embedder.luke.entity_embeddings.entity_embeddings.weight",
                *(
                    f"embedder.luke.encoder.layer.1.attention.self.{query}_query.{kind}"
                    for query in ("e2w", "e2e")
                    for kind in ("weight", "bias")
                ),
            },
        )


def instances_of(
    directory: Path, name: str = "tiny-luke", part: str = "dev-v1.1", **options: Any
) -> List[Instance]:
    squad = directory / "data" / "squad"
    linker = None
    if name == "tiny-luke":
        linker = ArticleLinksEntityLinker(
            str(directory / name), str(squad / "links"), str(squad / "redirects_20160305")
        )
    reader = ReadingComprehensionReader(
        WordTokenizer(str(directory / name)), linker, **{"max_length": 112, "stride": 40, **options}
    )
    return list(reader.read(str(squad / f"{part}.json")))


def luke(directory: Path, name: str = "tiny-luke", **options: Any) -> LukeEmbedder:
    return LukeEmbedder(str(directory / name), **{"freeze_entity_table": True, **options})


def make_model(directory: Path, **options: Any) -> ReadingComprehensionModel:
    model = ReadingComprehensionModel(Vocabulary(), luke(directory), **options)
    randomise(model)
    return model


@pytest.mark.parametrize("entity_aware", [True, False])
def test_equals_huggingface(fixtures_dir: Path, entity_aware: bool) -> None:
    model = ReadingComprehensionModel(Vocabulary(), luke(fixtures_dir, entity_aware_attention=entity_aware))
    randomise(model)
    head = {f"qa_outputs.{name}": value for name, value in model.qa_outputs.state_dict().items()}
    batch = batch_of(instances_of(fixtures_dir))
    words, entities = batch["words"]["tokens"], batch["entities"]
    assert not words["mask"].all() and not entities["entity_mask"].all()
    assert entities["entity_mask"].any(dim=1).all()
    with torch.no_grad():
        ours = model(**batch)
        theirs = huggingface(LukeForQuestionAnswering, model.embedder, head)(
            **huggingface_inputs(batch),
            start_positions=batch["answer"][:, 0],
            end_positions=batch["answer"][:, 1],
        )
    mask = words["mask"]
    for name in ("start_logits", "end_logits"):
        assert ours[name][mask].std() > 0.1
        torch.testing.assert_close(ours[name][mask], theirs[name][mask], atol=1e-5, rtol=1e-5)
    assert ours["loss"].item() == pytest.approx(theirs.loss.item(), rel=1e-5)


def test_candidates_are_characters_of_the_passage(fixtures_dir: Path) -> None:
    model = make_model(fixtures_dir)
    batch = batch_of(instances_of(fixtures_dir))
    output = model(**batch)
    for row, (data, candidates) in enumerate(zip(batch["metadata"], output["candidates"], strict=True)):
        best = candidates[0]
        offsets, shift = data["passage"].offsets, data["first_position"] - data["window_start"]
        firsts = [i + shift for i, (start, _) in enumerate(offsets.tolist()) if start == best.start]
        lasts = [i + shift for i, (_, end) in enumerate(offsets.tolist()) if end == best.end]
        start_logits, end_logits = output["start_logits"][row], output["end_logits"][row]
        sums = [
            (start_logits[first] + end_logits[last]).item()
            for first in firsts
            for last in lasts
            if 0 <= last - first < 30 and last < len(start_logits)
        ]
        assert any(total == pytest.approx(best.score, abs=1e-5) for total in sums)
        assert [candidate.score for candidate in candidates] == sorted(
            (candidate.score for candidate in candidates), reverse=True
        )


class TestEntities:
    @pytest.mark.parametrize("options", [{"use_entities": False}, {}])
    def test_none(self, fixtures_dir: Path, options: Dict[str, Any]) -> None:
        # Switched off, or an embedder that keeps none.
        embedder = luke(fixtures_dir, **({} if options else {"entities": []}))
        model = ReadingComprehensionModel(Vocabulary(), embedder, **options)
        randomise(model)
        batch = batch_of(instances_of(fixtures_dir))
        tokens = batch["words"]["tokens"]
        states = model.embedder.luke(tokens["token_ids"], tokens["mask"]).tokens
        expected = model.qa_outputs(states)
        output = model(**batch)
        torch.testing.assert_close(output["start_logits"], expected[..., 0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(output["end_logits"], expected[..., 1], atol=1e-5, rtol=1e-5)

    def test_batch_without_any(self, fixtures_dir: Path) -> None:
        # Parameters without a gradient would stop the other processes of a distributed training.
        model = ReadingComprehensionModel(Vocabulary(), luke(fixtures_dir))
        instances = instances_of(fixtures_dir, max_entities=0)
        model(**batch_of(instances))["loss"].backward()
        trained = [p for p in model.parameters() if p.requires_grad]
        assert all(parameter.grad is not None for parameter in trained)


class TestLoss:
    def test_unknown_places_have_none(self, fixtures_dir: Path) -> None:
        model = make_model(fixtures_dir)
        batch = batch_of(instances_of(fixtures_dir)[:4])
        batch["answer"][1:] = -100
        output = model(**batch)
        start, end = batch["answer"][0].tolist()
        expected = (
            -output["start_logits"][0].log_softmax(-1)[start] - output["end_logits"][0].log_softmax(-1)[end]
        )
        assert output["loss"].item() == pytest.approx(expected.item() / 2, rel=1e-5)
        batch["answer"][0] = -100
        assert model(**batch)["loss"].item() == 0.0


class TestMetrics:
    def test_of_gold_logits(self, fixtures_dir: Path) -> None:
        # The head is replaced by one that knows the answers.
        model = make_model(fixtures_dir)
        instances = instances_of(fixtures_dir)
        for start in range(0, len(instances), 8):
            batch = batch_of(instances[start : start + 8])
            logits = torch.zeros(*batch["words"]["tokens"]["token_ids"].shape, 2)
            for side in (0, 1):
                logits[torch.arange(len(logits)), batch["answer"][:, side], side] = 9.0
            model.qa_outputs = torch.nn.Identity()
            model.states = lambda *_, logits=logits: (logits, None)  # type: ignore[method-assign]
            model(**batch)
        metrics = model.get_metrics(reset=True)
        assert metrics == {"em": 100.0, "f1": 100.0}

    def test_no_answer(self, fixtures_dir: Path) -> None:
        instances = instances_of(fixtures_dir, part="dev-v2.0")
        number = len({i["metadata"]["id"] for i in instances})
        for threshold, expected in ((-1e9, 100.0), (1e9, 0.0)):
            model = make_model(fixtures_dir, allow_no_answer=True, null_score_threshold=threshold)
            model(**batch_of(instances))
            metrics = model.get_metrics(reset=True)
            assert metrics["NoAns_exact"] == expected
            assert metrics["NoAns_total"] + metrics["HasAns_total"] == number
            assert "best_exact" in metrics

    def test_detokenized(self, fixtures_dir: Path) -> None:
        texts = {}
        for kind in ("passage", "detokenized"):
            model = make_model(fixtures_dir, answer_text=kind)
            instances = instances_of(fixtures_dir)
            outputs = model.forward_on_instances(instances)
            texts[kind] = [
                answer.text
                for instance, output in zip(instances, outputs, strict=True)
                for answer in model.n_best_answers(instance["metadata"]["passage"], output["candidates"])
            ]
        assert any("\n" in text for text in texts["passage"])
        assert not any("\n" in text for text in texts["detokenized"])


class TestOptions:
    def test_any_embedder(self, fixtures_dir: Path) -> None:
        name = str(fixtures_dir / "tiny-bert")
        embedder = PretrainedTransformerEmbedder(name)
        with pytest.raises(ConfigurationError, match="which knows no entities; .* set use_entities to false"):
            ReadingComprehensionModel(Vocabulary(), embedder)
        model = ReadingComprehensionModel(Vocabulary(), embedder, use_entities=False)
        output = model(**batch_of(instances_of(fixtures_dir, "tiny-bert")[:3]))
        assert output["loss"].item() > 0
