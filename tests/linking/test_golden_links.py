"""The entities that the original system links, in the original system's windows."""

import json
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.linking.article_links import ArticleLinksEntityLinker
from luke_allennlp.linking.link_database import LinkDatabase
from luke_allennlp.linking.redirects import Redirects

pytestmark = pytest.mark.shared

MAX_LENGTH, STRIDE, MAX_QUESTION_LENGTH = 512, 128, 64
SPACE = 1437


def golden_windows(shared_dir: Path) -> List[Dict[str, Any]]:
    with open(shared_dir / "golden" / "squad.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def squad_questions(shared_dir: Path) -> Dict[str, Tuple[str, str, str]]:
    """Title, question and passage by the question's id."""
    questions = {}
    for name in ("dev-v1.1.json", "train-v1.1.head.json"):
        articles = json.loads((shared_dir / "data" / "squad" / name).read_text(encoding="utf-8"))["data"]
        for article in articles:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    questions[question["id"]] = (
                        article["title"],
                        question["question"],
                        paragraph["context"],
                    )
    return questions


def context_subwords(tokenizer: WordTokenizer, context: str) -> Tuple[List[int], List[Tuple[int, int]]]:
    ids, offsets = [], []
    for word in re.finditer("[^ \t\r\n\u202f]+", context):
        encoded = tokenizer.encode(word.group())
        ids += encoded.ids
        offsets += [(start + word.start(), end + word.start()) for start, end in encoded.offsets]
    return ids, offsets


def windows(length: int, room: int) -> Iterator[Tuple[int, int]]:
    start = 0
    while start + room < length:
        yield start, start + room
        start += min(room, STRIDE)
    yield start, length


@pytest.fixture
def linker(shared_dir: Path, tmp_path: Path) -> ArticleLinksEntityLinker:
    given = json.loads((shared_dir / "golden" / "squad_links.json").read_text(encoding="utf-8"))
    model = tmp_path / "model"
    model.mkdir()
    vocabulary = {title: row for row, title in enumerate(given["vocabulary"])}
    (model / "entity_vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    LinkDatabase.build(given["links"].items(), str(tmp_path / "links"))
    for name in ("link_redirects", "model_redirects"):
        Redirects.build(given[name].items(), str(tmp_path / name))
    return ArticleLinksEntityLinker(
        model_name=str(model),
        link_database=str(tmp_path / "links"),
        link_redirects=str(tmp_path / "link_redirects"),
        model_redirects=str(tmp_path / "model_redirects"),
    )


def test_golden_windows(shared_dir: Path, linker: ArticleLinksEntityLinker) -> None:
    golden = golden_windows(shared_dir)
    links = json.loads((shared_dir / "golden" / "squad_links.json").read_text(encoding="utf-8"))
    titles = links["vocabulary"]
    questions = squad_questions(shared_dir)
    tokenizer = WordTokenizer(str(shared_dir / "data" / "roberta_tokenizer"))
    numbers: Dict[str, int] = {}
    assert len(golden) == 55
    for theirs in golden:
        title, question, context = questions[theirs["id"]]
        article = linker.article(title)
        question_ids, question_offsets = tokenizer.encode(question)
        if question.endswith(" "):
            # The system that made the features left a space at the end as a token of its own; the release
            # of its tokenizer that the weights were trained with did not.
            question_ids = [*question_ids, SPACE]
            question_offsets = [*question_offsets, (len(question) - 1, len(question))]
        length = min(len(question_ids), MAX_QUESTION_LENGTH)
        context_ids, context_offsets = context_subwords(tokenizer, context)
        number = numbers.get(theirs["id"], 0)
        numbers[theirs["id"]] = number + 1
        window = list(windows(len(context_ids), MAX_LENGTH - length - 4))[number]
        start, end = tokenizer.start_id, tokenizer.end_id
        assert theirs["word_ids"] == [
            start, *question_ids[:length], end, end, *context_ids[slice(*window)], end,
        ]  # fmt: skip
        found = [
            (1, entity) for entity in article.link(question, question_offsets, (0, length), part="question")
        ]
        found += [(length + 3, entity) for entity in article.link(context, context_offsets, window)]
        assert [titles[entity.row] for _, entity in found] == theirs["entities"]
        assert [[entity.first + by, entity.last + by] for by, entity in found] == theirs["spans"]
    assert sum(len(theirs["entities"]) for theirs in golden) > 100
