import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.linking.mention_database import Mention, MentionDatabase


def records():
    return [
        ("b", 7, 14, [("Bay", 4), ("Berth", 3)]),
        ("a", 9, 3, [("Ash", 9)]),
        ("none", 2, 4, []),
        ("a\u2581b", 1, 1, [("Bay", 1)]),
    ]


def test_what_was_written_is_read(tmp_path):
    database = MentionDatabase.build(records(), tmp_path / "db")
    assert len(database) == 4 and database.mention_count == 4
    assert sorted(database) == ["a", "a\u2581b", "b", "none"]
    assert database.query("B") == [Mention("Bay", 4, 7, 14), Mention("Berth", 3, 7, 14)]
    assert database.query("À  b") == [Mention("Bay", 1, 1, 1)]
    assert not any(database.query(name) for name in ("none", "c", "", "\0"))
    assert Mention("Bay", 4, 8, 32).prior_probability == 0.5
    assert Mention("Bay", 0, 0, 0).link_probability == Mention("Bay", 0, 0, 0).prior_probability == 0.0
    assert database.link_probability("b") == 0.5 and database.link_probability("none") == 0.5
    assert database.link_probability("a") == 1.0 and database.link_probability("c") == 0.0


def test_the_same_bytes_in_any_order(tmp_path):
    MentionDatabase.build(records(), tmp_path / "a")
    MentionDatabase.build(records()[::-1], tmp_path / "b")
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("a", "b")
    )
    assert first == second and len(first) == 8


def test_what_cannot_be_written(tmp_path):
    for wrong, message in (
        ([*records(), ("a", 1, 1, [])], "'a' occurs twice"),
        ([("a", 1 << 32, 1, [])], "expected 32 bits"),
        ([("a\0", 1, 1, [])], "without the character NUL"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            MentionDatabase.build(wrong, tmp_path / "db")
    assert list(tmp_path.iterdir()) == []
