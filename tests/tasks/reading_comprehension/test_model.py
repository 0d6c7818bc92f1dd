"""Candidates, ablations without entities, the loss, metrics."""

from typing import Any, Dict, List

import pytest
import torch
from allennlp.data import Instance, Vocabulary
from allennlp.modules.token_embedders import PretrainedTransformerEmbedder

from luke_allennlp.tasks.reading_comprehension.model import ReadingComprehensionModel
from tests.tasks.support import FIXTURES, batch_of, make_reader, randomise
from tests.tasks.support import make_model as make_task_model

NAME = "luke_reading_comprehension"


def read(checkpoint: str = "tiny-luke", part: str = "dev-v1.1") -> List[Instance]:
    reader = make_reader(NAME, checkpoint, max_length=112, stride=40)
    return list(reader.read(FIXTURES / "data" / "squad" / f"{part}.json"))


def make_model(**options: Any) -> Any:
    return randomise(make_task_model(NAME, **{"max_answer_length": 30, **options}))


def test_candidates_are_characters_of_the_passage() -> None:
    model = make_model()
    batch = batch_of(read())
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
        scores = [candidate.score for candidate in candidates]
        assert scores == sorted(scores, reverse=True)


# Switched off, or an embedder that keeps none.
@pytest.mark.parametrize("options", [{"use_entities": False}, {"embedder": {"entities": []}}])
def test_without_entities(options: Dict[str, Any]) -> None:
    model = make_model(**options)
    batch = batch_of(read())
    tokens = batch["words"]["tokens"]
    expected = model.qa_outputs(model.embedder.luke(tokens["token_ids"], tokens["mask"]).tokens)
    output = model(**batch)
    torch.testing.assert_close(output["start_logits"], expected[..., 0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(output["end_logits"], expected[..., 1], atol=1e-5, rtol=1e-5)


def test_unknown_places_have_no_loss() -> None:
    model = make_model()
    batch = batch_of(read()[:4])
    batch["answer"][1:] = -100
    start, end = batch["answer"][0].tolist()
    length = int(batch["words"]["tokens"]["mask"][0].sum())
    assert length < batch["words"]["tokens"]["mask"].size(1)
    for model.paper_compatible, positions in ((False, length), (True, None)):
        output = model(**batch)
        logits = [output[name][0, :positions] for name in ("start_logits", "end_logits")]
        expected = -logits[0].log_softmax(-1)[start] - logits[1].log_softmax(-1)[end]
        assert model(**batch)["loss"].item() == pytest.approx(expected.item() / 2, rel=1e-5)
    batch["answer"][0] = -100
    assert model(**batch)["loss"].item() == 0.0


class TestMetrics:
    def test_of_gold_logits(self) -> None:
        # The head is replaced by one that knows the answers.
        model = make_model()
        instances = read()
        for start in range(0, len(instances), 8):
            batch = batch_of(instances[start : start + 8])
            logits = torch.zeros(*batch["words"]["tokens"]["token_ids"].shape, 2)
            for side in (0, 1):
                logits[torch.arange(len(logits)), batch["answer"][:, side], side] = 9.0
            model.qa_outputs = torch.nn.Identity()
            model.states = lambda *_, logits=logits, **__: (logits, None)  # type: ignore[method-assign]
            model(**batch)
        assert model.get_metrics(reset=True) == {"em": 100.0, "f1": 100.0}

    def test_no_answer(self) -> None:
        instances = read(part="dev-v2.0")
        number = len({i["metadata"]["id"] for i in instances})
        for threshold, expected in ((-1e9, 100.0), (1e9, 0.0)):
            model = make_model(allow_no_answer=True, null_score_threshold=threshold)
            model(**batch_of(instances))
            metrics = model.get_metrics(reset=True)
            assert metrics["NoAns_exact"] == expected
            assert metrics["NoAns_total"] + metrics["HasAns_total"] == number
            assert "best_exact" in metrics

    def test_detokenized(self) -> None:
        texts = {}
        for kind in ("passage", "detokenized"):
            model = make_model(answer_text=kind)
            instances = read()
            outputs = model.forward_on_instances(instances)
            texts[kind] = [
                answer.text
                for instance, output in zip(instances, outputs, strict=True)
                for answer in model.n_best_answers(instance["metadata"]["passage"], output["candidates"])
            ]
        assert any("\n" in text for text in texts["passage"])
        assert not any("\n" in text for text in texts["detokenized"])


def test_any_embedder() -> None:
    embedder = PretrainedTransformerEmbedder(str(FIXTURES / "tiny-bert"))
    model = ReadingComprehensionModel(Vocabulary(), embedder, use_entities=False)
    assert model(**batch_of(read("tiny-bert")[:3]))["loss"].item() > 0
