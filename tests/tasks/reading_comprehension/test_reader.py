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
from luke_allennlp.linking.entity_linker import EntityLinker, SpansEntityLinker
from luke_allennlp.tasks.reading_comprehension.reader import ReadingComprehensionReader

CONTEXT = "Zella Tressick left Port Velmar by the early ferry . At dusk she was in Dorrick ."


def make_reader(
    directory: Path, name: str = "tiny-luke", linker: Optional[EntityLinker] = None, **options: Any
) -> ReadingComprehensionReader:
    return ReadingComprehensionReader(WordTokenizer(str(directory / name)), linker, **options)


def lines(path: Path, *records: Dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def read(reader: ReadingComprehensionReader, path: Path, *records: Dict[str, Any]) -> List[Instance]:
    return list(reader.read(lines(path / "data.jsonl", *records)))


def record(answer: Optional[str] = "Dorrick", **changes: Any) -> Dict[str, Any]:
    answers = [] if answer is None else [{"text": answer, "answer_start": CONTEXT.index(answer)}]
    question = {"question": "Where was she?", "context": CONTEXT, "answers": answers, **changes}
    return {**question, "is_impossible": True} if answer is None else question


def answer_of(instance: Instance) -> List[int]:
    return instance["answer"].tensor.tolist()


def text_of(instance: Instance, first: int, last: int) -> str:
    """The characters of the passage at positions of an instance."""
    data = instance["metadata"].metadata
    shift = data["window_start"] - data["first_position"]
    offsets = data["passage"].offsets
    return data["passage"].passage.context[offsets[first + shift, 0] : offsets[last + shift, 1]]


@pytest.mark.parametrize("name, separators", [("tiny-luke", 2), ("tiny-roberta", 2), ("tiny-bert", 1)])
def test_one_window(fixtures_dir: Path, tmp_path: Path, name: str, separators: int) -> None:
    reader = make_reader(fixtures_dir, name)
    tokenizer = reader.tokenizer
    (instance,) = read(reader, tmp_path, record())
    question = tokenizer.encode("Where was she?").ids
    context = tokenizer.encode_spaced(CONTEXT).ids
    assert instance["words"].ids.tolist() == [
        tokenizer.start_id, *question, *[tokenizer.end_id] * separators, *context, tokenizer.end_id
    ]  # fmt: skip
    first = 1 + len(question) + separators
    if separators == 1:
        assert instance["words"].type_ids.tolist() == [0] * first + [1] * (len(context) + 1)
    else:
        assert instance["words"].type_ids is None
    assert instance["limits"].tensor.tolist() == [first, first + len(context)] * 2
    assert text_of(instance, *answer_of(instance)) == "Dorrick"
    assert len(instance["entities"]) == 0


def test_windows(fixtures_dir: Path, tmp_path: Path) -> None:
    reader = make_reader(fixtures_dir, max_length=20, stride=5, max_question_length=5)
    instances = read(reader, tmp_path, record(question="Where was she at dusk and later on?"))
    assert len(instances) > 3
    question = reader.tokenizer.encode("Where was she at dusk and later on?").ids[:5]
    length = len(reader.tokenizer.encode_spaced(CONTEXT).ids)
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
    assert best == list(range(length))
    held = [answer_of(instance) != [0, 0] for instance in instances]
    assert held[-1] and not held[0]


class TestAnswers:
    def test_none(self, fixtures_dir: Path, tmp_path: Path) -> None:
        reader = make_reader(fixtures_dir, training=True)
        (instance,) = read(reader, tmp_path, record(None))
        assert answer_of(instance) == [0, 0]
        assert instance["metadata"].metadata["gold"] == []

    def test_not_known(self, fixtures_dir: Path, tmp_path: Path) -> None:
        unknown = record()
        del unknown["answers"]
        (instance,) = read(make_reader(fixtures_dir), tmp_path, unknown)
        assert "answer" not in instance.fields

    def test_the_first_is_learned(self, fixtures_dir: Path, tmp_path: Path) -> None:
        answers = [[CONTEXT.index(text), CONTEXT.index(text) + len(text)] for text in ("dusk", "Dorrick")]
        (instance,) = read(make_reader(fixtures_dir), tmp_path, record(answers=answers))
        assert text_of(instance, *answer_of(instance)) == "dusk"
        assert instance["metadata"].metadata["gold"] == ["dusk", "Dorrick"]

    def test_not_at_its_place(
        self, fixtures_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        wrong = record(answers=[{"text": "dusk", "answer_start": 3}], id="w")
        also = record(answers=[[0, 5], {"text": "Zella", "answer_start": 1}])
        with caplog.at_level(logging.WARNING):
            instances = read(make_reader(fixtures_dir), tmp_path, record(), wrong, also)
        (message,) = caplog.messages
        assert "2 answers to 2 questions differ from the passage at their place" in message
        assert "data.jsonl, line 2 (id 'w'): 'dusk' at 3, found 'la T'; " in message
        # In evaluation it is answered, and scored with what is right, but has no loss.
        assert len(instances) == 3
        assert answer_of(instances[1]) == [-100, -100]
        assert instances[1]["metadata"].metadata["gold"] == ["dusk"]
        trained = read(make_reader(fixtures_dir, training=True), tmp_path, record(), wrong, also)
        assert [instance["metadata"].metadata["question"] for instance in trained] == [0, 2]


class TestEntities:
    def test_positions(self, fixtures_dir: Path, tmp_path: Path) -> None:
        linker = SpansEntityLinker(str(fixtures_dir / "tiny-luke"))
        start = CONTEXT.index("Port Velmar")
        entities = [
            {"span": [start, start + 11], "title": "Port Velmar"},
            {"span": [CONTEXT.index("Dorrick"), CONTEXT.index("Dorrick") + 7], "title": "Dorrick"},
            {"span": [0, 5], "title": "not in the vocabulary"},
            {"part": "question", "span": [3, 10], "title": "Dorrick"},
        ]
        asked = record(question="In Dorrick?", entities=entities)
        # The next question has none.
        instance, bare = read(make_reader(fixtures_dir, linker=linker), tmp_path, asked, record())
        assert instance["entities"].ids.tolist() == [5, 4, 5]
        (question, *context) = instance["entities"].spans.tolist()
        question_ids = make_reader(fixtures_dir).tokenizer.encode("In Dorrick?")
        assert [question_ids.offsets[question[0] - 1][0], question_ids.offsets[question[1] - 1][1]] == [3, 10]
        assert [text_of(instance, *span) for span in context] == ["Port Velmar", "Dorrick"]
        assert len(bare["entities"]) == 0

        (first, _) = read(make_reader(fixtures_dir, linker=linker, max_entities=2), tmp_path, asked, record())
        assert first["entities"].ids.tolist() == [5, 4]

    def test_each_window_has_its_own(self, fixtures_dir: Path, tmp_path: Path) -> None:
        linker = SpansEntityLinker(str(fixtures_dir / "tiny-luke"))
        start = CONTEXT.index("Port Velmar")
        entities = [{"span": [start, start + 11], "title": "Port Velmar"}]
        reader = make_reader(fixtures_dir, linker=linker, max_length=28, stride=4, max_question_length=6)
        instances = read(reader, tmp_path, record(entities=entities))
        counts = [len(instance["entities"]) for instance in instances]
        assert set(counts) == {0, 1}
        for instance in instances:
            for span in instance["entities"].spans.tolist():
                assert text_of(instance, *span) == "Port Velmar"

    def test_article_links(self, fixtures_dir: Path) -> None:
        directory = fixtures_dir / "data" / "squad"
        linker = EntityLinker.by_name("article_links")(
            str(fixtures_dir / "tiny-luke"),
            str(directory / "links"),
            str(directory / "redirects_20160305"),
            str(directory / "redirects_20181220"),
        )
        instances = list(make_reader(fixtures_dir, linker=linker).read(str(directory / "train-v1.1.json")))
        assert all(len(instance["entities"]) for instance in instances)


def test_an_answer_off_its_place_at_the_end_is_left_out_too(fixtures_dir: Path, tmp_path: Path) -> None:
    beyond = record(answers=[{"text": CONTEXT[-9:], "answer_start": len(CONTEXT) - 8}])
    reader = make_reader(fixtures_dir, training=True)
    assert len(read(reader, tmp_path, beyond, record())) == 1


def test_nothing_to_train_on(fixtures_dir: Path, tmp_path: Path) -> None:
    wrong = record(answers=[{"text": "Dorrick", "answer_start": 0}])
    reader = make_reader(fixtures_dir, training=True)
    with pytest.raises(ConfigurationError, match="data.jsonl: no question's first answer"):
        read(reader, tmp_path, wrong, wrong)
    with pytest.raises(ConfigurationError, match="no question's first answer"):
        reader.check_file(str(tmp_path / "data.jsonl"))
    make_reader(fixtures_dir).check_file(str(tmp_path / "data.jsonl"))
    lines(tmp_path / "data.jsonl", wrong, record())
    reader.check_file(str(tmp_path / "data.jsonl"))
    # A data worker may have such questions alone.
    reader._set_worker_info(WorkerInfo(2, 0))
    assert read(reader, tmp_path, wrong, record(context=f"{CONTEXT} It rained .")) == []


def test_a_passage_is_tokenised_once(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = make_reader(fixtures_dir)
    texts: List[str] = []
    encode = WordTokenizer.encode_spaced

    def counted(tokenizer: WordTokenizer, text: str) -> Any:
        texts.append(text)
        return encode(tokenizer, text)

    monkeypatch.setattr(WordTokenizer, "encode_spaced", counted)
    path = str(fixtures_dir / "data" / "squad" / "train-v1.1.json")
    instances = list(reader.read(path))
    passages = {instance["metadata"].metadata["passage"].passage.context for instance in instances}
    assert len(texts) == len(passages) < len(instances)
    # Before a training, not at all.
    reader.check_file(path)
    assert len(texts) == len(passages)


def test_fixture(fixtures_dir: Path) -> None:
    directory = fixtures_dir / "data" / "squad"
    numbers = {}
    for name in ("train-v1.1", "train-v2.0", "dev-v1.1", "dev-v2.0"):
        instances = list(make_reader(fixtures_dir, training=True).read(str(directory / f"{name}.json")))
        assert len({instance["metadata"].metadata["id"] for instance in instances}) == len(instances)
        numbers[name] = sum(not instance["metadata"].metadata["gold"] for instance in instances)
        for instance in instances:
            gold = instance["metadata"].metadata["gold"]
            if gold:
                assert gold[0] in text_of(instance, *answer_of(instance))
    assert numbers["train-v1.1"] == numbers["dev-v1.1"] == 0 < numbers["dev-v2.0"] < numbers["train-v2.0"]


class TestWrong:
    def test_some_are_not_known(self, fixtures_dir: Path, tmp_path: Path) -> None:
        impossible = record(None, id="a")
        path = lines(tmp_path / "data.jsonl", impossible, record(id="b", answers=[]))
        with pytest.raises(ConfigurationError, match=r"line 2 \(id 'b'\): is without labels, while .*line 1"):
            list(make_reader(fixtures_dir).read(path))

    def test_ids_that_come_again(
        self, fixtures_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        ids = ["a", "b", "a", None, None, "c", "b", "a"]
        path = lines(tmp_path / "data.jsonl", *(record(id=name) for name in ids))
        instances = list(make_reader(fixtures_dir).read(path))
        # Each is a question of its own.
        assert [instance["metadata"].metadata["question"] for instance in instances] == list(range(8))
        (message,) = [text for text in caplog.messages if "repeat an id" in text]
        assert message.startswith(f"{path}: 3 questions repeat an id")
        assert message.endswith(
            f": {path}, line 3 (id 'a'); {path}, line 7 (id 'b'); {path}, line 8 (id 'a')"
        )

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"stride": 0}, "stride is 0; expected at least 1"),
            ({"max_question_length": 0}, "max_question_length is 0; expected at least 1"),
            ({"max_entities": -1}, "max_entities is -1; expected at least 0"),
            ({"max_length": 68}, "max_length is 68; expected at least 69"),
        ],
    )
    def test_options(self, fixtures_dir: Path, options: Dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            make_reader(fixtures_dir, **options)
