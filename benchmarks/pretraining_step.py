"""
How many words a second does pretraining take, and which share of the machine's matrix rate is that?

    python benchmarks/pretraining_step.py [--size base] [--layers N] [--dtype float32|bfloat16]
                                          [--device cpu|cuda] [--max-tokens 65536] [--batches 2]
                                          [--entities 17000] [--vocabulary 50265] [--updates 4] [--runs 5]

Trains from random weights, with dropout 0.1, on generated sequences, as
`training_configs/lib/pretraining.libsonnet` does: data loader with masking, model, optimizer, schedule. An
update has about `--batches` batches of at most `--max-tokens` words and entities. First checks in float32
that the losses of a batch are those of `transformers.LukeForMaskedLM`.

Prints words (sub-words, padding aside) a second, the median of `--runs` times `--updates` updates, and the
share of the matrix rate: three times the operations of a forward pass, `harness.encoder_operations` and the
products of the two heads, which score masked positions alone.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import torch
from allennlp.data import Vocabulary
from torch import Tensor
from transformers import LukeConfig, LukeForMaskedLM

import luke_allennlp.components  # noqa: F401
from harness import (
    ROOT,
    SIZES,
    encoder_operations,
    in_rounds,
    machine_line,
    make_config,
    make_parser,
    make_trainer,
    matrix_rate,
    rate_text,
    silence,
    span_lists,
)
from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.pretraining.dataset import TokenSequence, write_metadata, write_shard
from luke_allennlp.pretraining.loader import PretrainingDataLoader
from luke_allennlp.pretraining.model import LukePretrainingModel
from luke_allennlp.token_embedders import LukeEmbedder

LONGEST = 510  # without the special tokens
CONFIG = """(import '%(root)s/training_configs/lib/pretraining.libsonnet') + {
  model_name:: '%(place)s/model',
  dataset:: '%(place)s/dataset',
  learning_rate:: 1e-4,
  num_steps:: %(steps)d,
  warmup_steps:: 10,
  global_batch_size:: %(sequences)d,
  max_tokens:: %(max_tokens)d,
  precision:: %(precision)s,
  validate:: false,
  embedder_options:: { load_weights: false },
}
"""


def write_dataset(path: Path, vocabulary_size: int, num_entities: int, num_sequences: int) -> Path:
    tokenizer = path / "tokenizer"
    tokenizer.mkdir(parents=True)
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    # About three words of four sub-words, as in Wikipedia.
    names += [f"{'Ġ' if number % 10 < 7 else ''}a{number}" for number in range(4, vocabulary_size - 1)]
    ids = {name: number for number, name in enumerate([*names, "<mask>"])}
    (tokenizer / "vocab.json").write_text(json.dumps(ids))
    (tokenizer / "merges.txt").write_text("#version: 0.2\n")
    titles = ["[PAD]", "[UNK]", "[MASK]", *(f"Entity {number}" for number in range(3, num_entities))]
    entities = EntityVocabulary({title: number for number, title in enumerate(titles)})
    entities.save(path / "entity_vocab.jsonl")
    random = np.random.default_rng(0)
    rows = []
    for _ in range(num_sequences):
        # Packed sequences: most are nearly full, and the last of a page is not.
        length = int(random.integers(400 if random.random() < 0.7 else 10, LONGEST + 1))
        count = int(random.integers(0, 30))
        starts = np.sort(random.integers(0, length - 3, count))
        ends = starts + random.integers(0, 3, count)
        words = random.integers(4, vocabulary_size - 1, length)
        rows.append(TokenSequence(-1, words, random.integers(3, num_entities, count), starts, ends))
    shard = write_shard(path, "train/00000.arrow", rows, vocabulary_size)
    write_metadata(path, {"train": [shard]}, entities, "RobertaTokenizerFast", vocabulary_size, {})
    return path


def check(checkpoint: Path, dataset: Path, config: LukeConfig) -> None:
    """On the CPU, without dropout."""
    embedder = LukeEmbedder(
        str(checkpoint), entity_vocabulary=str(dataset), entity_aware_attention=False, load_weights=False
    )
    ours = LukePretrainingModel(Vocabulary(), embedder).eval()
    weights = {name.removeprefix("embedder."): value for name, value in ours.state_dict().items()}
    tables = ["luke.embeddings.word_embeddings", "luke.entity_embeddings.entity_embeddings"]
    for head, table in zip(("lm_head", "entity_predictions"), tables, strict=True):
        weights[f"{head}.decoder.weight"] = weights[f"{table}.weight"]
    weights["lm_head.decoder.bias"] = weights["lm_head.bias"]
    theirs = LukeForMaskedLM(config).eval()
    missing = theirs.load_state_dict(weights, strict=False).missing_keys
    assert all("pooler" in name for name in missing), missing

    loader = PretrainingDataLoader(None, str(dataset), global_batch_size=2, max_tokens=1200)
    batch: Dict[str, Any] = next(loader.steps(0)).batches[0]
    words, entities = batch["words"], batch["entities"]
    labels = {}
    for name, ids, kind in (
        ("labels", words["token_ids"], "word"),
        ("entity_labels", entities["entity_ids"], "entity"),
    ):
        targets = torch.full_like(ids, -100).flatten()
        targets[batch[{"word": "masked_words", "entity": "masked_entities"}[kind]]] = batch[f"{kind}_targets"]
        labels[name] = targets.view_as(ids)
    with torch.no_grad():
        output = ours(**batch)
        expected = theirs(
            input_ids=words["token_ids"],
            attention_mask=words["mask"].long(),
            entity_ids=entities["entity_ids"],
            entity_attention_mask=entities["entity_mask"].long(),
            entity_position_ids=span_lists(entities["entity_spans"]),
            **labels,
        )
    pairs = ((output["word_loss"], expected.mlm_loss), (output["entity_loss"], expected.mep_loss))
    difference = max(abs(one.item() - other.item()) for one, other in pairs)
    print(f"losses of words and entities are theirs, float32: to {difference:.1e}", flush=True)
    if not difference < 1e-4:
        raise SystemExit("they differ: there is nothing to measure")


class Counter:
    """Words and operations of the batches that the model sees."""

    def __init__(self, model: Any, config: LukeConfig) -> None:
        self._config, self._forward = config, model.forward
        self._batches: List[Tuple[Tensor, Tensor, int, int]] = []
        model.forward = self

    def __call__(self, **batch: Any) -> Any:
        lengths = [batch["words"]["mask"].sum(1), batch["entities"]["entity_mask"].sum(1)]
        masked = [len(batch[f"masked_{kind}"]) for kind in ("words", "entities")]
        self._batches.append((lengths[0], lengths[1], masked[0], masked[1]))
        return self._forward(**batch)

    def take(self) -> Tuple[int, float]:
        """Since the last call. Operations of a step: backward takes twice those of forward."""
        words, operations, config = 0, 0.0, self._config
        for tokens, entities, masked_words, masked_entities in self._batches:
            words += int(tokens.sum())
            operations += encoder_operations(config, tokens, entities)
            operations += 2 * masked_words * config.hidden_size * (config.hidden_size + config.vocab_size)
            width = config.entity_emb_size
            operations += 2 * masked_entities * width * (config.hidden_size + config.entity_vocab_size)
        self._batches = []
        return words, 3 * operations


def main() -> None:
    parser = make_parser(__doc__, runs=5)
    parser.add_argument("--size", choices=sorted(SIZES), default="base")
    parser.add_argument("--max-tokens", type=int, default=65536)
    parser.add_argument("--batches", type=int, default=2, help="of an update, about")
    parser.add_argument("--entities", type=int, default=17000)
    parser.add_argument("--vocabulary", type=int, default=50265)
    parser.add_argument("--sequences", type=int, default=2000, help="of the generated dataset")
    parser.add_argument("--updates", type=int, default=4, help="of a run")
    options = parser.parse_args()
    silence()
    print(machine_line(options, options.size), flush=True)
    config = make_config(
        options.size,
        options.layers,
        vocab_size=options.vocabulary,
        entity_vocab_size=options.entities,
        use_entity_aware_attention=False,
    )
    with tempfile.TemporaryDirectory() as directory:
        measure(Path(directory), config, options)


def measure(place: Path, config: LukeConfig, options: argparse.Namespace) -> None:
    dataset = write_dataset(place / "dataset", options.vocabulary, options.entities, options.sequences)
    checkpoint = shutil.copytree(dataset / "tokenizer", place / "model")
    config.save_pretrained(checkpoint)
    shutil.copyfile(dataset / "entity_vocab.jsonl", checkpoint / "entity_vocab.jsonl")
    check(checkpoint, dataset, config)
    file = place / "config.jsonnet"
    file.write_text(
        CONFIG
        % dict(
            root=ROOT,
            place=place,
            max_tokens=options.max_tokens,
            sequences=max(options.batches * options.max_tokens // 450, 1),
            precision="null" if options.dtype == "float32" else "'bf16'",
            steps=options.updates * (options.runs + 1) + 1,
        )
    )
    device = -1 if options.device == "cpu" else 0
    trainer = make_trainer(file, {"trainer.cuda_device": device}, place / "run")
    counter = Counter(trainer.model, config)
    rate = matrix_rate(options.device, getattr(torch, options.dtype))
    rounds: List[Tuple[float, float]] = []

    def next_round(seconds: Optional[float]) -> None:
        words, operations = counter.take()
        if seconds is not None:
            rounds.append((words / seconds, operations / seconds))

    in_rounds(trainer, options.updates, options.device, next_round)
    words, operations = (statistics.median(values) for values in list(zip(*rounds[1:], strict=True)))
    print(
        f"{words:,.0f} words/s, {rate_text(operations)}, {operations / rate:.0%} of the matrix rate, "
        f"{rate_text(rate)}"
    )


if __name__ == "__main__":
    main()
