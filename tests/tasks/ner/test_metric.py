"""The metric against seqeval, and in any order of chunks."""

import random
from typing import Any, Dict, List, Sequence, Tuple

import pytest
from allennlp.common.checks import ConfigurationError
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score

from luke_allennlp.tasks.ner.examples import LabeledSpan
from luke_allennlp.tasks.ner.metric import NerMetric, SentencePrediction, non_overlapping

TYPES = ["LOC", "MISC", "ORG", "PER"]


def random_tags(generator: random.Random, length: int) -> List[str]:
    """Any tags at all: `I-` after `O` and `B-` after another type included."""
    return [
        generator.choice("BI") + "-" + generator.choice(TYPES) if generator.random() < 0.6 else "O"
        for _ in range(length)
    ]


def near(generator: random.Random, tags: Sequence[str]) -> List[str]:
    """The same tags with some replaced, so that some entities agree and some do not."""
    return [random_tags(generator, 1)[0] if generator.random() < 0.25 else tag for tag in tags]


def spans_of(tags: Sequence[str]) -> List[LabeledSpan]:
    """An entity is a longest run of tags of a type in which only the first may be `B-`."""
    spans = []
    position = 0
    while position < len(tags):
        end = position + 1
        if tags[position] != "O":
            while end < len(tags) and tags[end] == "I-" + tags[position][2:]:
                end += 1
            spans.append(LabeledSpan(position, end, tags[position][2:]))
        position = end
    return spans


def iob1(spans: Sequence[LabeledSpan], length: int) -> List[str]:
    tags = ["O"] * length
    for start, end, label in sorted(spans):
        tags[start:end] = ["I-" + label] * (end - start)
        if start > 0 and tags[start - 1][2:] == label:
            tags[start] = "B-" + label
    return tags


def iob2(spans: Sequence[LabeledSpan], length: int) -> List[str]:
    tags = ["O"] * length
    for start, end, label in spans:
        tags[start:end] = ["B-" + label] + ["I-" + label] * (end - start - 1)
    return tags


def seqeval_scores(gold: List[List[str]], predicted: List[List[str]]) -> Dict[str, float]:
    report: Any = classification_report(gold, predicted, output_dict=True, zero_division=0)
    scores = {
        "precision": precision_score(gold, predicted),
        "recall": recall_score(gold, predicted),
        "f1": f1_score(gold, predicted),
    }
    for label in TYPES:
        for name, key in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            scores[f"{name}_{label}"] = report[label][key]
    return scores


def chunks_of(
    generator: random.Random, num_words: int, gold: Sequence[LabeledSpan], **fields: Any
) -> List[SentencePrediction]:
    """Random overlapping predictions, among them some of the gold, in one to four chunks."""
    # Few distinct logits, so that the order of the candidates matters.
    predictions = [
        (start, end, generator.choice(TYPES), float(generator.randint(1, 6)))
        for start in range(num_words)
        for end in range(start + 1, min(start + 4, num_words) + 1)
        if generator.random() < 0.2
    ]
    spans = {prediction[:2] for prediction in predictions}
    for start, end, label in gold:
        if (start, end) not in spans and generator.random() < 0.7:
            predictions.append((start, end, label, generator.uniform(3, 8)))
    predictions.sort(key=lambda prediction: prediction[:2])
    fields.update(num_words=num_words, num_chunks=generator.randint(1, 4))
    size = -(-len(predictions) // fields["num_chunks"])
    return [
        part(predictions[chunk * size : (chunk + 1) * size], gold, chunk, **fields)
        for chunk in range(fields["num_chunks"])
    ]


def part(
    predictions: Sequence[Tuple[int, int, str, float]],
    gold: Sequence[Tuple[int, int, str]],
    chunk: int = 0,
    **fields: Any,
) -> SentencePrediction:
    """What a chunk says of its sentence."""
    values: Dict[str, Any] = {"document_index": 0, "document": "d", "sentence": 0, "num_chunks": 1}
    return SentencePrediction(
        **{**values, "num_words": 10, **fields},
        gold=[LabeledSpan(*span) for span in gold],
        predictions={chunk: list(predictions)},
    )


def add(metric: NerMetric, parts: Sequence[SentencePrediction]) -> None:
    metric((part.key, part) for part in parts)


def score(*batches: Sequence[SentencePrediction], **parameters: bool) -> Dict[str, float]:
    metric = NerMetric(**parameters)
    for batch in batches:
        add(metric, batch)
    return metric.get_metric(reset=True)


def decoded(parts: Sequence[SentencePrediction]) -> List[LabeledSpan]:
    predictions = [found for part in parts for chunk in part.predictions.values() for found in chunk]
    accepted: List[LabeledSpan] = []
    for start, end, label, _ in sorted(predictions, key=lambda prediction: prediction[3], reverse=True):
        if all(end <= other.start or other.end <= start for other in accepted):
            accepted.append(LabeledSpan(start, end, label))
    return accepted


class TestAgainstConlleval:
    def test_2000_random_tag_sequences(self):
        generator = random.Random(1)
        gold = [random_tags(generator, generator.randint(1, 15)) for _ in range(2000)]
        predicted = [near(generator, tags) for tags in gold]
        metric = NerMetric()
        for number, (gold_tags, predicted_tags) in enumerate(zip(gold, predicted, strict=True)):
            predictions = [(*span, generator.random()) for span in spans_of(predicted_tags)]
            add(metric, [part(predictions, spans_of(gold_tags), sentence=number)])
        scores = metric.get_metric(reset=False)
        assert 0.2 < scores["f1"] < 0.8
        assert scores == pytest.approx(seqeval_scores(gold, predicted), abs=1e-12)
        assert metric.get_metric(reset=True) == scores

    @pytest.mark.parametrize("seed", range(3))
    def test_flat_scoring_of_the_paper(self, seed):
        generator = random.Random(seed)
        gold: List[str] = []
        predicted: List[str] = []
        sentences: List[SentencePrediction] = []
        for number in range(400):
            # Many short sentences: entities that fill a sentence merge into chains.
            length = generator.randint(1, 4)
            gold_spans = spans_of(random_tags(generator, length))
            chunks = chunks_of(generator, length, gold_spans, sentence=number)
            gold += iob1(gold_spans, length)
            predicted += iob2(decoded(chunks), length)
            sentences += chunks
        previous = ""
        for position, tag in enumerate(predicted):
            if tag[0] == "B" and tag[2:] != previous:
                predicted[position] = "I-" + tag[2:]
            previous = tag[2:]
        # In any order, some of them twice, in batches of any size.
        sentences += generator.sample(sentences, 20)
        generator.shuffle(sentences)
        at = len(sentences) // 3
        scores = score(sentences[:at], sentences[at:], paper_compatible=True)

        paper = {name[len("paper_") :]: value for name, value in scores.items() if name.startswith("paper_")}
        assert set(paper) == {"precision", "recall", "f1"}
        seqeval = seqeval_scores([gold], [predicted])
        assert paper == pytest.approx({name: seqeval[name] for name in paper}, abs=1e-12)
        assert scores["f1"] > paper["f1"] > 0.1


@pytest.mark.parametrize("seed", range(50))
def test_non_overlapping_equals_decoding_by_rounds(seed: int) -> None:
    generator = random.Random(seed)
    starts = [generator.randint(0, 12) for _ in range(seed % 20)]
    spans = [(start, start + generator.randint(1, 6)) for start in starts]
    # Few distinct values, so that ties, which the earlier span wins, are common.
    scores = [float(generator.randint(-2, 2)) for _ in spans]
    left, accepted = list(range(len(spans))), []
    while left:
        winner = max(left, key=lambda index: (scores[index], -index))
        accepted.append(winner)
        left = [index for index in left if {*range(*spans[index])}.isdisjoint(range(*spans[winner]))]
    assert non_overlapping(spans, scores) == sorted(accepted, key=lambda index: spans[index])


class TestPaperCompatible:
    def test_gold_entities_merge_where_sentences_meet(self):
        first = part([(1, 2, "PER", 1.0)], [(1, 2, "PER")], num_words=2, sentence=0)
        second = part(
            [(0, 1, "PER", 1.0), (1, 2, "LOC", 1.0)], [(0, 1, "PER"), (1, 2, "LOC")], num_words=2, sentence=1
        )
        scores = score([second, first], paper_compatible=True)
        assert scores["f1"] == 1.0
        # Gold: PER over the junction, and LOC; predicted: two PER, which stay apart, and LOC.
        assert scores["paper_precision"] == pytest.approx(1 / 3)
        assert scores["paper_recall"] == pytest.approx(1 / 2)
        assert scores["paper_f1"] == pytest.approx(2 / 5)

    def test_documents_are_ordered_by_their_index(self):
        first = part([], [(9, 10, "PER")], document="z", document_index=0)
        second = part([], [(0, 1, "PER")], document="a", document_index=1)
        hit = part([(5, 6, "LOC", 1.0)], [(5, 6, "LOC")], document="b", document_index=2)
        assert score([hit, second, first], paper_compatible=True)["paper_recall"] == 1 / 2

    def test_needs_flat_predictions(self):
        with pytest.raises(ConfigurationError, match="flat"):
            NerMetric(flat=False, paper_compatible=True)

    def test_is_left_out_once_where_gold_entities_overlap(self, caplog):
        flat = part([(0, 1, "PER", 1.0)], [(0, 1, "PER")], document="news", sentence=6)
        overlapping = [
            part([], [(0, 3, "ORG"), (2, 4, "LOC")], document="news", sentence=number) for number in (9, 7)
        ]
        metric = NerMetric(paper_compatible=True)
        with caplog.at_level("WARNING"):
            add(metric, [flat, *overlapping])
            metric.get_metric(reset=False)
            scores = metric.get_metric(reset=True)
        assert scores["recall"] == 1 / 5
        assert not any(name.startswith("paper_") for name in scores)
        (record,) = caplog.records
        assert "sentence 7 of document 'news'" in record.getMessage()

        add(metric, [flat])
        assert metric.get_metric(reset=True)["paper_f1"] == 1.0
        assert len(caplog.records) == 1


class TestNerMetric:
    def test_a_chunk_missing_at_the_end_is_warned_of(self, caplog):
        missing = part([(0, 1, "PER", 1.0)], [(0, 1, "PER"), (2, 3, "PER")], chunk=1, num_chunks=3)
        complete = part([(0, 1, "LOC", 1.0)], [(0, 1, "LOC")], sentence=1)
        with caplog.at_level("WARNING"):
            scores = score([missing, complete])
        assert scores["recall"] == pytest.approx(2 / 3) and scores["precision"] == 1.0
        assert "1 of 2 sentences" in caplog.text and "1 of 3 chunks" in caplog.text

    def test_long_and_unaligned_gold_entities_are_missed(self):
        scores = score(
            [part([(0, 1, "PER", 1.0)], [(0, 1, "PER"), (1, 10, "ORG")], unaligned=["PER"])],
            paper_compatible=True,
        )
        assert scores["recall"] == scores["paper_recall"] == pytest.approx(1 / 3)
        assert scores["recall_PER"] == 1 / 2 and scores["recall_ORG"] == 0.0 and scores["f1_ORG"] == 0.0
        assert scores["precision"] == 1.0

    def test_nested_entities_are_kept_if_not_flat(self):
        nested = part(
            [(0, 5, "ORG", 2.0), (3, 5, "LOC", 1.0), (3, 5, "PER", 0.5)], [(0, 5, "ORG"), (3, 5, "LOC")]
        )
        assert score([nested], flat=False)["f1"] == 1.0
        assert score([nested], flat=True)["recall"] == 1 / 2

    def test_nothing_counted_is_zero(self):
        empty = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
        assert score() == empty
        assert score([part([], [])]) == empty
        assert score([part([(0, 1, "PER", 1.0)], [])])["precision_PER"] == 0.0
