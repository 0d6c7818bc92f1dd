"""A model of ours and one of Hugging Face's on the same input."""

from pathlib import Path
from typing import Any, Callable, Dict, List

import torch
import transformers
from allennlp.data import Batch, Instance
from allennlp.models import Archive
from allennlp.nn.util import move_to_device
from safetensors.torch import load_file, save_file

from luke_allennlp.entity_vocabulary import EntityVocabulary

TYPING, PAIRS, NER = (f"LukeForEntity{kind}Classification" for kind in ("", "Pair", "Span"))
QA = "LukeForQuestionAnswering"
LABELS = {
    TYPING: "entity event group location object organization person place time".split(),
    PAIRS: ["no_relation", "org:founded", "per:title"],
    NER: ["NIL", "MISC", "PER", "ORG", "LOC"],
    QA: ["LABEL_0", "LABEL_1"],
}

TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")


def change_tensors(path: Path, change: Callable[[Dict[str, torch.Tensor]], Any]) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, {"format": "pt"})


def instances_of(archive: Archive, path: Path, number: int = 4) -> List[Instance]:
    instances = list(archive.validation_dataset_reader.read(str(path)))[:number]
    for instance in instances:
        instance.index_fields(archive.model.vocab)
    return instances


def our_logits(archive: Archive, instances: List[Instance]) -> List[torch.Tensor]:
    archive.model.eval()
    batch: Any = move_to_device(Batch(instances).as_tensor_dict(), -1)
    with torch.no_grad():
        output = archive.model(**batch)
    if "logits" in output:
        return without_padding([output["logits"]], batch)
    return without_padding([output["start_logits"], output["end_logits"]], batch)


def without_padding(logits: List[torch.Tensor], batch: Any) -> List[torch.Tensor]:
    """Of tokens, entities or instances: of padding, ours are not the others'."""
    for mask in (batch["words"]["tokens"]["mask"], batch["entities"]["entity_mask"]):
        if logits[0].shape[:2] == mask.shape and mask.size(1) > 1:
            return [of[mask] for of in logits]
    return logits


def their_logits(
    directory: Path, architecture: str, instances: List[Instance], ids: List[int]
) -> List[torch.Tensor]:
    """Of Hugging Face's class, on the same words; entity ids are those of its own vocabulary, in `ids`."""
    model = getattr(transformers, architecture).from_pretrained(directory).eval()
    batch: Any = Batch(instances).as_tensor_dict()
    tokens, entities = batch["words"]["tokens"], batch["entities"]
    spans, mask = entities["entity_spans"], entities["entity_mask"]
    positions = torch.full((*mask.shape, 40), -1)
    for place in mask.nonzero().tolist():
        first, last = spans[tuple(place)].tolist()
        positions[(*place, slice(0, last - first + 1))] = torch.arange(first, last + 1)
    inputs: Dict[str, Any] = {
        "input_ids": tokens["token_ids"],
        "attention_mask": tokens["mask"].long(),
        "entity_ids": torch.tensor(ids)[entities["entity_ids"]],
        "entity_attention_mask": mask.long(),
        "entity_position_ids": positions,
    }
    if "type_ids" in tokens:  # of BERT
        inputs["token_type_ids"] = tokens["type_ids"]
    if architecture == NER:
        inputs["entity_start_positions"] = spans[..., 0].clamp(min=0)
        inputs["entity_end_positions"] = spans[..., 1].clamp(min=0)
    if architecture == QA and not mask.size(1):
        inputs = {name: value for name, value in inputs.items() if not name.startswith("entity")}
    with torch.no_grad():
        output = model(**inputs)
    if architecture == QA:
        return without_padding([output.start_logits, output.end_logits], batch)
    return without_padding([output.logits], batch)


def entity_ids(archive: Archive, directory: Path) -> List[int]:
    """Our ids of entities -> the vocabulary's."""
    vocabulary = EntityVocabulary.from_checkpoint(str(directory))
    titles = archive.model.embedder.entities
    return list(range(len(vocabulary))) if titles is None else list(vocabulary.rows(titles))


def assert_close(found: List[torch.Tensor], expected: List[torch.Tensor]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
