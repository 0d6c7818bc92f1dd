import gzip
import os
import pickle
import sys
import types
import zlib

import joblib
import marisa_trie
import pytest
from allennlp.common.checks import ConfigurationError

from luke_allennlp.linking.link_database import Link
from luke_allennlp.linking.mention_database import Mention
from luke_allennlp.wikipedia.release import (
    links_from_release,
    mentions_from_release,
    read_release_pickle,
    redirects_from_release,
)

REDIRECTS = {"Velmar": "Port Velmar", "Ports": "Port Velmar", "山": "Mountain"}


@pytest.fixture
def foreign(monkeypatch):
    """A class of the release's code, which is not there when its files are read."""
    module = types.ModuleType("luke.utils.made_up")

    class Tokenizer:
        def __init__(self):
            self.never_split = {"[MASK]"}
            self.never_lowercase = frozenset(["[UNK]", "[MASK]"])
            self.nested = {"lower": False, "sizes": [1, 2.5, None, (1,)]}

    Tokenizer.__module__, Tokenizer.__qualname__ = module.__name__, "Tokenizer"
    module.Tokenizer = Tokenizer
    for parent in ("luke", "luke.utils"):
        monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return Tokenizer


def mention_database(foreign):
    titles = marisa_trie.Trie(["Bay", "Port Velmar", "Ash"])
    records = [
        ("the\u2581bay", (titles["Bay"], 3, 5, 20)),
        ("the\u2581bay", (titles["Port Velmar"], 2, 5, 20)),
        ("the", (titles["Ash"], 1, 1, 1)),
    ]
    trie = marisa_trie.RecordTrie("<IIII", records)
    return {
        "title_trie": titles,
        "mention_trie": marisa_trie.Trie(trie.keys()),
        "data_trie": trie,
        "tokenizer": foreign(),
        "normalizer": foreign(),
        "max_mention_length": 20,
    }


def link_database():
    titles = marisa_trie.Trie(["Bay", "Port Velmar", "Bay 2"])
    anchors = marisa_trie.Trie(["the bay", "Velmar"])
    records = [
        ("Bay", (anchors["Velmar"], titles["Port Velmar"], 0.25)),
        ("Bay 2", (anchors["the bay"], titles["Bay"], 0.5)),
        ("Bay 2", (anchors["Velmar"], titles["Port Velmar"], 0.25)),
    ]
    return {
        "title_trie": titles,
        "mention_trie": anchors,
        "data_trie": marisa_trie.RecordTrie("<IIf", records),
    }


@pytest.fixture(params=[3, 4])
def release(tmp_path, foreign, request):
    """A directory with one file of each kind."""
    for name, content in (("r", REDIRECTS), ("m", mention_database(foreign)), ("l", link_database())):
        joblib.dump(content, tmp_path / f"{name}.pkl", protocol=request.param)
    return tmp_path


@pytest.mark.parametrize("compress", [0, 3, *((name, 3) for name in ("gzip", "bz2", "lzma", "xz"))], ids=str)
def test_redirects(tmp_path, compress):
    joblib.dump(REDIRECTS, tmp_path / "r.pkl", compress=compress)
    redirects = redirects_from_release(tmp_path / "r.pkl", tmp_path / "out")
    assert {title: redirects.resolve(title) for title in redirects} == REDIRECTS
    with pytest.raises(ConfigurationError, match="already exists"):
        redirects_from_release(tmp_path / "r.pkl", tmp_path / "out")
    assert len(redirects_from_release(tmp_path / "r.pkl", tmp_path / "out", force=True)) == 3


def test_a_mention_database(release, monkeypatch):
    monkeypatch.delitem(sys.modules, "luke.utils.made_up")
    database = mentions_from_release(release / "m.pkl", release / "out")
    assert database.query("The Bay") == [Mention("Bay", 3, 5, 20), Mention("Port Velmar", 2, 5, 20)]
    assert database.query("the") == [Mention("Ash", 1, 1, 1)]
    assert len(database) == 2


def test_a_link_database(release):
    database = links_from_release(release / "l.pkl", release / "out")
    assert {title: sorted(database.links(title)) for title in database} == {
        "Bay": [Link("Velmar", "Port Velmar", 0.25)],
        "Bay 2": [Link("Velmar", "Port Velmar", 0.25), Link("the bay", "Bay", 0.5)],
        "Port Velmar": [],
    }


class Reduced:
    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


SYSTEM = Reduced(os.system, ("touch hacked",))
HOSTILE = {
    "system": ({"a": SYSTEM}, r"holds (posix|nt)\.system"),
    "nested": ({"a": Reduced(marisa_trie.Trie, (SYSTEM,))}, r"holds (posix|nt)\.system"),
    "method": (
        {"a": Reduced(marisa_trie.Trie.load, (marisa_trie.Trie(), "x"))},
        r"holds (\w+\.getattr|marisa_trie\._Trie\.load)",
    ),
    "state": (
        {"a": Reduced(marisa_trie.Trie, (5,), {"content": 5})},
        "leads to a StoredTrie; expected titles|expected a trie",
    ),
    "tuples": ({"a": 1, ("k",): 2}, "is damaged"),
    "list": ([1, 2], "holds no dictionary"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", [3, 4])
def test_hostile_files(tmp_path, monkeypatch, name, protocol):
    monkeypatch.chdir(tmp_path)
    content, message = HOSTILE[name]
    (tmp_path / "h.pkl").write_bytes(pickle.dumps(content, protocol))
    for convert in (redirects_from_release, mentions_from_release, links_from_release):
        with pytest.raises(ConfigurationError, match=message) as error:
            convert("h.pkl", "out")
        assert str(error.value).startswith("h.pkl: ") and "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["h.pkl"]


BOMB = b"\x80\x03B\x00\x00\x00\x10" + bytes(1 << 27) + b"."


@pytest.mark.parametrize(
    "content, message",
    [
        # A tuple of tuples 60 deep, as a key: 240 bytes, and 2 ** 60 steps to hash it.
        (b"\x80\x03}" + b")" + b"q\x00h\x00\x86" * 60 + b"K\x01s.", "is damaged"),
        (b"\x80\x03B\xff\xff\xff\x7fabc.", "asks for more memory"),
        (b"\x80\x03r\xff\xff\xff\x7f.", "is damaged"),
        (gzip.compress(BOMB), "asks for more memory"),
        (b"\x80\x05\x96\xff\xff\xff\xff\xff\x00\x00\x00a.", "is damaged"),
        (b"\x80\x03(i__main__\nX\n.", "holds __main__.X"),
        (b"\x80\x03Pid\n.", "persistent id"),
        (zlib.compress(b"\x80\x03}.")[:-6], "cannot be read"),
        (b"PK\x03\x04", "is no pickle"),
    ],
    ids=range(9),
)
def test_damaged_files(tmp_path, content, message):
    (tmp_path / "d.pkl").write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        read_release_pickle(tmp_path / "d.pkl")


@pytest.mark.parametrize(
    "convert, name, message",
    [
        (redirects_from_release, "l", "'title_trie' leads to a StoredTrie; expected titles"),
        (mentions_from_release, "l", "a trie of records '<IIII' as 'data_trie', found one with '<IIf'"),
        (links_from_release, "m", "a trie of records '<IIf' as 'data_trie', found one with '<IIII'"),
        (links_from_release, "r", "expected a trie as 'title_trie', found none"),
        (links_from_release, "n", "there is no such file"),
    ],
)
def test_files_that_are_others(release, convert, name, message):
    with pytest.raises(ConfigurationError, match=message):
        convert(release / f"{name}.pkl", release / "out")


@pytest.mark.parametrize(
    "name, trie, message",
    [
        ("data_trie", marisa_trie.RecordTrie("<IIf", [("Bay", (0, 99, 0.5))]), "is damaged"),
        ("title_trie", Reduced(marisa_trie.Trie, (), b"no trie"), "does not begin as tries do"),
    ],
)
def test_damaged_tries(tmp_path, name, trie, message):
    joblib.dump({**link_database(), name: trie}, tmp_path / "l.pkl")
    with pytest.raises(ConfigurationError, match=message):
        links_from_release(tmp_path / "l.pkl", tmp_path / "out")
    assert not (tmp_path / "out").exists()
