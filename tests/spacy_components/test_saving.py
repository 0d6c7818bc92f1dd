"""Pipelines with the components, saved and loaded elsewhere; and what is wrong with a model."""

import configparser
import json
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import spacy
from allennlp.common.checks import ConfigurationError

TEXT = "Tavin Oakesh met Edda Rask in Valdoria. Zoë sang for Orsa."
NAMES = ("luke_ner", "luke_types", "luke_relations")


def annotations(doc):
    return (
        [(entity.text, entity.label_, entity._.luke_score, entity._.luke_types) for entity in doc.ents],
        [(head.text, tail.text, label, score) for head, tail, label, score in doc._.luke_relations],
    )


@pytest.fixture
def moved(archives, tmp_path):
    """Copies of the archives that the test may delete."""
    for name, path in archives.items():
        shutil.copyfile(path, tmp_path / f"{name}.tar.gz")
    return tmp_path


@pytest.fixture
def nlp(moved, tasks):
    nlp = spacy.blank("en")
    for name in NAMES:
        path = str(moved / f"{tasks[name]}.tar.gz")
        nlp.add_pipe(name, config={"model": path, "device": "cpu"})
    return nlp


def delete(moved):
    for path in moved.glob("*.tar.gz"):
        path.unlink()


def test_a_directory_needs_nothing_beside_it(nlp, moved):
    expected = annotations(nlp(TEXT))
    nlp.to_disk(moved / "saved")
    delete(moved)
    (moved / "saved").rename(moved / "elsewhere")
    loaded = spacy.load(moved / "elsewhere")
    assert annotations(loaded(TEXT)) == expected and expected[0]
    # Saving it in place, and once more elsewhere.
    loaded.to_disk(moved / "elsewhere")
    loaded.to_disk(moved / "again")
    assert annotations(spacy.load(moved / "again")(TEXT)) == expected


def test_bytes(nlp, moved):
    expected = annotations(nlp(TEXT))
    content, config = nlp.to_bytes(), nlp.config
    delete(moved)
    loaded = type(nlp).from_config(config).from_bytes(content)
    assert annotations(loaded(TEXT)) == expected


def test_a_run_without_archive(archives, tmp_path):
    run = Path(archives["luke_ner"]).parent
    copied = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("*.gz"))
    nlp = spacy.blank("en")
    nlp.add_pipe("luke_ner", config={"model": str(copied), "device": "cpu"})
    nlp.to_disk(tmp_path / "saved")
    shutil.rmtree(copied)
    assert spacy.load(tmp_path / "saved")(TEXT).ents


@pytest.mark.parametrize("name", NAMES)
def test_models_of_another_task(name, archives, tasks):
    other = next(task for task in archives if task != tasks[name])
    with pytest.raises(ConfigurationError) as error:
        spacy.blank("en").add_pipe(name, config={"model": archives[other]})
    message = str(error.value)
    assert f"'{name}'" in message and archives[other] in message
    assert tasks[name].removeprefix("luke_") in message and other.removeprefix("luke_") in message


def test_a_model_that_is_not_there(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("luke_ner", config={"model": str(tmp_path / "none.tar.gz")})
    with pytest.raises(ConfigurationError, match=r"none\.tar\.gz: there is no such file"):
        nlp(TEXT)
    with pytest.raises(ValueError, match="(?s)luke_ner.*model"):
        nlp.add_pipe("luke_ner", name="second")


def test_a_damaged_archive(tmp_path, archives):
    content = Path(archives["luke_ner"]).read_bytes()
    (tmp_path / "model.tar.gz").write_bytes(content[: len(content) // 2])
    nlp = spacy.blank("en")
    nlp.add_pipe("luke_ner", config={"model": str(tmp_path / "model.tar.gz")})
    with pytest.raises(ConfigurationError, match="damaged"):
        nlp(TEXT)


def test_the_entry_points_are_those_of_setup_cfg(root_dir):
    settings = configparser.ConfigParser()
    settings.read(root_dir / "setup.cfg")
    lines = settings["options.entry_points"]["spacy_factories"].strip().splitlines()
    declared = dict(line.split(" = ") for line in lines)
    assert set(declared) == set(NAMES)
    assert {
        point.name: point.value for point in entry_points(group="spacy_factories")
    }.items() >= declared.items()


@pytest.mark.slow
def test_without_an_import(archives, tmp_path):
    """spaCy finds the components, and its own start imports none of what they need."""
    script = f"""
import sys, json, spacy
nlp = spacy.blank("en")
heavy = [name for name in ("allennlp.models", "luke_allennlp.pipelines") if name in sys.modules]
nlp.add_pipe("luke_ner", config={{"model": {archives["luke_ner"]!r}}})
print(json.dumps([heavy, [entity.text for entity in nlp({TEXT!r}).ents]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    heavy, entities = json.loads(done.stdout.splitlines()[-1])
    assert heavy == [] and entities
