"""What the tests of the tasks share: tiny archives, batches, transformers' form of spans."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import pytest
import torch
from allennlp.common import Params
from allennlp.data import DatasetReader, Instance, Vocabulary
from allennlp.data.batch import Batch
from allennlp.models import Model
from allennlp.models.archival import archive_model
from hypothesis import strategies as st
from torch import nn

import luke_allennlp.components  # noqa: F401

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


class Task(NamedTuple):
    """A task as the shared tests see it: options, a labeled fixture, and inputs of its predictor."""

    embedder: Dict[str, Any]
    records: List[Dict[str, Any]]  # one with several windows or a long text
    bad: List[Tuple[Any, str]]  # inputs that are refused, and why
    data: str
    labels: Sequence[str] = ()  # of the vocabulary
    reader: Mapping[str, Any] = {}
    model: Mapping[str, Any] = {}

    @property
    def markers(self) -> List[str]:
        return list(self.embedder.get("marker_tokens", {}))


# Letters, spaces of all sorts, marks that join, halves of pairs, and whatever else Unicode has.
CHARACTERS = st.one_of(
    st.sampled_from("abcABC .,'\"!?-\n\r\t\u00a0\u200b\u200d\u0301\u2028\ufeff\ud83d\ude00🎉👩ß字گשا"),
    st.characters(exclude_categories=[]),
)
TEXT = "Zoë left Vexford with Rask 🎉. Zoë won."
SHORT = {"max_length": 64, "stride": 16}
TASKS: Dict[str, Task] = {
    "luke_entity_typing": Task(
        embedder={"entities": ["[PAD]", "[MASK]"], "marker_tokens": {"[ENTITY]": "@"}},
        labels=["person", "place", "location"],
        records=[
            {"text": TEXT, "span": [9, 16]},
            {"sent": "Vexford", "start": 0, "end": 7},
            {"left_context_token": [], "mention_span": "They", "right_context_token": ["won", "."]},
            {"text": TEXT + " so" * 600, "span": [0, 3]},
        ],
        bad=[
            ({}, "has only the keys"),
            ({"text": "a", "span": [0, 2]}, "'span' has start 0 and end 2"),
            ({"text": "a " * 600, "span": [0, 1199]}, "the mentions and their markers are longer"),
        ],
        data="open_entity/train.json",
    ),
    "luke_relation_classification": Task(
        embedder={"entities": ["[PAD]", "[MASK]", "[MASK]"], "marker_tokens": {"[HEAD]": "@", "[TAIL]": "#"}},
        labels=["no_relation", "per:spouse", "per:title"],
        records=[
            {"text": TEXT, "head": [0, 3], "tail": [9, 16]},
            {"text": "Marlow", "head": {"start": 0, "end": 6}, "tail": {"start": 0, "end": 3}},
            {"token": ["Zoë", "met", "Rask"], "subj_start": 0, "subj_end": 0, "obj_start": 2, "obj_end": 2},
            {"text": "Tavin and " + "then " * 600 + "Orsa", "head": [3010, 3014], "tail": [0, 5]},
        ],
        bad=[
            ({"text": "a"}, "'head' is missing"),
            ({"text": "a " * 600, "head": [0, 1199], "tail": [0, 1]}, "the mentions and their markers are"),
        ],
        data="tacred/dev.json",
    ),
    "luke_cloze_qa": Task(
        reader={**SHORT, "max_query_length": 24},
        embedder={
            "entities": ["[PAD]", "[MASK]"],
            # In the order in which Jsonnet and JSON files have them.
            "marker_tokens": {"[ENTITY]": ",", "[HIGHLIGHT]": "(", "[PLACEHOLDER]": ")"},
        },
        records=[
            {"passage": TEXT, "query": "@placeholder came", "candidates": [[0, 3], [9, 16], [22, 26]]},
            {"passage": "Nobody.", "query": "@placeholder?", "candidates": []},
            {"passage": (TEXT + " ") * 5, "query": "It was @placeholder", "candidates": ["Zoë", "Vexford"]},
            {
                "passage": {"text": TEXT, "entities": [{"start": 0, "end": 2}]},
                "qas": [{"query": "@placeholder ran"}, {"query": "So @placeholder ran"}],
            },
        ],
        bad=[
            ({}, "'passage' is missing"),
            ({"passage": "a", "query": "b", "candidates": []}, "has '@placeholder' 0 times"),
        ],
        data="record/dev.json",
    ),
    "luke_reading_comprehension": Task(
        reader={**SHORT, "max_question_length": 16},
        embedder={"freeze_entity_table": True},
        model={"max_answer_length": 8},
        records=[
            {"question": "Who left?", "context": (TEXT + " ") * 8},
            {"question": "Who?", "context": "Zoë"},
            {"context": TEXT, "qas": [{"id": "a", "question": "Who?"}, {"id": "b", "question": "Where 🎉?"}]},
        ],
        bad=[
            ({"question": "a"}, "'context' is missing"),
            ({"text": "a"}, r"has only the keys \['text'\]"),
        ],
        data="squad/dev-v1.1.json",
    ),
    "luke_ner": Task(
        reader={"max_length": 64},
        embedder={"entities": ["[PAD]", "[MASK]"]},
        labels=["NIL", "LOC", "MISC", "ORG", "PER"],
        records=[
            {"text": TEXT},
            {"tokens": ["Vexford"]},
            {"text": ""},
            {"sentences": [["Ruvin", "Oakesh", "signed", "for", "the", "Cup", "."], ["No", "!"]]},
            {"tokens": (TEXT.split() * 8)},
        ],
        bad=[
            ({"txt": "a"}, "its keys are 'txt'"),
            ({"text": "a", "tokens": ["a"]}, "both 'text' and 'tokens'"),
            ({"tokens": ["a", ""]}, r"tokens\[1\] is empty"),
        ],
        data="../ner/dev.conll",
    ),
}


def config_of(name: str, checkpoint: str = "tiny-luke") -> Dict[str, Any]:
    """Of a tiny model of a task and its reader."""
    task, model_name = TASKS[name], str(FIXTURES / checkpoint)
    embedder = {"type": "luke", "model_name": model_name, **task.embedder}
    if checkpoint == "tiny-bert" and task.markers:
        # It lacks the tokens that the markers start as.
        embedder["marker_tokens"] = dict.fromkeys(task.markers, ".")
    tokenizer = {"type": "luke", "model_name": model_name, "marker_tokens": task.markers}
    return {
        "dataset_reader": {"type": name, "tokenizer": tokenizer, **task.reader},
        "model": {"type": name, "embedder": embedder, **task.model},
    }


def vocabulary_of(labels: Sequence[str], namespace: str = "labels") -> Vocabulary:
    vocab = Vocabulary()
    for label in labels:
        vocab.add_token_to_namespace(label, namespace)
    return vocab


def make_reader(name: str, checkpoint: str = "tiny-luke", **options: Any) -> Any:
    config = {**config_of(name, checkpoint)["dataset_reader"], **options}
    return DatasetReader.from_params(Params(deepcopy(config)))


def make_model(
    name: str, vocab: Optional[Vocabulary] = None, checkpoint: str = "tiny-luke", **options: Any
) -> Any:
    """A fresh one; options of its embedder are named `embedder`."""
    config = config_of(name, checkpoint)["model"]
    config["embedder"].update(options.pop("embedder", {}))
    vocab = vocab or vocabulary_of(TASKS[name].labels)
    return Model.from_params(Params(deepcopy({**config, **options})), vocab=vocab)


def instances_of(name: str, checkpoint: str = "tiny-luke", **options: Any) -> List[Instance]:
    """The last dozen of the task's data. Mentions are of all sorts, one longer than 30 tokens."""
    return list(make_reader(name, checkpoint, **options).read(FIXTURES / "data" / TASKS[name].data))[-12:]


def data_batch(name: str, checkpoint: str = "tiny-luke", **options: Any) -> Tuple[Dict[str, Any], Vocabulary]:
    """These instances as a batch, and a vocabulary of their labels."""
    instances = instances_of(name, checkpoint, **options)
    vocab = Vocabulary.from_instances(instances)
    return batch_of(instances, vocab), vocab


def make_archive(name: str, directory: Path) -> Path:
    """An archive of a model that was not trained, but tells inputs apart."""
    model = randomise(make_model(name))
    Params(config_of(name)).to_file(str(directory / "config.json"))
    model.vocab.save_to_files(str(directory / "vocabulary"))
    torch.save(model.state_dict(), directory / "best.th")
    archive_model(directory)
    return directory / "model.tar.gz"


def randomise(model: Model, seed: int = 3) -> Any:
    """Weights far from those of a fresh model, so that nothing is close to zero by chance."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return model.eval()


def batch_of(instances: List[Instance], vocab: Optional[Vocabulary] = None) -> Dict[str, Any]:
    batch = Batch(instances)
    batch.index_instances(vocab or Vocabulary())
    return batch.as_tensor_dict()


def huggingface(
    cls: Any, embedder: Any, head: Optional[Dict[str, torch.Tensor]] = None, labels: int = 2
) -> Any:
    """A model of transformers with the same weights, the encoder's and the head's."""
    config = cls.config_class(**embedder.luke.config.to_dict())
    config.num_labels = labels
    config._attn_implementation = "eager"
    theirs: nn.Module = cls(config).eval()
    prefix = "" if head is None else "luke."
    state = {f"{prefix}{name}": value for name, value in embedder.luke.state_dict().items()}
    missing, unexpected = theirs.load_state_dict({**state, **(head or {})}, strict=False)
    assert not unexpected
    assert all("pooler." in name or name.endswith("position_ids") for name in missing)
    return theirs


def huggingface_inputs(batch: Dict[str, Any]) -> Dict[str, torch.Tensor]:
    """A batch in their form."""
    words, entities = batch["words"]["tokens"], batch["entities"]
    starts, ends = entities["entity_spans"].split(1, dim=-1)
    # Padded with -1. Shape: (batch, entities, longest mention)
    positions = starts + torch.arange(30)
    return {
        "input_ids": words["token_ids"],
        "attention_mask": words["mask"].long(),
        "entity_ids": entities["entity_ids"],
        "entity_attention_mask": entities["entity_mask"].long(),
        "entity_position_ids": positions.where((positions <= ends) & (starts >= 0), -1),
    }


def golden_lines(shared_dir: Path, name: str) -> List[Dict[str, Any]]:
    """The original system's instances."""
    text = (shared_dir / "golden" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def close(output: Any) -> Any:
    """Equal but for the last digits of numbers."""
    if isinstance(output, dict):
        return {name: close(value) for name, value in output.items()}
    if isinstance(output, list):
        return [close(value) for value in output]
    return pytest.approx(output, abs=1e-5) if isinstance(output, float) else output
