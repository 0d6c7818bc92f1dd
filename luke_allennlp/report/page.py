"""The page: runs to one file of HTML that loads nothing."""

import datetime
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from allennlp.common.checks import ConfigurationError

from luke_allennlp.common.requirements import required
from luke_allennlp.experiments.shipped import ShippedExperiment
from luke_allennlp.report import run_views
from luke_allennlp.report.comparison import config_differences, groups_of
from luke_allennlp.report.paper import measured, paper_score
from luke_allennlp.report.predictions import Predictions, predict
from luke_allennlp.report.run_files import Run, read_runs
from luke_allennlp.report.views import AgreementView, PredictionView, agreement_view, view_of

logger = logging.getLogger(__name__)

SPLITS = {"validation": "validation_data_path", "test": "test_data_path"}


@dataclass
class Options:
    """
    # Parameters

    split : `str`, optional (default = `"validation"`)
        Whose data, by each run's config, is predicted: "validation" or "test".
    data : `str`, optional (default = `None`)
        Predicted instead of it.
    """

    split: str = "validation"
    data: Optional[str] = None
    predictions: bool = True
    max_mistakes: int = 50
    cuda_device: Optional[int] = None


@dataclass
class RunView:
    """A run on the page."""

    run: Run
    predictions: Optional[PredictionView]
    config: str
    paper: Optional[ShippedExperiment]
    measured: str
    notes: List[str] = field(default_factory=list)


def make_page(directories: Sequence[str], options: Options) -> str:
    """
    The page of one run or several. What is missing of a run is said on it, and by warnings.

    # Raises

    `ConfigurationError`
        A directory holds no run, or a package is not installed.
    """
    jinja2 = required("jinja2", "report", "`allennlp report` fills its page with it")
    required("matplotlib", "report", "`allennlp report` draws with it")
    runs = read_runs(list(directories))
    found = [_predicted(run, options) if options.predictions else None for run in runs]
    views = [
        RunView(
            run,
            None if predictions is None else view_of(predictions, options.max_mistakes),
            json.dumps(run.config, indent=2, ensure_ascii=False),
            paper_score(run),
            measured(run),
            run.notes,
        )
        for run, predictions in zip(runs, found, strict=True)
    ]
    for run in runs:
        for note in run.notes:
            logger.warning("%s: %s", run.name, note)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["score"] = shown_score
    groups = groups_of(runs)
    return environment.get_template("page.html").render(
        title=", ".join(run.name for run in runs),
        now=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        runs=runs,
        views=views,
        groups=[[runs[place].name for place in group] for group in groups if len(group) > 1],
        score_tables=[*run_views.score_tables(runs), *_predicted_tables(found, groups)],
        label_table=_label_table(views, groups),
        figures=run_views.curve_figures(runs),
        differences=config_differences(runs) if len(runs) > 1 else [],
        agreement=_agreement(runs, found, options.max_mistakes),
        times=[run_views.time_and_memory(run) for run in runs],
        environments=[run_views.environment_rows(run) for run in runs],
        options=options,
    )


def _predicted(run: Run, options: Options) -> Optional[Predictions]:
    """The run's predictions; `None`, with a note, if there can be none."""
    if run.archive is None:
        run.notes.append(
            "There is no model.tar.gz, so there are no predictions; it is written when a run ends."
        )
        return None
    data = options.data or run.config.get(SPLITS[options.split])
    if not isinstance(data, str):
        run.notes.append(
            f"The config names no {options.split} data, so there are no predictions; name a file with --data."
        )
        return None
    if "://" not in data and not Path(data).exists():
        run.notes.append(
            f"The {options.split} data, {data}, is not there, so there are no predictions; start `allennlp "
            "report` where the run was started, or name the file with --data."
        )
        return None
    try:
        return predict(str(run.archive), data, options.cuda_device)
    except (ConfigurationError, OSError, RuntimeError) as error:  # a damaged archive, or too little memory
        run.notes.append(f"There are no predictions: {' '.join(str(error).split())}")
        return None


def _predicted_tables(
    found: Sequence[Optional[Predictions]], groups: List[List[int]]
) -> List[run_views.ScoreTable]:
    """What `allennlp evaluate` prints, a table for each file."""
    files = dict.fromkeys(predictions.data for predictions in found if predictions is not None)
    return [
        run_views.score_table(
            f"Computed for this page, on {data}",
            [
                run_views.main_scores(predictions.scores)
                if predictions is not None and predictions.data == data
                else {}
                for predictions in found
            ],
            groups,
        )
        for data in files
    ]


def _label_table(views: Sequence[RunView], groups: List[List[int]]) -> Optional[run_views.ScoreTable]:
    """F1 of each label by run, of several."""
    if len(views) < 2 or not any(view.predictions and view.predictions.labels for view in views):
        return None
    scores: List[Dict[str, float]] = [
        {row.label: row.f1 for row in view.predictions.labels} if view.predictions else {} for view in views
    ]
    return run_views.score_table("F1 by label", scores, groups)


def _agreement(
    runs: Sequence[Run], found: Sequence[Optional[Predictions]], most: int
) -> Optional[AgreementView]:
    known = [predictions for predictions in found if predictions is not None]
    if len(runs) != 2 or len(known) != 2:
        return None
    if known[0].judge.__class__ is not known[1].judge.__class__:
        return None
    return agreement_view([run.name for run in runs], known, most)


def shown_score(value: Optional[float]) -> str:
    """Four digits of what is at most 1, two of percentages and counts."""
    if value is None:
        return "–"
    return f"{value:.4f}" if abs(value) <= 1 else f"{value:,.2f}"
