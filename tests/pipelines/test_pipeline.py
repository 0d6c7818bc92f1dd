"""Inputs to results, for all tasks."""

import itertools
import json
import re
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from allennlp.common.checks import ConfigurationError

import luke_allennlp
from luke_allennlp.pipelines import Answer, EntityType, Pipeline, Relation
from tests.tasks.support import TASKS

TEXTS = [
    "Zoë left Vexford with Rask 🎉. Zoë won.",
    "",
    " \r\n\t",
    "Edda Rask\r\nleft Vexford.\r\n\r\nShe won 🏆 in Port Velmar.",
    "\ud83d Zoë \ud83d left",
    "a\u200b\u00a0b " * 300,
]


@pytest.fixture(scope="module")
def ner(ner_archive: Path) -> Pipeline[Any]:
    return luke_allennlp.load(ner_archive, device="cpu")


@pytest.fixture(scope="module")
def pipeline_of(archive_of: Callable[[str], Path]) -> Callable[[str], Pipeline[Any]]:
    return lambda task: luke_allennlp.load(archive_of(task), device="cpu")


class TestNer:
    def test_characters_are_of_the_input(self, ner: Pipeline[Any]) -> None:
        results = ner(TEXTS)
        assert len(results) == len(TEXTS) and results[1] == results[2] == []
        assert all(results[index] for index in (0, 3, 4, 5))
        for text, entities in zip(TEXTS, results, strict=True):
            for entity in entities:
                assert text[entity.start : entity.end] == entity.text != ""
                assert entity.label in ner.labels and 0 < entity.score <= 1
        assert {entity.sentence for entity in results[3]} > {0}

    def test_one_and_many_are_the_same(self, ner: Pipeline[Any]) -> None:
        expected = [[(e.start, e.end, e.label) for e in ner(text)] for text in TEXTS]
        for results in (ner(TEXTS), ner(iter(TEXTS), progress=True), list(ner.stream(TEXTS))):
            assert [[(e.start, e.end, e.label) for e in entities] for entities in results] == expected

    def test_records_and_tokens(self, ner: Pipeline[Any]) -> None:
        words = ["Zoë", "left", "Vexford", "🎉"]
        tokens, text = ner([{"tokens": words}, {"text": TEXTS[0]}])
        assert text == ner(TEXTS[0]) or len(text) == len(ner(TEXTS[0]))
        assert tokens
        for entity in tokens:
            assert " ".join(words)[entity.start : entity.end] == entity.text
            assert " ".join(words[slice(*entity.words)]) == entity.text

    def test_what_it_is(self, ner: Pipeline[Any]) -> None:
        assert ner.task == "ner" and "NIL" not in ner.labels and ner.labels
        assert repr(ner) == f"NerPipeline(labels: {', '.join(ner.labels)}; device: cpu)"
        entity = ner(TEXTS[0])[0]
        assert json.loads(json.dumps(entity.to_dict())) == {
            **{"text": entity.text, "label": entity.label, "score": entity.score, "start": entity.start},
            **{"end": entity.end, "sentence": 0, "words": list(entity.words)},
        }
        with pytest.raises(AttributeError):
            entity.label = "PER"

    @pytest.mark.parametrize(
        "inputs, message",
        [
            (["a", "b", 5], "input 3: found 5; expected a text, or a dictionary with 'text'"),
            (["a", {"txt": "b"}], "input 2: is not NER data in a known format"),
            ([b"a"], "input 1: found b'a'"),
            (b"a", "input 1: found b'a'"),
            ({"text": None}, "its 'text' is null"),
            (5, "Found 5; expected a text"),
            (None, "Found None"),
        ],
    )
    def test_bad_inputs(self, ner: Pipeline[Any], inputs: Any, message: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            ner(inputs)
        assert message in error.value.message

    def test_no_inputs(self, ner: Pipeline[Any]) -> None:
        assert ner([]) == [] and list(ner.stream([])) == []

    def test_threads_take_turns(self, ner: Pipeline[Any]) -> None:
        expected = {text: len(ner(text)) for text in TEXTS}
        found = {}

        def work(text: str) -> None:
            found[text] = len(ner(text))

        threads = [threading.Thread(target=work, args=(text,)) for text in TEXTS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == expected


class TestStream:
    def test_reads_as_much_as_it_needs(self, ner: Pipeline[Any]) -> None:
        read = []

        def endless() -> Iterator[str]:
            for number in itertools.count():
                read.append(number)
                yield f"Zoë {number} left."

        results = ner.stream(endless())
        next(results)
        assert read == [0]
        for _ in range(3):
            next(results)
        assert len(read) == 7

    def test_a_single_input_is_refused(self, ner: Pipeline[Any]) -> None:
        for single in ("Zoë left.", {"text": "Zoë left."}):
            with pytest.raises(ConfigurationError, match="expected a list or an iterator of inputs"):
                ner.stream(single)

    def test_results_before_an_error(self, ner: Pipeline[Any]) -> None:
        found = []
        with pytest.raises(ConfigurationError, match="input 6: "):
            for entities in ner.stream(["a", "b", "c", "d", "e", 6, "g"]):
                found.append(entities)
        assert len(found) == 5


class TestOtherTasks:
    def test_entity_typing(self, pipeline_of: Callable[[str], Pipeline[Any]]) -> None:
        pipeline = pipeline_of("entity_typing")
        records = TASKS["luke_entity_typing"].records
        outputs = pipeline.predictor.predict_batch_json([dict(record) for record in records])
        assert pipeline.labels == ["person", "place", "location"]
        for types, output in zip(pipeline(records), outputs, strict=True):
            assert [found.label for found in types] == [found["label"] for found in output["labels"]]
            assert all(isinstance(found, EntityType) and found.score > 0.5 for found in types)

    def test_relations(self, pipeline_of: Callable[[str], Pipeline[Any]]) -> None:
        pipeline = pipeline_of("relation_classification")
        text = "Edda Rask leads AVR."
        relation = pipeline({"text": text, "head": [0, 9], "tail": [16, 19]})
        assert isinstance(relation, Relation) and relation.label in pipeline.labels
        assert relation.head.text == "Edda Rask" and text[relation.tail.start : relation.tail.end] == "AVR"
        assert list(relation.scores)[0] == relation.label
        assert sum(relation.scores.values()) == pytest.approx(1)
        assert relation.to_dict()["head"] == {"text": "Edda Rask", "start": 0, "end": 9}

    def test_cloze_qa(self, pipeline_of: Callable[[str], Pipeline[Any]]) -> None:
        pipeline = pipeline_of("cloze_qa")
        passage = "Zoë left Vexford with Rask."
        record = {"passage": passage, "query": "@placeholder won", "candidates": ["Zoë", "Rask"]}
        answer, none = pipeline([record, {**record, "candidates": []}])
        assert answer and passage[answer.start : answer.end] == answer.text in ("Zoë", "Rask")
        assert [found.text for found in answer.candidates][0] == answer.text and len(answer.candidates) == 2
        assert not none and none.start is None and none.text == ""
        assert pipeline.labels == []

    def test_reading_comprehension(self, pipeline_of: Callable[[str], Pipeline[Any]]) -> None:
        pipeline = pipeline_of("reading_comprehension")
        context = "Zoë left Vexford with Rask."
        record = {"question": "Who left?", "context": context}
        answer = pipeline(record)
        assert isinstance(answer, Answer) and context[answer.start : answer.end] == answer.text
        assert sum(found.score for found in answer.candidates) == pytest.approx(1)
        paragraph = {
            "context": context,
            "qas": [{"id": "1", "question": "Who?"}, {"id": "2", "question": "W?"}],
        }
        answers = pipeline([paragraph])[0]
        assert [found.id for found in answers] == ["1", "2"]
        pipeline.predictor._model.allow_no_answer = True
        pipeline.predictor._model.null_score_threshold = -1000.0
        answer = pipeline(record)
        assert not answer and (answer.text, answer.start, answer.end) == ("", None, None)
        assert answer.to_dict()["candidates"][0]["candidates"] == []

    @pytest.mark.parametrize("task", [name.removeprefix("luke_") for name in TASKS])
    def test_records_of_the_task(self, pipeline_of: Callable[[str], Pipeline[Any]], task: str) -> None:
        pipeline, shared = pipeline_of(task), TASKS[f"luke_{task}"]
        assert len(pipeline(shared.records)) == len(shared.records)
        for record, message in shared.bad:
            with pytest.raises(ConfigurationError) as error:
                pipeline([shared.records[0], record])
            assert error.value.message.startswith("input 2") and re.search(message, error.value.message)
