"""From files to instances and, with a model that knows the answers, to scores."""

import json
import logging
import re
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import pytest
import torch
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model_from_file
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance, Vocabulary
from allennlp.data.batch import Batch
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.data.dataset_readers.dataset_reader import DistributedInfo, WorkerInfo
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.predictors import Predictor
from torch import Tensor, nn

from luke_allennlp.data.segmentation import WhitespaceSegmenter
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.ner.examples import LabeledSpan
from luke_allennlp.tasks.ner.metric import NerMetric, SentencePrediction
from luke_allennlp.tasks.ner.model import NerModel
from luke_allennlp.tasks.ner.reader import NIL, NerReader
from luke_allennlp.token_embedders import LukeEmbedder
from tests.conftest import small_corpus

COUNTS = "12 documents, 42 sentences, 522 words, 82 entities (LOC 24, MISC 18, ORG 17, PER 23)"


@pytest.fixture(scope="module")
def tokenizer(fixtures_dir: Path) -> WordTokenizer:
    return WordTokenizer(str(fixtures_dir / "tiny-luke"))


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "data.txt"
        path.write_bytes(text.encode(encoding))
        return path

    return write


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


def read(reader: DatasetReader, path: Path) -> List[Instance]:
    return list(reader.read(str(path)))


def gold_scores(instances: List[Instance]) -> Dict[str, float]:
    """The scores of the gold labels of the candidates in place of a model's predictions."""
    metric = NerMetric()
    for instance, data in zip(instances, metadata_of(instances), strict=True):
        labels = instance["labels"].human_readable_repr()
        found = [
            (*span, label, 1.0)
            for span, label in zip(data["candidates"], labels, strict=True)
            if label != NIL
        ]
        prediction = SentencePrediction(
            document_index=data["document_index"],
            document=data["document"],
            sentence=data["sentence"],
            num_words=len(data["words"]),
            num_chunks=data["num_chunks"],
            gold=data["gold"],
            unaligned=data["unaligned"],
            predictions={data["chunk"]: found},
        )
        metric([(prediction.key, prediction)])
    return metric.get_metric(reset=True)


class Oracle(nn.Module):
    """In place of a classifier: finds the labels of the batch, which the test tells it."""

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.num_labels = num_labels
        self.labels = torch.zeros(0)

    def forward(self, features: Tensor) -> Tensor:
        return 9.0 * nn.functional.one_hot(self.labels.clamp(min=0), self.num_labels)


def evaluate_oracle(instances: List[Instance], fixtures_dir: Path, vocab: Vocabulary) -> Dict[str, float]:
    """The scores of a model that labels every candidate right."""
    embedder = LukeEmbedder(str(fixtures_dir / "tiny-luke"), entities=["[PAD]", "[MASK]"])
    model = NerModel(vocab, embedder).eval()
    model.classifier = Oracle(vocab.get_vocab_size("labels"))
    for at in range(0, len(instances), 8):
        batch = Batch(instances[at : at + 8])
        batch.index_instances(vocab)
        tensors = batch.as_tensor_dict()
        model.classifier.labels = tensors["labels"]
        model(**tensors)
    return model.get_metrics(reset=True)


class TestFormats:
    def test_conll(
        self, tokenizer: WordTokenizer, fixtures_dir: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            instances = read(NerReader(tokenizer), fixtures_dir / "ner" / "test.conll")
        assert f"test.conll: {COUNTS}" in caplog.text
        assert "test.conll: the tag scheme is recognised as IOB1" in caplog.text
        assert f"test.conll: {len(instances)} instances" in caplog.text
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

        # Blocks of lines are sentences; the file has no blank line at its end.
        text = (fixtures_dir / "ner" / "test.conll").read_text(encoding="utf-8")
        assert not text.endswith("\n\n")
        blocks = [block.split("\n") for block in text.rstrip("\n").split("\n\n")]
        sentences = [[line.split(" ")[0] for line in block] for block in blocks if block[0][:5] != "-DOCS"]
        first_chunks = [data for data in metadata_of(instances) if data["chunk"] == 0]
        assert [data["words"] for data in first_chunks] == sentences
        assert Counter(label for gold in gold_of(instances) for label, _ in gold) == {
            "LOC": 24,
            "MISC": 18,
            "ORG": 17,
            "PER": 23,
        }

    def test_fields(self, tokenizer: WordTokenizer, write: Write) -> None:
        path = write("-DOCSTART- O\n\nMirel B-PER\nTressick I-PER\nwins O\n\nVexford B-LOC\n")
        first, second = read(NerReader(tokenizer), path)
        words = ["Mirel", "Tressick", "wins", "Vexford"]
        pieces = tokenizer.encode_words(words)
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

    def test_tokens_are_read_as_columns_are(self, tokenizer: WordTokenizer, fixtures_dir: Path) -> None:
        reader = NerReader(tokenizer)
        columns = read(reader, fixtures_dir / "ner" / "test.conll")
        tokens = read(reader, fixtures_dir / "ner" / "tokens.jsonl")
        assert len(columns) == len(tokens)
        for theirs, ours in zip(columns, tokens, strict=True):
            assert theirs["words"].ids.tolist() == ours["words"].ids.tolist()
            assert theirs["entities"].spans.tolist() == ours["entities"].spans.tolist()
            assert theirs["labels"].human_readable_repr() == ours["labels"].human_readable_repr()
            [expected], [found] = metadata_of([theirs]), metadata_of([ours])
            assert found == {**expected, "document": f"test-{expected['document']}"}

    def test_texts_have_the_same_entities(
        self, tokenizer: WordTokenizer, fixtures_dir: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        reader = NerReader(tokenizer)
        columns = gold_of(read(reader, fixtures_dir / "ner" / "test.conll"))
        with caplog.at_level(logging.INFO):
            texts = gold_of(read(reader, fixtures_dir / "ner" / "documents.jsonl"))
        assert "82 entities (LOC 24, MISC 18, ORG 17, PER 23)" in caplog.text
        # Words may be divided otherwise: `to-night` or `'s`.
        assert [[(label, words.replace(" ", "")) for label, words in gold] for gold in texts] == [
            [(label, words.replace(" ", "")) for label, words in gold] for gold in columns
        ]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('\n{"tokens": ["a", "b"]}\n', ["a", "b"]),
            ('[ O\n{ O\n"text" O\n', ["[", "{", '"text"']),
            ('{"text" O\nis O\n', None),  # a damaged object is no column file
            ("{} O\n", ["{}"]),
        ],
    )
    def test_what_a_file_is(self, tokenizer: WordTokenizer, write: Write, text: str, words: Any) -> None:
        reader = NerReader(tokenizer)
        if words is None:
            with pytest.raises(ConfigurationError, match="data.txt, line 1: is not JSON"):
                read(reader, write(text))
        else:
            [instance] = read(reader, write(text))
            assert instance["metadata"].metadata["words"] == words

    def test_unaligned_entities_count_as_missed(self, tokenizer: WordTokenizer, write: Write) -> None:
        record = {"text": "Vexforders left.", "entities": [[0, 7, "LOC"]]}
        [instance] = read(NerReader(tokenizer), write(json.dumps(record)))
        assert instance["metadata"].metadata["unaligned"] == ["LOC"]
        assert gold_scores([instance])["recall_LOC"] == 0.0


class TestOptions:
    def test_columns_separator_encoding_and_scheme(self, tokenizer: WordTokenizer, write: Write) -> None:
        path = write("1|B-PER|Zoë|x\n2|I-PER|Haldane|x\n3|B-PER|Ruvin|x\n", "latin-1")
        reader = NerReader(
            tokenizer, word_column=2, tag_column=1, separator="|", encoding="latin-1", tag_scheme="iob2"
        )
        assert gold_of(read(reader, path)) == [[("PER", "Zoë Haldane"), ("PER", "Ruvin")]]
        with pytest.raises(ConfigurationError, match="line 1"):
            read(NerReader(tokenizer), path)

    def test_comments(self, tokenizer: WordTokenizer, write: Write) -> None:
        path = write("% a\nVexford B-LOC\n")
        [instance] = read(NerReader(tokenizer, comment_prefix="%"), path)
        assert instance["metadata"].metadata["words"] == ["Vexford"]
        with pytest.raises(ConfigurationError, match="line 1"):
            read(NerReader(tokenizer, comment_prefix=None), path)

    def test_undivided(self, tokenizer: WordTokenizer, write: Write) -> None:
        path = write("Vexford B-LOC\n\nMarlow B-LOC\n")
        assert keys_of(read(NerReader(tokenizer), path)) == [("0", 0, 0), ("1", 0, 0)]
        instances = read(NerReader(tokenizer, undivided="document"), path)
        assert keys_of(instances) == [("0", 0, 0), ("0", 1, 0)]
        assert instances[0]["words"].ids.tolist() == instances[1]["words"].ids.tolist()

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
        instances = read(NerReader(tokenizer, max_span_length=2, max_entities=3), path)
        assert [data["candidates"] for data in metadata_of(instances)] == [
            [(0, 1), (0, 2), (1, 2)],
            [(1, 3), (2, 3), (2, 4)],
            [(3, 4)],
        ]
        numbers = [(data["chunk"], data["num_chunks"]) for data in metadata_of(instances)]
        assert numbers == [(0, 3), (1, 3), (2, 3)]

    def test_segmenter(self, tokenizer: WordTokenizer, write: Write) -> None:
        path = write(json.dumps({"text": "Mr. Tressick's cup. It won!"}))
        words = [data["words"] for data in metadata_of(read(NerReader(tokenizer), path))]
        assert words == [["Mr.", "Tressick", "'s", "cup", "."], ["It", "won", "!"]]
        [data] = metadata_of(read(NerReader(tokenizer, segmenter=WhitespaceSegmenter()), path))
        assert data["words"] == ["Mr.", "Tressick's", "cup.", "It", "won!"]

    def test_without_tags(self, tokenizer: WordTokenizer, write: Write) -> None:
        instances = read(NerReader(tokenizer, tag_column=None), write("Vexford\nwon\n\nIt\n"))
        assert [data["words"] for data in metadata_of(instances)] == [["Vexford", "won"], ["It"]]
        assert all("labels" not in instance.fields for instance in instances)

    def test_log_with_max_instances(
        self, tokenizer: WordTokenizer, write: Write, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        reader = NerReader(tokenizer, max_span_length=1, max_instances=2)
        read(reader, write("a B-PER\nb I-PER\n\n" * 7))
        assert ": 2 instances" in caplog.text and "2 gold entities are longer than 1 tokens" in caplog.text

    def test_max_instances(self, tokenizer: WordTokenizer, fixtures_dir: Path) -> None:
        path = fixtures_dir / "ner" / "test.conll"
        everything = keys_of(read(NerReader(tokenizer), path))
        assert keys_of(read(NerReader(tokenizer, max_instances=7), path)) == everything[:7]
        assert keys_of(read(NerReader(tokenizer, max_instances=7000), path)) == everything

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"context": "paragraph"}, "context is 'paragraph'; expected 'document' or 'sentence'"),
            ({"max_span_length": 0}, "max_span_length is 0"),
            ({"max_entities": -1}, "max_entities is -1"),
            ({"undivided": "lines"}, "undivided is 'lines'; expected 'sentences' or 'document'"),
            ({"separator": ""}, "separator is empty"),
            ({"tag_scheme": "x"}, "tag_scheme 'x'"),
            ({"duplicate_spans": "last"}, "duplicate_spans is 'last'; expected 'error' or 'first'"),
            ({"label_map": {"person": ""}}, "label_map has '' for 'person'"),
            ({"max_length": 10}, "max_length is 10"),
            ({"tokenizer": WhitespaceTokenizer()}, "WhitespaceTokenizer; expected one of type 'luke'"),
        ],
    )
    def test_wrong_options(self, tokenizer: WordTokenizer, options: Dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            NerReader(**{"tokenizer": tokenizer, **options})


class TestNothingIsLost:
    def test_long_sentence(self, tokenizer: WordTokenizer, fixtures_dir: Path) -> None:
        reader = NerReader(tokenizer)
        instances = read(reader, fixtures_dir / "ner" / "long_sentence.conll")
        data = [data for data in metadata_of(instances) if data["sentence"] == 1]
        words = data[0]["words"]
        lengths = [len(pieces) for pieces in tokenizer.encode_words(words)]
        assert sum(lengths) > 510
        long = [instance for instance in instances if instance["metadata"].metadata["sentence"] == 1]
        assert len({tuple(instance["words"].ids.tolist()) for instance in long}) > 1
        found = [candidate for chunk in data for candidate in chunk["candidates"]]
        assert Counter(found) == {
            (start, end): 1
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
            if sum(lengths[start:end]) <= 16
        }
        assert all(len(instance["words"]) <= 512 for instance in instances)
        labels = [label for instance in long for label in instance["labels"].labels.values()]
        assert len(labels) == len(data[0]["gold"]) == 120
        assert gold_scores(instances)["f1"] == 1.0

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
        scores = evaluate_oracle(instances, fixtures_dir, vocab)
        assert scores["precision"] == 1.0
        assert scores["recall"] == 3 / 4
        assert scores["recall_MISC"] == 0.0

        caplog.clear()
        instances = read(NerReader(tokenizer, max_span_length=40), path)
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
        scores = evaluate_oracle(instances, fixtures_dir, Vocabulary.from_instances(instances))
        assert scores["recall"] == 1.0

    def test_unknown_label_is_missed_with_a_warning(
        self,
        tokenizer: WordTokenizer,
        fixtures_dir: Path,
        write: Write,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        reader = NerReader(tokenizer)
        vocab = Vocabulary.from_instances(read(reader, write("Vexford B-LOC\nwon O\n")))
        instances = read(reader, write("Vexford B-LOC\nCopper B-SHIP\nLantern I-SHIP\n\nMoon B-SHIP\n"))
        scores = evaluate_oracle(instances, fixtures_dir, vocab)
        assert (scores["recall"], scores["precision"]) == (1 / 3, 1.0)
        assert scores["recall_SHIP"] == 0.0
        assert caplog.text.count("The label 'SHIP' is not among the 2 that the model was trained with") == 1

    @pytest.mark.parametrize("num_workers", [0, 2])
    def test_each_reader_warns_once_of_a_label(
        self, tokenizer: WordTokenizer, write: Write, caplog: pytest.LogCaptureFixture, num_workers: int
    ) -> None:
        vocab = Vocabulary({"labels": {NIL: 2, "LOC": 1}})
        path = write("Copper B-SHIP\n\nMoon B-SHIP\n\nLantern B-SHIP\n")
        reader = NerReader(tokenizer)
        for _ in range(2):
            loader = MultiProcessDataLoader(reader, str(path), batch_size=1, num_workers=num_workers)
            loader.index_with(vocab)
            assert len(list(loader)) == 3
        assert caplog.text.count("The label 'SHIP' is not among the 2") == 1
        loader = MultiProcessDataLoader(NerReader(tokenizer), str(path), batch_size=1)
        loader.index_with(vocab)
        list(loader)
        assert caplog.text.count("The label 'SHIP' is not among the 2") == 2

    def test_sentence_without_candidates_counts(
        self, tokenizer: WordTokenizer, fixtures_dir: Path, write: Write
    ) -> None:
        # One word, too long to be a candidate.
        instances = read(NerReader(tokenizer), write(f"Vexford B-LOC\nwon O\n\n{'xq' * 300} B-LOC\n"))
        assert [len(data["candidates"]) for data in metadata_of(instances)] == [3, 0]
        scores = evaluate_oracle(instances, fixtures_dir, Vocabulary.from_instances(instances))
        assert (scores["recall"], scores["precision"]) == (0.5, 1.0)


class TestSharing:
    def test_workers_of_a_data_loader(self, tokenizer: WordTokenizer, fixtures_dir: Path) -> None:
        path = str(fixtures_dir / "ner" / "test.conll")
        reader = NerReader(tokenizer)
        expected = sorted(keys_of(read(reader, Path(path))))
        loader = MultiProcessDataLoader(reader, path, batch_size=4, num_workers=2)
        assert sorted(keys_of(list(loader.iter_instances()))) == expected
        # And batch by batch, without keeping the instances.
        loader = MultiProcessDataLoader(reader, path, batch_size=4, num_workers=2, max_instances_in_memory=8)
        loader.index_with(Vocabulary.from_instances(read(reader, Path(path))))
        found = [
            (data["document"], data["sentence"], data["chunk"])
            for batch in loader
            for data in batch["metadata"]
        ]
        assert sorted(found) == expected

    @pytest.mark.parametrize("max_instances", [None, 7, 8])
    def test_processes_and_workers(
        self, tokenizer: WordTokenizer, fixtures_dir: Path, max_instances: int
    ) -> None:
        path = fixtures_dir / "ner" / "test.conll"
        expected = keys_of(read(NerReader(tokenizer, max_instances=max_instances), path))
        world_size = 3
        shares: List[List[Any]] = []
        for rank in range(world_size):
            share: List[Any] = []
            for worker in range(2):
                reader = NerReader(tokenizer, max_instances=max_instances)
                reader._set_distributed_info(DistributedInfo(world_size, rank))
                reader._set_worker_info(WorkerInfo(2, worker))
                share.extend(keys_of(read(reader, path)))
            shares.append(share)
        # All processes get the same number, every instance comes, and none comes twice but to fill up, what
        # each worker has once.
        assert len(set(map(len, shares))) == 1
        dealt = sum(shares, [])
        assert set(dealt) == set(expected)
        assert len(dealt) - len(expected) <= (world_size - 1) * 2

    @pytest.mark.parametrize("undivided", ["sentences", "document"])
    def test_a_worker_makes_chunks_of_its_share_alone(
        self, tokenizer: WordTokenizer, write: Write, monkeypatch: pytest.MonkeyPatch, undivided: str
    ) -> None:
        path = write("\n".join(f"Oslo B-LOC\nword{number} O\n" for number in range(20)))
        tokenized: List[str] = []
        encode_words = tokenizer.encode_words

        def counted(words: Sequence[str]) -> List[List[int]]:
            tokenized.extend(words)
            return encode_words(words)

        monkeypatch.setattr(tokenizer, "encode_words", counted)
        expected = {
            (data["document"], data["sentence"]): instance
            for instance in read(NerReader(tokenizer, undivided=undivided), path)
            for data in metadata_of([instance])
        }
        found = {}
        for number in range(2):
            tokenized.clear()
            reader = NerReader(tokenizer, undivided=undivided)
            reader._set_worker_info(WorkerInfo(2, number))
            share = read(reader, path)
            assert len(share) == 10
            # One document is tokenised by both: its sentences are context of each other.
            assert len(tokenized) == (20 if undivided == "sentences" else 40)
            found.update(
                {(data["document"], data["sentence"]): share[i] for i, data in enumerate(metadata_of(share))}
            )
        assert len(expected) == 20 and found == expected


@pytest.mark.shared
@pytest.mark.slow
class TestRealData:
    @pytest.fixture(scope="class")
    def roberta(self, shared_dir: Path) -> WordTokenizer:
        return WordTokenizer(str(shared_dir / "data" / "roberta_tokenizer"))

    @pytest.mark.parametrize(
        ("name", "documents", "sentences", "words", "entities", "too_long"),
        [
            ("wikigold/wikigold.conll.txt", 145, 1696, 39007, 3558, 2),
            ("wnut17/wnut17train.conll", 3394, 3394, 62730, 1975, 3),
            ("wnut17/emerging.dev.conll", 1009, 1009, 15733, 836, 1),
            ("wnut17/emerging.test.annotated", 1287, 1287, 23394, 1079, 2),
        ],
    )
    def test_counts_and_gold_against_gold(
        self,
        shared_dir: Path,
        roberta: WordTokenizer,
        caplog: pytest.LogCaptureFixture,
        name: str,
        documents: int,
        sentences: int,
        words: int,
        entities: int,
        too_long: int,
    ) -> None:
        with caplog.at_level(logging.INFO):
            instances = read(NerReader(roberta, context="sentence"), shared_dir / "data" / name)
        counts = f"{documents:,} documents, {sentences:,} sentences, {words:,} words, {entities:,} entities"
        assert counts in caplog.text
        assert f"{too_long} gold entities are longer than 16 tokens" in caplog.text
        first_chunks = [data for data in metadata_of(instances) if data["chunk"] == 0]
        assert len({data["document"] for data in first_chunks}) == documents
        assert len(first_chunks) == sentences
        assert sum(len(data["words"]) for data in first_chunks) == words

        # All but the longest are among the candidates.
        scores = gold_scores(instances)
        assert scores["recall"] == pytest.approx((entities - too_long) / entities)
        assert scores["precision"] == 1.0

    @pytest.mark.slow
    def test_an_epoch_on_wikigold(
        self,
        shared_dir: Path,
        root_dir: Path,
        fixtures_dir: Path,
        tmp_path: Path,
    ) -> None:
        data = str(shared_dir / "data" / "wikigold" / "wikigold.conll.txt")
        tokenizer = {"type": "luke", "model_name": str(fixtures_dir / "tiny-luke")}
        overrides = {
            "train_data_path": data,
            "validation_data_path": None,
            "dataset_reader.tokenizer": tokenizer,
            "data_loader.batch_size": 4,
            "trainer.optimizer.lr": 2e-3,
            "model.embedder.model_name": str(fixtures_dir / "tiny-luke"),
            "trainer.num_epochs": 1,
            "trainer.cuda_device": -1,
            "trainer.validation_metric": "-loss",
        }
        train_model_from_file(
            root_dir / "training_configs" / "ner" / "demo.jsonnet",
            tmp_path / "run",
            overrides=json.dumps(overrides),
            file_friendly_logging=True,
        )
        log = (tmp_path / "run" / "out.log").read_text(encoding="utf-8")
        assert "145 documents, 1,696 sentences, 39,007 words, 3,558 entities" in log
        metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
        assert metrics["epoch"] == 0 and metrics["training_loss"] < 0.2

        part = tmp_path / "part.conll"
        small_corpus(Path(data), part, 40)
        scores = evaluate_from_archive(str(tmp_path / "run" / "model.tar.gz"), str(part))
        # So tiny a model finds few names in one epoch; but it finds some.
        assert scores["loss"] < 0.1
        assert 0 < scores["f1"] < 1
        assert {name[3:] for name in scores if name.startswith("f1_")} == {"LOC", "MISC", "ORG", "PER"}

        predictor = Predictor.from_path(str(tmp_path / "run" / "model.tar.gz"), "luke_ner")
        text = "010 is the tenth album from Japanese Punk Techno band The Mad Capsule Markets ."
        prediction = predictor.predict_json({"text": text})
        assert prediction["text"] == text
        assert all(text[e["start"] : e["end"]] == e["text"] for e in prediction["entities"])
        sentences = predictor.predict_batch_instance(list(predictor._dataset_reader.read(str(part))))
        blocks = re.split(r"\n\s*\n|-DOCSTART-.*", part.read_text(encoding="utf-8"))
        assert len(sentences) == sum(1 for block in blocks if block.strip())
        found = [(output["text"], entity) for output in sentences for entity in output["entities"]]
        assert len(found) > 0
        assert all(text[entity["start"] : entity["end"]] == entity["text"] for text, entity in found)
