"""Runs and predictions of our own making, without a training."""

import json
import random
from types import SimpleNamespace
from typing import Any, Dict, List, Sequence, Tuple

from luke_allennlp.report.judged import Judged, Mark
from luke_allennlp.report.judgements.base import f1_of
from luke_allennlp.report.judgements.ner import TaskJudge, paired
from luke_allennlp.report.predictions import Predictions

LABELS = ("LOC", "ORG", "PER")


def write_run(directory: Any, seed: int = 1, **files: Any) -> Any:
    """A run of 60 steps and three epochs; `files` replace what it has, `None` leaves a file out."""
    directory.mkdir(parents=True, exist_ok=True)
    lines: List[Dict[str, Any]] = []
    for step in range(1, 61):
        figures = {"step": step, "epoch": (step - 1) // 20, "loss": 2.0 / step, "learning_rate": 1e-5 * step}
        lines.append({**figures, "words_per_second": 100.0 + step, "step_seconds": 0.5})
        if step % 20 == 0:
            scores = {"validation_f1": step / 100, "validation_f1_PER": 0.5, "validation_loss": 0.3}
            lines.append({"step": step, **scores})
    model = {"type": "luke_ner"}
    trainer = {"validation_metric": "+f1", "seed": seed}
    contents = {
        "config": {
            "model": model,
            "trainer": trainer,
            "validation_data_path": str(directory / "config.json"),
        },
        "metrics": {"best_validation_f1": 0.6 + seed / 100, "test_f1": 0.5, "training_duration": "0:01:02"},
        "environment": {
            "python": "3.11",
            "gpus": [{"name": "H100", "memory_gb": 80}],
            "versions": {"torch": "2"},
        },
        "steps": lines,
        "archive": "",
        **files,
    }
    for name in ("config", "metrics", "environment"):
        if contents[name] is not None:
            (directory / f"{name}.json").write_text(json.dumps(contents[name]), encoding="utf-8")
    if contents["steps"] is not None:
        text = "".join(json.dumps(line) + "\n" for line in contents["steps"])
        (directory / "steps.jsonl").write_text(text, encoding="utf-8")
    if contents["archive"] is not None:
        (directory / "model.tar.gz").write_text(contents["archive"])
    return directory


def example(
    text: str, gold: Sequence[Mark] = (), found: Sequence[Tuple[Mark, float]] = (), where: str = "line 1"
) -> Judged:
    """A sentence with its entities and those that were found."""
    pairs = paired(set(gold), dict(found))
    return Judged(
        where=where,
        text=text,
        gold=tuple(gold),
        predicted=tuple(mark for mark, _ in found),
        pairs=tuple(pairs),
        words=len(text.split()),
        entities=len(gold),
        quality=f1_of(pairs)["f1"],
    )


def made_predictions(seed: int = 0, number: int = 40) -> Predictions:
    """Sentences that are the same for all seeds, with some of their entities found."""
    texts, luck = random.Random(0), random.Random(seed)
    examples = []
    for line in range(number):
        names = [f"Name{texts.randrange(100)}" for _ in range(texts.randint(1, 4))]
        text = " and ".join(names) + " went to a place with a rather long name"
        gold = [
            Mark(text.index(name), text.index(name) + len(name), texts.choice(LABELS)) for name in set(names)
        ]
        found = []
        for mark in sorted(gold):
            kind = luck.random()
            if kind < 0.6:
                found.append((mark, luck.uniform(0.5, 1)))
            elif kind < 0.7:
                found.append((mark._replace(label=luck.choice(LABELS)), luck.uniform(0.3, 1)))
            elif kind < 0.8:
                found.append((mark._replace(end=mark.end - 1), luck.uniform(0.3, 1)))
        examples.append(example(text, sorted(gold), found, f"dev.conll, line {line}"))
    return predictions_of(examples)


def predictions_of(examples: List[Judged]) -> Predictions:
    model: Any = SimpleNamespace()
    scores = f1_of([pair for found in examples for pair in found.pairs])
    return Predictions("dev.conll", TaskJudge(model), examples, scores)
