"""The README of an exported checkpoint: what it was trained on, how, and what it scores."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence

from allennlp.common import Params

from luke_allennlp.exchange.forms import form_of_model

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

# Titles, and the hub's names of the tasks.
_TASKS = {
    "luke_entity_typing": ("entity typing", "text-classification"),
    "luke_relation_classification": ("relation classification", "text-classification"),
    "luke_ner": ("named entity recognition", "token-classification"),
    "luke_reading_comprehension": ("extractive question answering", "question-answering"),
    "luke_cloze_qa": ("cloze question answering", "question-answering"),
    "luke_pretraining": ("masked words and entities", "fill-mask"),
}
# Of `training_words_per_second` and the like, which tell of the machine or the schedule.
_NO_SCORES = ("_per_second", "_seconds", "_MB", "_learning_rate", "_start_epoch", "_epochs")


def model_card(
    config: Params,
    metrics: Optional[Dict[str, Any]],
    architecture: str,
    notes: List[str],
    usage: Sequence[str] = (),
) -> str:
    """
    Makes the Markdown of a card, with the scores on validation and test data in the metadata that the hub
    reads: of an archive's config, the metrics beside it, if any, the class that loads it, notes on what that
    does not hold, and lines on its usage.
    """
    # Its import takes a moment, also of commands that make no card.
    from huggingface_hub import ModelCard, ModelCardData

    values = config.as_dict(quiet=True)
    title, task = _TASKS[form_of_model(values["model"]["type"]).task]
    scores = _scores(metrics or {})
    results = _results(values, title, task, scores)
    data = ModelCardData(
        library_name="transformers",
        tags=["luke", title.replace(" ", "-")],
        # The index of scores has a name of the model, and without scores there is none.
        model_name=f"LUKE for {title}" if results else None,
        eval_results=results or None,
    )
    lines = ["---", data.to_yaml(), "---", "", f"# LUKE for {title}", ""]
    lines += [f"Loaded by `transformers.{architecture}.from_pretrained`. Exported by luke-allennlp.", ""]
    lines += [f"- {note}" for note in notes] + ([""] if notes else [])
    lines += [*usage, "## Training", "", *_table(_training(values))]
    if not values.get("trainer"):
        lines += ["", "Imported from a published checkpoint; see there for how it was trained."]
    lines += ["", "## Scores", ""]
    if scores:
        lines += _table({name: f"{value:.6g}" for name, value in scores.items()})
    elif metrics:
        lines += ["None are known: there is none in the metrics.json beside the archive."]
    else:
        lines += ["None are known: no metrics.json was beside the archive."]
    return str(ModelCard("\n".join(lines) + "\n"))


def _training(values: Dict[str, Any]) -> Dict[str, Any]:
    trainer, loader = values.get("trainer") or {}, values.get("data_loader") or {}
    optimizer, scheduler = trainer.get("optimizer") or {}, trainer.get("learning_rate_scheduler") or {}
    embedder = values["model"]["embedder"]
    devices = (values.get("distributed") or {}).get("cuda_devices") or [0]
    return {
        "starting point": embedder["model_name"],
        "training data": values.get("train_data_path"),
        "validation data": values.get("validation_data_path"),
        "test data": values.get("test_data_path"),
        "epochs": trainer.get("num_epochs"),
        "optimizer": optimizer.get("type"),
        "peak learning rate": optimizer.get("lr"),
        "betas": optimizer.get("betas"),
        "eps": optimizer.get("eps"),
        "weight decay": optimizer.get("weight_decay"),
        "instances of a batch on a device": loader.get("batch_size") if trainer else None,
        "sequences of an update": loader.get("global_batch_size") if trainer else None,
        "batches of an update": trainer.get("num_gradient_accumulation_steps"),
        "devices": len(devices) if trainer else None,
        "warm-up, share of the updates": scheduler.get("warmup_ratio"),
        "seed": values.get("pytorch_seed"),
        "entity-aware attention": embedder.get("entity_aware_attention"),
    }


def _scores(metrics: Dict[str, Any]) -> Dict[str, float]:
    """Of validation and test; where a run had neither, as in pretraining, the last ones of training."""
    numbers = {
        name: value
        for name, value in metrics.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not name.endswith(_NO_SCORES)
    }
    for prefixes in (("best_validation_", "test_", "best_epoch"), ("validation_",), ("training_", "step")):
        found = {name: value for name, value in numbers.items() if name.startswith(prefixes)}
        if found.keys() - {"best_epoch", "step"}:
            return found
    return {}


def _results(values: Dict[str, Any], title: str, task: str, scores: Dict[str, float]) -> "List[EvalResult]":
    from huggingface_hub import EvalResult

    results = []
    for split in ("validation", "test"):
        path = values.get(f"{split}_data_path")
        if not path:
            continue
        # Of the directory too: many datasets have a `test.json`.
        name = _cell("/".join(Path(str(path)).parts[-2:]))
        for score, value in scores.items():
            metric = score.removeprefix("best_").removeprefix(f"{split}_")
            if score.removeprefix("best_") == metric:  # of another split
                continue
            results.append(
                EvalResult(task, name, name, _cell(metric), value, task_name=title, dataset_split=split)
            )
    return results


def _table(rows: Dict[str, Any]) -> List[str]:
    known = {name: value for name, value in rows.items() if value is not None}
    return ["| | |", "|---|---|", *(f"| {_cell(name)} | {_cell(value)} |" for name, value in known.items())]


def _cell(value: Any) -> str:
    """What is in one cell of a table, and cannot leave it."""
    return " ".join(str(value).split()).replace("|", "\\|")
