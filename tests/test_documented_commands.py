"""
Every command of the documents is run as it is printed, in their order, from what looks like a checkout. Small data
and models are where the commands and the hub's cache have theirs; so none is altered. Those that cannot run here are
listed with the reason.
"""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import huggingface_hub
import joblib
import pytest
import transformers
from allennlp.commands import parse_args
from allennlp.common import Params

from tests.conftest import FIXTURES, ROOT, Command, Finished, allennlp_in_process, small_corpus
from tests.documents import ASSIGNMENTS, DOCUMENTS, Item, read_document
from tests.wikipedia.made_pages import page, write_pages
from tests.wikipedia.test_executors import SBATCH
from tests.wikipedia.test_release import REDIRECTS, link_database, mention_database

ITEMS = {name: read_document((ROOT / name).read_text(encoding="utf-8")) for name in DOCUMENTS}

INSTALLS = "it installs from the package index"
MAKES = "it takes minutes and installs what is not there; `make -n` shows that make knows it"
DEVICES = "it needs several GPUs; the config that comes of it is checked below"
MACHINES = "it waits for another machine; the config and the options are checked below"

# Each command that is not run, and why.
NOT_RUN = {
    "make install": MAKES,
    "make demo": MAKES,
    "make demo PYTHON=python3.12": MAKES,
    "make pretrain-demo": MAKES,
    "make test": MAKES,
    "make test PYTEST_ARGS='-m \"not slow\"'": MAKES,
    "make test PYTEST_ARGS=tests/ner": MAKES,
    "make test PYTEST_ARGS=tests/packaging": MAKES,
    "make test-matrix": MAKES,
    "make lint": MAKES,
    "pip install .": INSTALLS,
    "pip install --find-links build/wheels -c constraints.txt .": INSTALLS,
    "pip install --use-pep517 --find-links build/wheels -c constraints.txt -e '.[dev]'": INSTALLS,
    "pip install --find-links build/wheels 'allennlp[wandb]==2.10.1+modern.1'": INSTALLS,
    "hf download studio-ousia/luke-large --local-dir models/luke-large": "it needs the network",
    "allennlp train training_configs/ner/conll.jsonnet --include-package luke_allennlp "
    '-o \'{"distributed": {"cuda_devices": [0, 1, 2, 3]}, "trainer.num_gradient_accumulation_steps": 1}\'': DEVICES,
    "MASTER_ADDR=node0 MASTER_PORT=29500 allennlp train training_configs/pretraining/two_machines.jsonnet "
    "-s runs/two_machines --include-package luke_allennlp --node-rank 0": MACHINES,
    "MASTER_ADDR=first-machine MASTER_PORT=29500 allennlp train training_configs/pretraining/two_machines.jsonnet "
    "-s runs/two_machines --node-rank 0": MACHINES,
    "MASTER_ADDR=first-machine MASTER_PORT=29500 allennlp train training_configs/pretraining/two_machines.jsonnet "
    "-s runs/two_machines --node-rank 1": MACHINES,
    "for language in ar bn de el en es fi fr hi id it ja ko nl pl pt ru sv sw te th tr vi zh; do "
    "allennlp wikipedia-extract dumps/${language}wiki-*.xml.bz2 -o wiki/$language --workers 16 done": (
        "24 dumps; the first command of the same document is run"
    ),
    "for language in ar bn de el en es fi fr hi id it ja ko nl pl pt ru sv sw te th tr vi zh; do "
    "allennlp pretraining-dataset wiki/$language -o data/pretraining/$language --tokenizer xlm-roberta-base "
    "--entity-vocab wiki/entity_vocab.jsonl --sentence-splitter icu --held-out 0.001 --workers 16 done": (
        "24 dumps, and it needs PyICU; the third command of the same document is run"
    ),
}

# What is appended to commands with these words, since they would take days otherwise.
SHORTENED = {
    "allennlp train training_configs/pretraining/luke_large_stage": (
        "-o",
        '{"trainer.num_steps": 2, "data_loader.num_workers": 0, "validation_data_loader.num_workers": 0}',
    )
}

# `diff` tells by 1 that there are differences.
STATUS = {"diff -ru build/before/allennlp build/after/allennlp": 1}

HUB = {
    "studio-ousia/luke-large": "tiny-luke",
    "studio-ousia/luke-base": "tiny-luke",
    "roberta-large": "tiny-roberta",
    "roberta-base": "tiny-roberta",
}
DUMP = FIXTURES / "wikipedia/valdoriawiki-pages-articles-multistream.xml.bz2"


def normal(command: str) -> str:
    """On one line, and without comments, as the lists above have it."""
    return " ".join(re.sub(r"\s# .*$|\s+#\s.*$", "", command.replace("\\\n", " "), flags=re.M).split())


# --- The place where the commands run.


def make_place(place: Path) -> None:
    """A checkout whose `data` and `models` are small, with a dump and sentences; further programs in `bin`."""
    for name in ("training_configs", "fixtures", "packaging"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".allennlp_plugins", "Makefile", "constraints.txt", "setup.cfg", "pyproject.toml"):
        shutil.copyfile(ROOT / name, place / name)
    shutil.copytree(FIXTURES / "data", place / "data")
    (place / "data/conll2003").mkdir()
    for part, name in (("train", "eng.train"), ("dev", "eng.testa"), ("test", "eng.testb")):
        small_corpus(FIXTURES / f"ner/{part}.conll", place / "data/conll2003" / name, 4)
        small_corpus(FIXTURES / f"ner/{part}.conll", place / f"fixtures/ner/{part}.conll", 4)
    shutil.copyfile(FIXTURES / "ner/sentences.jsonl", place / "sentences.jsonl")
    for date in ("20160305", "20181220"):
        shutil.copyfile(DUMP, place / f"enwiki-{date}-pages-articles.xml.bz2")
    for name in ("luke", "luke-large"):
        shutil.copytree(FIXTURES / "tiny-luke", place / "models" / name)
    vocabulary = json.loads((FIXTURES / "tiny-luke/entity_vocab.json").read_text(encoding="utf-8"))
    titles = ["United States" if title == "Marlow" else title for title in vocabulary]
    (place / "models/luke-large/entity_vocab.json").write_text(
        json.dumps({t: i for i, t in enumerate(titles)})
    )
    (place / "entity_vocab.tsv").write_text("".join(f"{title}\t1\n" for title in titles), encoding="utf-8")
    (place / "bin").mkdir()
    for program, content in (("sbatch", SBATCH), ("srun", "#!/bin/bash\n"), ("scontrol", "#!/bin/bash\n")):
        (place / "bin" / program).write_text(content)
        (place / "bin" / program).chmod(0o755)


def make_hub_cache(cache: Path) -> None:
    """With the tiny checkpoints under the names of the published ones."""
    commit = "0" * 40

    def snapshot(name: str) -> Path:
        repository = cache / f"models--{name.replace('/', '--')}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs/main").write_text(commit)
        return repository / "snapshots" / commit

    for name, checkpoint in HUB.items():
        shutil.copytree(FIXTURES / checkpoint, snapshot(name))
    fine_tuned = snapshot("studio-ousia/luke-large-finetuned-conll-2003")
    labels = dict(enumerate(["NIL", "MISC", "PER", "ORG", "LOC"]))
    tiny = FIXTURES / "tiny-luke"
    config = transformers.LukeConfig.from_pretrained(
        tiny, use_entity_aware_attention=True, id2label=labels, label2id={v: k for k, v in labels.items()}
    )
    shutil.copytree(tiny, fine_tuned)
    transformers.LukeForEntitySpanClassification(config).save_pretrained(fine_tuned)


def forget(*names: str) -> Callable[[Path], None]:
    """A section tells another way to what an earlier one made."""

    def prepare(place: Path) -> None:
        for name in names:
            shutil.rmtree(place / name)

    return prepare


def moved_archive(place: Path) -> None:
    shutil.copyfile(place / "runs/ner/conll/model.tar.gz", place / "model.tar.gz")


def own_columns(place: Path) -> None:
    (place / "my").mkdir()
    for part in ("train", "dev"):
        lines = (place / f"fixtures/ner/{part}.conll").read_text(encoding="utf-8").splitlines()
        words = [line.split() for line in lines if not line.startswith("-DOCSTART-")]
        rows = (
            "\t".join((str(number), word[0], word[-1])) if word else "" for number, word in enumerate(words)
        )
        (place / f"my/{part}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def release_files(place: Path) -> None:
    shutil.rmtree(place / "data/squad")
    shutil.rmtree(place / "wiki/mentions_2016")
    joblib.dump(link_database(), place / "enwiki_20160305.pkl")
    joblib.dump(REDIRECTS, place / "enwiki_20160305_redirects.pkl")
    joblib.dump(REDIRECTS, place / "enwiki_20181220_redirects.pkl")
    joblib.dump(mention_database(dict), place / "enwiki_20160305_mention_lp0.0.pkl")


def languages(place: Path) -> None:
    for language in ("en", "de", "ja"):
        if not (place / "wiki" / language).exists():
            write_pages(place / "wiki" / language, [[page("Tokyo", "[[Tokyo]] [[Tokyo]]")]], language)
    (place / "wiki/entity_vocab.jsonl").unlink()
    with gzip.open(place / "wiki/items.tsv.gz", "wt", encoding="utf-8") as table:
        table.writelines(f"{language}\tTokyo\tQ1490\n" for language in ("en", "de", "ja"))


def wheels(place: Path) -> None:
    originals = ROOT / "build/wheels/originals"
    if not originals.is_dir():
        pytest.skip(f"the original wheels are not at {originals}: run make install")
    shutil.copytree(originals, place / "build/wheels/originals")


# What a section finds, beside what the commands before it have made.
SECTIONS: Dict[Tuple[str, str], Callable[[Path], None]] = {
    ("README.md", "Installing without make"): wheels,
    ("README.md", "From Python and after moving"): moved_archive,
    ("README.md", "Pretraining"): forget("runs/ner/conll"),
    ("docs/link_database.md", "Building from dumps"): forget("data/squad"),
    ("docs/link_database.md", "Converting the original release's files"): release_files,
    ("docs/link_database.md", "Building from JSON lines"): forget("data/squad"),
    ("docs/ner.md", "Your own data"): own_columns,
    ("docs/pretraining.md", "Entities"): languages,
    ("docs/pretraining.md", "Slurm"): forget("data/pretraining"),
    ("docs/pretraining.md", "mLUKE's 24 languages"): languages,
    ("packaging/README.md", "AllenNLP on today's stack"): wheels,
}

# The files that hold the records which a document shows: those with this key.
RECORDS = {
    ("README.md", "mentions"): "masked.jsonl",
    ("docs/cloze_qa.md", "query"): "questions.jsonl",
    ("docs/entity_typing.md", "span"): "mentions.jsonl",
    ("docs/link_database.md", "links"): "links.jsonl",
    ("docs/link_database.md", "target"): "redirects.jsonl",
    ("docs/reading_comprehension.md", "question"): "questions.jsonl",
    ("docs/relation_classification.md", "head"): "sentences.jsonl",
}

# Commands of README that another document goes on from.
BEFORE = {"docs/ner.md": "allennlp train training_configs/ner/conll.jsonnet --include-package luke_allennlp"}


class Shell:
    """Runs commands as a shell does from the place where they are; `allennlp` in this process."""

    def __init__(self, place: Path, environment: Dict[str, str], allennlp: Command) -> None:
        self.place = place
        self.environment = environment
        self.allennlp = allennlp

    def __call__(self, command: str) -> Finished:
        assignments = ASSIGNMENTS.match(command)
        assert assignments is not None
        bare = command[assignments.end() :]
        # Pipes, loops and redirections are the shell's.
        if not bare.startswith("allennlp ") or re.search(r"[|<>&;]", re.sub("'[^']*'", "", bare)):
            return self.bash(command)
        words = self.bash(f"printf '%s\\0' {bare}").out.split("\0")[1:-1]
        for words_of, more in SHORTENED.items():
            words += more if bare.startswith(words_of) else ()
        with pytest.MonkeyPatch.context() as patch:
            for assignment in assignments[0].split():
                patch.setenv(*assignment.split("=", 1))
            return self.allennlp(*words)

    def bash(self, command: str) -> Finished:
        finished = subprocess.run(
            ["bash", "-c", command],
            cwd=self.place,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return Finished(finished.returncode, finished.stdout, finished.stderr)


@pytest.fixture(scope="module")
def hub_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("hub")
    make_hub_cache(cache)
    return cache


@pytest.fixture
def shell(
    hub_cache: Path,
    tmp_path: Path,
    environment: Dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Shell:
    make_place(tmp_path)
    path = os.pathsep.join((str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
    variables = {**environment, "PATH": path, "HF_HUB_CACHE": str(hub_cache)}
    for name in os.environ.keys() - variables.keys():
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # They were read when the library was imported.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(hub_cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, variables, allennlp_in_process(monkeypatch, capfd))


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS)
def test_they_run_as_they_are_printed(document: str, shell: Shell) -> None:
    for item in ITEMS[document]:
        for record in item.records() if item.kind == "json" else ():
            for (name, key), file in RECORDS.items():
                if name == document and isinstance(record, dict) and key in record:
                    with open(shell.place / file, "a", encoding="utf-8") as stream:
                        stream.write(json.dumps(record) + "\n")
    if document in BEFORE:
        check(shell, BEFORE[document], "before the document")
    done = set()
    heading = None
    for item in ITEMS[document]:
        if item.heading != heading:
            heading = item.heading
            SECTIONS.get((document, heading), lambda place: None)(shell.place)
        where = f"{document}, line {item.line}"
        if item.kind == "jsonnet" and item.file():
            (shell.place / item.file()).write_text(item.text, encoding="utf-8")
        elif item.kind == "python":
            exec(compile(item.text, where, "exec"), {})
        elif item.kind == "commands":
            for command in item.commands():
                # In the text, commands are named again.
                if normal(command) not in NOT_RUN and not (item.inline and command in done):
                    check(shell, command, where)
                done.add(command)


def check(shell: Shell, command: str, where: str) -> None:
    finished = shell(command)
    assert finished.status == STATUS.get(command, 0) and "Traceback" not in finished.err, (
        f"{where}: this command ends with status {finished.status}.\n    {command}\n"
        f"It writes:\n{finished.out[-2000:]}\n{finished.err[-4000:]}\n"
        "Correct the document or the code, give the command what it needs in SECTIONS, or list it in NOT_RUN "
        "with the reason why it cannot run here."
    )
