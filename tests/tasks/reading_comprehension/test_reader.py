"""Files to instances: windows, labels, entities, what is left out and what is said about it."""

import json
import logging
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance
from allennlp.data.dataset_readers.dataset_reader import WorkerInfo

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.linking.entity_linker import EntityLinker
from luke_allennlp.tasks.reading_comprehension.reader import ReadingComprehensionReader
from tests.tasks.support import FIXTURES

CONTEXT = "Zella Tressick left Port Velmar by the early ferry . At dusk she was in Dorrick ."
LUKE, SQUAD = str(FIXTURES / "tiny-luke"), FIXTURES / "data" / "squad"


def make_reader(name: str = "tiny-luke", **options: Any) -> ReadingComprehensionReader:
    return ReadingComprehensionReader(WordTokenizer(str(FIXTURES / name)), **options)


def read(reader: ReadingComprehensionReader, path: Path, *records: Dict[str, Any]) -> List[Instance]:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (path / "data.jsonl").write_text(lines, encoding="utf-8")
    return list(reader.read(str(path / "data.jsonl")))


def record(answer: Optional[str] = "Dorrick", **changes: Any) -> Dict[str, Any]:
    answers = [] if answer is None else [{"text": answer, "answer_start": CONTEXT.index(answer)}]
    question = {"question": "Where was she?", "context": CONTEXT, "answers": answers, **changes}
    return {**question, "is_impossible": True} if answer is None else question


def span_of(text: str) -> List[int]:
    return [CONTEXT.index(text), CONTEXT.index(text) + len(text)]


def answer_of(instance: Instance) -> List[int]:
    return instance["answer"].tensor.tolist()


def text_of(instance: Instance, first: int, last: int) -> str:
    """The characters of the passage at positions of an instance."""
    data = instance["metadata"].metadata
    shift = data["window_start"] - data["first_position"]
    offsets = data["passage"].offsets
    return data["passage"].passage.context[offsets[first + shift, 0] : offsets[last + shift, 1]]


@pytest.mark.parametrize("name, separators", [("tiny-luke", 2), ("tiny-roberta", 2), ("tiny-bert", 1)])
def test_one_window(tmp_path: Path, name: str, separators: int) -> None:
    reader = make_reader(name)
    tokenizer = reader.tokenizer
    (instance,) = read(reader, tmp_path, record())
    question, context = tokenizer.encode("Where was she?").ids, tokenizer.encode_spaced(CONTEXT).ids
    head = [tokenizer.start_id, *question, *[tokenizer.end_id] * separators]
    assert instance["words"].ids.tolist() == [*head, *context, tokenizer.end_id]
    first = len(head)
    if separators == 1:
        assert instance["words"].type_ids.tolist() == [0] * first + [1] * (len(context) + 1)
    else:
        assert instance["words"].type_ids is None
    assert instance["limits"].tensor.tolist() == [first, first + len(context)] * 2
    assert text_of(instance, *answer_of(instance)) == "Dorrick"
    assert len(instance["entities"]) == 0


def test_windows(tmp_path: Path) -> None:
    reader = make_reader(max_length=20, stride=5, max_question_length=5)
    instances = read(reader, tmp_path, record(question="Where was she at dusk and later on?"))
    assert len(instances) > 3
    question = reader.tokenizer.encode("Where was she at dusk and later on?").ids[:5]
    best: List[int] = []
    for number, instance in enumerate(instances):
        data = instance["metadata"].metadata
        assert (data["window"], data["num_windows"], data["question"]) == (number, len(instances), 0)
        assert data["window_start"] == number * 5
        ids = instance["words"].ids.tolist()
        assert len(ids) <= 20 and ids[1:8] == [*question, 2, 2]
        first, behind, first_start, behind_starts = instance["limits"].tensor.tolist()
        assert (first, behind) == (8, len(ids) - 1)
        best.extend(position - 8 + number * 5 for position in range(first_start, behind_starts))
        # Where the answer is not whole, it is the start token.
        if answer_of(instance) != [0, 0]:
            assert text_of(instance, *answer_of(instance)) == "Dorrick"
    assert best == list(range(len(reader.tokenizer.encode_spaced(CONTEXT).ids)))
    assert answer_of(instances[-1]) != [0, 0] and answer_of(instances[0]) == [0, 0]


class TestAnswers:
    def test_none_unknown_and_first(self, tmp_path: Path) -> None:
        (instance,) = read(make_reader(training=True), tmp_path, record(None))
        assert answer_of(instance) == [0, 0] and instance["metadata"].metadata["gold"] == []
        (instance,) = read(make_reader(), tmp_path, record(answers=None))
        assert "answer" not in instance.fields
        (instance,) = read(make_reader(), tmp_path, record(answers=[span_of("dusk"), span_of("Dorrick")]))
        assert text_of(instance, *answer_of(instance)) == "dusk"
        assert instance["metadata"].metadata["gold"] == ["dusk", "Dorrick"]

    def test_not_at_its_place(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        wrong = record(answers=[{"text": "dusk", "answer_start": 3}], id="w")
        also = record(answers=[[0, 5], {"text": "Zella", "answer_start": 1}])
        beyond = record(answers=[{"text": CONTEXT[-9:], "answer_start": len(CONTEXT) - 8}])
        with caplog.at_level(logging.WARNING):
            instances = read(make_reader(), tmp_path, record(), wrong, also, beyond)
        (message,) = caplog.messages
        assert "3 answers to 3 questions differ from the passage at their place" in message
        assert "data.jsonl, line 2 (id 'w'): 'dusk' at 3, found 'la T'; " in message
        # In evaluation it is answered, and scored with what is right, but has no loss.
        assert len(instances) == 4
        assert answer_of(instances[1]) == [-100, -100]
        assert instances[1]["metadata"].metadata["gold"] == ["dusk"]
        trained = read(make_reader(training=True), tmp_path, record(), wrong, also, beyond)
        assert [instance["metadata"].metadata["question"] for instance in trained] == [0, 2]

    def test_nothing_to_train_on(self, tmp_path: Path) -> None:
        wrong = record(answers=[{"text": "Dorrick", "answer_start": 0}])
        reader, path = make_reader(training=True), str(tmp_path / "data.jsonl")
        with pytest.raises(ConfigurationError, match="data.jsonl: no question's first answer"):
            read(reader, tmp_path, wrong, wrong)
        with pytest.raises(ConfigurationError, match="no question's first answer"):
            reader.check_file(path)
        make_reader().check_file(path)
        read(reader, tmp_path, wrong, record())
        reader.check_file(path)
        # A data worker may have such questions alone.
        reader._set_worker_info(WorkerInfo(2, 0))
        assert read(reader, tmp_path, wrong, record(context=f"{CONTEXT} It rained .")) == []


class TestEntities:
    def test_positions(self, tmp_path: Path) -> None:
        linker = EntityLinker.by_name("spans")(LUKE)
        entities = [
            {"span": span_of("Port Velmar"), "title": "Port Velmar"},
            {"span": span_of("Dorrick"), "title": "Dorrick"},
            {"span": [0, 5], "title": "not in the vocabulary"},
            {"part": "question", "span": [3, 10], "title": "Dorrick"},
        ]
        asked = record(question="In Dorrick?", entities=entities)
        # The next question has none.
        instance, bare = read(make_reader(linker=linker), tmp_path, asked, record())
        assert instance["entities"].ids.tolist() == [5, 4, 5]
        ((first, last), *context) = instance["entities"].spans.tolist()
        offsets = make_reader().tokenizer.encode("In Dorrick?").offsets
        assert [offsets[first - 1][0], offsets[last - 1][1]] == [3, 10]
        assert [text_of(instance, *span) for span in context] == ["Port Velmar", "Dorrick"]
        assert len(bare["entities"]) == 0

        (instance,) = read(make_reader(linker=linker, max_entities=2), tmp_path, asked)
        assert instance["entities"].ids.tolist() == [5, 4]

        # Each window has its own.
        reader = make_reader(linker=linker, max_length=28, stride=4, max_question_length=6)
        instances = read(reader, tmp_path, record(entities=entities[:1]))
        assert {len(instance["entities"]) for instance in instances} == {0, 1}
        for instance in instances:
            assert {text_of(instance, *span) for span in instance["entities"].spans} <= {"Port Velmar"}


def test_a_passage_is_tokenized_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = make_reader()
    texts: List[str] = []
    encode = WordTokenizer.encode_spaced
    monkeypatch.setattr(
        WordTokenizer, "encode_spaced", lambda self, text: texts.append(text) or encode(self, text)
    )
    instances = list(reader.read(str(SQUAD / "train-v1.1.json")))
    passages = {instance["metadata"].metadata["passage"].passage.context for instance in instances}
    assert len(texts) == len(passages) < len(instances)


def test_fixtures() -> None:
    numbers = {}
    for name in ("train-v1.1", "train-v2.0", "dev-v1.1", "dev-v2.0"):
        instances = list(make_reader(training=True).read(str(SQUAD / f"{name}.json")))
        assert len({instance["metadata"].metadata["id"] for instance in instances}) == len(instances)
        golds = [instance["metadata"].metadata["gold"] for instance in instances]
        numbers[name] = golds.count([])
        for gold, instance in zip(golds, instances, strict=True):
            assert not gold or gold[0] in text_of(instance, *answer_of(instance))
    assert numbers["train-v1.1"] == numbers["dev-v1.1"] == 0 < numbers["dev-v2.0"] < numbers["train-v2.0"]


def test_some_answers_are_unknown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"line 2 \(id 'b'\): is without labels, while .*line 1"):
        read(make_reader(), tmp_path, record(None, id="a"), record(id="b", answers=[]))


def test_ids_that_come_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ids = ["a", "b", "a", None, None, "c", "b", "a"]
    instances = read(make_reader(), tmp_path, *(record(id=name) for name in ids))
    # Each is a question of its own.
    assert [instance["metadata"].metadata["question"] for instance in instances] == list(range(8))
    (message,) = [text for text in caplog.messages if "repeat an id" in text]
    path = tmp_path / "data.jsonl"
    assert message.startswith(f"{path}: 3 questions repeat an id")
    assert message.endswith(f": {path}, line 3 (id 'a'); {path}, line 7 (id 'b'); {path}, line 8 (id 'a')")
