"""What the page shows of one run's predictions."""

from dataclasses import dataclass
from typing import Dict, List, NamedTuple, Optional, Sequence

from markupsafe import Markup

from luke_allennlp.report import plots, tables
from luke_allennlp.report.comparison import Agreement, agreement
from luke_allennlp.report.judged import Judged, Mark
from luke_allennlp.report.marked_text import colors_of, excerpt, moved, render
from luke_allennlp.report.predictions import Predictions


class ShownPrediction(NamedTuple):
    """What a run predicted for an example: said of all of it, and marked in its text if anything is."""

    name: str
    label: str
    text: Optional[Markup]


class ShownExample(NamedTuple):
    """An example with its gold labels, `""` and `None` if there are none of the kind."""

    where: str
    question: str
    worst: Optional[float]
    gold_label: str
    text: Markup
    predictions: List[ShownPrediction]


@dataclass
class PredictionView:
    """The tables and figures of a run's predictions."""

    data: str
    item: str
    examples: int
    wrong: int
    total: Optional[tables.LabelScores]
    labels: List[tables.LabelScores]
    negative: Optional[str]
    confusion: Optional[tables.Confusion]
    has_places: bool
    is_multi_label: bool
    boundaries: List[tables.BoundaryErrors]
    outcomes: List[tuple[str, int, float]]
    groups: List[tables.GroupScores]
    calibration: Optional[tables.Calibration]
    reliability: Optional[Markup]
    mistakes: List[ShownExample]
    lengths: List[Markup]


def view_of(found: Predictions, most_mistakes: int) -> PredictionView:
    """
    # Parameters

    most_mistakes : `int`
        How many of the wrong examples are shown.
    """
    judge, examples = found.judge, found.examples
    pairs = tables.pairs_of(examples)
    calibration = tables.calibration(pairs)
    colors = colors_of(labels_of(examples))
    return PredictionView(
        data=found.data,
        item=judge.item,
        examples=len(examples),
        wrong=sum(not example.is_right for example in examples),
        total=tables.micro_scores(pairs, judge.negative) if judge.has_labels else None,
        labels=tables.label_scores(pairs) if judge.has_labels else [],
        negative=judge.negative,
        confusion=(tables.confusion(examples, judge.is_multi_label) if judge.has_labels and pairs else None),
        has_places=judge.has_places,
        is_multi_label=judge.is_multi_label,
        boundaries=tables.boundary_errors(pairs) if judge.has_places else [],
        outcomes=tables.outcomes(pairs, judge.kinds),
        groups=tables.scores_by_group(examples, judge),
        calibration=calibration,
        reliability=None if calibration is None else plots.reliability(calibration, judge.item),
        mistakes=[_shown(example, colors) for example in tables.worst_mistakes(examples, most_mistakes)],
        lengths=_lengths(found),
    )


def _lengths(found: Predictions) -> List[Markup]:
    judge, examples = found.judge, found.examples
    shown = []
    for name, values in (
        ("words of the text", [example.words for example in examples]),
        (judge.entities_name, [example.entities for example in examples]),
    ):
        shown.append(plots.histogram(f"How many examples have how many {name}", values, name))
        bins = tables.scores_by(values, examples, judge)
        shown.append(plots.bars(f"{judge.score_name} by {name}", bins, name, judge.score_name))
    return shown


def labels_of(examples: Sequence[Judged]) -> List[str]:
    return sorted({mark.label for example in examples for mark in (*example.gold, *example.predicted)})


def _shown(example: Judged, colors: Dict[str, str]) -> ShownExample:
    return shown_example({"predicted": example}, colors)


def shown_example(predictions: Dict[str, Judged], colors: Dict[str, str]) -> ShownExample:
    """An example with what one run or several predicted for it, by name."""
    first = next(iter(predictions.values()))
    marks = [*first.gold, *(mark for example in predictions.values() for mark in example.predicted)]
    text, shift = excerpt(first.text, marks)

    def marked(found: Sequence[Mark]) -> Markup:
        return render(text, moved(found, shift), colors)

    worst = max(example.worst for example in predictions.values())
    # Where nothing but labels of the whole is predicted, the text is shown once.
    has_marks = any(example.predicted for example in predictions.values()) or not first.gold_label
    return ShownExample(
        where=first.where,
        question=first.question,
        worst=worst if worst >= 0 else None,
        gold_label=first.gold_label,
        text=marked(first.gold),
        predictions=[
            ShownPrediction(name, example.predicted_label, marked(example.predicted) if has_marks else None)
            for name, example in predictions.items()
        ],
    )


class AgreementView(NamedTuple):
    counts: Agreement
    examples: List[ShownExample]
    names: List[str]


def agreement_view(names: Sequence[str], found: Sequence[Predictions], most: int) -> AgreementView:
    """How the predictions of two runs differ."""
    first, second = (predictions.examples for predictions in found)
    counts = agreement(first, second)
    colors = colors_of(labels_of([*first, *second]))
    shown = [shown_example(dict(zip(names, pair, strict=True)), colors) for pair in counts.differing[:most]]
    return AgreementView(counts, shown, list(names))
