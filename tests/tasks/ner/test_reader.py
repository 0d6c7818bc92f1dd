"""From files to instances and, with a model that knows the answers, to scores."""

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.data.dataset_readers.dataset_reader import WorkerInfo
from torch import Tensor, nn

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.ner.examples import NIL, LabeledSpan
from luke_allennlp.tasks.ner.reader import NerReader
from tests.tasks.support import batch_of, make_model

COUNTS = "12 documents, 42 sentences, 522 words, 82 entities (LOC 24, MISC 18, ORG 17, PER 23)"

Write = Callable[..., str]


def metadata_of(instances: List[Instance]) -> List[Dict[str, Any]]:
    """With the candidates, which are an array, as tuples."""
    return [
        {**data, "candidates": [(start, end) for start, end in data["candidates"].tolist()]}
        for data in (instance["metadata"].metadata for instance in instances)
    ]


def gold_of(instances: List[Instance]) -> List[List[Tuple[str, str]]]:
    """Label and words of the entities of each sentence."""
    return [
        [(label, " ".join(data["words"][start:end])) for start, end, label in data["gold"]]
        for data in metadata_of(instances)
        if data["chunk"] == 0
    ]


def keys_of(instances: List[Instance]) -> List[Tuple[str, int, int]]:
    return [(data["document"], data["sentence"], data["chunk"]) for data in metadata_of(instances)]


def read(reader: DatasetReader, path: Any) -> List[Instance]:
    return list(reader.read(str(path)))


class Oracle(nn.Module):
    """In place of a classifier: finds the labels of the batch, which the test tells it."""

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.num_labels = num_labels
        self.labels = torch.zeros(0)

    def forward(self, features: Tensor) -> Tensor:
        return 9.0 * nn.functional.one_hot(self.labels.clamp(min=0), self.num_labels)


def oracle_scores(instances: List[Instance], vocab: Vocabulary) -> Dict[str, float]:
    """The scores of a model that labels every candidate right."""
    model = make_model("luke_ner", vocab).eval()
    model.classifier = Oracle(vocab.get_vocab_size("labels"))
    for at in range(0, len(instances), 8):
        tensors = batch_of(instances[at : at + 8], vocab)
        model.classifier.labels = tensors["labels"]
        model(**tensors)
    return model.get_metrics(reset=True)


class TestInstances:
    def test_conll(
        self, tokenizer: WordTokenizer, fixtures_dir: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        instances = read(NerReader(tokenizer), fixtures_dir / "ner" / "test.conll")
        assert f"test.conll: {COUNTS}" in caplog.text
        assert "test.conll: the tag scheme is recognised as IOB1" in caplog.text
        assert f"test.conll: {len(instances)} instances" in caplog.text
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

        labels = Counter(label for gold in gold_of(instances) for label, _ in gold)
        assert labels == {"LOC": 24, "MISC": 18, "ORG": 17, "PER": 23}

    def test_fields(self, tokenizer: WordTokenizer, write: Write) -> None:
        path = write("-DOCSTART- O\n\nMirel B-PER\nTressick I-PER\nwins O\n\nVexford B-LOC\n")
        first, second = read(NerReader(tokenizer), path)
        pieces = tokenizer.encode_words(["Mirel", "Tressick", "wins", "Vexford"])
        for instance in (first, second):
            assert instance["words"].ids.tolist() == [tokenizer.start_id, *sum(pieces, []), tokenizer.end_id]
            assert instance["words"].padding_id == tokenizer.pad_id
        assert metadata_of([second]) == [
            {
                "document": "0",
                "document_index": 0,
                "sentence": 1,
                "chunk": 0,
                "num_chunks": 1,
                "words": ["Vexford"],
                "candidates": [(0, 1)],
                "gold": [LabeledSpan(0, 1, "LOC")],
                "unaligned": [],
            }
        ]
        at = 1 + len(sum(pieces[:3], []))
        assert second["entities"].spans.tolist() == [[at, at + len(pieces[3]) - 1]]
        assert second["entities"].ids.tolist() == [1]
        assert metadata_of([first])[0]["candidates"] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
        assert first["labels"].human_readable_repr() == [NIL, "PER", NIL, NIL, NIL, NIL]

    def test_tokens_and_texts_are_read_as_columns_are(
        self, tokenizer: WordTokenizer, fixtures_dir: Path
    ) -> None:
        reader = NerReader(tokenizer)
        columns = read(reader, fixtures_dir / "ner" / "test.conll")
        tokens = read(reader, fixtures_dir / "ner" / "tokens.jsonl")
        for theirs, ours in zip(columns, tokens, strict=True):
            assert theirs["words"].ids.tolist() == ours["words"].ids.tolist()
            assert theirs["entities"].spans.tolist() == ours["entities"].spans.tolist()
            assert theirs["labels"].human_readable_repr() == ours["labels"].human_readable_repr()
            [expected], [found] = metadata_of([theirs]), metadata_of([ours])
            assert found == {**expected, "document": f"test-{expected['document']}"}
        texts = gold_of(read(reader, fixtures_dir / "ner" / "documents.jsonl"))
        # Words may be divided otherwise: `to-night` or `'s`.
        assert [[(label, words.replace(" ", "")) for label, words in gold] for gold in texts] == [
            [(label, words.replace(" ", "")) for label, words in gold] for gold in gold_of(columns)
        ]


class TestOptions:
    def test_of_columns(self, tokenizer: WordTokenizer, write: Write) -> None:
        path = write("% a\n1|B-PER|Zoë|x\n2|I-PER|Haldane|x\n\n3|B-PER|Ruvin|x\n", encoding="latin-1")
        options = {"word_column": 2, "tag_column": 1, "separator": "|", "encoding": "latin-1"}
        options |= {"tag_scheme": "iob2", "comment_prefix": "%"}
        assert gold_of(read(NerReader(tokenizer, **options), path)) == [
            [("PER", "Zoë Haldane")],
            [("PER", "Ruvin")],
        ]
        first, second = read(NerReader(tokenizer, undivided="document", **options), path)
        assert keys_of([first, second]) == [("0", 0, 0), ("0", 1, 0)]
        assert first["words"].ids.tolist() == second["words"].ids.tolist()
        with pytest.raises(ConfigurationError, match="line 2: the byte 0xeb"):
            read(NerReader(tokenizer), path)

    def test_context(self, tokenizer: WordTokenizer, write: Write) -> None:
        path = write("-DOCSTART- O\n\nVexford B-LOC\n\nMarlow B-LOC\n\n-DOCSTART- O\n\nThere O\n")
        vexford, marlow, there = tokenizer.encode_words(["Vexford", "Marlow", "There"])

        def texts(**options: Any) -> List[List[int]]:
            return [i["words"].ids.tolist()[1:-1] for i in read(NerReader(tokenizer, **options), path)]

        assert texts() == [vexford + marlow, vexford + marlow, there]
        assert texts(context="sentence") == [vexford, marlow, there]
        assert max(map(len, texts(max_length=5, max_span_length=3))) == 3

    def test_limits_of_candidates(self, tokenizer: WordTokenizer, write: Write) -> None:
        path = write("".join(f"{word} O\n" for word in "a b c d".split()))
        assert set(map(len, tokenizer.encode_words("abcd"))) == {1}
        found = metadata_of(read(NerReader(tokenizer, max_span_length=2, max_entities=3), path))
        assert [(data["chunk"], data["num_chunks"], data["candidates"]) for data in found] == [
            (0, 3, [(0, 1), (0, 2), (1, 2)]),
            (1, 3, [(1, 3), (2, 3), (2, 4)]),
            (2, 3, [(3, 4)]),
        ]

    def test_max_instances(
        self, tokenizer: WordTokenizer, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        path = write("a B-PER\nb I-PER\n\n" * 7)
        instances = read(NerReader(tokenizer, max_span_length=1, max_instances=2), path)
        assert keys_of(instances) == [("0", 0, 0), ("1", 0, 0)]
        assert ": 2 instances" in caplog.text and "2 gold entities are longer than 1 tokens" in caplog.text


class TestNothingIsLost:
    def test_long_sentence(self, tokenizer: WordTokenizer, fixtures_dir: Path) -> None:
        instances = read(NerReader(tokenizer), fixtures_dir / "ner" / "long_sentence.conll")
        long = [instance for instance in instances if instance["metadata"].metadata["sentence"] == 1]
        data = metadata_of(long)
        words = data[0]["words"]
        lengths = [len(pieces) for pieces in tokenizer.encode_words(words)]
        assert sum(lengths) > 510
        assert len({tuple(instance["words"].ids.tolist()) for instance in long}) > 1
        assert Counter(candidate for chunk in data for candidate in chunk["candidates"]) == {
            (start, end): 1
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
            if sum(lengths[start:end]) <= 16
        }
        assert all(len(instance["words"]) <= 512 for instance in instances)
        labels = [label for instance in long for label in instance["labels"].labels.values()]
        assert len(labels) == len(data[0]["gold"]) == 120

    def test_long_entity_is_listed_and_missed(
        self, tokenizer: WordTokenizer, fixtures_dir: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = fixtures_dir / "ner" / "long_entity.conll"
        instances = read(NerReader(tokenizer), path)
        [warning] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert warning.startswith(f"{path}: 1 gold entities are longer than 16 tokens")
        assert "line 11: MISC 'A Full and Faithful Account" in warning
        vocab = Vocabulary.from_instances(instances)
        assert set(vocab.get_token_to_index_vocabulary("labels")) == {NIL, "PER", "LOC"}
        scores = oracle_scores(instances, vocab)
        assert (scores["precision"], scores["recall"], scores["recall_MISC"]) == (1.0, 3 / 4, 0.0)

        caplog.clear()
        instances = read(NerReader(tokenizer, max_span_length=40), path)
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
        scores = oracle_scores(instances, Vocabulary.from_instances(instances))
        assert scores["recall"] == 1.0

    def test_unknown_label_is_missed(self, tokenizer: WordTokenizer, write: Write) -> None:
        reader = NerReader(tokenizer)
        vocab = Vocabulary({"labels": {NIL: 2, "LOC": 1}})
        instances = read(reader, write("Vexford B-LOC\nCopper B-SHIP\nLantern I-SHIP\n\nMoon B-SHIP\n"))
        scores = oracle_scores(instances, vocab)
        assert (scores["recall"], scores["precision"], scores["recall_SHIP"]) == (1 / 3, 1.0, 0.0)

    @pytest.mark.parametrize("num_workers", [0, 2])
    def test_each_reader_warns_once_of_an_unknown_label(
        self, tokenizer: WordTokenizer, write: Write, caplog: pytest.LogCaptureFixture, num_workers: int
    ) -> None:
        vocab = Vocabulary({"labels": {NIL: 2, "LOC": 1}})
        path = write("Copper B-SHIP\n\nMoon B-SHIP\n\nLantern B-SHIP\n")
        first, second = NerReader(tokenizer), NerReader(tokenizer)
        for reader, warnings in ((first, 1), (first, 1), (second, 2)):
            loader = MultiProcessDataLoader(reader, path, batch_size=1, num_workers=num_workers)
            loader.index_with(vocab)
            assert len(list(loader)) == 3
            message = "The label 'SHIP' is not among the 2 that the model was trained with"
            assert caplog.text.count(message) == warnings

    def test_sentence_without_candidates_and_unaligned_entity_count(
        self, tokenizer: WordTokenizer, write: Write
    ) -> None:
        # One word, too long to be a candidate, and an entity within a word.
        records = [
            {"text": "Vexford won", "entities": [[0, 7, "LOC"]]},
            {"text": "xq" * 300, "entities": [[0, 600, "LOC"]]},
            {"text": "Vexforders", "entities": [[0, 7, "LOC"]]},
        ]
        instances = read(NerReader(tokenizer), write("\n".join(map(json.dumps, records))))
        assert [len(data["candidates"]) for data in metadata_of(instances)] == [3, 0, 1]
        scores = oracle_scores(instances, Vocabulary.from_instances(instances))
        assert (scores["recall"], scores["precision"]) == (1 / 3, 1.0)


@pytest.mark.parametrize(("undivided", "tokenized"), [("sentences", 20), ("document", 40)])
def test_a_worker_makes_chunks_of_its_share_alone(
    tokenizer: WordTokenizer, write: Write, monkeypatch: pytest.MonkeyPatch, undivided: str, tokenized: int
) -> None:
    path = write("\n".join(f"Oslo B-LOC\nword{number} O\n" for number in range(20)))
    words: List[str] = []
    encode_words = tokenizer.encode_words
    monkeypatch.setattr(tokenizer, "encode_words", lambda given: words.extend(given) or encode_words(given))
    instances = read(NerReader(tokenizer, undivided=undivided), path)
    found: Dict[Any, Instance] = {}
    for number in range(2):
        words.clear()
        reader = NerReader(tokenizer, undivided=undivided)
        reader._set_worker_info(WorkerInfo(2, number))
        share = read(reader, path)
        # One document is tokenized by both: its sentences are context of each other.
        assert (len(share), len(words)) == (10, tokenized)
        found.update(zip(keys_of(share), share, strict=True))
    assert found == dict(zip(keys_of(instances), instances, strict=True))
