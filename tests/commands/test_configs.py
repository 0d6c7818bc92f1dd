def test_lists_them(allennlp):
    listed = allennlp("configs").out.splitlines()
    (row,) = [line for line in listed if line.startswith("ner/conll ")]
    assert row.split("  ", 1)[1].split() == "CoNLL-2003 Table 3: LUKE F1 94.3".split()
    assert len({line.split("/")[0] for line in listed[:-1] if "/" in line.split("  ")[0]}) == 6


def test_copies_one(allennlp, workplace):
    finished = allennlp("configs", "cp", "ner/conll_roberta", "mine")
    assert finished.status == 0 and "mine/lib/ner.libsonnet" in finished.out
    assert finished.out.splitlines()[-1] == "Train it: allennlp train mine/ner/conll_roberta.jsonnet"
    (workplace / "mine/ner/conll.jsonnet").write_text("{}", encoding="utf-8")
    assert "--force" in allennlp("configs", "cp", "ner/conll", "mine").error
    assert allennlp("configs", "cp", "--force", "ner/conll", "mine").status == 0
    assert "did you mean ner/conll" in allennlp("configs", "cp", "ner/conl", "mine").error
