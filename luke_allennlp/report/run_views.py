"""What the page shows of runs beside predictions: scores, curves, time, environment."""

import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from markupsafe import Markup

from luke_allennlp.report import plots
from luke_allennlp.report.comparison import MeanScore, groups_of, mean_score
from luke_allennlp.report.run_files import Run

_BY_LABEL = re.compile(r"(precision|recall|f1)_")
_MOST_SHOWN = 8  # scores in a plot


def is_main(name: str) -> bool:
    """Whether a score is over all labels, rather than of one."""
    return not _BY_LABEL.match(name) and name != "step"


class ScoreRow(NamedTuple):
    """
    A score of every run, and its mean and deviation for each group of seeds. `difference` is the second run's
    minus the first's, if there are two.
    """

    name: str
    scores: List[Optional[float]]
    means: List[MeanScore]
    difference: Optional[float]


class ScoreTable(NamedTuple):
    title: str
    rows: List[ScoreRow]


def score_table(title: str, scores: Sequence[Dict[str, float]], groups: List[List[int]]) -> ScoreTable:
    names = list(dict.fromkeys(name for found in scores for name in found))
    rows = []
    for name in names:
        values = [found.get(name) for found in scores]
        means = [mean_score([values[place] for place in group]) for group in groups if len(group) > 1]
        difference = None
        if len(values) == 2 and values[0] is not None and values[1] is not None:
            difference = values[1] - values[0]
        rows.append(ScoreRow(name, values, means, difference))
    return ScoreTable(title, rows)


def main_scores(found: Dict[str, float]) -> Dict[str, float]:
    return {name: value for name, value in found.items() if is_main(name)}


def score_tables(runs: Sequence[Run]) -> List[ScoreTable]:
    """Those of `metrics.json`: of the kept weights on the validation data, and on the test data."""
    tables = []
    groups = groups_of(runs)
    for title, prefix in (
        ("Validation, kept weights", "best_validation_"),
        ("Test", "test_"),
    ):
        scores = [main_scores(run.scores(prefix)) for run in runs]
        if any(scores):
            tables.append(score_table(title, scores, groups))
    return tables


def watched(run: Run) -> str:
    """The name of the score by which the best weights are chosen."""
    trainer = run.config.get("trainer")
    metric = trainer.get("validation_metric") if isinstance(trainer, dict) else None
    return metric.lstrip("+-") if isinstance(metric, str) else "loss"


def curve_figures(runs: Sequence[Run]) -> List[Markup]:
    """Loss, learning rate, validation scores and throughput by step, a colour a run."""
    figures = [
        _loss(runs),
        _of_steps(runs, "learning_rate", "Learning rate"),
        _validation(runs),
        _of_steps(runs, "gradient_norm", "Norm of the gradient"),
        _of_steps(runs, "words_per_second", "Tokens per second", is_smooth=True),
    ]
    return [figure for figure in figures if figure is not None]


def _name(run: Run, runs: Sequence[Run], what: str = "") -> str:
    """In the legend: the run's, if there are several."""
    return f"{run.name} {what}".strip() if len(runs) > 1 else what


def _loss(runs: Sequence[Run]) -> Optional[Markup]:
    lines: List[plots.Curve] = []
    values: List[float] = []
    for group, run in enumerate(runs):
        steps, losses = _series(run.steps, "loss")
        if steps:
            if len(runs) == 1:
                lines.append(plots.Curve("", steps, losses, group, is_faint=True))
            lines.append(plots.Curve(_name(run, runs, "training"), steps, plots.smoothed(losses), group))
            values += losses
        steps, losses = _series(run.validations, "validation_loss")
        if steps:
            color = group if len(runs) > 1 else 1
            lines.append(plots.Curve(_name(run, runs, "validation"), steps, losses, color, has_points=True))
            values += losses
    positive = [value for value in values if value > 0]
    wide = len(positive) == len(values) > 0 and max(positive) > 30 * min(positive)
    return plots.curves("Loss", lines, "loss", logarithmic=wide) if lines else None


def _of_steps(runs: Sequence[Run], key: str, title: str, is_smooth: bool = False) -> Optional[Markup]:
    lines = []
    for group, run in enumerate(runs):
        steps, values = _series(run.steps, key)
        if steps:
            shown = plots.smoothed(values) if is_smooth else values
            lines.append(plots.Curve(_name(run, runs), steps, shown, group))
    return plots.curves(title, lines, title.lower()) if lines else None


def _validation(runs: Sequence[Run]) -> Optional[Markup]:
    lines = []
    for group, run in enumerate(runs):
        names = [f"validation_{watched(run)}"]
        if len(runs) == 1 and run.validations:
            # Counts and thresholds have other ranges.
            others = [
                name
                for name in run.validations[-1]
                if is_main(name.removeprefix("validation_"))
                and not name.endswith(("_loss", "_total", "_thresh"))
                and name not in names
            ]
            names += others[: _MOST_SHOWN - 1]
        for place, name in enumerate(names):
            steps, values = _series(run.validations, name)
            if steps and name != "validation_loss":
                label = _name(run, runs, name.removeprefix("validation_"))
                color = group if len(runs) > 1 else place
                lines.append(plots.Curve(label, steps, values, color, has_points=True))
    return plots.curves("Validation scores", lines, "validation score") if lines else None


def _series(lines: Sequence[Dict[str, Any]], key: str) -> Tuple[List[float], List[float]]:
    found = [(line["step"], line[key]) for line in lines if isinstance(line.get(key), (int, float))]
    return [step for step, _ in found], [float(value) for _, value in found]


def time_and_memory(run: Run) -> List[Tuple[str, str]]:
    """What a run took, as far as it says."""
    rows = []
    if "training_duration" in run.metrics:
        rows.append(("duration of the training", str(run.metrics["training_duration"])))
    if run.steps:
        rows.append(("steps", f"{run.steps[-1]['step']:,}"))
        rows.append(("epochs begun", str(int(run.steps[-1].get("epoch", 0)) + 1)))
    for key, name, unit in (
        ("step_seconds", "time of a step", "s"),
        ("sequences_per_second", "sequences per second", ""),
        ("words_per_second", "tokens per second", ""),
        ("entities_per_second", "entities per second", ""),
    ):
        _, values = _series(run.steps, key)
        if values:
            middle = sorted(values)[len(values) // 2]
            rows.append((f"{name}, median", f"{middle:,.2f} {unit}".strip()))
    _, used = _series(run.steps, "memory_gb")
    if used:
        rows.append(("most memory of the first process", f"{max(used):.1f} GB"))
    for name, value in run.metrics.items():
        if "memory" in name and isinstance(value, (int, float)):
            rows.append((name.replace("_", " "), f"{value:,.0f}"))
    return rows


def environment_rows(run: Run) -> List[Tuple[str, str]]:
    rows = []
    for name, value in run.environment.items():
        if name == "command" and isinstance(value, list):
            text = " ".join(map(str, value))
        elif name == "gpus" and isinstance(value, list):
            text = ", ".join(_gpu(item) for item in value) or "none"
        elif name == "versions" and isinstance(value, dict):
            text = ", ".join(f"{package} {version}" for package, version in value.items())
        else:
            text = "unknown" if value is None else str(value)
        rows.append((name.replace("_", " "), text))
    return rows


def _gpu(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    memory = value.get("memory_gb")
    return str(value.get("name", "unknown")) + ("" if memory is None else f" ({memory} GB)")
