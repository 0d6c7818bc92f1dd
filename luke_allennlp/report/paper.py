"""The score that the paper reports for a shipped experiment."""

import re
from pathlib import Path
from typing import NamedTuple, Optional

from luke_allennlp.report.run_files import Run

_IN_PERCENT = {"luke_cloze_qa", "luke_reading_comprehension"}  # what their metrics are
_TABLE = Path(__file__).resolve().parents[2] / "training_configs/README.md"


class PaperScore(NamedTuple):
    """The row of the paper, the experiment's name, such as `ner/conll`, and the score in words."""

    row: str
    experiment: str
    score: str


def paper_score(run: Run) -> Optional[PaperScore]:
    """That of the experiment whose config the run was started with; `None` if it is not a shipped one."""
    name = experiment_of(run)
    if name is None or not _TABLE.is_file():
        return None
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) >= 3 and cells[1] == f"`{name}`":
            return PaperScore(cells[0], name, re.sub(r"\s*[¹²³⁴⁵]", "", cells[2]))
    return None


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
