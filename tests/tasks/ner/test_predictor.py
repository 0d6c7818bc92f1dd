"""Raw input to entities: offsets, long sentences, files."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.tasks.ner.examples import NIL, Document, Sentence, SentenceChunk
from luke_allennlp.tasks.ner.predictor import NerPredictor
from luke_allennlp.tasks.ner.reader import sentences_of
from tests.tasks.support import CHARACTERS, close, make_model, make_reader, randomise, vocabulary_of

LABELS = [NIL, "LOC", "PER"]


def make_predictor(flat: bool = True, **options: Any) -> NerPredictor:
    """Untrained, but with weights that tell candidates apart, and a liking for entities."""
    torch.manual_seed(7)
    model = randomise(make_model("luke_ner", vocabulary_of(LABELS), flat=flat), seed=7)
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([-0.5, 0.5, 0.0]))
    return NerPredictor(model, make_reader("luke_ner", **options))


@pytest.fixture(scope="module")
def predictor() -> NerPredictor:
    return make_predictor()


@pytest.fixture(scope="module")
def nested() -> NerPredictor:
    return make_predictor(flat=False)


def chunks_of(predictor: NerPredictor, words: List[str]) -> List[SentenceChunk]:
    [example] = sentences_of(Document("0", [Sentence(words, [])]))
    return predictor._reader.items(example)


def logits_of(predictor: NerPredictor, words: List[str]) -> Dict[Any, float]:
    """The logit of every predicted span of a sentence, straight from the model."""
    instances = [predictor._reader.text_to_instance(chunk) for chunk in chunks_of(predictor, words)]
    outputs = predictor._model.forward_on_instances(instances)
    return {(e["start"], e["end"]): e["logit"] for output in outputs for e in output["predictions"]}


def check(output: Dict[str, Any], flat: bool = True) -> None:
    """What holds for any output."""
    end = 0
    for entity in output["entities"]:
        assert set(entity) == {"text", "label", "score", "start", "end", "sentence", "words"}
        assert output["text"][entity["start"] : entity["end"]] == entity["text"] != ""
        assert entity["text"] == entity["text"].strip()
        assert entity["label"] in LABELS[1:]
        assert 1 / len(LABELS) < entity["score"] <= 1
        if flat:
            assert entity["start"] >= end
            end = entity["end"]
    assert output["entities"] == sorted(
        output["entities"], key=lambda e: (e["sentence"], e["start"], -e["end"])
    )
    json.dumps(output)


class TestForms:
    def test_text(self, predictor: NerPredictor) -> None:
        text = "  Zoë O'Dara left Ísafold 🎉.\n\nShe won't\u00a0be back! "
        output = predictor.predict_json({"text": text})
        assert output["text"] == text
        check(output)
        assert {entity["sentence"] for entity in output["entities"]} == {0, 1}
        assert predictor.predict(text) == output

    @pytest.mark.parametrize(
        "sentences",
        [
            [["Zoë", "O'Dara", "left", "New York", "."]],
            [["Zoë", "left", "."], ["She", "won", "."], ["Vexford"]],
        ],
    )
    def test_tokens_and_sentences(self, predictor: NerPredictor, sentences: List[List[str]]) -> None:
        record = {"sentences": sentences} if len(sentences) > 1 else {"tokens": sentences[0]}
        output = predictor.predict_json(record)
        assert output["text"] == "\n".join(map(" ".join, sentences))
        check(output)
        assert {entity["sentence"] for entity in output["entities"]} == set(range(len(sentences)))
        for entity in output["entities"]:
            start, end = entity["words"]
            assert entity["text"] == " ".join(sentences[entity["sentence"]][start:end])

    @pytest.mark.parametrize(
        "record", [{"text": " \n\u3000"}, {"tokens": [], "entities": [], "document": "a"}, {"sentences": []}]
    )
    def test_nothing(self, predictor: NerPredictor, record: Dict[str, Any]) -> None:
        assert predictor.predict_json(record) == {"text": record.get("text", ""), "entities": []}


TEXTS = st.text(CHARACTERS, max_size=40)


class TestAnyText:
    @given(TEXTS)
    @settings(max_examples=80, deadline=None)
    def test_text(self, predictor: NerPredictor, text: str) -> None:
        output = predictor.predict_json({"text": text})
        check(output)
        # But for halves of surrogate pairs, which JSON can hold and UTF-8 cannot, it is the input's text.
        assert len(output["text"]) == len(text)
        for ours, theirs in zip(output["text"], text, strict=True):
            assert ours == theirs or ("\ud800" <= theirs <= "\udfff" and ours == "\ufffd")
        output["text"].encode()

    @given(st.lists(st.lists(TEXTS.filter(bool), min_size=1, max_size=4), max_size=3))
    def test_nested_spans_of_sentences(self, nested: NerPredictor, sentences: List[List[str]]) -> None:
        output = nested.predict_json({"sentences": sentences})
        for entity in output["entities"]:
            assert output["text"][entity["start"] : entity["end"]] == entity["text"]
            words = sentences[entity["sentence"]][slice(*entity["words"])]
            assert len(entity["text"]) == len(" ".join(words))


class TestLongSentences:
    def test_chunks_are_put_together(self, predictor: NerPredictor, nested: NerPredictor) -> None:
        words = ("Zoë Haldane of Vexford and Ruvin Oakesh of Port Velmar " * 3).split()
        assert len(chunks_of(nested, words)) > 2
        output = nested.predict_json({"tokens": words})
        check(output, flat=False)
        spans = [tuple(entity["words"]) for entity in output["entities"]]
        assert len(spans) == len(set(spans))
        assert max(end for _, end in spans) > 25 and min(start for start, _ in spans) < 5

        # Nested entities stay: everything that the model takes for one.
        assert set(spans) == set(logits_of(nested, words))
        assert any(spans[at + 1][0] < spans[at][1] for at in range(len(spans) - 1))

        # The flat entities are those of the nested ones that a greedy choice over the sentence leaves.
        flat = predictor.predict_json({"tokens": words})
        check(flat)
        scored = logits_of(nested, words)
        chosen: List[Any] = []
        for start, end in sorted(scored, key=lambda span: -scored[span]):
            if all(other_end <= start or end <= other for other, other_end in chosen):
                chosen.append((start, end))
        assert [tuple(entity["words"]) for entity in flat["entities"]] == sorted(chosen)


class TestFiles:
    def test_one_output_a_sentence(self, fixtures_dir: Path) -> None:
        # Few candidates a chunk, so that most sentences have several.
        predictor = make_predictor(max_entities=30)
        path = str(fixtures_dir / "ner" / "tokens.jsonl")
        instances = list(predictor._dataset_reader.read(path))
        documents = predictor._reader.read_documents(path)
        assert len(instances) == sum(len(document.sentences) for document in documents)
        outputs = predictor.predict_batch_instance(instances)
        assert outputs[:2] == close([predictor.predict_instance(instance) for instance in instances[:2]])
        rest = iter(outputs)
        for document in documents:
            expected = predictor.predict_json(
                {"sentences": [sentence.words for sentence in document.sentences]}
            )
            lines = expected["text"].split("\n")
            offset = 0
            for number, line in enumerate(lines):
                output = next(rest)
                assert (output["document"], output["sentence"], output["text"]) == (document.id, number, line)
                entities = [entity for entity in expected["entities"] if entity["sentence"] == number]
                assert output["entities"] == [
                    {**entity, "start": entity["start"] - offset, "end": entity["end"] - offset}
                    for entity in close(entities)
                ]
                check(output)
                offset += len(line) + 1
        assert next(rest, None) is None

    def test_texts(self, predictor: NerPredictor, fixtures_dir: Path) -> None:
        path = str(fixtures_dir / "ner" / "documents.jsonl")
        document = predictor._reader.read_documents(path)[0]
        instances = list(predictor._dataset_reader.read(path))
        outputs = predictor.predict_batch_instance(instances)[: len(document.sentences)]
        found = []
        for output, sentence in zip(outputs, document.sentences, strict=True):
            first, last = sentence.offsets[0][0], sentence.offsets[-1][1]
            assert output["text"] == document.text[first:last]
            for e in output["entities"]:
                found.append({**e, "start": e["start"] + first, "end": e["end"] + first})
        assert found == close(predictor.predict_json({"text": document.text})["entities"])
