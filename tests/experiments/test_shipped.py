import re
import subprocess
import sys
import zipfile

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from luke_allennlp.experiments.shipped import copy_experiment, find_experiment, shipped_experiments

EXPERIMENTS = shipped_experiments()


def test_every_config_is_an_experiment_of_the_package(root_dir):
    folder = root_dir / "training_configs"
    found = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.jsonnet")}
    assert found == EXPERIMENTS.keys()
    assert all(experiment.config.is_file() for experiment in EXPERIMENTS.values())


def test_the_table_of_the_readme_agrees(root_dir):
    text = (root_dir / "training_configs/README.md").read_text(encoding="utf-8")
    table = re.search(r"^\| paper \| config .*?\n\n", text, re.M | re.S)[0]
    named = set()
    for line in table.rstrip().splitlines()[2:]:
        paper, configs, score = [cell.strip() for cell in line.strip("|").split("|")][:3]
        score = re.sub(r"[ ]?[¹²³⁴⁵]", "", score)
        names = re.findall(r"`(\w+/\w+)`", configs)
        names += [names[-1].replace("_stage1", "_stage2")] if "`_stage2`" in configs else []
        named.update(names)
        experiment = EXPERIMENTS[names[0]]
        if paper.startswith("Table"):
            # The README gives the dataset with the first of its rows.
            where, _, what = paper.partition(": ")
            assert experiment.paper == f"{where.split(',')[0]}: {what}" and experiment.score == score
            assert "," not in where or where.endswith(f", {experiment.dataset}")
        else:
            assert "not in the paper" not in paper or experiment.paper.startswith("not in the paper")
            assert experiment.score == ""
    assert named | {"pretraining/demo_stage2"} == EXPERIMENTS.keys()


@pytest.mark.parametrize("name", ["ner/conll_roberta", "pretraining/mluke_base_stage2", "ner/crf_tagger"])
def test_a_copy_is_the_same_config_elsewhere(name, tmp_path):
    experiment = EXPERIMENTS[name]
    files = copy_experiment(experiment, tmp_path / "mine")
    assert files[0] == tmp_path / f"mine/{name}.jsonnet"
    assert {path for path in (tmp_path / "mine").rglob("*") if path.is_file()} == {*files}
    copied, shipped = (Params.from_file(path).as_dict(quiet=True) for path in (files[0], experiment.config))
    assert copied == shipped


def test_what_was_changed_is_kept(tmp_path):
    copy_experiment(EXPERIMENTS["ner/conll"], tmp_path)
    copy_experiment(EXPERIMENTS["ner/conll_no_entities"], tmp_path)  # shares the libraries
    library, config = tmp_path / "lib/ner.libsonnet", tmp_path / "ner/demo.jsonnet"
    library.write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="lib/ner.libsonnet: there already, and changed; .*--force"):
        copy_experiment(EXPERIMENTS["ner/demo"], tmp_path)
    assert not config.exists() and library.read_text(encoding="utf-8") == "{}"
    copy_experiment(EXPERIMENTS["ner/demo"], tmp_path, force=True)
    assert config.exists() and len(library.read_text(encoding="utf-8")) > 100


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "ner").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="ner: cannot be written"):
        copy_experiment(EXPERIMENTS["ner/conll"], tmp_path)


@pytest.mark.parametrize(
    "name, nearest",
    [
        ("ner/connl", "ner/conll"),
        ("conll", "ner/conll"),
        ("squadd", "reading_comprehension/squad"),
        ("training_configs/ner/cnll.jsonnet", "ner/conll"),
    ],
)
def test_a_misspelt_name(name, nearest):
    with pytest.raises(ConfigurationError, match=f"no experiment .*did you mean {nearest}"):
        find_experiment(name)
    assert find_experiment("training_configs/ner/conll.jsonnet").name == "ner/conll"


@pytest.mark.slow
def test_a_wheel_has_the_configs(root_dir, tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run(["git", "clone", "-q", str(root_dir), str(tmp_path / "checkout")], check=True)
    subprocess.run([*command, "-q", "-w", tmp_path, tmp_path / "checkout"], check=True)
    (wheel,) = tmp_path.glob("luke_allennlp*.whl")
    prefix = "luke_allennlp/training_configs/"
    names = zipfile.ZipFile(wheel).namelist()
    held = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    files = (root_dir / "training_configs").rglob("*.*")
    assert held == {path.relative_to(root_dir / "training_configs").as_posix() for path in files}
