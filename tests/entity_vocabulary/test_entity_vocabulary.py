"""Entity vocabularies in their three formats."""

import json
import os
import pickle
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import given
from hypothesis import strategies as st

from luke_allennlp.entity_vocabulary import (
    MASK,
    MASK2,
    PAD,
    UNK,
    EntityVocabulary,
    check_same_entities,
    read_entity_vocabulary,
)

SUFFIXES = (".json", ".tsv", ".jsonl")
ENGLISH = [
    *[(index, [(name, None)], 0) for index, name in enumerate((PAD, UNK, MASK))],
    (3, [("Japan", None)], 120),
    (4, [('AC/DC: "Live" \\ Ωmega', None)], 50),
    (5, [("日本 😀", None)], 7),
]
MULTILINGUAL = [
    *[(index, [(name, None)], 0) for index, name in enumerate((MASK, UNK, PAD))],
    (3, [("Japan", "en"), ("Japan", "de"), ("日本", "ja")], 120),
    (5, [("Tokyo", "en"), ("東京都", "ja")], 50),  # 4 is left out
    (9, [("Japan", "zh-min-nan")], 7),
]


def english() -> EntityVocabulary:
    return EntityVocabulary.from_entries(ENGLISH)


def multilingual() -> EntityVocabulary:
    return EntityVocabulary.from_entries(MULTILINGUAL)


def write(path: Path, content: Any) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def error_of(action: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as error:
        action()
    return str(error.value)


def saved(vocabulary: EntityVocabulary, path: Path) -> EntityVocabulary:
    vocabulary.save(path)
    assert os.listdir(path.parent) == [path.name], "something is left behind"
    return EntityVocabulary.from_file(path)


def test_names_of_a_checkpoint(fixtures_dir: Path) -> None:
    vocabulary = EntityVocabulary.from_checkpoint(str(fixtures_dir / "tiny-luke"))
    assert [vocabulary[name] for name in (PAD, UNK, MASK, MASK2)] == [0, 1, 2, 3]
    assert len(vocabulary) == len(list(vocabulary)) == vocabulary.table_size == 64
    assert PAD in vocabulary and "[pad]" not in vocabulary and 3 not in vocabulary
    message = error_of(lambda: vocabulary.rows([PAD, "Japan (country)"]))
    assert "no entity 'Japan (country)'" in message and "tiny-luke" in message
    assert "it has 64, among them '[PAD]', '[UNK]', '[MASK]', '[MASK2]'" in message


class TestLookUps:
    def test_by_title_and_language(self) -> None:
        names = [MASK, UNK, PAD, *"en:Japan de:Japan ja:日本 en:Tokyo ja:東京都 zh-min-nan:Japan".split()]
        vocabulary = multilingual()
        assert list(vocabulary) == names and vocabulary.rows(names) == [0, 1, 2, 3, 3, 3, 5, 5, 9]
        assert (len(vocabulary), vocabulary.num_ids, vocabulary.table_size) == (9, 6, 10)
        assert vocabulary.languages == ["de", "en", "ja", "zh-min-nan"]
        assert not any(name in vocabulary for name in ("Japan", "fr:Japan", "en:日本", "en:", ":Japan", ""))
        assert [vocabulary.get("Japan", language) for language in ("en", "de", "zh-min-nan")] == [3, 3, 9]
        assert vocabulary.get("Japan", "ja") is None and vocabulary.get("Japan", "ja", default=1) == 1
        assert vocabulary.get("Japan") is None and vocabulary.get("en:Japan") == 3
        assert vocabulary.search("Japan") == [(3, "en"), (3, "de"), (9, "zh-min-nan")]
        assert vocabulary.get("\ud83d", "en") is None
        # Without languages, for any.
        assert english().get("Japan") == english().get("Japan", "en") == 3
        assert english().get("Tokyo", "en") is None and "en:Japan" not in english()
        assert english().title(3, "en") == "Japan"

    def test_special_entities_by_name(self) -> None:
        tagged = [(4, [(MASK, "en"), (MASK, "ja")], 0), (7, [(PAD, "ja")], 0), (8, [("Japan", "en")], 1)]
        vocabulary = EntityVocabulary.from_entries(tagged)
        assert vocabulary.specials == {MASK: 4, PAD: 7}
        assert vocabulary[MASK] == vocabulary.get(MASK, "ja") == vocabulary.get(MASK, "fr") == 4
        assert list(vocabulary) == [MASK, PAD, "en:Japan"] and len(vocabulary) == 3

    def test_by_id(self) -> None:
        vocabulary = multilingual()
        assert vocabulary.titles(3) == [("Japan", "en"), ("Japan", "de"), ("日本", "ja")]
        assert (vocabulary.title(3), vocabulary.title(3, "ja"), vocabulary.count(3)) == ("Japan", "日本", 120)
        assert vocabulary.title(0, "ja") == MASK and vocabulary.count(0) == 0
        message = error_of(lambda: vocabulary.title(9, "en"))
        assert "no title in the language 'en'" in message and "'zh-min-nan:Japan'" in message
        message = error_of(lambda: vocabulary.titles(4))
        assert "no entity with the id 4" in message and "from 0 to 9" in message

    def test_did_you_mean(self) -> None:
        for title in ("japan", " Japan_", "Jappan"):
            assert error_of(lambda title=title: english()[title]).endswith("; did you mean 'Japan'?")
        for title in ("Japan", "fr:Japan"):
            message = error_of(lambda title=title: multilingual()[title])
            assert "did you mean 'en:Japan', 'de:Japan', 'zh-min-nan:Japan'?" in message


def test_equality_by_content() -> None:
    assert english() == EntityVocabulary.from_entries(reversed(ENGLISH))
    assert english() != multilingual() and english() != {"Japan": 3}
    for change in ((3, [("Japan", None)], 1), (3, [("Nippon", None)], 120), (9, [("Japan", None)], 120)):
        changed = [change if entry[0] == 3 else entry for entry in ENGLISH]
        assert english() != EntityVocabulary.from_entries(changed)
    assert english() != EntityVocabulary.from_entries(ENGLISH[:-1])
    assert pickle.loads(pickle.dumps(multilingual())) == multilingual()
    # Special entities are of no language.
    tagged = [(2, [(PAD, "en"), (PAD, "ja")], 0) if entry[0] == 2 else entry for entry in MULTILINGUAL]
    assert EntityVocabulary.from_entries(tagged) == multilingual()


class TestFormats:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_english(self, tmp_path: Path, suffix: str) -> None:
        read = saved(english(), tmp_path / f"v{suffix}")
        assert list(zip(read, read.rows(list(read)), strict=True)) == [
            (pairs[0][0], index) for index, pairs, _ in ENGLISH
        ]
        assert read.languages == []
        # Counts have no place in Hugging Face's format.
        counts = [0] * 6 if suffix == ".json" else [0, 0, 0, 120, 50, 7]
        assert [read.count(index) for index in range(6)] == counts
        assert (read == english()) == read.has_counts == (suffix != ".json")

    titles = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
    pairs = st.tuples(titles, st.sampled_from(["en", "ja", "zh-yue"]))

    @given(st.lists(st.tuples(st.lists(pairs, min_size=1, max_size=3), st.integers(0, 10**15)), max_size=30))
    def test_round_trips(
        self, tmp_path_factory: Any, groups: List[Tuple[List[Tuple[str, str]], int]]
    ) -> None:
        seen = set()
        entries = []
        for number, (group, count) in enumerate(groups):
            kept = [pair for pair in dict.fromkeys(group) if pair not in seen]
            seen.update(kept)
            kept = [pair for pair in kept if not (pair[0].startswith("[") and pair[0].endswith("]"))]
            if kept:
                entries.append((number * 3, kept, count))
        entries.append((1000, [(PAD, None)], 0))  # type: ignore[list-item]
        vocabulary = EntityVocabulary.from_entries(entries)
        assert list(vocabulary.entries()) == entries
        path = tmp_path_factory.mktemp("round") / "v.jsonl"
        assert saved(vocabulary, path) == vocabulary
        vocabulary.save(path.with_suffix(".json"))
        read = EntityVocabulary.from_file(path.with_suffix(".json"))
        assert list(read) == list(vocabulary)
        assert [read.titles(entry[0]) for entry in entries] == [entry[1] for entry in entries]

    def test_ids_in_any_order(self, tmp_path: Path) -> None:
        # Hugging Face's tokenizers sort names when they save.
        path = write(tmp_path / "v.json", '{"A": 2, "B": 0, "C": 1}')
        assert list(EntityVocabulary.from_file(path)) == ["B", "C", "A"]

    def test_byte_order_mark_and_line_ends(self, tmp_path: Path) -> None:
        english().save(tmp_path / "v.tsv")
        english().save(tmp_path / "v.jsonl")
        for path in (tmp_path / "v.tsv", tmp_path / "v.jsonl"):
            content = path.read_bytes()
            for changed in (b"\xef\xbb\xbf" + content, content.replace(b"\n", b"\r\n"), content + b"\n\r\n"):
                assert EntityVocabulary.from_file(write(path, changed)) == english()
            assert EntityVocabulary.from_file(write(path, content.rstrip(b"\n"))) == english()
        vocabulary = EntityVocabulary({"a\u2028b": 0, "c\x85d": 1, "e\x0bf": 2})
        vocabulary.save(tmp_path / "v.tsv")
        assert EntityVocabulary.from_file(tmp_path / "v.tsv") == vocabulary

    @pytest.mark.parametrize(
        "ids, languages",
        [
            ({PAD: 0, "en:Japan": 1, "be_x_old:A": 3}, ["be_x_old", "en"]),
            ({PAD: 0, "en:Japan": 1, "Japan": 2}, []),
            ({PAD: 0, "Mission: Impossible": 1}, []),
            ({PAD: 0, "en:": 1}, []),
            ({PAD: 0, MASK: 1}, []),
        ],
    )
    def test_finds_out_about_languages(
        self, tmp_path: Path, ids: Dict[str, int], languages: List[str]
    ) -> None:
        read = EntityVocabulary.from_file(write(tmp_path / "v.json", json.dumps(ids)))
        assert read.languages == EntityVocabulary(ids).languages == languages
        assert {name: read[name] for name in read} == ids

    def test_or_is_told(self, tmp_path: Path) -> None:
        path = write(tmp_path / "v.json", '{"en:Japan": 1, "Japan": 2}')
        assert EntityVocabulary.from_file(path, multilingual=True).titles(1) == [("Japan", "en")]
        write(path, '{"en:Japan": 1}')
        assert EntityVocabulary.from_file(path, multilingual=False).titles(1) == [("en:Japan", None)]


A = (0, [("A", None)], 0)


@pytest.mark.parametrize(
    "suffix, entries, message",
    [
        (".tsv", [(0, [("A", "en")], 0)], "the title 'A' has a language, 'en'"),
        (".tsv", [(0, [("A", None), ("B", None)], 0)], "the id 0 has several titles, 'A' and 'B'"),
        (".tsv", [A, (2, [("B", None)], 0)], "no entity with the id 1, the next one is 2"),
        (".tsv", [(0, [("A\nB", None)], 0)], r"the title 'A\nB' has a tab, a line break"),
        (".json", [(1, [("B", "en")], 0), A], "'A' has the language None"),
        (".json", [(0, [("A", "EN")], 0)], "'A' has the language 'EN'"),
        (
            ".json",
            [(0, [("en:A", None)], 0)],
            "'en:A' and all others would be read as titles with a language",
        ),
    ],
)
def test_what_a_format_cannot_hold(tmp_path: Path, suffix: str, entries: Any, message: str) -> None:
    path = write(tmp_path / f"v{suffix}", "as it was")
    vocabulary = EntityVocabulary.from_entries(entries)
    found = error_of(lambda: vocabulary.save(path))
    assert message in found and f"{path}: {suffix[1:]} cannot hold" in found and "Save it as .jsonl" in found
    assert path.read_text() == "as it was" and os.listdir(tmp_path) == [path.name]
    path.unlink()
    assert saved(vocabulary, tmp_path / "v.jsonl") == vocabulary


@pytest.mark.parametrize("action", [english().save, EntityVocabulary.from_file])
def test_no_such_format(action: Any, tmp_path: Path) -> None:
    assert "expected .json, .tsv or .jsonl" in error_of(lambda: action(tmp_path / "v.txt"))


def line_of(index: Any = 1, titles: Any = (("B", None),), count: Any = 0) -> str:
    return json.dumps({"id": index, "entities": titles, "count": count})


class TestDamagedFiles:
    @pytest.mark.parametrize(
        "content, message",
        [
            ("A\t1\nB\n", "line 2: found 'B'; expected a title, a tab and a whole number"),
            ("A\t1\nB\t٣\n", r"line 2: found 'B\t٣'"),
            ("A\t1\nB\t1\t2\n", r"line 2: found 'B\t1\t2'"),
            ("A\t1\n\t7\n", r"line 2: found '\t7'"),
            ("A\t1\nB\t2\nA\t3\n", "line 3: the title 'A' occurs twice, with the ids 0 and 2"),
            (b"A\t1\nB\xff\t2\n", "line 2: the byte 0xff at 5 of the file is not utf-8"),
            ("", "is empty"),
        ],
    )
    def test_tsv(self, tmp_path: Path, content: Any, message: str) -> None:
        path = write(tmp_path / "v.tsv", content)
        found = error_of(lambda: EntityVocabulary.from_file(path))
        assert message in found and str(path) in found and "\n" not in found

    @pytest.mark.parametrize(
        "line, message",
        [
            ('{"id": 1, "entities": [["B", null]], "cou', "is not JSON"),
            ("[1]", "found [1]"),
            ('{"id": [1], "entities": [["B", null]], "count": 0}', "found the id [1]"),
            ('{"id": 1, "entities": [["B", null]]}', "found 'id', 'entities'; expected an object with"),
            (line_of("1"), "found the id '1', the titles [['B', None]] and the count 0; expected whole"),
            (line_of(True), "the id True"),
            (line_of(99999999999999999999), "the id 99999"),
            (line_of(count=-2), "the count -2"),
            (line_of(titles=[]), "the titles []"),
            (line_of(titles=["Bc"]), "the titles ['Bc']"),
            (line_of(titles=[["B", 7]]), "the titles [['B', 7]]"),
            (line_of(titles=[["B", "a:b"]]), "the titles [['B', 'a:b']]"),
            (line_of(titles=[["", "en"]]), "the titles [['', 'en']]"),
            (line_of(0), "the id 0 has a line already"),
            (line_of(titles=[["A", None]]), "the title 'A' occurs twice, with the ids 0"),
            (line_of(titles=[["B", "en"], ["B", "en"]]), "the title 'B' (en) occurs twice"),
            (line_of(titles=[["[PAD]", "ja"]]), "the special entity '[PAD]' has the id 1 and elsewhere 9"),
        ],
    )
    def test_jsonl(self, tmp_path: Path, line: str, message: str) -> None:
        first = line_of(0, [["A", None]]) + "\n" + line_of(9, [["[PAD]", "en"]])
        path = write(tmp_path / "v.jsonl", f"{first}\n{line}\n{line_of(5, [['Z', None]])}\n")
        found = error_of(lambda: EntityVocabulary.from_file(path))
        assert f"{path}, line 3: " in found and message in found and "\n" not in found

    @pytest.mark.parametrize(
        "content, message",
        [
            ('{"[PAD]": 0, "A": 1, "B', "is not JSON"),
            ('["[PAD]"]', "found a JSON list; expected an object of titles with whole numbers"),
            ('{"[PAD]": "0"}', "entry 1: found the id '0', the titles (('[PAD]', None),) and the count 0"),
            ('{"[PAD]": 0, "A": {"B": 1, "C": 2}}', "found the id (('B', 1), ('C', 2))"),
            ('{"[PAD]": 0, "": 1}', "entry 2: found the id 1, the titles (('', None),)"),
            ('{"A": 0, "B": 1, "A": 2}', "entry 3: the title 'A' occurs twice, with the ids 0 and 2"),
            ("{}", "is empty"),
            (b'{"A": 0,\n "\xff": 1}', "line 2: the byte 0xff"),
            ("[" * 100_000, "is nested too deeply"),
        ],
    )
    def test_json(self, tmp_path: Path, content: Any, message: str) -> None:
        path = write(tmp_path / "entity_vocab.json", content)
        found = error_of(lambda: EntityVocabulary.from_checkpoint(str(path.parent)))
        assert message in found and str(path) in found and "\n" not in found

    def test_truncated_anywhere(self, tmp_path: Path) -> None:
        # Every beginning of a file is an error, or a whole vocabulary: of tsv and jsonl, up to a line's end.
        for suffix in SUFFIXES:
            english().save(tmp_path / f"whole{suffix}")
            content = (tmp_path / f"whole{suffix}").read_bytes()
            for length in range(len(content) - 3):
                path = write(tmp_path / f"v{suffix}", content[:length])
                try:
                    read = EntityVocabulary.from_file(path)
                except ConfigurationError as error:
                    assert str(path) in str(error)
                else:
                    assert suffix != ".json" and set(read) < set(english())


def test_first_of_three_files_of_a_checkpoint(fixtures_dir: Path, tmp_path: Path) -> None:
    for suffix, index in ((".jsonl", 3), (".tsv", 0), (".json", 7)):
        entries = [(index, [("Japan", None)], 0)]
        EntityVocabulary.from_entries(entries).save(tmp_path / f"entity_vocab{suffix}")
        assert EntityVocabulary.from_checkpoint(str(tmp_path))["Japan"] == index
    with pytest.raises(ConfigurationError, match="tiny-roberta' has no entity_vocab.json"):
        EntityVocabulary.from_checkpoint(str(fixtures_dir / "tiny-roberta"))


@pytest.mark.shared
class TestReleases:
    """Samples of the releases' files."""

    @pytest.fixture
    def samples(self, shared_dir: Path) -> Path:
        return shared_dir / "data" / "luke"

    def test_tsv(self, samples: Path, tmp_path: Path) -> None:
        vocabulary = EntityVocabulary.from_file(samples / "enwiki_20181220_entvocab_100.tsv")
        assert len(vocabulary) == vocabulary.table_size == 103
        assert vocabulary.specials == {PAD: 0, UNK: 1, MASK: 2}
        assert vocabulary["United States"] == 4 and vocabulary.count(4) == 261500
        assert vocabulary.title(5) == "Association football" and vocabulary.languages == []
        counts = [vocabulary.count(index) for index in range(3, 103)]
        assert counts == sorted(counts, reverse=True) and counts[0] == 284050
        vocabulary.save(tmp_path / "written.tsv")
        assert EntityVocabulary.from_file(tmp_path / "written.tsv") == vocabulary

    def test_jsonl_and_json(self, samples: Path) -> None:
        vocabulary = EntityVocabulary.from_file(samples / "en_ja_multilingual_vocab_test.jsonl")
        assert vocabulary.rows([PAD, UNK, MASK]) == [0, 1, 2] and vocabulary.languages == ["en", "ja"]
        assert vocabulary.titles(1) == [(UNK, "ja"), (UNK, "en")] and len(vocabulary) == 6
        assert vocabulary.get("フジテレビジョン", "ja") == vocabulary["ja:フジテレビジョン"] == 3
        assert vocabulary.get("フジテレビジョン", "en") is None and vocabulary.count(5) == 54
        vocabulary = EntityVocabulary.from_file(samples / "hf_test_entity_vocab.json")
        assert list(vocabulary) == [MASK, UNK, PAD, "DUMMY", "DUMMY2", MASK2]
        assert vocabulary.rows([PAD, MASK, MASK2]) == [2, 0, 5] and vocabulary.languages == []


def test_a_vocabulary_is_read_from_its_file_or_directory(tmp_path: Path) -> None:
    path = tmp_path / "entity_vocab.jsonl"
    multilingual().save(path)
    assert read_entity_vocabulary(str(path)) == read_entity_vocabulary(str(tmp_path)) == multilingual()
    assert "There is no model directory" in error_of(lambda: read_entity_vocabulary(str(tmp_path / "none")))


def test_the_same_entities(tmp_path: Path) -> None:
    for make, suffix in ((english, ".json"), (multilingual, ".json"), (multilingual, ".jsonl")):
        path = tmp_path / f"entity_vocab{suffix}"
        make().save(path)
        check_same_entities(make(), EntityVocabulary.from_file(path))
    with_mask2 = EntityVocabulary.from_entries([*ENGLISH, (6, [(MASK2, None)], 0)])
    check_same_entities(english(), with_mask2)
    assert "(6) and none" in error_of(lambda: check_same_entities(with_mask2, english()))
    other = EntityVocabulary.from_entries([*MULTILINGUAL[:3], (3, [("Japan", "en")], 120), *MULTILINGUAL[4:]])
    message = error_of(lambda: check_same_entities(multilingual(), other))
    assert "de:Japan, en:Japan, ja:日本 (3) and en:Japan (3)" in message.replace("'", "")
