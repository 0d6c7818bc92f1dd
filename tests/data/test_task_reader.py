"""What the readers of all tasks share."""

from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.data.dataset_readers.dataset_reader import DistributedInfo
from allennlp.data.fields import MetadataField
from allennlp.data.tokenizers import WhitespaceTokenizer

from luke_allennlp.data.task_reader import TaskReader
from luke_allennlp.data.word_tokenizer import WordTokenizer


class Line(NamedTuple):
    where: str
    words: List[str]
    label: Optional[str]


class LineReader(TaskReader[Line, str]):
    """Each line `label: word word` is an example, each word an instance."""

    def read_examples(self, file_path: str) -> Iterator[Line]:
        for number, line in enumerate(Path(file_path).read_text().splitlines(), start=1):
            label, words = line.split(":")
            yield Line(f"{file_path}, line {number}", words.split(), label or None)

    def items(self, example: Line) -> List[str]:
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
