"""`allennlp build-link-database`, as a user types it."""

import json

import pytest

from luke_allennlp.linking.link_database import Link, LinkDatabase


def test_links(allennlp, tmp_path):
    source, output = tmp_path / "lines.jsonl", tmp_path / "out"
    command = ("build-link-database", str(source), str(output))
    lines = {"title": "A", "links": [["b", "B", 0.5]]}, {"title": "B", "links": []}
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert allennlp(*command)[:2] == (0, f"1 links of 2 pages in {output}\n")
    assert LinkDatabase(str(output)).links("A") == [Link("b", "B", 0.5)]
    error = "already exists; choose another path, or force to replace it (--force)."
    assert allennlp(*command).error == f"allennlp: error: {output}: {error}"
    source.write_text('{"title": "B", "links": []}\n')
    assert allennlp(*command, "--force").status == 0 and len(LinkDatabase(str(output))) == 1
    source.write_text('{"title": "A"}\n')
    error = f"allennlp: error: {source}, line 1: 'links' is missing; found only 'title'."
    assert allennlp(*command, "--force").error == error
    assert list(LinkDatabase(str(output))) == ["B"]


@pytest.mark.parametrize("name", ["links", "redirects_20160305", "redirects_20181220"])
def test_the_fixture_is_what_its_lines_make(allennlp, tmp_path, fixtures_dir, name):
    data, output = fixtures_dir / "data" / "squad", tmp_path / "out"
    kind = name.partition("_")[0]
    finished = allennlp("build-link-database", str(data / f"{name}.jsonl"), str(output), "--kind", kind)
    assert finished.status == 0 and f" in {output}\n" in finished.out
    made = {path.name: path.read_bytes() for path in output.iterdir()}
    assert made == {path.name: path.read_bytes() for path in (data / name).iterdir()}
