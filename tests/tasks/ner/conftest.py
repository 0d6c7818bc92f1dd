"""Fixtures of the NER tests."""

import json
from pathlib import Path
from typing import Any, Callable

import pytest

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.ner.reader import NerReader


@pytest.fixture(scope="session")
def tokenizer(fixtures_dir: Path) -> WordTokenizer:
    return WordTokenizer(str(fixtures_dir / "tiny-luke"))


@pytest.fixture
def reader(tokenizer: WordTokenizer) -> NerReader:
    return NerReader(tokenizer)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes bytes, a text, or what becomes JSON, and returns the path."""

    def write_file(content: Any, name: str = "data.json", encoding: str = "utf-8") -> str:
        path = tmp_path / name
        if not isinstance(content, (bytes, str)):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return str(path)

    return write_file
