"""Names in texts, against the original system's procedure over the tokens themselves."""

import json
import re
import string
import unicodedata
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.linking.name_linker import NameLinker

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SEPARATORS = " \t\r\n\u202f"

Names = Dict[str, Optional[int]]


class Reference:
    """The procedure as it is described for the original system, without offsets and without any index."""

    def __init__(self, model: Path) -> None:
        vocabulary = json.loads((model / "vocab.json").read_text(encoding="utf-8"))
        self.strings = {number: written for written, number in vocabulary.items()}
        # How byte-level BPE writes each byte.
        plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in plain]
        self.bytes = {chr(byte): byte for byte in plain}
        self.bytes.update((chr(256 + number), byte) for number, byte in enumerate(others))

    def spell(self, ids: List[int]) -> str:
        characters = "".join(self.strings[number] for number in ids)
        return bytes(self.bytes[character] for character in characters).decode("utf-8", errors="replace")

    def continues_word(self, number: int) -> bool:
        text = self.spell([number])
        return not text.startswith(" ") and not self.is_punctuation(text[0])

    @staticmethod
    def is_punctuation(character: str) -> bool:
        return character in string.punctuation or unicodedata.category(character)[0] == "P"

    def link(self, ids: List[int], names: Names, max_length: int) -> List[Tuple[int, int, int]]:
        found = []
        start = 0
        while start < len(ids):
            following = start + 1
            if not self.continues_word(ids[start]):
                for end in range(min(start + max_length, len(ids)), start, -1):
                    if end < len(ids) and self.continues_word(ids[end]):
                        continue
                    name = self.spell(ids[start:end]).lower().strip()
                    if name in names:
                        row = names[name]
                        if row is not None:
                            found.append((row, start, end - 1))
                        following = end
                        break
            start = following
        return found


tokenizer = WordTokenizer(str(FIXTURES / "tiny-luke"))
reference = Reference(FIXTURES / "tiny-luke")


def subwords(text: str, part: str) -> Tuple[List[int], List[Tuple[int, int]]]:
    if part == "question":
        encoded = tokenizer.encode(text)
        return encoded.ids, encoded.offsets
    ids: List[int] = []
    offsets: List[Tuple[int, int]] = []
    for word in re.finditer(f"[^{SEPARATORS}]+", text):
        encoded = tokenizer.encode(word.group())
        ids += encoded.ids
        offsets += [(start + word.start(), end + word.start()) for start, end in encoded.offsets]
    return ids, offsets


def link(
    text: str, names: Names, part: str = "context", window: Optional[Tuple[int, int]] = None
) -> List[Tuple[str, int]]:
    """The texts of what is found, with rows; the same as the reference finds."""
    ids, offsets = subwords(text, part)
    found = NameLinker(names, 30).link(text, offsets, window, part)
    assert found == reference.link(ids[slice(*window)] if window else ids, names, 30)
    first = window[0] if window else 0
    return [
        (text[offsets[entity.first + first][0] : offsets[entity.last + first][1]], entity.row)
        for entity in found
    ]


class TestRules:
    def test_the_longest_from_left_to_right(self) -> None:
        names: Names = {"saint ysolde": 1, "bank of saint": 2, "ysolde bay": 3, "bank": 4, "bay": 5}
        assert link("the Bank of Saint Ysolde Bay", names) == [("Bank of Saint", 2), ("Ysolde Bay", 3)]
        assert link("a bank in Saint Ysolde bay", names) == [("bank", 4), ("Saint Ysolde", 1), ("bay", 5)]
        # What is not in the vocabulary uses up its words.
        assert link("Port Velmar and Velmar", {"port velmar": None, "velmar": 7}) == [("Velmar", 7)]

    def test_words_begin_at_spaces_and_punctuation(self) -> None:
        names: Names = {"afc": 1, "-afc": 2, "(afc)": 3}
        # "AFC" follows punctuation without a space: it is no word's beginning, and "(" is.
        assert link("(AFC) AFC-AFC", names) == [("(AFC)", 3), ("AFC", 1), ("-AFC", 2)]
        assert link("(AFC]", names) == [] == link("AFCs", {"afc": 1})

    def test_white_space(self) -> None:
        names: Names = {"port velmar": 1, "a\xa0b": 2}
        text = "Port \t\r\n \u202fVelmar"
        assert link(f"{text}, a\xa0b", names) == [(text, 1), ("a\xa0b", 2)]
        assert link("\xa0Port\xa0 Velmar\x85", names) == [("Port\xa0 Velmar", 1)]
        # A question is tokenised as it is.
        assert link("Port \tVelmar Port  Velmar", names, "question") == []
        assert link(" Port Velmar? ", names, "question") == [("Port Velmar", 1)]
        assert link("is\tPort Velmar", names, "question") == []
        assert link("is \tPort Velmar", names, "question") == [(" \tPort Velmar", 1)]

    def test_lower_case(self) -> None:
        names: Names = {"i̇zmir": 1, "ὀδυσσεύς": 2, "οδοσ.α": 3, "straße": 4, "οδος": 5}
        assert link("İZMİR İzmir", names) == [("İzmir", 1)]
        found = link("ὈΔΥΣΣΕΎΣ ΟΔΟΣ.Α ΟΔΟΣ. STRASSE Straße", names)
        assert found == [("ὈΔΥΣΣΕΎΣ", 2), ("ΟΔΟΣ.Α", 3), ("ΟΔΟΣ", 5), ("Straße", 4)]

    def test_a_window_ends_inside_a_word_but_not_inside_a_character(self) -> None:
        text = "Portvelmarish"
        ids, offsets = subwords(text, "context")
        name = text[: offsets[0][1]].lower()
        assert len(ids) > 1 and link(text, {name: 1}, window=(0, 1)) == [(text[: offsets[0][1]], 1)]
        assert link(text, {name: 1}) == []
        text = "x 🎉"
        ids, offsets = subwords(text, "context")
        assert len(ids) == 3
        for end in range(2, len(ids)):
            assert link(text, {"🎉": 1, "x 🎉": 2}, window=(0, end)) == []
        assert link(text, {"🎉": 1, "x 🎉": 2}) == [("x 🎉", 2)]


FRAGMENTS = [
    *"Port velmar of The AFC St U S İzmir ΟΔΟΣ α straße ﬁn Ⅷ ǅ 10".split(),
    *[" ", " ", " ", " ", "  ", "\t", "\n", "\xa0", "\u202f", "\u2028", "\x85", "\x1c", "\u200b", "\u3000"],
    *"( ) . - 's ’ “ ” _ ‽ … $ € ° / ^ ، 。 · _a 🎉 👩‍🚀 🏴 ñ 日本 京 שלום ا 𝒳 Σ ς İ i̇".split(),
    *["e\u0301", "\u0301", "\u00ad"],
]


@st.composite
def cases(draw: st.DrawFn) -> Tuple[str, str, Names, Optional[Tuple[int, int]], int]:
    text = "".join(draw(st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=25)))
    part = draw(st.sampled_from(["question", "context"]))
    ids, _ = subwords(text, part)
    assume(ids)
    names: Names = {}
    for _ in range(draw(st.integers(1, 8))):
        # Most are put together of tokens or cut out of the text, so that they occur.
        first = draw(st.integers(0, len(ids) - 1))
        name = reference.spell(ids[first : first + draw(st.integers(1, 12))])
        if draw(st.booleans()):
            start = draw(st.integers(0, len(text) - 1))
            name = re.sub(f"[{SEPARATORS}]+", " ", text[start : start + draw(st.integers(1, 20))])
        name = name.lower().strip()
        if name and "\ufffd" not in name:
            names[name] = draw(st.sampled_from([None, 3, 4, 5]))
    start = draw(st.integers(0, len(ids) - 1))
    window = (start, draw(st.integers(start + 1, len(ids)))) if draw(st.booleans()) else None
    return text, part, names, window, draw(st.integers(1, 30))


@settings(max_examples=150, deadline=None)
@given(case=cases())
@example(case=("ΟΔΟΣ.α ΟΔΟΣ.", "context", {"οδοσ.α": 3, "οδος": 4}, None, 30))
@example(case=("a  b \t c", "question", {"a": 3, "b": 4, "c": 5}, None, 30))
def test_equal_to_the_original_procedure(
    case: Tuple[str, str, Names, Optional[Tuple[int, int]], int],
) -> None:
    text, part, names, window, max_length = case
    ids, offsets = subwords(text, part)
    first, end = window or (0, len(ids))
    # Of a window that ends between a space and the bytes after it, offsets do not tell that it does.
    assume(
        end == len(ids) or reference.spell([ids[end - 1]]) != " " or offsets[end][0] >= offsets[end - 1][1]
    )
    linker = NameLinker(names, max_length)
    expected = reference.link(ids[first:end], names, max_length)
    for _ in range(2):  # the second is what it has kept
        assert linker.link(text, offsets, window, part) == expected
