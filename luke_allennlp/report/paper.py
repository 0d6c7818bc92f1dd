"""The score that the paper reports for a shipped experiment."""

import re
from typing import Optional

from luke_allennlp.experiments.shipped import ShippedExperiment, shipped_experiments
from luke_allennlp.report.run_files import Run

_IN_PERCENT = {"luke_cloze_qa", "luke_reading_comprehension"}  # what their metrics are


def paper_score(run: Run) -> Optional[ShippedExperiment]:
    """The experiment whose config the run was started with; `None` if it is not a shipped one."""
    return shipped_experiments().get(experiment_of(run) or "")


def experiment_of(run: Run) -> Optional[str]:
    """From the command that started the run, or else from where it is by default: `runs/ner/conll`."""
    command = run.environment.get("command")
    words = [word for word in command if isinstance(word, str)] if isinstance(command, list) else []
    for word in words:
        found = re.search(r"training_configs/([a-z_]+/\w+)\.jsonnet$", word.replace("\\", "/"))
        if found:
            return found[1]
    parts = run.directory.resolve().parts
    return "/".join(parts[-2:]) if not words and parts[-3:-2] == ("runs",) else None


def measured(run: Run) -> str:
    """The run's own scores of the kind that papers report, in percent."""
    scale = 1 if run.task in _IN_PERCENT else 100
    parts = []
    for data, prefix in (("validation", "best_validation_"), ("test", "test_")):
        scores = run.scores(prefix)
        shown = [f"{name} {scale * scores[name]:.1f}" for name in ("em", "f1", "paper_f1") if name in scores]
        if shown:
            parts.append(f"{data} {', '.join(shown)}")
    return "; ".join(parts) or "no score yet"
