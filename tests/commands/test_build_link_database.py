"""`allennlp build-link-database`, as a user types it."""

import json

import pytest

from luke_allennlp.linking.link_database import Link, LinkDatabase
from luke_allennlp.linking.redirects import Redirects


def write(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def links(tmp_path):
    return write(
        tmp_path / "links.jsonl", {"title": "A", "links": [["b", "B", 0.5]]}, {"title": "B", "links": []}
    )


def test_links(allennlp, tmp_path, links):
    output = str(tmp_path / "data" / "links")
    finished = allennlp("build-link-database", links, output)
    assert finished.status == 0 and finished.out == f"1 links of 2 pages in {output}\n"
    assert LinkDatabase(output).links("A") == [Link("b", "B", 0.5)]


def test_redirects(allennlp, tmp_path):
    lines = write(tmp_path / "redirects.jsonl", {"title": "Old", "target": "A"})
    finished = allennlp("build-link-database", lines, str(tmp_path / "out"), "--kind", "redirects")
    assert finished.status == 0 and finished.out == f"1 redirects in {tmp_path / 'out'}\n"
    assert Redirects(str(tmp_path / "out")).resolve("Old") == "A"


def test_force(allennlp, tmp_path, links):
    output = str(tmp_path / "out")
    assert allennlp("build-link-database", links, output).status == 0
    finished = allennlp("build-link-database", links, output)
    assert finished.status == 1
    assert finished.error == (
        f"allennlp: error: {output}: already exists; choose another path, or force to replace it (--force)."
    )
    assert allennlp("build-link-database", links, output, "--force").status == 0
    assert len(LinkDatabase(output)) == 2


@pytest.mark.parametrize(
    "line, message",
    [
        ({"title": "A"}, ", line 1: 'links' is missing; found only 'title'."),
        ([], ", line 1: found []; expected"),
    ],
)
def test_bad_lines(allennlp, tmp_path, line, message):
    path = write(tmp_path / "bad.jsonl", line)
    finished = allennlp("build-link-database", path, str(tmp_path / "out"))
    assert finished.status == 1 and "Traceback" not in finished.err
    assert finished.error.startswith(f"allennlp: error: {path}{message}")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["bad.jsonl"]


def test_the_fixture_is_what_its_lines_make(allennlp, tmp_path, fixtures_dir):
    data = fixtures_dir / "data" / "squad"
    for name in ("links", "redirects_20160305", "redirects_20181220"):
        kind = name.partition("_")[0]
        source, output = data / f"{name}.jsonl", tmp_path / name
        assert allennlp("build-link-database", str(source), str(output), "--kind", kind).status == 0
        made = {path.name: path.read_bytes() for path in output.iterdir()}
        assert made == {path.name: path.read_bytes() for path in (data / name).iterdir()}
