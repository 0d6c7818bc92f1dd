"""Databases of links and redirects: what goes in comes out, and what is damaged is refused."""

import json
import math
import os
import pickle
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest
from allennlp.common.checks import ConfigurationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luke_allennlp.linking.link_database import Link, LinkDatabase
from luke_allennlp.linking.redirects import Redirects
from luke_allennlp.linking.string_spool import StringSpool

ROWING = [("Dorrick", "Dorrick", 0.5), ("two\nlines", "Ísafold 🚣", 1), ("Dorrick", "Dorrick", 0.5)]
PAGES: Dict[str, List[Tuple[str, str, float]]] = {
    "River clubs": [*ROWING, ("", "Nowhere", 0.0)],
    "No links": [],
    "Äpfel": [("Obst", "River clubs", 0.25)],
    "": [("x", "y", 0.125)],
}
REDIRECTS = {"Old": "New", "New": "Newest", "Ä": "\u2028"}

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@pytest.fixture
def database(tmp_path: Path) -> LinkDatabase:
    return LinkDatabase.build(PAGES.items(), str(tmp_path / "links"))


@pytest.fixture
def redirects(tmp_path: Path) -> Redirects:
    return Redirects.build(REDIRECTS.items(), str(tmp_path / "redirects"))


def contents(directory: Path) -> Dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def names(directory: Path) -> List[str]:
    return sorted(path.name for path in directory.iterdir())


class TestLinks:
    def test_as_given(self, database: LinkDatabase) -> None:
        for title, links in PAGES.items():
            assert title in database
            assert database.links(title) == [Link(*link) for link in links]
        assert len(database) == 4 and database.link_count == 6
        assert sorted(database) == sorted(PAGES)

        assert 3 not in database
        for title in ("river clubs", "River clubs\0", "\ud800", "Dorrick", "River club"):
            assert title not in database and database.links(title) == []

    links = st.lists(st.tuples(TEXT, TEXT, st.floats(0, 1, width=32)), max_size=5)

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(pages=st.dictionaries(TEXT, links, max_size=6), chunk=st.integers(1, 4))
    def test_any_pages(
        self, tmp_path: Path, pages: Dict[str, Any], chunk: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(StringSpool.__init__, "__defaults__", (chunk,))
        path = tmp_path / "links"
        shutil.rmtree(path, ignore_errors=True)
        database = LinkDatabase.build(pages.items(), str(path))
        assert {title: database.links(title) for title in database} == pages
        first = contents(path)
        # Neither the order of the pages nor the size of the chunks makes a difference.
        monkeypatch.setattr(StringSpool.__init__, "__defaults__", (100,))
        LinkDatabase.build(reversed(list(pages.items())), str(path), force=True)
        assert contents(path) == first


def test_redirects_in_one_step(redirects: Redirects) -> None:
    assert redirects.resolve("Old") == "New" and redirects.resolve("New") == "Newest"
    for title in ("Newest", "Old\0", "\ud800"):
        assert redirects.resolve(title) == title
    assert len(redirects) == 3 and "Old" in redirects and "Newest" not in redirects
    assert sorted(redirects) == sorted(REDIRECTS)


class TestJsonLines:
    def write(self, tmp_path: Path, *lines: Any) -> str:
        path = tmp_path / "lines.jsonl"
        text = "\n\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def test_round_trips(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, *({"title": title, "links": links} for title, links in PAGES.items()))
        database = LinkDatabase.from_json_lines(path, str(tmp_path / "links"))
        assert {title: database.links(title) for title in database} == PAGES
        path = self.write(tmp_path, *({"title": old, "target": new} for old, new in REDIRECTS.items()))
        redirects = Redirects.from_json_lines(path, str(tmp_path / "redirects"))
        assert {title: redirects.resolve(title) for title in redirects} == REDIRECTS

    @pytest.mark.parametrize(
        "kind, line, message",
        [
            (LinkDatabase, "{", "line 3: is not JSON"),
            (LinkDatabase, {"title": "A"}, "line 3: 'links' is missing; found only 'title'"),
            (LinkDatabase, {"title": "a\0", "links": []}, "line 3: 'title' is 'a\\x00'; expected a text"),
            (LinkDatabase, {"title": "A", "links": [["a", "b", 1], [0]]}, "line 3: links[1] is [0]; expec"),
            (LinkDatabase, {"title": "A", "links": [["a", "b", math.nan]]}, "links[0] is ['a', 'b', nan]"),
            (LinkDatabase, {"title": "Old", "links": []}, "The page 'Old' occurs twice"),
            (Redirects, {"title": "A", "target": "\0"}, "the target of 'A' is '\\x00'; expected a text"),
            (Redirects, {"title": "Old", "target": "B"}, "The redirect 'Old' occurs twice"),
        ],
    )
    def test_bad_lines(self, tmp_path: Path, kind: Any, line: Any, message: str) -> None:
        path = self.write(tmp_path, {"title": "Old", "target": "New", "links": []}, line)
        with pytest.raises(ConfigurationError) as error:
            kind.from_json_lines(path, str(tmp_path / "database"))
        assert message in str(error.value)
        assert names(tmp_path) == ["lines.jsonl"]

    def test_half_surrogate_pairs_are_replaced(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, {"title": "A\ud83d", "links": [["\ude00", "B\ud800", 1]]})
        database = LinkDatabase.from_json_lines(path, str(tmp_path / "links"))
        assert database.links("A\ufffd") == [Link("\ufffd", "B\ufffd", 1.0)]


class TestWriting:
    def test_interrupted_while_replacing(self, tmp_path: Path, database: LinkDatabase) -> None:
        def failing() -> Iterator[Tuple[str, List[Any]]]:
            yield from PAGES.items()
            raise KeyboardInterrupt

        before = contents(tmp_path / "links")
        with pytest.raises(KeyboardInterrupt):
            LinkDatabase.build(failing(), str(tmp_path / "links"), force=True)
        assert names(tmp_path) == ["links"] and contents(tmp_path / "links") == before

    def test_not_replaced_unless_forced(self, tmp_path: Path, database: LinkDatabase) -> None:
        with pytest.raises(ConfigurationError, match="links: already exists; choose another path, or force"):
            LinkDatabase.build([], str(tmp_path / "links"))
        assert LinkDatabase.build([], str(tmp_path / "links"), force=True).link_count == 0
        # Who has the old one open goes on reading it.
        assert database.links("Äpfel") == [Link("Obst", "River clubs", 0.25)]
        assert names(tmp_path) == ["links"]

    def test_other_things_are_never_replaced(self, tmp_path: Path, redirects: Redirects) -> None:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "letter").touch()
        (tmp_path / "file").touch()
        for name in ("redirects", "home", "file"):
            with pytest.raises(ConfigurationError, match=f"{name}: is not a directory of the format 'luke"):
                LinkDatabase.build([], str(tmp_path / name), force=True)
        assert names(tmp_path) == ["file", "home", "redirects"]
        (tmp_path / "home" / "letter").unlink()
        assert len(LinkDatabase.build([], str(tmp_path / "home"), force=True)) == 0


def change(update: Callable[[Dict[str, Any]], Any]) -> Callable[[Path], None]:
    """A change of the metadata."""

    def damage(directory: Path) -> None:
        path = directory / "metadata.json"
        metadata = json.loads(path.read_text(encoding="utf-8"))
        update(metadata)
        path.write_text(json.dumps(metadata), encoding="utf-8")

    return damage


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda links: os.truncate(links / "titles.marisa", 9), "titles.marisa is damaged: its size or SHA"),
        (lambda links: (links / "link_offsets.npy").write_bytes(b""), "link_offsets.npy is damaged"),
        (lambda links: (links / "anchors.marisa").unlink(), "the file anchors.marisa is missing"),
        (change(lambda data: data.update(format="other")), "the format in metadata.json is 'other'"),
        (change(lambda data: data.update(version=2)), "the version in metadata.json is 2; expected 1"),
        (change(lambda data: data.update(files=[])), "metadata.json has no counts or files"),
        (change(lambda data: data["files"].clear()), "titles.marisa is damaged"),
        (change(lambda data: data["counts"].update(links=7)), "link_anchors.npy holds 6 links; expected 7"),
    ],
)
def test_damage(
    tmp_path: Path, database: LinkDatabase, damage: Callable[[Path], object], message: str
) -> None:
    damage(tmp_path / "links")
    with pytest.raises(ConfigurationError) as error:
        LinkDatabase(str(tmp_path / "links"))
    assert str(error.value).startswith(f"{tmp_path / 'links'}: ") and message in str(error.value)
    assert "build it with `allennlp build-link-database`" in str(error.value)


def test_pickled_small(database: LinkDatabase, redirects: Redirects) -> None:
    data = pickle.dumps((database, redirects))
    assert len(data) < 3000
    other_database, other_redirects = pickle.loads(data)
    assert other_database.links("River clubs") == database.links("River clubs")
    assert other_redirects.resolve("Old") == "New"
