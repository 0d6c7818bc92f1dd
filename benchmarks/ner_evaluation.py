"""
How many sentences a second does the evaluation of NER take, against a plain loop over Hugging Face's class?

    python benchmarks/ner_evaluation.py [--size base] [--layers N] [--dtype float32|bfloat16]
                                        [--device cpu|cuda] [--documents 8] [--file CONLL] [--batch 16]
                                        [--runs 3]

Theirs is `transformers.LukeForEntitySpanClassification` with its tokenizer, as its documentation and the
original notebooks use it: the words around a sentence up to 512 tokens, all spans of up to 16 tokens in
instances of at most 128, padded batches, the best label, greedy decoding. Ours is what `allennlp evaluate`
runs on an archive imported from the same weights: reader, data loader, model, metric. Both are timed from
the file to the result, in turns; imports and loading weights are not. The weights are random, with a bias
against entities such that about one in 30 spans is one.

First checks in float32 that both predict the same entities: those of theirs are the gold ones of the file
that ours is evaluated on, so F1 must be 1. The second row is of spans that do not see each other
(`span_attention` "independent" with the reader's `shared_windows`), which is another model: its loss must be
that of one instance at a time.

The file is generated, of `--documents` about as long as CoNLL-2003's. In a `--file` of other words, windows
may differ by a part of a word, so a few entities may too.
"""

import argparse
import statistics
import tempfile
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

import torch
from allennlp.common import Params
from allennlp.data import DataLoader
from allennlp.evaluation import Evaluator
from allennlp.models import load_archive
from transformers import LukeForEntitySpanClassification, LukeTokenizer

import luke_allennlp.components  # noqa: F401
from harness import SIZES, in_turns, machine_line, make_parser, ratio_text, silence
from luke_allennlp.data.word_tokenizer import follows_space
from luke_allennlp.exchange import import_checkpoint
from luke_allennlp.tasks.ner.metric import non_overlapping
from luke_allennlp.tasks.ner.reader import context_window
from ner_data import Entity, Sentence, make_checkpoint, make_documents, read_conll, write_conll

MAX_TOKENS, MAX_SPAN_LENGTH, MAX_ENTITIES = 510, 16, 128
ENTITIES = 1 / 30  # of all spans


class Instance(NamedTuple):
    """Its sentence, its text, and the spans of it as words and as characters."""

    sentence: Tuple[int, int]
    text: str
    spans: List[Tuple[int, int]]
    characters: List[Tuple[int, int]]


class Theirs:
    """The plain loop."""

    def __init__(self, directory: Path, device: str, batch: int) -> None:
        self.model: Any = LukeForEntitySpanClassification.from_pretrained(directory).eval().to(device)
        self._tokenizer = LukeTokenizer.from_pretrained(directory, task="entity_span_classification")
        # One for a task takes no text without spans.
        plain = LukeTokenizer.from_pretrained(directory)

        @lru_cache(maxsize=None)
        def length(word: str) -> int:
            text = f" {word}" if follows_space(word) else word
            return len(plain(text, add_special_tokens=False)["input_ids"])

        self._length = length
        self._device, self._batch = device, batch

    def instances(self, documents: List[List[Sentence]]) -> Iterator[Instance]:
        for index, document in enumerate(documents):
            words = [word for sentence in document for word in sentence]
            bounds = [0]
            for word in words:
                bounds.append(bounds[-1] + self._length(word))
            start = 0
            for number, sentence in enumerate(document):
                end = start + len(sentence)
                left, right = context_window(
                    bounds[start], bounds[end] - bounds[start], bounds[-1] - bounds[end], MAX_TOKENS
                )
                # Whole words of context alone.
                first, last = start, end
                while first and bounds[start] - bounds[first - 1] <= left:
                    first -= 1
                while last < len(words) and bounds[last + 1] - bounds[end] <= right:
                    last += 1
                text, places = "", []
                for word in words[first:last]:
                    text += f" {word}" if follows_space(word) else word
                    places.append((len(text) - len(word), len(text)))
                spans = [
                    (one, other + 1)
                    for one in range(start, end)
                    for other in range(one, end)
                    if bounds[other + 1] - bounds[one] <= MAX_SPAN_LENGTH
                ]
                parts = max(-(-len(spans) // MAX_ENTITIES), 1)
                size = max(-(-len(spans) // parts), 1)
                for at in range(0, len(spans), size):
                    part = spans[at : at + size]
                    characters = [(places[a - first][0], places[b - 1 - first][1]) for a, b in part]
                    relative = [(a - start, b - start) for a, b in part]
                    yield Instance((index, number), text, relative, characters)
                start = end

    def logits(self, batch: List[Instance]) -> torch.Tensor:
        """Shape: (batch, spans, labels)."""
        texts, spans = [instance.text for instance in batch], [instance.characters for instance in batch]
        inputs = self._tokenizer(texts, entity_spans=spans, padding=True, return_tensors="pt")
        with torch.inference_mode():
            return self.model(**inputs.to(self._device)).logits

    def predict(self, documents: List[List[Sentence]]) -> List[List[List[Entity]]]:
        labels = self.model.config.id2label
        found: Dict[Tuple[int, int], List[Tuple[Tuple[int, int], float, str]]] = {}
        instances = list(self.instances(documents))
        for at in range(0, len(instances), self._batch):
            batch = instances[at : at + self._batch]
            scores, best = self.logits(batch).float().max(dim=-1)
            for instance, row, ids in zip(batch, scores.tolist(), best.tolist(), strict=True):
                kept = found.setdefault(instance.sentence, [])
                for span, score, label in zip(instance.spans, row, ids, strict=False):
                    if labels[label] != "NIL":
                        kept.append((span, score, labels[label]))

        def decode(place: Tuple[int, int]) -> List[Entity]:
            candidates = found.get(place, [])
            chosen = non_overlapping(
                [span for span, _, _ in candidates], [score for _, score, _ in candidates]
            )
            return [(*candidates[index][0], candidates[index][2]) for index in chosen]

        return [
            [decode((index, number)) for number in range(len(document))]
            for index, document in enumerate(documents)
        ]

    def prefer_nil(self, documents: List[List[Sentence]]) -> None:
        """Sets the bias of NIL such that few spans are entities, as with a trained model."""
        nil = self.model.config.label2id["NIL"]
        margins = []
        for instance in list(self.instances(documents))[:: max(sum(map(len, documents)) // 8, 1)]:
            logits = self.logits([instance])[0]
            others = torch.cat([logits[:, :nil], logits[:, nil + 1 :]], dim=-1)
            margins.append(others.max(dim=-1).values - logits[:, nil])
        with torch.no_grad():
            self.model.classifier.bias[nil] += torch.cat(margins).quantile(1 - ENTITIES).item()


def ours(archive: Path, device: str, options: Dict[str, Any]) -> Callable[[Path], Dict[str, float]]:
    """What `allennlp evaluate` does once it has loaded the archive."""
    cuda_device = -1 if device == "cpu" else 0
    loaded = load_archive(archive, cuda_device=cuda_device, overrides=options)
    loaded.model.eval()
    loader_params = loaded.config.get("validation_data_loader") or loaded.config["data_loader"]

    def evaluate(file: Path) -> Dict[str, float]:
        params = Params(dict(loader_params.as_dict()))
        reader = loaded.validation_dataset_reader
        loader = DataLoader.from_params(params, reader=reader, data_path=str(file))
        loader.index_with(loaded.model.vocab)
        evaluator = Evaluator.from_params(Params({}), cuda_device=cuda_device)
        return evaluator(loaded.model, loader, batch_weight_key="")

    return evaluate


def rows(dtype: str) -> Iterator[Tuple[str, Dict[str, Any]]]:
    """Each way of ours, as overrides of the archive's config."""
    common: Dict[str, Any] = {} if dtype == "float32" else {"model.embedder.dtype": dtype}
    yield "paper's mode", common
    independent = {"model.embedder.span_attention": "independent", "dataset_reader.shared_windows": True}
    yield "independent spans", {**common, **independent}


def check(archive: Path, file: Path, given: bool, options: argparse.Namespace) -> None:
    """All in float32."""
    for name, overrides in rows("float32"):
        scores = ours(archive, options.device, overrides)(file)
        if name == "paper's mode":
            print(f"same entities as theirs, float32: F1 {scores['f1']:.5f}", flush=True)
            if scores["f1"] < (0.98 if given else 0.999):
                raise SystemExit("they predict different entities: there is nothing to compare")
            continue
        alone = ours(archive, options.device, {**overrides, "data_loader.batch_size": 1})(file)
        print(f"{name}, float32: loss {scores['loss']:.6f}, of one instance at a time {alone['loss']:.6f}")
        if not abs(scores["loss"] / alone["loss"] - 1) < 1e-5:
            raise SystemExit("they differ: there is nothing to compare")


def main() -> None:
    parser = make_parser(__doc__, runs=3)
    parser.add_argument("--size", choices=sorted(SIZES), default="base")
    parser.add_argument("--documents", type=int, default=8, help="of the generated file")
    parser.add_argument("--file", type=Path, help="columns, the word first, with -DOCSTART- lines")
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    silence()
    torch.set_grad_enabled(False)
    with tempfile.TemporaryDirectory() as directory:
        measure(Path(directory), options)


def measure(place: Path, options: argparse.Namespace) -> None:
    print(machine_line(options, options.size), flush=True)
    documents = read_conll(options.file) if options.file else make_documents(options.documents)
    checkpoint = make_checkpoint(place / "published", options.size, options.layers)
    theirs = Theirs(checkpoint, options.device, options.batch)
    theirs.prefer_nil(documents)
    theirs.model.save_pretrained(checkpoint)
    archive = import_checkpoint(str(checkpoint), str(place / "imported"))

    entities = theirs.predict(documents)
    file = place / "file.conll"
    write_conll(file, documents, entities)
    instances = list(theirs.instances(documents))
    sentences = sum(map(len, documents))
    words = sum(len(sentence) for document in documents for sentence in document)
    print(
        f"{len(documents)} documents, {sentences} sentences, {words} words; {len(instances)} instances, "
        f"{sum(len(instance.spans) for instance in instances)} spans, "
        f"{sum(len(found) for document in entities for found in document)} entities"
    )
    check(archive, file, options.file is not None, options)

    theirs.model.to(getattr(torch, options.dtype))
    ways = dict(rows(options.dtype))
    evaluations = [ours(archive, options.device, overrides) for overrides in ways.values()]
    runs: List[Callable[[], Any]] = [lambda: theirs.predict(read_conll(file))]
    runs += [partial(evaluate, file) for evaluate in evaluations]
    their_times, *our_times = in_turns(runs, options.runs, options.device)
    their_rate = sentences / statistics.median(their_times)
    for name, times in zip(ways, our_times, strict=True):
        print(
            f"{name:18} ours {sentences / statistics.median(times):8.2f} sentences/s, theirs "
            f"{their_rate:8.2f}, theirs / ours {ratio_text(their_times, times)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
