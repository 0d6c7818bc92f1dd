"""
Does pretraining run end to end on real text, and what does it do for a task?

    python benchmarks/pretraining_end_to_end.py DUMP... --ner CONLL -o DIR [--seeds 3] [--ner-epochs 5]

From dumps of one Wikipedia, by the commands of this project: pages, a vocabulary of the entities they link
to, a byte-level BPE trained on their text, a LUKE of random weights (4 layers, hidden size 256), sequences
with a held-out part, pretraining on words and entities, export. Of so small a Wikipedia most text has no
entity of the vocabulary: a first stage takes the sequences that have some, a second one all text. Then NER
on CONLL (the first 116 documents train it, the others test it) from that checkpoint and from the random one,
with several seeds.

Prints, of both stages, the held-out losses and accuracies of words and entities beside those of always
answering by frequency, and the F1 of both models. What is done already in DIR is not done again.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

ALLENNLP = [str(Path(sys.executable).with_name("allennlp"))]
PACKAGE = ["--include-package", "luke_allennlp"]
TRAINING_DOCUMENTS = 116
NER_CONFIG = """(import '%(root)s/training_configs/lib/ner.libsonnet') + {
  model_name:: '%(model)s',
  train_data:: '%(data)s/train.conll',
  validation_data:: '%(data)s/test.conll',
  seed:: %(seed)d,
  learning_rate:: %(rate)s,
  num_epochs:: %(epochs)d,
  loss_batch_size:: null,
  reader_options:: { max_length: 64, context: 'sentence', max_span_length: 8 },
}
"""
PRETRAINING_CONFIG = """(import '%(root)s/training_configs/lib/pretraining.libsonnet') + {
  model_name:: '%(model)s',
  dataset:: '%(data)s',
  num_steps:: %(steps)d,
  warmup_steps:: %(warmup)d,
  learning_rate:: %(rate)s,
  global_batch_size:: %(batch)d,
  max_tokens:: %(tokens)d,
  num_workers:: 0,
  validation_steps:: 400,
  checkpoint_steps:: 400,
  // For a small model, from random weights, on little text.
  embedder_options:: { hidden_dropout: 0, attention_dropout: 0 },
  trainer+: { grad_norm: 1.0, optimizer+: { betas: [0.9, 0.98], correct_bias: true } },
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dumps", nargs="+", type=Path)
    parser.add_argument("--ner", type=Path, required=True, help="two columns, with -DOCSTART- lines")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000, help="of the first stage")
    parser.add_argument("--more-steps", type=int, default=4000, help="of the second stage")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--max-length", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ner-epochs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    road = Road(arguments)
    road.data()
    for stage in road.stages:
        road.pretrain(stage)
        road.report(stage)
    road.fine_tune()


class Stage(NamedTuple):
    """
    # Parameters

    name : `str`
    steps : `int`
    options : `Tuple[str, ...]`
        Of the dataset.
    """

    name: str
    steps: int
    options: Tuple[str, ...]


class Road:
    """
    # Parameters

    arguments : `argparse.Namespace`
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.directory: Path = arguments.output
        self.directory.mkdir(parents=True, exist_ok=True)
        self.pages = self.directory / "pages"
        self.vocabulary = self.directory / "entity_vocab.jsonl"
        self.start = self.directory / "random"
        self.stages = (
            Stage("entities", arguments.steps, ()),
            Stage("all", arguments.more_steps, ("--include-sentences-without-entities",)),
        )
        self.pretrained = self.checkpoint(self.stages[-1])

    def dataset(self, stage: Stage) -> Path:
        return self.directory / f"dataset-{stage.name}"

    def run(self, stage: Stage) -> Path:
        return self.directory / f"pretraining-{stage.name}"

    def checkpoint(self, stage: Stage) -> Path:
        return self.directory / f"pretrained-{stage.name}"

    def data(self) -> None:
        """Dumps to sequences."""
        workers = ["--workers", str(self.arguments.workers)]
        allennlp("wikipedia-extract", *self.arguments.dumps, "-o", self.pages, *workers)
        if not self.vocabulary.exists():
            options = ["--min-count", "5", "--missing-pages"]
            allennlp("wikipedia-entity-vocab", self.pages, self.vocabulary, *options)
        if not (self.start / "config.json").exists():
            random_luke(self.pages, self.vocabulary, self.start)
        options = ["--tokenizer", self.start, "--entity-vocab", self.vocabulary, "--held-out", "0.1"]
        options += ["--max-length", str(self.arguments.max_length), *workers]
        for stage in self.stages:
            allennlp("pretraining-dataset", self.pages, "-o", self.dataset(stage), *stage.options, *options)

    def pretrain(self, stage: Stage) -> None:
        """Sequences to a checkpoint in Hugging Face's layout."""
        number = self.stages.index(stage)
        model = self.checkpoint(self.stages[number - 1]) if number else self.start
        config = self.directory / f"pretraining-{stage.name}.jsonnet"
        config.write_text(
            PRETRAINING_CONFIG
            % {
                "root": Path(__file__).resolve().parents[1],
                "model": model.resolve(),
                "data": self.dataset(stage).resolve(),
                "steps": stage.steps,
                "warmup": stage.steps // 12,
                "rate": self.arguments.rate,
                "batch": self.arguments.batch,
                "tokens": self.arguments.batch * (self.arguments.max_length + 16),
            }
        )
        run = self.run(stage)
        if not (run / "model.tar.gz").exists():
            recover = ["--recover"] if run.exists() else []
            allennlp("train", config, "-s", run, *recover)
        if not self.checkpoint(stage).exists():
            allennlp("export-checkpoint", run, self.checkpoint(stage))

    def report(self, stage: Stage) -> None:
        """Held-out figures beside those of frequencies alone."""
        scores = self.directory / f"held_out-{stage.name}.json"
        dataset = self.dataset(stage)
        if not scores.exists():
            allennlp("evaluate", self.run(stage) / "model.tar.gz", dataset, "--output-file", scores)
        print(f"{stage.name}, held out:", json.dumps(json.loads(scores.read_text()), indent=2))
        baseline = json.dumps(frequency_baseline(dataset), indent=2)
        print(f"{stage.name}, by frequency:", baseline, flush=True)

    def fine_tune(self) -> None:
        """NER from both checkpoints."""
        data = self.directory / "ner"
        split(self.arguments.ner, data)
        seeds = range(1, self.arguments.seeds + 1)
        runs = [(name, seed) for seed in seeds for name in ("pretrained", "random")]
        scores: Dict[str, List[float]] = {}
        # The trainings are processes; as many at a time as there are workers, which share the cores.
        with ThreadPoolExecutor(self.arguments.workers) as trainings:
            results = trainings.map(lambda run: self.ner_f1(data, *run), runs)
            for (name, seed), f1 in zip(runs, results, strict=True):
                scores.setdefault(name, []).append(f1)
                print(f"NER, {name}, seed {seed}: F1 {f1:.4f}", flush=True)
        for name, values in scores.items():
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            print(
                f"NER, {name}: mean F1 {statistics.mean(values):.4f}, standard deviation {spread:.4f}, of "
                f"{len(values)} seeds"
            )

    def ner_f1(self, data: Path, name: str, seed: int) -> float:
        """F1 on the test part of NER fine-tuned from one of the two checkpoints; goes on with a run begun."""
        run = self.directory / f"ner-{name}-{seed}"
        if not (run / "metrics.json").exists():
            config = self.directory / f"ner-{name}-{seed}.jsonnet"
            config.write_text(
                NER_CONFIG
                % {
                    "root": Path(__file__).resolve().parents[1],
                    "model": {"pretrained": self.pretrained, "random": self.start}[name].resolve(),
                    "data": data.resolve(),
                    "seed": seed,
                    "rate": 5e-4,
                    "epochs": self.arguments.ner_epochs,
                }
            )
            threads = max(1, (os.cpu_count() or 1) // self.arguments.workers)
            recover = ["--recover"] if run.exists() else []
            allennlp("train", config, "-s", run, *recover, threads=threads)
        return json.loads((run / "metrics.json").read_text())["validation_f1"]


def allennlp(*arguments: Any, threads: Optional[int] = None) -> None:
    """Runs a command, with that many threads of arithmetic, and ends if it fails."""
    command = [*ALLENNLP, *map(str, arguments), *PACKAGE]
    print("$", " ".join(["allennlp", *command[1:]]), flush=True)
    environment = os.environ if threads is None else {**os.environ, "OMP_NUM_THREADS": str(threads)}
    subprocess.run(command, check=True, env=environment)


def random_luke(pages: Path, vocabulary: Path, directory: Path) -> None:
    """
    A LUKE of random weights for the entities of a vocabulary, with a tokenizer of the pages' text. There is
    too little text to find out from it which word is next to which: positions, of words and of entities,
    start as sines and cosines, and keys as the queries, so that like attends to like (in the manner of
    Trockman and Kolter, ICML 2023).
    """
    import math

    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LukeConfig, LukeForMaskedLM, RobertaTokenizerFast

    from luke_allennlp.entity_vocabulary import EntityVocabulary
    from luke_allennlp.wikipedia.pages import ExtractedWikipedia

    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = ByteLevelBPETokenizer(add_prefix_space=True)
    texts = (paragraph.text for page in ExtractedWikipedia(pages).pages() for paragraph in page.paragraphs)
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(texts, vocab_size=8000, min_frequency=2, special_tokens=specials)
    tokenizer.save_model(str(directory))
    RobertaTokenizerFast(
        str(directory / "vocab.json"), str(directory / "merges.txt"), model_max_length=512
    ).save_pretrained(directory)
    entities = EntityVocabulary.from_file(vocabulary)
    entities.save(directory / "entity_vocab.json")
    torch.manual_seed(0)
    config = LukeConfig(
        vocab_size=tokenizer.get_vocab_size(),
        entity_vocab_size=len(entities),
        hidden_size=256,
        entity_emb_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=1024,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        use_entity_aware_attention=False,
    )
    model = LukeForMaskedLM(config)
    angles = torch.arange(514)[:, None] / 100 ** (torch.arange(128) / 128)
    # Shape: (positions, hidden); twice the spread of the random weights.
    waves = torch.cat([angles.sin(), angles.cos()], dim=1) * 0.04 * math.sqrt(2)
    with torch.no_grad():
        # RoBERTa counts words from 2, LUKE's entities from 0.
        model.luke.embeddings.position_embeddings.weight[2:] = waves[:-2]
        model.luke.entity_embeddings.position_embeddings.weight[:] = waves
        for layer in model.luke.encoder.layer:
            attention = layer.attention.self
            attention.query.weight.normal_(std=1 / 16)
            attention.key.weight.copy_(attention.query.weight)
    model.save_pretrained(directory)


def frequency_baseline(dataset: Path) -> Dict[str, float]:
    """
    Accuracy on the held-out part of always predicting the training part's most frequent entity, and word; and
    the share of the held-out mentions whose words stand for the same entity in the training part.
    """
    from luke_allennlp.pretraining.dataset import PretrainingDataset

    parts = []
    for name in ("train", "validation"):
        part = PretrainingDataset(str(dataset), name)
        parts.append([part.sequence(index) for index in range(len(part))])
    result = {}
    for kind in ("word", "entity"):
        training, held_out = (
            Counter(int(number) for row in part for number in getattr(row, f"{kind}_ids")) for part in parts
        )
        best = max(sorted(training), key=training.__getitem__)
        result[f"{kind}_accuracy"] = held_out[best] / held_out.total()
        result[f"{kind}_held_out"] = held_out.total()
    known, asked = (Counter(mention for row in part for mention in mentions(row)) for part in parts)
    seen = sum(count for mention, count in asked.items() if mention in known)
    return {**result, "entities_with_known_words": seen / asked.total()}


def mentions(row: Any) -> Iterator[Tuple[int, ...]]:
    """Of a sequence, entities and the sub-words that stand for them."""
    for entity, start, end in zip(row.entity_ids, row.entity_starts, row.entity_ends, strict=True):
        yield (int(entity), *map(int, row.word_ids[start : end + 1]))


def split(path: Path, directory: Path) -> None:
    """The first documents for training, the others for the test."""
    directory.mkdir(exist_ok=True)
    documents: List[List[str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-DOCSTART-") or not documents:
            documents.append([])
        if not line.startswith("-DOCSTART-"):
            documents[-1].append(line)
    documents = [document for document in documents if any(document)]
    parts = {"train": documents[:TRAINING_DOCUMENTS], "test": documents[TRAINING_DOCUMENTS:]}
    for name, part in parts.items():
        lines = [line for document in part for line in ["-DOCSTART- O", "", *document, ""]]
        (directory / f"{name}.conll").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
