"""The README of an exported checkpoint: what it was trained on, how, and what it scores."""

from typing import Any, Dict, List, Optional, Sequence

from allennlp.common import Params

from luke_allennlp.exchange.forms import form_of_model

_TITLES = {
    "luke_entity_typing": "entity typing",
    "luke_relation_classification": "relation classification",
    "luke_ner": "named entity recognition",
    "luke_reading_comprehension": "extractive question answering",
    "luke_cloze_qa": "cloze question answering",
    "luke_pretraining": "masked words and entities",
}

# Of `training_words_per_second` and the like, which are of the machine.
_NO_SCORES = ("_per_second", "_seconds", "_MB", "_learning_rate", "_start_epoch", "_epochs")


def model_card(
    config: Params,
    metrics: Optional[Dict[str, Any]],
    architecture: str,
    notes: List[str],
    usage: Sequence[str] = (),
) -> str:
    """
    # Parameters

    config : `Params`
        Of the archive.
    metrics : `Dict[str, Any]`, optional
        Of the run, if they lie beside the archive.
    architecture : `str`
        Hugging Face's class that loads it.
    notes : `List[str]`
        What that class does not hold.
    usage : `Sequence[str]`, optional (default = `()`)
        Lines on how to use it.

    # Returns

    `str`
        Markdown with the metadata that the hub reads.
    """
    values = config.as_dict(quiet=True)
    task = form_of_model(values["model"]["type"]).task
    trainer = values.get("trainer") or {}
    optimizer = trainer.get("optimizer") or {}
    rows = {
        "starting point": values["model"]["embedder"]["model_name"],
        "training data": values.get("train_data_path"),
        "validation data": values.get("validation_data_path"),
        "test data": values.get("test_data_path"),
        "epochs": trainer.get("num_epochs"),
        "optimizer": optimizer.get("type"),
        "peak learning rate": optimizer.get("lr"),
        "betas, eps": _pair(optimizer.get("betas"), optimizer.get("eps")),
        "weight decay": optimizer.get("weight_decay"),
        "instances of a batch on a device": (values.get("data_loader") or {}).get("batch_size")
        if trainer
        else None,
        "sequences of an update": (values.get("data_loader") or {}).get("global_batch_size"),
        "batches of an update": trainer.get("num_gradient_accumulation_steps"),
        "devices": len((values.get("distributed") or {}).get("cuda_devices") or [0]) if trainer else None,
        "warm-up, share of the updates": (trainer.get("learning_rate_scheduler") or {}).get("warmup_ratio"),
        "seed": values.get("pytorch_seed"),
        "entity-aware attention": values["model"]["embedder"].get("entity_aware_attention"),
    }
    lines = [
        "---",
        "library_name: transformers",
        "tags:",
        "- luke",
        f"- {_TITLES[task].replace(' ', '-')}",
        "---",
        "",
    ]
    lines += [f"# LUKE for {_TITLES[task]}", ""]
    lines += [f"Loaded by `transformers.{architecture}.from_pretrained`. Exported by luke-allennlp.", ""]
    lines += [f"- {note}" for note in notes] + ([""] if notes else [])
    lines += usage
    lines += ["## Training", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in rows.items() if value is not None]
    if not trainer:
        lines += ["", "Imported from a published checkpoint; how it was trained is said there."]
    lines += ["", "## Scores", ""]
    scores = _scores(metrics or {})
    if scores:
        lines += [
            "| | |",
            "|---|---|",
            *(f"| {_cell(name)} | {value:.6g} |" for name, value in scores.items()),
        ]
    elif metrics:
        lines += ["None are known: there is none in the metrics.json beside the archive."]
    else:
        lines += ["None are known: no metrics.json lay beside the archive."]
    return "\n".join(lines) + "\n"


def _scores(metrics: Dict[str, Any]) -> Dict[str, float]:
    """Of validation and test; where a run had neither, as in pretraining, the last ones of training."""
    numbers = {
        name: value
        for name, value in metrics.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    for prefixes in (("best_validation_", "test_", "best_epoch"), ("validation_",), ("training_", "step")):
        found = {name: value for name, value in numbers.items() if name.startswith(prefixes)}
        found = {name: value for name, value in found.items() if not name.endswith(_NO_SCORES)}
        if found.keys() - {"best_epoch", "step"}:
            return found
    return {}


def _cell(value: Any) -> str:
    """What is in one cell of a table and stays there."""
    return " ".join(str(value).split()).replace("|", "\\|")


def _pair(first: Any, second: Any) -> Optional[str]:
    return None if first is None else f"{', '.join(map(str, first))}; {second}"
