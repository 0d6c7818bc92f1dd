"""The reader and the training against the original system: its instances, its losses, its final weights."""

import json
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
import torch
from allennlp.data import Instance

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.linking.article_links import ArticleLinksEntityLinker
from luke_allennlp.linking.link_database import LinkDatabase
from luke_allennlp.linking.redirects import Redirects
from luke_allennlp.tasks.reading_comprehension.examples import Question
from luke_allennlp.tasks.reading_comprehension.metric import ReadingComprehensionMetric
from luke_allennlp.tasks.reading_comprehension.reader import ReadingComprehensionReader
from tests.golden_training import GoldenTraining
from tests.tasks.support import golden_lines

pytestmark = pytest.mark.shared

FILES = {"dev": "dev-v1.1.json", "train": "train-v1.1.head.json"}


def golden_windows(shared_dir: Path, split: Optional[str] = None) -> List[Dict[str, Any]]:
    windows = golden_lines(shared_dir, "squad")
    return [window for window in windows if split in (None, window["split"])]


def write_questions(shared_dir: Path, path: Path, ids: List[str]) -> None:
    """SQuAD with these questions alone, in this order."""
    found = {}
    for name in FILES.values():
        data = json.loads((shared_dir / "data" / "squad" / name).read_text(encoding="utf-8"))
        for article in data["data"]:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    alone = {"context": paragraph["context"], "qas": [question]}
                    found[question["id"]] = {"title": article["title"], "paragraphs": [alone]}
    path.write_text(json.dumps({"data": [found[name] for name in dict.fromkeys(ids)]}), encoding="utf-8")


def build_links(shared_dir: Path, directory: Path) -> Dict[str, str]:
    """The options of the linker."""
    given = json.loads((shared_dir / "golden" / "squad_links.json").read_text(encoding="utf-8"))
    LinkDatabase.build(given["links"].items(), str(directory / "link_database"))
    for name in ("link_redirects", "model_redirects"):
        Redirects.build(given[name].items(), str(directory / name))
    return {name: str(directory / name) for name in ("link_database", "link_redirects", "model_redirects")}


def described(instance: Instance, titles: List[str]) -> Dict[str, Any]:
    """An instance as the golden files write it."""
    answer = instance.fields.get("answer")
    limits = instance["limits"].tensor.tolist()
    return {
        "id": instance["metadata"]["id"],
        "window": instance["metadata"]["window"],
        "word_ids": instance["words"].ids.tolist(),
        "answer": None if answer is None else answer.tensor.tolist(),
        "entities": [titles[row] for row in instance["entities"].ids],
        "spans": instance["entities"].spans.tolist(),
        "max_context": list(range(*limits[2:])),
    }


@pytest.mark.parametrize("split", FILES)
def test_instances(shared_dir: Path, tmp_path: Path, split: str) -> None:
    windows = golden_windows(shared_dir, split)
    write_questions(shared_dir, tmp_path / "squad.json", [window["id"] for window in windows])
    model = shared_dir / "golden" / "training" / "luke"
    options = build_links(shared_dir, tmp_path)
    titles = list(json.loads((model / "entity_vocab.json").read_text()))
    linker = ArticleLinksEntityLinker(str(model), **options)
    reader = ReadingComprehensionReader(WordTokenizer(str(model)), linker, training=split == "train")
    instances = list(reader.read(str(tmp_path / "squad.json")))
    assert len(instances) == len(windows) == {"dev": 18, "train": 37}[split]
    for theirs, instance in zip(windows, instances, strict=True):
        ours = described(instance, titles)
        if split == "dev":
            ours["answer"] = None  # evaluation has a loss too
        assert ours == {name: value for name, value in theirs.items() if name != "split"}


def test_space_behind_a_question(shared_dir: Path, tmp_path: Path) -> None:
    # The tokenizer of the first release dropped it; that of the golden features kept it, as we do.
    [theirs] = [w for w in golden_windows(shared_dir) if w["id"] == "5733d858d058e614000b63c7"]
    write_questions(shared_dir, tmp_path / "squad.json", [theirs["id"]])
    tokenizer = WordTokenizer(str(shared_dir / "data" / "roberta_tokenizer"))
    reader = ReadingComprehensionReader(tokenizer, strip_question=True)
    (instance,) = reader.read(str(tmp_path / "squad.json"))
    place = theirs["word_ids"].index(1437)
    assert theirs["word_ids"][place + 1 : place + 3] == [2, 2]
    del theirs["word_ids"][place]
    assert instance["words"].ids.tolist() == theirs["word_ids"]
    assert instance["answer"].tensor.tolist() == [position - 1 for position in theirs["answer"]]


@pytest.mark.slow
def test_training(shared_dir: Path, root_dir: Path, tmp_path: Path) -> None:
    golden = golden_windows(shared_dir, "train")[:24]
    write_questions(shared_dir, tmp_path / "squad.json", [window["id"] for window in golden])
    links = build_links(shared_dir, tmp_path)
    training = GoldenTraining(
        shared_dir,
        tmp_path,
        "reading_comprehension",
        root_dir / "training_configs" / "reading_comprehension" / "squad.jsonnet",
        train_data_path=str(tmp_path / "squad.json"),
        **{"model.paper_compatible": True},
        **{f"dataset_reader.linker.{name}": path for name, path in links.items()},
        **{f"validation_dataset_reader.linker.{name}": path for name, path in links.items()},
    )
    training.check_instances(golden)
    loader: Any = training.loop.trainer.data_loader
    assert sum(len(instance["entities"]) for instance in loader.iter_instances()) > 10
    table = training.model.embedder.luke.entity_embeddings.entity_embeddings.weight
    groups = training.loop.trainer.optimizer.param_groups
    assert not any(parameter is table for group in groups for parameter in group["params"])
    before = table.clone()
    training.check_training("qa_outputs", "qa_outputs", batches=36)
    assert torch.equal(table, before)


@pytest.fixture(scope="module")
def questions(shared_dir: Path) -> List[Question]:
    tokenizer = WordTokenizer(str(shared_dir / "data" / "roberta_tokenizer"))
    reader = ReadingComprehensionReader(tokenizer, strip_question=True)
    return list(reader.read_examples(str(shared_dir / "data" / "squad" / FILES["dev"])))


@pytest.mark.parametrize("name", ["bert_ensemble", "logreg_baseline", "match_lstm", "rnet_plus"])
@pytest.mark.slow
def test_official_scores(shared_dir: Path, questions: List[Question], name: str) -> None:
    directory = shared_dir / "data" / "squad"
    predictions = json.loads((directory / "predictions_v1.1" / f"{name}.json").read_text(encoding="utf-8"))
    lines = (directory / "predictions_v1.1" / "EXPECTED_evaluate-v1.1.txt").read_text().splitlines()
    place = lines.index(f"predictions_v1.1/{name}.json")
    expected = json.loads(next(line for line in lines[place:] if line.startswith("{")))
    scores = ReadingComprehensionMetric().score_predictions(questions, predictions)
    assert scores["em"] == pytest.approx(expected["exact_match"], abs=1e-9)
    assert scores["f1"] == pytest.approx(expected["f1"], abs=1e-9)


@pytest.mark.slow
def test_real_data_is_read_whole(shared_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    tokenizer = WordTokenizer(str(shared_dir / "data" / "roberta_tokenizer"))
    reader = ReadingComprehensionReader(tokenizer)
    for split, counts in (("dev", (48, 2067, 10570)), ("train", (12, 678, 4370))):
        windows = [
            instance["metadata"].metadata
            for instance in reader.read(str(shared_dir / "data" / "squad" / FILES[split]))
        ]
        passages = [window["passage"].passage for window in windows]
        assert len({passage.title for passage in passages}) == counts[0]
        assert len({passage.context for passage in passages}) == counts[1]
        assert len({window["id"] for window in windows}) == counts[2]
        assert len({window["question"] for window in windows}) == counts[2]
        # A passage is tokenized once.
        assert len({id(window["passage"]) for window in windows}) == counts[1]
    # No answer disagrees with its place. (Whether counts are logged depends on who set the log's level.)
    assert not [record for record in caplog.records if record.levelname != "INFO"]
