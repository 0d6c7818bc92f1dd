"""What the readers of all tasks share."""

from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.data.dataset_readers.dataset_reader import DistributedInfo, WorkerInfo
from allennlp.data.fields import MetadataField
from allennlp.data.tokenizers import WhitespaceTokenizer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.base.reader import TaskReader


class Line(NamedTuple):
    where: str
    words: List[str]
    label: Optional[str]


class LineReader(TaskReader[Line, str]):
    """Each line `label: word word` is an example, each word an instance; `tokenized` has what was split."""

    tokenized: List[List[str]] = []

    def read_examples(self, file_path: str) -> Iterator[Line]:
        for number, line in enumerate(Path(file_path).read_text().splitlines(), start=1):
            label, words = line.split(":")
            yield Line(f"{file_path}, line {number}", words.split(), label or None)

    def items(self, example: Line) -> List[str]:
        self.tokenized = [*self.tokenized, example.words]
        return example.words

    def is_labeled(self, example: Line) -> bool:
        return example.label is not None

    def describe(self, example: Line) -> str:
        return example.where

    def text_to_instance(self, item: str, labeled: bool = False) -> Instance:
        return Instance({"word": MetadataField((item, labeled))})


@pytest.fixture
def tokenizer(fixtures_dir: Path) -> WordTokenizer:
    return WordTokenizer(str(fixtures_dir / "tiny-luke"))


def words_of(instances: List[Instance]) -> List[str]:
    return [instance["word"].metadata[0] for instance in instances]  # type: ignore[attr-defined]


@pytest.fixture
def data(tmp_path: Path) -> str:
    (tmp_path / "data.txt").write_text("x: a b c\ny: d\nx: e f g\n")
    return str(tmp_path / "data.txt")


def test_reads_all_or_the_first(tokenizer: WordTokenizer, data: str) -> None:
    instances = list(LineReader(tokenizer).read(data))
    assert words_of(instances) == list("abcdefg")
    assert all(instance["word"].metadata[1] for instance in instances)  # type: ignore[attr-defined]
    assert words_of(list(LineReader(tokenizer, max_instances=5).read(data))) == list("abcde")


def test_processes_get_equal_shares(tokenizer: WordTokenizer, data: str) -> None:
    shares = []
    for rank in range(3):
        reader = LineReader(tokenizer, max_instances=5)
        reader._set_distributed_info(DistributedInfo(3, rank))
        shares.append(words_of(list(reader.read(data))))
    assert shares == [["a", "d"], ["b", "e"], ["c", "d"]]


def in_worker(reader: LineReader, number: int, of: int, rank: int = 0, world_size: int = 1) -> LineReader:
    reader._set_worker_info(WorkerInfo(of, number))
    if world_size > 1:
        reader._set_distributed_info(DistributedInfo(world_size, rank))
    return reader


def test_a_worker_tokenizes_its_share_alone(tokenizer: WordTokenizer, data: str) -> None:
    readers = [in_worker(LineReader(tokenizer), number, of=2) for number in range(2)]
    assert [words_of(list(reader.read(data))) for reader in readers] == [list("abcefg"), ["d"]]
    assert [reader.tokenized for reader in readers] == [[list("abc"), list("efg")], [["d"]]]


def test_examples_of_one_source_go_to_one_worker(tokenizer: WordTokenizer, tmp_path: Path) -> None:
    class SourceReader(LineReader):
        def source(self, example: Line) -> object:
            return example.label

    path = tmp_path / "data.txt"
    path.write_text("x: a\nx: b\ny: c\ny: d\nz: e\nx: f\n")
    shares = [
        words_of(list(in_worker(SourceReader(tokenizer), number, of=3).read(path))) for number in range(3)
    ]
    assert shares == [["a", "b", "f"], ["c", "d"], ["e"]]


def test_max_instances_counts_over_all_workers(tokenizer: WordTokenizer, data: str) -> None:
    shares = [
        words_of(list(in_worker(LineReader(tokenizer, max_instances=5), number, of=2).read(data)))
        for number in range(2)
    ]
    assert shares == [["a", "c", "e"], ["b", "d"]]


@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=12),
    world_size=st.integers(1, 3),
    num_workers=st.integers(1, 3),
    max_instances=st.none() | st.integers(1, 9),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_processes_with_workers_get_equal_shares_of_all(
    tokenizer: WordTokenizer,
    tmp_path: Path,
    lengths: List[int],
    world_size: int,
    num_workers: int,
    max_instances: Optional[int],
) -> None:
    words = iter(range(99))
    lines = [" ".join(str(next(words)) for _ in range(length)) for length in lengths]
    path = tmp_path / "data.txt"
    path.write_text("".join(f"x: {line}\n" for line in lines))
    hands: List[List[str]] = []
    for rank in range(world_size):
        hands.append([])
        for number in range(num_workers):
            reader = LineReader(tokenizer, max_instances=max_instances)
            hands[-1] += words_of(list(in_worker(reader, number, num_workers, rank, world_size).read(path)))
    expected = " ".join(lines).split()[:max_instances]
    assert {word for hand in hands for word in hand} == set(expected)
    assert len({len(hand) for hand in hands}) == 1
    assert sum(map(len, hands)) - len(expected) < world_size * num_workers


def test_workers_share_the_work(tokenizer: WordTokenizer, data: str) -> None:
    loader = MultiProcessDataLoader(LineReader(tokenizer), data, batch_size=1, num_workers=2)
    loader.index_with(Vocabulary())
    assert sorted(words_of(list(loader.iter_instances()))) == list("abcdefg")


def test_labels_are_all_there_or_none(tokenizer: WordTokenizer, tmp_path: Path) -> None:
    reader = LineReader(tokenizer)
    path = tmp_path / "data.txt"
    path.write_text(": a\n: b\n")
    assert [instance["word"].metadata for instance in reader.read(path)] == [  # type: ignore[attr-defined]
        ("a", False),
        ("b", False),
    ]
    with pytest.raises(ConfigurationError, match="data.txt, line 1: is without labels; training"):
        reader.check_file(str(path))
    for text, bare, labeled in (("x: a\n: b\n", 2, 1), (": a\n: b\nx: c", 1, 3)):
        path.write_text(text)
        with pytest.raises(
            ConfigurationError, match=f"line {bare}: is without labels, while .*, line {labeled} has them"
        ):
            list(reader.read(path))
    path.write_text("x: a\n")
    reader.check_file(str(path))


def test_another_tokenizer() -> None:
    with pytest.raises(ConfigurationError, match="is a WhitespaceTokenizer; expected one of type 'luke'"):
        LineReader(WhitespaceTokenizer())
