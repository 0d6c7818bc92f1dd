import pickle
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.data.word_cache import WordCache


class Lengths:
    """Counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: List[List[str]] = []
        self.cache = WordCache(self.of)

    def of(self, words: List[str]) -> List[int]:
        self.asked.append(sorted(words))
        return [len(word) for word in words]


def test_each_word_is_asked_for_once() -> None:
    lengths = Lengths()
    assert lengths.cache(["a", "bb", "a"]) == [1, 2, 1]
    assert lengths.cache(["bb", "ccc"]) == [2, 3]
    assert lengths.cache(["a", "ccc"]) == [1, 3] and lengths.cache([]) == []
    assert lengths.asked == [["a", "bb"], ["ccc"]]
    assert (len(lengths.cache), lengths.cache.characters) == (3, 6)


@pytest.fixture
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luke_allennlp.data.word_cache._MAX_WORDS", 4)
    monkeypatch.setattr("luke_allennlp.data.word_cache._MAX_CHARACTERS", 20)


@pytest.mark.usefixtures("bounds")
@given(st.lists(st.lists(st.text("ab", max_size=30), max_size=6)))
def test_never_holds_more_than_its_bounds(calls: List[List[str]]) -> None:
    cache = Lengths().cache
    for words in calls:
        assert cache(words) == [len(word) for word in words]
        assert len(cache) <= 4
        assert cache.characters == sum(map(len, cache._results)) <= 20


@pytest.mark.usefixtures("bounds")
def test_what_does_not_fit_is_not_kept() -> None:
    lengths = Lengths()
    lengths.cache(["a", "bb"])
    assert lengths.cache(["a", "c" * 21]) == [1, 21]
    assert lengths.cache(["a", "c" * 21]) == [1, 21]
    assert lengths.asked == [["a", "bb"], ["c" * 21], ["c" * 21]]


@pytest.mark.usefixtures("bounds")
def test_begins_anew_where_the_bound_is_reached() -> None:
    lengths = Lengths()
    lengths.cache(["a", "bb"])
    lengths.cache(["c" * 19])
    lengths.cache(["a"])
    assert lengths.asked == [["a", "bb"], ["c" * 19], ["a"]]
    assert len(lengths.cache) == 2


def test_is_pickled_empty() -> None:
    lengths = Lengths()
    lengths.cache(["a"])
    again = pickle.loads(pickle.dumps(lengths))
    assert len(again.cache) == again.cache.characters == 0
    assert again.cache(["a"]) == [1] and again.asked == [["a"], ["a"]]
