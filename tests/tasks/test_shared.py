"""What holds for every task whose reader and predictor are built on the base classes."""

import io
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest
from allennlp.commands import main
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.predictors import Predictor

from luke_allennlp.tasks.base.predictor import TaskPredictor
from luke_allennlp.tasks.base.reader import TaskReader
from tests.tasks.support import TASKS, Task, close, config_of, make_reader


@pytest.fixture(params=list(TASKS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def task(name: str) -> Task:
    return TASKS[name]


@pytest.fixture
def predictor(name: str, predictor_of: Callable[[str], Predictor]) -> TaskPredictor:
    found = predictor_of(name)
    assert isinstance(found, TaskPredictor) and found.task == name
    found._inputs = 0
    return found


@pytest.fixture
def reader(predictor: TaskPredictor) -> TaskReader:
    return predictor._reader


@pytest.fixture
def path(task: Task, fixtures_dir: Path) -> str:
    return str(fixtures_dir / "data" / task.data)


GOLD: Dict[str, Dict[str, Any]] = {
    "luke_entity_typing": {"text": "Zoë won.", "span": [0, 3], "labels": ["person", "artist", "person"]},
    "luke_relation_classification": {"text": "Zoë won.", "head": [0, 3], "tail": [4, 7], "label": "did"},
    "luke_cloze_qa": {
        "passage": "Zoë won.",
        "query": "@placeholder won.",
        "candidates": ["Zoë"],
        "answers": ["Zoë"],
    },
    "luke_reading_comprehension": {"question": "Who won?", "context": "Zoë won.", "answers": [[0, 3]]},
    "luke_ner": {"tokens": ["Zoë", "Rask", "won"], "entities": [[0, 2, "PER"], [0, 1, "GIVEN"]]},
}
GOLD_LABELS = {
    "luke_entity_typing": ["person", "artist"],
    "luke_relation_classification": ["did"],
    "luke_ner": ["PER", "GIVEN"],
}


def test_gold_labels(name: str, reader: TaskReader, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(json.dumps(GOLD[name]) + "\n", encoding="utf-8")
    (example,) = reader.read_examples(str(file))
    assert sorted(reader.gold_labels(example)) == sorted(GOLD_LABELS.get(name, []))
    answers = ("label", "labels", "answers", "entities")
    unlabeled = {key: value for key, value in GOLD[name].items() if key not in answers}
    (example,) = reader.examples_from_json(unlabeled, "input 1")
    assert reader.gold_labels(example) == []


OPTIONS = [
    ("luke_entity_typing", {"max_length": 4}, "max_length is 4; expected at least 5"),
    ("luke_entity_typing", {"max_mention_length": 0}, "max_mention_length is 0; expected at least 1"),
    ("luke_entity_typing", {"types": "all"}, "types is 'all'; expected 'general', a list of types, or null"),
    ("luke_entity_typing", {"types": []}, r"types is \[\]"),
    ("luke_entity_typing", {"marker": "[HEAD]"}, r"lack '\[HEAD\]'; expected \['\[HEAD\]'\]"),
    ("luke_relation_classification", {"max_length": 7}, "max_length is 7; expected at least 8"),
    ("luke_relation_classification", {"head_marker": "<e1>"}, "lack '<e1>'"),
    ("luke_relation_classification", {"empty_mentions": "no"}, "empty_mentions is 'no'; expected"),
    ("luke_cloze_qa", {"max_length": 28}, "max_length is 28; expected at least 29"),
    ("luke_cloze_qa", {"stride": 0}, "stride is 0; expected at least 1"),
    ("luke_cloze_qa", {"max_query_length": 0}, "max_query_length is 0"),
    ("luke_cloze_qa", {"max_mention_length": 0}, "max_mention_length is 0"),
    ("luke_reading_comprehension", {"stride": 0}, "stride is 0; expected at least 1"),
    ("luke_reading_comprehension", {"max_question_length": 0}, "max_question_length is 0; expected at"),
    ("luke_reading_comprehension", {"max_entities": -1}, "max_entities is -1; expected at least 0"),
    ("luke_reading_comprehension", {"max_length": 20}, "max_length is 20; expected at least 21"),
    ("luke_ner", {"context": "paragraph"}, "context is 'paragraph'; expected 'document' or 'sentence'"),
    ("luke_ner", {"max_span_length": 0}, "max_span_length is 0; expected at least 1"),
    ("luke_ner", {"max_entities": -1}, "max_entities is -1"),
    ("luke_ner", {"undivided": "lines"}, "undivided is 'lines'; expected 'sentences' or 'document'"),
    ("luke_ner", {"separator": ""}, "separator is empty"),
    ("luke_ner", {"tag_scheme": "iob3"}, "tag_scheme 'iob3'.*IOB1, IOB2.*auto"),
    ("luke_ner", {"duplicate_spans": "last"}, "duplicate_spans is 'last'; expected 'error' or 'first'"),
    ("luke_ner", {"label_map": {"person": ""}}, "label_map has '' for 'person'"),
    ("luke_ner", {"max_length": 17}, "max_length is 17, which leaves 15 tokens .* max_span_length, 16"),
]


class TestReaders:
    def test_checking_does_not_tokenize(
        self, reader: TaskReader, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for method in ("encode", "encode_spaced", "encode_words"):
            monkeypatch.setattr(type(reader.tokenizer), method, lambda *_: pytest.fail("it did"))
        reader.check_file(path)

    @pytest.mark.parametrize(
        "content, message",
        [
            (b"", "is empty"),
            (b"[]", "the array is empty"),
            (b"[1]", "record 1: found 1; expected a JSON object"),
            (b"[1, 2", "is not JSON"),
            (b'{"text": "Zo\xeb"}', "line 1: the byte 0xeb .* is not utf-8.*encoding: latin-1"),
            (None, "is a directory"),
        ],
    )
    def test_files(self, name: str, reader: TaskReader, tmp_path: Path, content: Any, message: str) -> None:
        if name == "luke_ner" and content in (b"", b"[1]", b"[1, 2"):
            return  # columns, to that reader
        file = tmp_path / "data.json"
        if content is None:
            file.mkdir()
        else:
            file.write_bytes(content)
        for read in (reader.check_file, lambda path: list(reader.read(path))):
            with pytest.raises(ConfigurationError, match=f"^{file}(, |: ){message}"):
                read(str(file))
        with pytest.raises(ConfigurationError, match="there is no such file"):
            list(reader.read(str(tmp_path / "none.json")))

    def test_labels(self, task: Task, reader: TaskReader, path: str, tmp_path: Path) -> None:
        # Training and evaluation need labels, prediction none; a file has them, or has none.
        file = tmp_path / "data.jsonl"
        bare = json.dumps(task.records[0])
        file.write_text(f"{bare}\n{bare}\n")
        assert len(list(reader.read(str(file)))) >= 2
        with pytest.raises(ConfigurationError, match="data.jsonl, line 1: is without labels; training"):
            reader.check_file(str(file))

    @pytest.mark.parametrize("name, options, message", OPTIONS)
    def test_options(self, name: str, options: Dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            make_reader(name, **options)

    def test_another_tokenizer(self, reader: TaskReader) -> None:
        with pytest.raises(ConfigurationError, match="is a WhitespaceTokenizer; expected one of type 'luke'"):
            type(reader)(WhitespaceTokenizer())

    def test_markers(self, name: str, task: Task) -> None:
        if task.markers:
            config = config_of(name)["dataset_reader"]["tokenizer"]
            with pytest.raises(ConfigurationError, match=r"marker_tokens \[\] lack '\["):
                make_reader(name, tokenizer={**config, "marker_tokens": []})


class TestPredictors:
    @pytest.mark.parametrize("batch_size, max_tokens", [(1, None), (3, None), (None, None), (None, 150)])
    def test_batches_equal_single_inputs(
        self,
        task: Task,
        predictor: TaskPredictor,
        batch_size: Optional[int],
        max_tokens: Optional[int],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        expected = [predictor.predict_json(record) for record in task.records]
        monkeypatch.setattr(predictor, "_batch_size", batch_size)
        monkeypatch.setattr(predictor, "_max_tokens", max_tokens)
        outputs = predictor.predict_batch_json(task.records)
        assert outputs == close(expected)
        json.dumps(outputs, allow_nan=False)
        assert predictor.predict_batch_json([]) == []

    def test_all_windows_are_sorted_together(
        self, task: Task, predictor: TaskPredictor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lengths: List[List[int]] = []
        forward = predictor._model.forward_on_instances

        def watched(instances: List[Instance]) -> Any:
            lengths.append([len(instance["words"]) for instance in instances])  # type: ignore[arg-type]
            return forward(instances)

        monkeypatch.setattr(predictor._model, "forward_on_instances", watched)
        predictor.predict_batch_json(task.records)
        assert len(lengths) == 1
        monkeypatch.setattr(predictor, "_max_tokens", 150)
        predictor.predict_batch_json(task.records)
        flat = [length for batch in lengths[1:] for length in batch]
        assert flat == sorted(flat, reverse=True) == lengths[0]
        assert 1 < len(lengths[1:]) and all(sum(batch) <= 150 or len(batch) == 1 for batch in lengths[1:])

    @pytest.mark.parametrize("option", ["batch_size", "max_tokens"])
    def test_limits(self, predictor: TaskPredictor, option: str) -> None:
        with pytest.raises(ConfigurationError, match=f"{option} is 0; expected at least 1"):
            type(predictor)(predictor._model, predictor._reader, **{option: 0})

    def test_given_labels_are_ignored(self, task: Task, predictor: TaskPredictor, path: str) -> None:
        examples = list(predictor._reader.local_examples(path))
        outputs = predictor.predict_batch_instance(list(predictor._dataset_reader.read(path)))
        assert len(outputs) == len(examples) > 5

    def test_mistakes(self, task: Task, predictor: TaskPredictor) -> None:
        for record, message in [*task.bad, (["a"], r"found \['a'\]; expected a JSON object")]:
            predictor._inputs = 0
            with pytest.raises(ConfigurationError, match=f"^input 2: .*{message}"):
                predictor.predict_batch_json([task.records[0], record])

    def test_parts_of_another_task(self, name: str, predictor: TaskPredictor, path: str) -> None:
        with pytest.raises(ConfigurationError, match=f"with a _ExampleReader; .*{name!r}"):
            type(predictor)(predictor._model, predictor._dataset_reader)
        with pytest.raises(ConfigurationError, match="takes instances of its own reader"):
            predictor.predict_instance(next(iter(predictor._reader.read(path))))

    @pytest.mark.parametrize("size", [None, "1", "3"])
    def test_command(
        self,
        size: Optional[str],
        name: str,
        task: Task,
        predictor: TaskPredictor,
        archive_of: Callable[[str], Path],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
        # Of one example each, so that the reader gives as many outputs.
        records = [record for record in task.records if "qas" not in record]
        source.write_text("".join(json.dumps(record) + "\n" for record in records))
        command = ["allennlp", "predict", str(archive_of(name)), str(source), "--output-file", str(target)]
        # That of NER gives one output a sentence.
        read = [] if name == "luke_ner" else ["--use-dataset-reader"]
        options = [] if size is None else ["--batch-size", size]
        monkeypatch.setattr("sys.argv", [*command, "--silent", *read, *options])
        main()
        outputs = [json.loads(line) for line in target.read_text().splitlines()]
        assert outputs == close(predictor.predict_batch_json(records))


@pytest.mark.parametrize("stdin", [True, False])
def test_bad_input_of_a_command(
    stdin: bool, archive_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = TASKS["luke_relation_classification"]
    # Found only when it is tokenized.
    good, (bad, message) = task.records[0], task.bad[-1]
    text = "\n\n".join(map(json.dumps, [good, good, bad, good]))
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(text)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    options = ["--output-file", str(target), "--silent", "--batch-size", "3"]
    archive = str(archive_of("luke_relation_classification"))
    monkeypatch.setattr("sys.argv", ["allennlp", "predict", archive, "-" if stdin else str(source), *options])
    with pytest.raises(
        ConfigurationError, match=f"^{'standard input' if stdin else source}, line 5: {message}"
    ):
        main()
    assert len(target.read_text().splitlines()) == 2
