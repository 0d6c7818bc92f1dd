"""
Every command of the documents is run as it is printed, in their order, from what looks like a checkout. Small
data and models are where the commands expect theirs, and in the hub's cache, so that none is altered. Those
that cannot run here are listed with the reason.
"""

import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import joblib
import pytest
import transformers
from allennlp.commands import parse_args
from allennlp.common import Params

from tests.conftest import FIXTURES, ROOT, Finished, allennlp_in_process, small_corpus
from tests.documents import ASSIGNMENTS, DOCUMENTS, read_document
from tests.wikipedia.made_pages import page, write_pages
from tests.wikipedia.test_executors import SBATCH
from tests.wikipedia.test_release import REDIRECTS, link_database, mention_database

ITEMS = {name: read_document((ROOT / name).read_text(encoding="utf-8"), name) for name in DOCUMENTS}

COMMANDS = {
    name: [command for item in items if item.kind == "commands" for command in item.commands()]
    for name, items in ITEMS.items()
}

# The beginnings of commands that are not run, and why.
NOT_RUN = {
    "make ": "it takes minutes and installs what is missing; `make -n` shows that make knows it",
    "python benchmarks/": "it takes minutes; tests/benchmarks runs it on tiny inputs",
    "pip install ": "it installs from the package index",
    "hf download ": "it needs the network",
    "allennlp demo ": "it serves until Ctrl-C; tests/commands/test_demo.py runs it",
    '-o \'{"distributed": {"cuda_devices": [0, 1, 2, 3, 4, 5, 6, 7]}}\'': "it needs eight GPUs",
    'allennlp train training_configs/ner/conll.jsonnet --include-package luke_allennlp -o \'{"distributed"': (
        "it needs several GPUs; the config that results is checked below"
    ),
    "torchrun ": "it needs several GPUs; tests/training runs it in two processes",
    "MASTER_ADDR=": "it waits for another machine; the config and the options are checked below",
    "for language in ": "24 dumps; the same commands are run for one language",
}

# What is appended to commands that begin so: the one would take days, the other hold out no page of so few.
APPENDED = {
    "allennlp train training_configs/pretraining/luke_large_stage": [
        "-o",
        '{"trainer.num_steps": 1, "data_loader.global_batch_size": 16, "data_loader.num_workers": 0}',
    ]
}

# Options that the text names, and the command that they are added to.
OPTIONS = {
    """--predictor-args '{"max_tokens": 8192}'""": (
        "allennlp predict runs/ner/conll/model.tar.gz sentences.jsonl --include-package luke_allennlp"
    ),
    """-o '{"validation_data_loader.max_tokens": 8192}'""": (
        "allennlp evaluate runs/ner/conll/model.tar.gz data/conll2003/eng.testb "
        "--include-package luke_allennlp"
    ),
    """-o '{"dataset_reader.tag_column": null}'""": (
        "allennlp predict runs/ner/conll/model.tar.gz untagged.txt --use-dataset-reader "
        "--include-package luke_allennlp"
    ),
    """-o '{"validation_dataset_reader.linker": {"type": "none"}}'""": (
        "allennlp predict runs/reading_comprehension/squad/model.tar.gz questions.jsonl "
        "--include-package luke_allennlp"
    ),
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


def normal(command):
    """On one line, and without comments, as the lists above have it."""
    return " ".join(re.sub(r"\s# .*$|\s+#\s.*$", "", command.replace("\\\n", " "), flags=re.M).split())


def is_run(command):
    return not normal(command).startswith(tuple(NOT_RUN))


NOT_RUN_COMMANDS = sorted(
    {normal(command) for printed in COMMANDS.values() for command in printed if not is_run(command)}
)


# --- The place where the commands run.


def make_place(place):
    """A checkout with small `data` and `models`, a dump and sentences; further programs are in `bin`."""
    for name in ("training_configs", "fixtures", "packaging"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".allennlp_plugins", "Makefile", "constraints.txt", "setup.cfg", "pyproject.toml"):
        shutil.copyfile(ROOT / name, place / name)
    shutil.copytree(FIXTURES / "data", place / "data")
    (place / "data/conll2003").mkdir()
    for part, name in (("train", "eng.train"), ("dev", "eng.testa"), ("test", "eng.testb")):
        source = FIXTURES / f"ner/{part}.conll"
        small_corpus(source, place / "data/conll2003" / name, 4)
        small_corpus(source, place / f"fixtures/ner/{part}.conll", 8 if part == "train" else 4)
    shutil.copyfile(FIXTURES / "ner/sentences.jsonl", place / "sentences.jsonl")
    (place / "notes.txt").write_text("Tavin Oakesh spoke.\nDorrick won.\n", encoding="utf-8")
    (place / "reviews.csv").write_text('id,body\n1,"Tavin Oakesh spoke."\n', encoding="utf-8")
    (place / "untagged.txt").write_text("Tavin\nOakesh\nspoke\n.\n\nDorrick\nwon\n.\n", encoding="utf-8")
    for date in ("20160305", "20181220"):
        shutil.copyfile(DUMP, place / f"enwiki-{date}-pages-articles.xml.bz2")
    for name in ("luke", "luke-large"):
        shutil.copytree(FIXTURES / "tiny-luke", place / "models" / name)
    file = place / "models/luke-large/entity_vocab.json"
    vocabulary = json.loads(file.read_text(encoding="utf-8"))
    titles = ["United States" if title == "Marlow" else title for title in vocabulary]
    file.write_text(json.dumps({title: index for index, title in enumerate(titles)}))
    (place / "entity_vocab.tsv").write_text("".join(f"{title}\t1\n" for title in titles), encoding="utf-8")
    (place / "bin").mkdir()
    for program, content in (("sbatch", SBATCH), ("srun", "#!/bin/bash\n"), ("scontrol", "#!/bin/bash\n")):
        (place / "bin" / program).write_text(content)
        (place / "bin" / program).chmod(0o755)


@pytest.fixture(scope="module")
def hub_cache(tmp_path_factory):
    """With the tiny checkpoints under the names of the published ones."""
    cache, commit = tmp_path_factory.mktemp("hub"), "0" * 40

    def snapshot(name):
        repository = cache / f"models--{name.replace('/', '--')}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs/main").write_text(commit)
        return repository / "snapshots" / commit

    for name, checkpoint in HUB.items():
        shutil.copytree(FIXTURES / checkpoint, snapshot(name))
    fine_tuned = snapshot("studio-ousia/luke-large-finetuned-conll-2003")
    labels = dict(enumerate(["NIL", "MISC", "PER", "ORG", "LOC"]))
    options = {"id2label": labels, "label2id": {label: index for index, label in labels.items()}}
    tiny = FIXTURES / "tiny-luke"
    config = transformers.LukeConfig.from_pretrained(tiny, use_entity_aware_attention=True, **options)
    shutil.copytree(tiny, fine_tuned)
    transformers.LukeForEntitySpanClassification(config).save_pretrained(fine_tuned)
    return cache


def forget(*names):
    """A section tells another way to what an earlier one made."""

    def prepare(place):
        for name in names:
            shutil.rmtree(place / name)

    return prepare


def moved_archive(place):
    shutil.copyfile(place / "runs/ner/conll/model.tar.gz", place / "model.tar.gz")


def own_columns(place):
    (place / "my").mkdir()
    for part, file in (("train", "eng.train"), ("dev", "eng.testa")):
        lines = (place / "data/conll2003" / file).read_text(encoding="utf-8").splitlines()
        columns = [line.split() for line in lines if not line.startswith("-DOCSTART-")]
        rows = (f"{number}\t{word[0]}\t{word[-1]}" if word else "" for number, word in enumerate(columns))
        (place / f"my/{part}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (place / "sentences.txt").write_text("Tavin Oakesh spoke.\n\nDorrick won.\n", encoding="utf-8")


def release_files(place):
    shutil.rmtree(place / "data/squad")
    shutil.rmtree(place / "wiki/mentions_2016")
    joblib.dump(link_database(), place / "enwiki_20160305.pkl")
    joblib.dump(REDIRECTS, place / "enwiki_20160305_redirects.pkl")
    joblib.dump(REDIRECTS, place / "enwiki_20181220_redirects.pkl")
    joblib.dump(mention_database(dict), place / "enwiki_20160305_mention_lp0.0.pkl")


def languages(place):
    for language in ("en", "de", "ja"):
        if not (place / "wiki" / language).exists():
            write_pages(place / "wiki" / language, [[page("Tokyo", "[[Tokyo]] [[Tokyo]]")]], language)
    (place / "wiki/entity_vocab.jsonl").unlink()
    with gzip.open(place / "wiki/items.tsv.gz", "wt", encoding="utf-8") as table:
        table.writelines(f"{language}\tTokyo\tQ1490\n" for language in ("en", "de", "ja"))


def wheels(place):
    originals = ROOT / "build/wheels/originals"
    if not originals.is_dir():
        pytest.skip(f"the original wheels are not at {originals}: run make install")
    shutil.copytree(originals, place / "build/wheels/originals")


# What a section finds, beside what the commands before it have made.
SECTIONS = {
    ("README.md", "Your own data"): own_columns,
    ("docs/installation.md", "Without make"): wheels,
    ("docs/training.md", "Moved archives"): moved_archive,
    ("docs/link_database.md", "Building from dumps"): forget("data/squad"),
    ("docs/link_database.md", "Converting the original release's files"): release_files,
    ("docs/link_database.md", "Building from JSON lines"): forget("data/squad"),
    ("docs/pretraining.md", "Entities"): languages,
    ("docs/pretraining.md", "Slurm"): forget("data/pretraining"),
    ("docs/pretraining.md", "mLUKE's 24 languages"): languages,
    ("packaging/README.md", "AllenNLP on today's stack"): wheels,
}

# The files that hold the records which a document shows: those with this key.
RECORDS = {
    ("docs/cloze_qa.md", "query"): "questions.jsonl",
    ("docs/entity_typing.md", "span"): "mentions.jsonl",
    ("docs/link_database.md", "links"): "links.jsonl",
    ("docs/link_database.md", "target"): "redirects.jsonl",
    ("docs/pretraining.md", "mentions"): "masked.jsonl",
    ("docs/reading_comprehension.md", "question"): "questions.jsonl",
    ("docs/relation_classification.md", "head"): "sentences.jsonl",
}

# The beginnings of another document's commands that a document assumes to have been run.
TRAIN = [("docs/training.md", "allennlp train training_configs/ner/conll.jsonnet")]
BEFORE = {
    "docs/models.md": TRAIN,
    "docs/ner.md": TRAIN,
    "docs/performance.md": TRAIN,
    "docs/report.md": TRAIN,
    "docs/prediction.md": TRAIN,
    "docs/spacy.md": [
        *TRAIN,
        ("docs/entity_typing.md", "allennlp train training_configs/entity_typing/open_entity.jsonnet"),
        ("docs/relation_classification.md", "allennlp train training_configs/relation_classification/tacred"),
    ],
    "training_configs/README.md": [
        ("docs/pretraining.md", f"allennlp {command}")
        for command in ("wikipedia-extract", "wikipedia-entity-vocab", "pretraining-dataset")
    ],
}


class Shell:
    """Runs commands as a shell does from the place where they are; `allennlp` in this process."""

    def __init__(self, place, environment, allennlp):
        self.place, self.environment, self.allennlp = place, environment, allennlp

    def __call__(self, command):
        assignments = ASSIGNMENTS.match(command)
        bare = command[assignments.end() :]
        # Pipes, loops and redirections are the shell's.
        if not bare.startswith("allennlp ") or re.search(r"[|<>&;]", re.sub("'[^']*'", "", bare)):
            return self.bash(command)
        words = self.bash(f"printf '%s\\0' {bare}").out.split("\0")[1:-1]
        for beginning, more in APPENDED.items():
            words += more if bare.startswith(beginning) else []
        with pytest.MonkeyPatch.context() as patch:
            for assignment in assignments[0].split():
                patch.setenv(*assignment.split("=", 1))
            return self.allennlp(*words)

    def bash(self, command):
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 300}
        finished = subprocess.run(["bash", "-c", command], cwd=self.place, env=self.environment, **options)
        return Finished(finished.returncode, finished.stdout, finished.stderr)


@pytest.fixture
def shell(hub_cache, tmp_path, environment, monkeypatch, capfd):
    make_place(tmp_path)
    path = os.pathsep.join((str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
    variables = {**environment, "PATH": path, "HF_HUB_CACHE": str(hub_cache)}
    variables["LUKE_CACHE"] = str(tmp_path / "cache")
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
def test_they_run_as_they_are_printed(document, shell):
    write_records(document, shell.place)
    for other, beginning in BEFORE.get(document, []):
        check(shell, next(command for command in COMMANDS[other] if command.startswith(beginning)), other)
    done = set()
    heading = None
    for item in ITEMS[document]:
        if item.heading != heading:
            heading = item.heading
            SECTIONS.get((document, heading), lambda place: None)(shell.place)
        where = f"{document}, line {item.line}"
        if item.file():
            (shell.place / item.file()).write_text(item.text, encoding="utf-8")
        elif item.kind == "python":
            exec(compile(item.text, where, "exec"), {})
        for command in item.commands() if item.kind == "commands" else ():
            # In the text, commands are named again.
            if is_run(command) and not (item.inline and command in done):
                check(shell, command, where)
            done.add(command)
    for item in ITEMS[document]:
        if item.kind == "options" and is_run(item.text):
            check(shell, f"{OPTIONS[item.text]} {item.text}", f"{document}, line {item.line}")


def write_records(document, place):
    files = {}
    for item in ITEMS[document]:
        for record in item.records():
            for (name, key), file in RECORDS.items():
                if name == document and key in record:
                    files[file] = files.get(file, "") + json.dumps(record) + "\n"
    for file, content in files.items():  # in place of what another document has there
        (place / file).write_text(content, encoding="utf-8")


def check(shell, command, where):
    finished = shell(command)
    if finished.status != STATUS.get(command, 0) or "Traceback" in finished.err:
        pytest.fail(
            f"{where}: this command ends with status {finished.status}.\n\n    {command}\n\n"
            f"It writes:\n{finished.out[-2000:]}\n{finished.err[-4000:]}\n"
            "Correct the document or the code, or give the command what it needs (SECTIONS, RECORDS, "
            "BEFORE), or list it in NOT_RUN with the reason why it cannot run here.",
            pytrace=False,
        )


def test_the_lists_are_of_commands_that_are_printed():
    items = [(name, item) for name in DOCUMENTS for item in ITEMS[name]]
    commands = {normal(command) for printed in COMMANDS.values() for command in printed}
    options = {item.text for _, item in items if item.kind == "options"}
    assert {option for option in options if is_run(option)} == OPTIONS.keys()
    for beginning in (*APPENDED, *NOT_RUN):
        assert any(text.startswith(beginning) for text in commands | options), f"{beginning} is not printed"
    assert SECTIONS.keys() <= {(name, item.heading) for name, item in items}
    assert RECORDS.keys() <= {
        (name, key) for name, item in items for record in item.records() for key in record
    }


@pytest.mark.parametrize("command", [command for command in NOT_RUN_COMMANDS if command.startswith("make ")])
def test_make_knows_its_targets(command):
    subprocess.run(["bash", "-c", command.replace("make", "make -n", 1)], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    "command",
    [command for command in NOT_RUN_COMMANDS if re.match(r"(?!for |torchrun ).*\ballennlp train ", command)],
)
def test_options_and_configs_of_what_is_not_run(command, tmp_path, monkeypatch):
    """`allennlp` knows the options, and the config has the updates that the documents say it has."""
    make_place(tmp_path)
    monkeypatch.chdir(tmp_path)
    assignments = ASSIGNMENTS.match(command)
    for assignment in assignments[0].split():
        monkeypatch.setenv(*assignment.split("=", 1))
    for item in (item for items in ITEMS.values() for item in items if item.file()):
        (tmp_path / item.file()).write_text(item.text, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", shlex.split(command[assignments.end() :]))
    _, arguments = parse_args("allennlp")
    config = Params.from_file(arguments.param_path, arguments.overrides).as_dict(quiet=True)
    distributed = config["distributed"]
    if "pretraining" in arguments.param_path:
        assert distributed["num_nodes"] == 2 and distributed["primary_address"] == os.environ["MASTER_ADDR"]
        assert config["data_loader"]["global_batch_size"] == 2048 and 0 <= arguments.node_rank < 2
    else:
        assert config["data_loader"]["batch_size"] == 8


@pytest.mark.parametrize("document", DOCUMENTS)
def test_configs_can_be_evaluated(document, tmp_path, monkeypatch):
    """A config stands where the text says, else beside what it imports."""
    make_place(tmp_path)
    shutil.copytree(tmp_path / "training_configs", tmp_path / "my_configs")  # by `allennlp configs cp`
    monkeypatch.chdir(tmp_path)
    for item in ITEMS[document]:
        if item.kind == "jsonnet" and (imported := re.match(r"\(import '(.*?)'\)", item.text)):
            beside = next((tmp_path / "training_configs").rglob(Path(imported[1]).name)).parent
            file = tmp_path / item.file() if item.file() else beside / "mine.jsonnet"
            file.write_text(item.text, encoding="utf-8")
            assert Params.from_file(file).as_dict(quiet=True)["trainer"], f"{document}, line {item.line}"


@pytest.mark.parametrize(
    "experiment, name",
    [
        ("Open Entity", "entity_typing/open_entity"),
        ("TACRED, SemEval, KBP37", "relation_classification/kbp37"),
        ("CoNLL-2003", "ner/conll"),
        ("ReCoRD", "cloze_qa/record"),
        ("SQuAD", "reading_comprehension/squad"),
    ],
)
def test_batches_are_as_the_table_says(experiment, name):
    text = (ROOT / "training_configs/README.md").read_text(encoding="utf-8")
    numbers = re.search(rf"^\| {experiment} \| (\d+) \| (\d+) \|$", text, re.M).groups()
    loader = Params.from_file(ROOT / f"training_configs/{name}.jsonnet").as_dict(quiet=True)["data_loader"]
    assert numbers == (str(loader["batch_size"]), str(loader["loss_batch_size"]))


class TestReading:
    def test_blocks(self):
        jsonnet, commands, data, bash, loop, other = read_document(
            "# Head\n\nBefore `a/my.jsonnet`:\n\n```jsonnet\n(import 'x') + {}\n```\n\n"
            "    A=b allennlp train x \\\n      -o '[X]'  # why\n    make a\n\n"
            '    {"a":\n     1}\n    {"b": 2}\n\n```bash\n# First\nmake a\n```\n\n'
            "    for a in b; do\n      make $a\n    done\n    make c\n\n"
            '    {"a": ...}\n'
        )
        assert jsonnet.file() == "a/my.jsonnet" and (jsonnet.line, data.line) == (6, 13)
        assert commands.commands() == ["A=b allennlp train x \\\n  -o '[X]'  # why", "make a"]
        assert commands.heading == "Head" and list(data.records()) == [{"a": 1}, {"b": 2}]
        assert normal(commands.commands()[0]) == "A=b allennlp train x -o '[X]'"
        assert bash.commands() == ["make a"] and other.kind == "other"
        assert loop.commands() == ["for a in b; do\n  make $a\ndone", "make c"]

    @pytest.mark.parametrize(
        "block, message",
        [
            ("allennlp predict FILE", "'FILE'"),
            ("allennlp train a ... -f", "'...'"),
            ("python a.py\n    luke a\n\n    sbatch a.sh", "'sbatch' begins no command"),
            ("./run.sh a", "'./run.sh' begins no command"),
        ],
    )
    def test_what_cannot_be_told(self, block, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            read_document(f"Text:\n\n    {block}\n")
