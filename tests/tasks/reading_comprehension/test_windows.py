"""Tokens of passages and answers, and which window is best for which."""

from typing import List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luke_allennlp.data.windows import sliding_windows
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.reading_comprehension.examples import Answer, Passage
from luke_allennlp.tasks.reading_comprehension.windows import PassageTokens, detokenized, with_best_ranges
from tests.tasks.support import FIXTURES

LUKE = WordTokenizer(str(FIXTURES / "tiny-luke"))


@pytest.fixture(scope="module", params=["tiny-luke", "tiny-bert"])
def tokenizer(request: pytest.FixtureRequest) -> WordTokenizer:
    return WordTokenizer(str(FIXTURES / request.param))


def tokens_of(tokenizer: WordTokenizer, context: str) -> PassageTokens:
    return PassageTokens(Passage(context), tokenizer.encode_spaced(context))


class TestBestRanges:
    def test_examples(self) -> None:
        assert with_best_ranges([(0, 9)]) == [(0, 9, 0, 9)]
        assert with_best_ranges([(0, 0)]) == [(0, 0, 0, 0)]
        # In the middle of both, the one where the smaller context is larger.
        assert with_best_ranges([(0, 8), (4, 12)]) == [(0, 8, 0, 6), (4, 12, 6, 12)]

    @settings(deadline=None)
    @given(length=st.integers(1, 900), size=st.integers(1, 250), stride=st.integers(1, 130))
    def test_equals_the_rule_written_out(self, length: int, size: int, stride: int) -> None:
        windows = list(sliding_windows(length, size, stride))
        expected: List[List[int]] = [[] for _ in windows]
        for position in range(length):
            scores = []
            for number, (start, end) in enumerate(windows):
                if start <= position < end:
                    # 100 times the rule's, in whole numbers, where equal scores are equal.
                    context = min(position - start, end - 1 - position)
                    scores.append((100 * context + end - start, -number))
            expected[-max(scores)[1]].append(position)
        found = with_best_ranges(windows)
        assert [list(range(window.best_start, window.best_end)) for window in found] == expected
        assert [(window.start, window.end) for window in found] == windows


class TestFind:
    @pytest.mark.parametrize(
        "context, answer",
        [
            ("Zoë left Ísafold.", "Zoë"),
            ("Zoë left Ísafold.", "Ísafold"),
            ("Zoë left\tÍsafold , 'tis said", "left"),
            ("in (1912) or so", "1912"),
            ("from 1912–1915 on", "1915"),
            ("a 🎉 b", "🎉"),
            ("x\u202fMarlow\u202fy", "Marlow"),
            ("the end", "end"),
        ],
    )
    def test_exact_characters(self, tokenizer: WordTokenizer, context: str, answer: str) -> None:
        start = context.index(answer)
        passage = tokens_of(tokenizer, context)
        first, last = passage.find(Answer(answer, start, start + len(answer))) or (0, 0)
        assert context[passage.offsets[first, 0] : passage.offsets[last, 1]] == answer

    def test_whole_words_where_nothing_matches(self) -> None:
        # "ar" is no run of tokens.
        passage = tokens_of(LUKE, "so Marlow said")
        found = passage.find(Answer("ar", 4, 6))
        assert found is not None
        assert (passage.offsets[found[0], 0], passage.offsets[found[1], 1]) == (3, 9)

    def test_space_at_the_ends_and_between(self, tokenizer: WordTokenizer) -> None:
        context = "so  Marlow\nleft town"
        passage = tokens_of(tokenizer, context)
        for start, end in ((4, 15), (3, 16)):
            found = passage.find(Answer(context[start:end], start, end))
            assert found is not None
            assert context[passage.offsets[found[0], 0] : passage.offsets[found[1], 1]] == "Marlow\nleft"

    def test_no_tokens(self) -> None:
        # BERT drops control characters.
        passage = tokens_of(WordTokenizer(str(FIXTURES / "tiny-bert")), "a \x07 b")
        assert passage.find(Answer("\x07", 2, 3)) is None

    @settings(deadline=None, max_examples=30)
    @given(
        words=st.lists(
            st.text(alphabet="abMarlow’'.,-–🎉éË́Íש中م1 \u00a0\t\n\u202f", min_size=1, max_size=8),
            min_size=1,
            max_size=6,
        ),
        data=st.data(),
    )
    def test_holds_the_answer(self, words: List[str], data: st.DataObject) -> None:
        context = " ".join(words)
        passage = tokens_of(LUKE, context)
        starts: List[Tuple[int, int]] = passage.offsets.tolist()
        assert all(0 <= start < end <= len(context) for start, end in starts)
        first = data.draw(st.integers(0, len(context) - 1))
        end = data.draw(st.integers(first + 1, len(context)))
        text = context[first:end]
        found = passage.find(Answer(text, first, end)) if text.strip() else None
        if found is None:
            return
        covered = context[starts[found[0]][0] : starts[found[1]][1]]
        assert text.strip() in covered


def test_detokenized() -> None:
    assert detokenized(" Zoë \n left\u202f\u00a0Ísafold.") == "Zoë left Ísafold."


def test_words_are_split_as_the_original_splits_them() -> None:
    context = " Marlow\tsaid:\r\n'no'\u202f(so)\u00a0\u00a0 . "
    encoded = LUKE.encode_spaced(context)
    words = ("Marlow", "said:", "'no'", "(so)", ".")
    assert encoded.ids == [index for word in words for index in LUKE.encode(word).ids]
    assert encoded == LUKE.encode_spaced(context)  # from the cache
    assert context[encoded.offsets[0][0] : encoded.offsets[0][1]].startswith("M")
    # Inside of a word, other space stays.
    assert LUKE.encode_spaced("a\u00a0b").ids == LUKE.encode("a\u00a0b").ids
    assert LUKE.encode_spaced(" \n ") == ([], [])
