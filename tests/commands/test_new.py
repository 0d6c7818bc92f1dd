"""`allennlp new`: from data to a config that trains."""

import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from luke_allennlp.experiments.tasks import find_task
from tests.conftest import FIXTURES, ROOT

TINY = ("--model", str(FIXTURES / "tiny-luke"))
DATA: Dict[str, Tuple[str, str, List[str]]] = {
    "ner": ("ner/dev.conll", "ner/test.conll", ["the tag scheme is recognised as IOB", "4: ", "PER "]),
    "typing": ("data/open_entity/train.json", "data/open_entity/dev.json", ["64 examples", "person "]),
    "relations": (
        "data/tacred/train.json",
        "data/tacred/dev.json",
        ["TACRED's JSON", "no_relation "],
    ),
    "cloze": ("data/record/train.json", "data/record/dev.json", ["questions of ", "candidates"]),
    "qa": ("data/squad/train-v2.0.json", "data/squad/dev-v2.0.json", ["unanswerable questions"]),
}


@pytest.fixture
def place(tmp_path: Path, allennlp: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is no checkout, with copies of the data."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(allennlp: Callable[..., Any], task: str, *options: str) -> Any:
    train, dev, _ = DATA[task]
    return allennlp(
        "new", task, "--train", str(FIXTURES / train), "--dev", str(FIXTURES / dev), *TINY, *options
    )


def test_the_guide_shows_what_it_says(
    allennlp: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
    shown = guide.partition("```text\n")[2].partition("```")[0]
    monkeypatch.chdir(ROOT)
    files = ("--train", "fixtures/ner/train.conll", "--dev", "fixtures/ner/dev.conll")
    output = ("--model", "fixtures/tiny-luke", "--output", str(tmp_path / "mine.jsonnet"))
    finished = allennlp("new", "ner", *files, *output)
    assert shown.startswith("Model: ") and finished.out.startswith(shown)


@pytest.mark.parametrize("task", list(DATA))
def test_what_it_says_and_writes(allennlp: Callable[..., Any], place: Path, task: str) -> None:
    finished = new(allennlp, task)
    assert finished.status == 0, finished.err
    text = (place / "my.jsonnet").read_text(encoding="utf-8")
    assert text in finished.out and len(text.splitlines()) <= 25
    for part in (
        *DATA[task][2],
        "Training data: ",
        "Validation data: ",
        "allennlp train my.jsonnet -s runs/my",
    ):
        assert part in finished.out
    config = Params.from_file(place / "my.jsonnet").as_dict(quiet=True)
    assert config["validation_data_path"] == str(FIXTURES / DATA[task][1])
    assert config["trainer"]["keep"] == "best" and config["trainer"]["optimizer"]["lr"] == 3e-3
    assert "INFO" not in finished.err


@pytest.mark.slow
@pytest.mark.parametrize("task", list(DATA))
def test_what_it_writes_trains(allennlp: Callable[..., Any], place: Path, task: str) -> None:
    assert new(allennlp, task).status == 0
    finished = allennlp("train", "my.jsonnet", "-s", "runs/my", "-o", '{"trainer.num_epochs": 1}')
    assert finished.status == 0, finished.err
    metrics = json.loads((place / "runs/my/metrics.json").read_text())
    assert metrics["best_epoch"] == 0 and metrics["training_loss"] > 0


def test_without_validation_data(allennlp: Callable[..., Any], place: Path) -> None:
    train = ("--train", str(FIXTURES / "ner/dev.conll"))
    finished = allennlp("new", "NER", *train, *TINY, "-o", "configs/mine.jsonnet")
    assert finished.status == 0 and "Without --dev no score is measured" in finished.out
    config = Params.from_file("configs/mine.jsonnet")
    assert config["trainer"]["keep"] == "last" and config["validation_data_path"] is None


def test_paths_count_from_where_it_trains(allennlp: Callable[..., Any], place: Path) -> None:
    (place / "train.conll").write_bytes((FIXTURES / "ner/dev.conll").read_bytes())
    for output, expected in (("a.jsonnet", "train.conll"), ("b/a.jsonnet", str(place / "train.conll"))):
        assert allennlp("new", "ner", "--train", "train.conll", *TINY, "-o", output).status == 0
        assert Params.from_file(output)["train_data_path"] == expected


def test_columns_are_found(allennlp: Callable[..., Any], place: Path) -> None:
    rows = [["1", "Zoë", "B-PER", "O"], ["2", "left", "O", "O"], ["3", "Rask", "B-PER", "B-PER"]]
    text = "# source\n" + "".join("\t".join(row) + "\n" for row in rows)
    (place / "train.tsv").write_text(f"{text}\n{text}", encoding="utf-8")
    finished = allennlp("new", "ner", "--train", "train.tsv", *TINY)
    assert finished.status == 0 and "labels   PER 4" in finished.out
    options = Params.from_file("my.jsonnet")["dataset_reader"]
    assert (options["word_column"], options["tag_column"]) == (1, 2)


def test_contradicting_tags_are_read_and_reported(allennlp: Callable[..., Any], place: Path) -> None:
    (place / "train.conll").write_text("Zoë I-PER\nleft O\n\nZoë B-PER\nRask B-PER\nleft O\n")
    finished = allennlp("new", "ner", "--train", "train.conll", *TINY)
    assert "Read with {'tag_scheme': 'IOB2'}, since without: " in finished.out
    assert Params.from_file("my.jsonnet")["dataset_reader"]["tag_scheme"] == "IOB2"


def test_another_division_into_words(allennlp: Callable[..., Any], place: Path) -> None:
    # spaCy's rules end a sentence within the second.
    record = {"text": "He saw Wham! Live there.", "entities": [[0, 2, "PER"], [7, 17, "BAND"]]}
    (place / "train.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    assert allennlp("new", "ner", "--train", "train.jsonl", *TINY).status == 0
    assert Params.from_file("my.jsonnet")["dataset_reader"]["segmenter"]["type"] == "whitespace"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("nerr", "--train", "x"), "'nerr' is no task; expected one of ner, .* Did you mean 'ner'?"),
        (("ner", "--train", "none.conll"), "none.conll: there is no such file"),
        (("ner", "--train", "none.conll", "--model", "./none"), "there is no such file"),
        (("ner", "--train", "plain.txt"), "plain.txt, line 2: .* It looks like prose"),
        (("ner", "--train", "o.conll"), "o.conll: has no entity in its 1 sentences"),
        (("ner", "--train", "o.conll", "--model", "./none"), "--model: There is no model directory './none'"),
        (("ner", "--train", "o.conll", "-o", "there.jsonnet"), "there.jsonnet exists; give another --output"),
        (("qa", "--train", "o.conll"), "o.conll"),
        (("ner", "--train", "o.conll", "--reader-options", "[1]"), "expected a JSON object"),
        (("ner", "--train", "o.conll", "--reader-options", '{"tag_colum": 1}'), "tag_colum"),
    ],
)
def test_errors(allennlp: Callable[..., Any], place: Path, arguments: Any, message: str) -> None:
    (place / "o.conll").write_text("a O\nb O\n")
    (place / "plain.txt").write_text("This is a text of many words.\nAnd this is another one.\n")
    (place / "there.jsonnet").write_text("mine")
    model = () if "--model" in arguments else TINY
    finished = allennlp("new", *arguments, *model)
    assert finished.status == 1 and "Traceback" not in finished.err
    with pytest.raises(ConfigurationError, match=message):
        raise ConfigurationError(finished.error)
    assert (place / "there.jsonnet").read_text() == "mine" and not (place / "my.jsonnet").exists()


@pytest.mark.parametrize(
    "name, task",
    [("NER", "ner"), ("relation-classification", "relation_classification"), ("qa", "reading_comprehension")],
)
def test_names_of_tasks(name: str, task: str) -> None:
    assert find_task(name) == task
