"""What the readers of all tasks share."""

from collections import Counter
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple, Optional, Tuple, Type

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.data.dataset_readers.dataset_reader import DistributedInfo, WorkerInfo
from allennlp.data.fields import MetadataField
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.base.counts import FileCounts
from luke_allennlp.tasks.base.reader import TaskReader
from tests.tasks.support import FIXTURES


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

    def text_to_instance(self, item: str, labeled: bool = False) -> Instance:
        return Instance({"word": MetadataField((item, labeled))})


TOKENIZER = WordTokenizer(str(FIXTURES / "tiny-luke"))


def read(
    path: str,
    max_instances: Optional[int] = None,
    worker: Optional[Tuple[int, int]] = None,
    process: Optional[Tuple[int, int]] = None,
    kind: Type[LineReader] = LineReader,
) -> Tuple[List[str], LineReader]:
    """What is read by a data worker (its number, of how many) of a process, and the reader."""
    reader = kind(TOKENIZER, max_instances=max_instances)
    if worker is not None:
        reader._set_worker_info(WorkerInfo(worker[1], worker[0]))
    if process is not None and process[1] > 1:
        reader._set_distributed_info(DistributedInfo(process[1], process[0]))
    return words_of(reader.read(path)), reader


def words_of(instances: Iterable[Instance]) -> List[str]:
    return [instance["word"].metadata[0] for instance in instances]  # type: ignore[attr-defined]


@pytest.fixture
def data(tmp_path: Path) -> str:
    (tmp_path / "data.txt").write_text("x: a b c\ny: d\nx: e f g\n")
    return str(tmp_path / "data.txt")


def test_reads_all_or_the_first(data: str) -> None:
    assert read(data)[0] == list("abcdefg")
    assert read(data, max_instances=5)[0] == list("abcde")


def test_a_worker_tokenizes_its_share_alone(data: str) -> None:
    (first, one), (second, other) = (read(data, worker=(number, 2)) for number in range(2))
    assert (first, second) == (list("abcefg"), ["d"])
    assert (one.tokenized, other.tokenized) == ([list("abc"), list("efg")], [["d"]])
    # max_instances counts over all workers.
    assert [read(data, 5, worker=(number, 2))[0] for number in range(2)] == [["a", "c", "e"], ["b", "d"]]


def test_examples_of_one_source_go_to_one_worker(tmp_path: Path) -> None:
    class SourceReader(LineReader):
        def source(self, example: Line) -> object:
            return example.label

    path = tmp_path / "data.txt"
    path.write_text("x: a\nx: b\ny: c\ny: d\nz: e\nx: f\n")
    shares = [read(str(path), worker=(number, 3), kind=SourceReader)[0] for number in range(3)]
    assert shares == [["a", "b", "f"], ["c", "d"], ["e"]]


@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=12),
    world_size=st.integers(1, 3),
    num_workers=st.integers(1, 3),
    max_instances=st.none() | st.integers(1, 9),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_processes_with_workers_get_equal_shares_of_all(
    tmp_path: Path, lengths: List[int], world_size: int, num_workers: int, max_instances: Optional[int]
) -> None:
    words = iter(range(99))
    lines = [" ".join(str(next(words)) for _ in range(length)) for length in lengths]
    path = tmp_path / "data.txt"
    path.write_text("".join(f"x: {line}\n" for line in lines))
    hands: List[List[str]] = []
    for rank in range(world_size):
        hands.append([])
        for number in range(num_workers):
            hands[-1] += read(str(path), max_instances, (number, num_workers), (rank, world_size))[0]
    expected = " ".join(lines).split()[:max_instances]
    assert {word for hand in hands for word in hand} == set(expected)
    assert len({len(hand) for hand in hands}) == 1
    assert sum(map(len, hands)) - len(expected) < world_size * num_workers


def test_workers_share_the_work(data: str) -> None:
    loader = MultiProcessDataLoader(LineReader(TOKENIZER), data, batch_size=1, num_workers=2)
    loader.index_with(Vocabulary())
    assert sorted(words_of(loader.iter_instances())) == list("abcdefg")


def test_labels_are_all_there_or_none(tmp_path: Path) -> None:
    reader = LineReader(TOKENIZER)
    path = tmp_path / "data.txt"
    path.write_text(": a\n: b\n")
    found = [instance["word"].metadata for instance in reader.read(path)]  # type: ignore[attr-defined]
    assert found == [("a", False), ("b", False)]
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


class CountedReader(LineReader):
    """Whose examples have labels, and whose words may be linked."""

    def gold_labels(self, example: Line) -> List[str]:
        return [] if example.label is None else [example.label]

    def is_linked(self, item: str) -> Optional[bool]:
        return item in "ab"


def test_counts(data: str) -> None:
    reader = read(data, kind=CountedReader)[1]
    expected = FileCounts(examples=3, instances=7, linked=2, labels=Counter(x=2, y=1))
    assert reader.counts == {data: expected}
    words_of(reader.read(data))  # again
    reader.check_file(data)
    assert reader.counts == {data: expected}
    assert read(data)[1].counts[data] == FileCounts(examples=3, instances=7)
