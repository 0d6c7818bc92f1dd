"""Models that came from BERT go out with their positions moved, and come back in."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from allennlp.common import Params
from allennlp.models import load_archive
from allennlp.models.archival import archive_model
from allennlp.predictors import Predictor

from luke_allennlp.exchange import export_checkpoint, import_checkpoint
from tests.conftest import FIXTURES
from tests.exchange.comparison import (
    LABELS,
    NER,
    PAIRS,
    QA,
    TYPING,
    assert_close,
    entity_ids,
    instances_of,
    our_logits,
    their_logits,
)
from tests.exchange.test_usage import assert_best, assert_same, check_entities, predict  # noqa: F401
from tests.pretraining.archives import config, write_archive, write_vocabulary
from tests.pretraining.archives import make_model as make_pretraining_model
from tests.tasks.support import TASKS, config_of, make_model, randomise, vocabulary_of

TASK_OF = {
    NER: "luke_ner",
    PAIRS: "luke_relation_classification",
    QA: "luke_reading_comprehension",
    TYPING: "luke_entity_typing",
}


def bert_archive(task: str, directory: Path) -> Path:
    labels = [label for name, of in TASK_OF.items() if of == task for label in LABELS[name]]
    model = randomise(make_model(task, vocabulary_of(labels) if labels else None, "tiny-bert"))
    directory.mkdir()
    Params(config_of(task, "tiny-bert")).to_file(str(directory / "config.json"))
    model.vocab.save_to_files(str(directory / "vocabulary"))
    torch.save(model.state_dict(), directory / "best.th")
    return Path(archive_model(directory))


@pytest.mark.parametrize("architecture", TASK_OF)
def test_logits(architecture: str, tmp_path: Path) -> None:
    task = TASK_OF[architecture]
    path = bert_archive(task, tmp_path / "run")
    archive = load_archive(path)
    instances = instances_of(archive, FIXTURES / "data" / TASKS[task].data)
    exported = export_checkpoint(str(path), str(tmp_path / "out"))
    assert exported.architecture == architecture
    assert "moved by 1" in exported.notes[-1 - ("LukeTokenizer" in exported.notes[-1])]
    ids = entity_ids(archive, tmp_path / "out")
    if architecture == PAIRS:
        ids = [*ids[:2], ids[1] + 1]
    ours = our_logits(archive, instances)
    assert_close(ours, their_logits(tmp_path / "out", architecture, instances, ids))
    again = load_archive(import_checkpoint(str(tmp_path / "out"), str(tmp_path / "again")))
    assert_close(our_logits(again, instances), ours)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer("Edda Rask")["input_ids"][0] == archive.validation_dataset_reader.tokenizer.start_id


def test_the_card_of_ner(predict: Any, tmp_path: Path) -> None:  # noqa: F811
    example, predictor = predict(bert_archive("luke_ner", tmp_path / "run"))
    for words in (["Edda", "Rask", "leads", "the", "choir", "."], ["a"]):
        check_entities(example, predictor, words)


def test_the_card_of_questions(predict: Any, tmp_path: Path) -> None:  # noqa: F811
    example, predictor = predict(bert_archive("luke_reading_comprehension", tmp_path / "run"))
    for question in ("Who leads the choir?", "Where is Marlow?"):
        answer = predictor.predict(question, "Edda Rask leads the choir of Marlow.")["answer"]
        text, score = example(question, "Edda Rask leads the choir of Marlow.")
        assert text == answer["text"] and score == pytest.approx(answer["score"], abs=1e-4)


def test_the_card_of_cloze_qa(predict: Any, tmp_path: Path) -> None:  # noqa: F811
    example, predictor = predict(bert_archive("luke_cloze_qa", tmp_path / "run"))
    passage, query = "Edda Rask leads the choir of Marlow.", "The choir of @placeholder sings."
    spans = [(0, 9), (29, 35)]
    expected = predictor.predict(passage, query, spans)["candidates"]
    probabilities = {(item["start"], item["end"]): item["probability"] for item in expected}
    assert_same(example(passage, query, spans), probabilities)


def test_pretrained(predict: Any, tmp_path: Path) -> None:  # noqa: F811
    vocabulary = str(write_vocabulary(tmp_path / "entity_vocab.jsonl"))
    values = config(str(FIXTURES / "tiny-bert"), vocabulary, embedder={"entity_emb_size": 16})
    example, predictor = predict(write_archive(tmp_path / "run", values, make_pretraining_model(values)))
    assert isinstance(predictor, Predictor)
    for text, mentions in (("[MASK] leads the choir of Marlow.", [(26, 32)]), ("the old-[MASK]", [])):
        expected = predictor.predict(text, [list(span) for span in mentions])
        words, entities = example(text, mentions)
        assert_best(words, expected["words"], "token")
        assert_best(entities, expected["mentions"], "entity")
