"""`allennlp build-link-database`, as a user types it."""

import json

import pytest

from luke_allennlp.linking.link_database import Link, LinkDatabase
from luke_allennlp.linking.redirects import Redirects


@pytest.fixture
def build(allennlp, tmp_path):
    """Runs the command with an input of these lines; its output is `out`."""

    def build(*lines, options=()):
        source = tmp_path / "lines.jsonl"
        source.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return allennlp("build-link-database", str(source), str(tmp_path / "out"), *options)

    return build


def test_links(build, tmp_path):
    lines = {"title": "A", "links": [["b", "B", 0.5]]}, {"title": "B", "links": []}
    output = tmp_path / "out"
    assert build(*lines)[:2] == (0, f"1 links of 2 pages in {output}\n")
    assert LinkDatabase(str(output)).links("A") == [Link("b", "B", 0.5)]
    error = "already exists; choose another path, or force to replace it (--force)."
    assert build(*lines).error == f"allennlp: error: {output}: {error}"
    assert build(lines[0], options=["--force"]).status == 0 and len(LinkDatabase(str(output))) == 1


def test_redirects(build, tmp_path):
    finished = build({"title": "Old", "target": "A"}, options=["--kind", "redirects"])
    assert finished[:2] == (0, f"1 redirects in {tmp_path / 'out'}\n")
    assert Redirects(str(tmp_path / "out")).resolve("Old") == "A"


@pytest.mark.parametrize(
    "line, message",
    [
        ({"title": "A"}, ", line 1: 'links' is missing; found only 'title'."),
        ([], ", line 1: found []; expected"),
    ],
)
def test_bad_lines(build, tmp_path, line, message):
    finished = build(line)
    assert finished.status == 1 and "Traceback" not in finished.err
    assert finished.error.startswith(f"allennlp: error: {tmp_path / 'lines.jsonl'}{message}")
    assert [item.name for item in tmp_path.iterdir()] == ["lines.jsonl"]


@pytest.mark.parametrize("name", ["links", "redirects_20160305", "redirects_20181220"])
def test_the_fixture_is_what_its_lines_make(allennlp, tmp_path, fixtures_dir, name):
    data, output = fixtures_dir / "data" / "squad", tmp_path / "out"
    kind = name.partition("_")[0]
    source = str(data / f"{name}.jsonl")
    assert allennlp("build-link-database", source, str(output), "--kind", kind).status == 0
    made = {path.name: path.read_bytes() for path in output.iterdir()}
    assert made == {path.name: path.read_bytes() for path in (data / name).iterdir()}
