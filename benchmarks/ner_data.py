"""What the benchmarks of NER run on: a generated file, and a checkpoint of random weights."""

import json
import shutil
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
from transformers import LukeForEntitySpanClassification

from harness import ROOT, make_config

Sentence = List[str]
Entity = Tuple[int, int, str]
"""First word, the word after the last, label."""

TOKENIZER = ROOT / "fixtures" / "tiny-luke"
LABELS = ["NIL", "MISC", "PER", "ORG", "LOC"]


def make_documents(number: int, seed: int = 0) -> List[List[Sentence]]:
    """
    About as long as CoNLL-2003's: sentences of 2 to 36 words, many of them short, and documents of 150 to
    900, of which sentences see 510. Each word is a single token of the fixtures' tokenizer, so that a window
    ends between words whichever way it is counted.
    """
    vocabulary = json.loads((TOKENIZER / "vocab.json").read_text(encoding="utf-8"))
    words = sorted(token[1:] for token in vocabulary if token[0] == "Ġ" and token[1:].isalpha())
    words = [word for word in words if word.isascii() and len(word) > 1]
    random = np.random.default_rng(seed)
    documents = []
    for _ in range(number):
        left, document = int(random.integers(150, 900)), []
        while left > 0:
            shortest, longest = (2, 8) if random.random() < 0.45 else (9, 36)
            length = int(random.integers(shortest, longest + 1))
            document.append([*random.choice(words, length - 1).tolist(), "."])
            left -= length
        documents.append(document)
    return documents


def random_entities(documents: Sequence[Sequence[Sentence]], seed: int = 1) -> List[List[List[Entity]]]:
    """About one in ten words."""
    random = np.random.default_rng(seed)

    def entities(sentence: Sentence) -> List[Entity]:
        found = [(place, place + 1) for place in range(len(sentence) - 1) if random.random() < 0.1]
        return [(start, end, str(random.choice(LABELS[1:]))) for start, end in found]

    return [[entities(sentence) for sentence in document] for document in documents]


def write_conll(
    path: Path, documents: Sequence[Sequence[Sentence]], entities: Sequence[Sequence[Sequence[Entity]]]
) -> None:
    """Words and tags in IOB2."""
    lines = []
    for document, found in zip(documents, entities, strict=True):
        lines.append("-DOCSTART- O\n")
        for sentence, spans in zip(document, found, strict=True):
            tags = ["O"] * len(sentence)
            for start, end, label in spans:
                tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
            lines += [f"{word} {tag}" for word, tag in zip(sentence, tags, strict=True)]
            lines.append("")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_conll(path: Path) -> List[List[Sentence]]:
    """The words."""
    documents: List[List[Sentence]] = []
    for part in path.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in part.splitlines() if line]
        if not documents or lines and lines[0].startswith("-DOCSTART-"):
            documents.append([])
            lines = lines[1:] if lines and lines[0].startswith("-DOCSTART-") else lines
        if lines:
            documents[-1].append([line.split()[0] for line in lines])
    return documents


def make_checkpoint(directory: Path, size: str, layers: Optional[int], fine_tuned: bool = True) -> Path:
    """As Hugging Face publishes them, with the fixtures' tokenizer."""
    own = json.loads((TOKENIZER / "config.json").read_text())
    options: Dict[str, Any] = {key: own[key] for key in ("vocab_size", "entity_vocab_size")}
    if fine_tuned:
        options.update(id2label=dict(enumerate(LABELS)), label2id={name: i for i, name in enumerate(LABELS)})
    torch.manual_seed(0)
    model: Any = LukeForEntitySpanClassification(make_config(size, layers, **options))
    if not fine_tuned:
        model.luke.save_pretrained(directory)
    else:
        model.save_pretrained(directory)
    for path in TOKENIZER.iterdir():
        if path.name not in ("config.json", "model.safetensors"):
            shutil.copyfile(path, directory / path.name)
    return directory
