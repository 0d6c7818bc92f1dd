"""The official scorers' figures, on cases where they differ, and in parts."""

import random
from typing import List, Optional

import pytest

from luke_allennlp.tasks.reading_comprehension.examples import Answer, Passage, Question
from luke_allennlp.tasks.reading_comprehension.metric import AnsweredQuestion, ReadingComprehensionMetric


def question(name: str, *gold: str) -> Question:
    answers = [Answer(text, 0, len(text)) for text in gold]
    return Question(Passage("any"), "?", name, answers, None, "here")


QUESTIONS = [
    question("exact", "the Bank of Marlow", "Marlow"),
    question("part", "Zella of Dorrick"),
    question("nothing", "the"),
    question("missing", "x"),
]
PREDICTIONS = {"exact": "Bank of Marlow!", "part": "Zella", "nothing": "a"}


def test_version_1() -> None:
    scores = ReadingComprehensionMetric().score_predictions(QUESTIONS, PREDICTIONS)
    # Where normalisation leaves nothing of both, they match and F1 is 0.
    assert scores == {"em": pytest.approx(50.0), "f1": pytest.approx(100 * (1 + 0.5 + 0 + 0) / 4)}


def test_version_2() -> None:
    metric = ReadingComprehensionMetric(allow_no_answer=True)
    scores = metric.score_predictions(
        [*QUESTIONS, question("none"), question("none too")], {**PREDICTIONS, "none": "", "none too": "x"}
    )
    # Such a gold answer counts as none there.
    assert scores == {
        "em": pytest.approx(100 * 3 / 6),
        "f1": pytest.approx(100 * 3.5 / 6),
        "HasAns_exact": pytest.approx(50.0),
        "HasAns_f1": pytest.approx(62.5),
        "HasAns_total": 4,
        "NoAns_exact": 50.0,
        "NoAns_f1": 50.0,
        "NoAns_total": 2,
    }


def test_a_threshold_decides_without_a_look_at_the_answers() -> None:
    metric = ReadingComprehensionMetric(allow_no_answer=True)
    questions = [question("nothing", "The"), question("none"), question("missing")]
    scores = metric.score_predictions(
        questions, {"nothing": "cat", "none": "cat"}, dict.fromkeys(("nothing", "none", "missing"), 1.0)
    )
    # An answer that normalisation leaves nothing of is one; a question without any prediction scores 0.
    assert scores["HasAns_exact"] == scores["HasAns_f1"] == 0.0
    assert scores["NoAns_exact"] == scores["NoAns_f1"] == 50.0


def best_threshold(rows: List[tuple]) -> tuple:
    """As the official scorer of 2.0 searches it: rows of odds, exact match, whether there is a gold."""
    current = best = sum(not has for _, _, has in rows)
    threshold = 0.0
    for odds, exact, has in sorted(rows, key=lambda row: row[0]):
        current += exact if has else -1
        if current > best:
            best, threshold = current, odds
    return 100.0 * best / len(rows), threshold


def test_thresholds_of_many() -> None:
    rng = random.Random(3)
    rows, questions, predictions, odds = [], [], {}, {}
    for number in range(200):
        name, has, exact = str(number), rng.random() < 0.6, rng.random() < 0.7
        questions.append(question(name, "x") if has else question(name))
        predictions[name] = "x" if exact else "y"
        odds[name] = rng.gauss(0, 2) + (-1 if has else 1)
        rows.append((odds[name], exact, has))
    scores = ReadingComprehensionMetric(True).score_predictions(questions, predictions, odds)
    assert (scores["best_exact"], scores["best_exact_thresh"]) == pytest.approx(best_threshold(rows))
    tuned = ReadingComprehensionMetric(True, scores["best_exact_thresh"])
    assert tuned.score_predictions(questions, predictions, odds)["em"] == pytest.approx(scores["best_exact"])


def part(text: Optional[str], score: float, window: int, null: float, *gold: str) -> AnsweredQuestion:
    return AnsweredQuestion(gold, text, (True, score, -window), null)


def test_windows_are_merged() -> None:
    parts = [part("no", 1.0, 0, 5.0, "yes"), part("yes", 3.0, 1, 2.0, "yes"), part("no", 3.0, 2, 9.0, "yes")]
    for order in (parts, parts[::-1], [*parts, parts[0]]):
        metric = ReadingComprehensionMetric(allow_no_answer=True)
        for one in order:
            metric([(7, one)])
            metric.get_metric()
        # The first of the best windows, and the lowest score of no answer.
        assert metric.get_metric()["em"] == 100.0
        scores = metric.get_metric(reset=True)
        assert scores["em"] == 100.0 and scores["best_exact_thresh"] == -1.0
    tuned = ReadingComprehensionMetric(allow_no_answer=True, null_score_threshold=-1.5)
    tuned([(7, one) for one in parts])
    assert tuned.get_metric()["em"] == 0.0


def test_unranked_answers_yield() -> None:
    metric = ReadingComprehensionMetric()
    metric([(1, AnsweredQuestion(("yes",), "no", (False, 9.0, 0), 0.0))])
    assert metric.get_metric() == {"em": 0.0, "f1": 0.0}
    metric([(1, AnsweredQuestion(("yes",), "yes", (True, 1.0, -1), 0.0))])
    assert metric.get_metric() == {"em": 100.0, "f1": 100.0}
