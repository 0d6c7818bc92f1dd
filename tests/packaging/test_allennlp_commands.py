"""AllenNLP's own commands, on a model and data of AllenNLP's own kind, from a folder without plugins."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import torch
from allennlp.common import Registrable
from allennlp.training.run_lock import directory_contents

# Imported by `--include-package`: kills the run after some batches, and keeps an account of the hook.
PACKAGE = """
import json, os
from pathlib import Path

from allennlp.commands import train
from allennlp.common.checks import ConfigurationError
from allennlp.training.callbacks import TrainerCallback


def note(params):
    if params.get("train_data_path") == "missing.jsonl":
        raise ConfigurationError("train_data_path: there is no file missing.jsonl")
    # What a check takes out of its copy is not missing afterwards.
    params.pop("model")
    Path("checked.txt").write_text(json.dumps([str(path) for path in Path().rglob("*")]))


train.preflight_checks.append(note)


@TrainerCallback.register("kill")
class Kill(TrainerCallback):
    def on_batch(self, trainer, *args, is_training=True, **kwargs):
        signal_number = int(os.environ.get("KILL_WITH", 0))
        if signal_number and is_training and trainer._total_batches_completed == 8:
            os.kill(os.getpid(), signal_number)
"""
SUBCOMMAND = """
from allennlp.commands import Subcommand


@Subcommand.register("{name}")
class Some(Subcommand):
    requires_plugins = {requires}

    def add_subparser(self, parser):
        subparser = parser.add_parser(self.name, help="some")
        subparser.set_defaults(func=lambda args: print("done"))
        return subparser
"""


@pytest.fixture(scope="module", autouse=True)
def nothing_of_other_packages():
    """What they check, or register when a name is not found, is not for this module's configs."""
    from allennlp.commands import train

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "preflight_checks", [])
        patch.setattr(Registrable, "_on_demand", type(Registrable._on_demand)())
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with data, configurations and a package."""
    path = tmp_path_factory.mktemp("commands")
    generator = random.Random(5)
    for name, count in (("train", 40), ("dev", 12), ("test", 11)):
        with (path / f"{name}.jsonl").open("w") as handle:
            for _ in range(count):
                label, word = generator.choice([("yes", "good"), ("no", "bad")])
                words = [word, *generator.choices(["a", "film", "play", "of", "its", "kind"], k=5)]
                generator.shuffle(words)
                handle.write(json.dumps({"text": " ".join(words), "label": label}) + "\n")

    embedder = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 6}}}
    encoder = {"type": "boe", "embedding_dim": 6, "averaged": True}
    config = {
        "dataset_reader": {"type": "text_classification_json", "tokenizer": "whitespace"},
        "train_data_path": "train.jsonl",
        "validation_data_path": "dev.jsonl",
        "model": {"type": "basic_classifier", "text_field_embedder": embedder, "seq2vec_encoder": encoder},
        "data_loader": {"batch_size": 8, "shuffle": True},
        # In order: shuffled, it would draw random numbers that a resumed run does not draw again.
        "validation_data_loader": {"batch_size": 8},
        "trainer": {
            "optimizer": {"type": "huggingface_adamw", "lr": 0.03, "correct_bias": False},
            "checkpointer": {"save_every_num_batches": 2},
            "callbacks": ["kill"],
            "num_epochs": 3,
            "patience": 3,
            "cuda_device": -1,
            "validation_metric": "+accuracy",
        },
    }
    configs = path / "training_configs" / "tiny"
    configs.mkdir(parents=True)
    for name in ("classifier", "killed"):
        (configs / f"{name}.jsonnet").write_text(json.dumps(config))
    del config["trainer"]["callbacks"]
    distributed = {"cuda_devices": [-1, -1]}
    config.update(distributed=distributed, test_data_path="test.jsonl", evaluate_on_test=True)
    (configs / "two_processes.jsonnet").write_text(json.dumps(config))
    (path / "some_package.py").write_text(PACKAGE)
    return path


def allennlp(folder, *arguments, **environment):
    """Runs the command in a process of its own, as a user does."""
    result = subprocess.run(
        [str(Path(sys.executable).with_name("allennlp")), *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    result.output = result.stdout + result.stderr
    return result


@pytest.fixture
def command(folder, monkeypatch):
    """Runs the command in this process, which spares its start, and returns the exit status."""
    monkeypatch.chdir(folder)
    return run_here


def run_here(*arguments):
    import allennlp.__main__ as entry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["allennlp", *arguments])
        try:
            entry.run()
        except SystemExit as exit_:
            if isinstance(exit_.code, str):
                print(exit_.code, file=sys.stderr)
                return 1
            return exit_.code
    return 0


CONFIG = "training_configs/tiny/classifier.jsonnet"
ARCHIVE = "runs/tiny/classifier/model.tar.gz"
KILLED = "training_configs/tiny/killed.jsonnet"
PACKAGES = ("--include-package", "some_package")


@pytest.fixture(scope="module")
def whole(folder):
    """A run from its beginning to its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_here("train", CONFIG, *PACKAGES) == 0
    return folder / "runs/tiny/classifier"


@pytest.fixture(scope="module")
def killed(folder):
    """A run that was killed in the middle of its second epoch."""
    kill = {"KILL_WITH": str(int(signal.SIGKILL))}
    result = allennlp(folder, "train", KILLED, *PACKAGES, **kill)
    return result, directory_contents(folder / "runs/tiny/killed")


class TestTrain:
    @pytest.mark.slow
    @pytest.mark.edit("default-serialization-dir")
    def test_a_run_without_a_place_goes_to_runs_and_says_so_first(self, killed):
        result, files = killed
        assert result.returncode == -signal.SIGKILL, result.output
        assert result.stdout.splitlines()[0].split()[:2] == ["Run", "runs/tiny/killed"]
        # Batch 8 of 5 an epoch: killed before the checkpoint after the fourth batch of the second epoch.
        states = [re.sub("^(model|training)_state_", "", name) for name in files if "_state_" in name]
        assert sorted(states) == ["e1_b0.th"] * 2 + ["e1_b2.th"] * 2
        assert "best.th" in files and "model.tar.gz" not in files

    @pytest.mark.edit("preflight-checks")
    def test_preflight_checks_come_first(self, folder, whole, command, capsys):
        listed = json.loads((folder / "checked.txt").read_text())
        run = "runs/tiny/classifier"
        assert {"some_package.py", f"{run}/.lock"} <= {*listed} and f"{run}/config.json" not in listed
        overrides = '{"train_data_path": "missing.jsonl"}'
        assert command("train", CONFIG, *PACKAGES, "-s", "other", "--overrides", overrides) == 1
        written = capsys.readouterr().err
        assert written.splitlines()[-1] == "allennlp: error: train_data_path: there is no file missing.jsonl"
        assert not (folder / "other").exists()

    @pytest.mark.edit("existing-run-message")
    @pytest.mark.edit("one-line-errors")
    def test_an_existing_run_is_not_overwritten(self, whole, command, capsys):
        before = sorted(directory_contents(whole))
        assert command("train", CONFIG, *PACKAGES) == 1
        written = capsys.readouterr()
        last = written.err.splitlines()[-1]
        assert last.startswith(
            "allennlp: error: Serialization directory (runs/tiny/classifier) already exists"
        )
        assert "--recover" in last and "--force" in last and "--serialization-dir" in last
        assert "Traceback" not in written.out + written.err
        assert sorted(directory_contents(whole)) == before

    @pytest.mark.slow
    def test_a_killed_run_goes_on_to_the_same_weights(self, folder, whole, killed, command):
        assert command("train", KILLED, *PACKAGES, "--recover") == 0
        resumed = folder / "runs/tiny/killed"
        weights = [torch.load(run / "best.th", weights_only=True) for run in (whole, resumed)]
        assert weights[0].keys() == weights[1].keys()
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
        assert json.loads((resumed / "metrics.json").read_text())["best_validation_accuracy"] > 0.8
        with tarfile.open(resumed / "model.tar.gz") as model:
            assert {"config.json", "weights.th", "meta.json"} <= set(model.getnames())

    @pytest.mark.slow
    def test_an_interrupted_run_can_be_resumed(self, folder):
        kill = {"KILL_WITH": str(int(signal.SIGINT))}
        result = allennlp(folder, "train", CONFIG, *PACKAGES, "-s", "interrupted", **kill)
        assert result.returncode == 75, result.output
        assert result.stderr.splitlines()[-1].startswith("allennlp: interrupted")
        assert "Traceback" not in result.output
        names = {path.name for path in (folder / "interrupted").iterdir()}
        assert {"model_state_e1_b2.th", "training_state_e1_b2.th", "best.th", "model.tar.gz"} <= names

    @pytest.mark.slow
    @pytest.mark.edit("distributed-shutdown")
    @pytest.mark.edit("distributed-test-data")
    @pytest.mark.edit("distributed-noise")
    def test_two_processes(self, folder, command):
        config = "training_configs/tiny/two_processes.jsonnet"
        result = allennlp(folder, "train", config, "-s", "two")
        assert result.returncode == 0, result.output
        assert "world size 2" in (folder / "two/out_worker0.log").read_text()
        for noise in ("destroy_process_group", "Warning", "was found in both", "Traceback"):
            assert noise not in result.output
        metrics = json.loads((folder / "two/metrics.json").read_text())
        # All of the test data is counted, each line of it once.
        command("evaluate", "two/model.tar.gz", "test.jsonl", "--output-file", "two.json")
        evaluated = json.loads((folder / "two.json").read_text())
        assert evaluated["accuracy"] == metrics["test_accuracy"]
        assert metrics["test_accuracy"] * 11 == pytest.approx(round(metrics["test_accuracy"] * 11))


@pytest.mark.usefixtures("whole")
class TestOthers:
    @pytest.mark.edit("evaluate-prints")
    def test_evaluate(self, folder, command, capsys):
        assert command("evaluate", ARCHIVE, "dev.jsonl", *PACKAGES, "--output-file", "metrics.json") == 0
        metrics = json.loads((folder / "metrics.json").read_text())
        assert json.loads(re.search(r"^\{$.*^\}$", capsys.readouterr().out, re.M | re.S).group()) == metrics
        trained = json.loads((folder / "runs/tiny/classifier/metrics.json").read_text())
        assert metrics["accuracy"] == trained["best_validation_accuracy"]

    def test_others(self, folder, command):
        assert command("build-vocab", CONFIG, "vocabulary.tar.gz", *PACKAGES) == 0
        with tarfile.open(folder / "vocabulary.tar.gz") as vocabulary:
            assert sorted(vocabulary.extractfile("labels.txt").read().split()) == [b"no", b"yes"]
        arguments = ("-s", "rates", "--num-batches", "12", "--start-lr", "1e-4", "--end-lr", "1e-1")
        assert command("find-lr", CONFIG, *PACKAGES, *arguments, "--force") == 0
        assert (folder / "rates/lr-losses.png").stat().st_size > 1000
        assert command("count-instances", CONFIG, *PACKAGES) == 0
        assert command("test-install") == 0


class TestErrors:
    @pytest.mark.edit("one-line-errors")
    @pytest.mark.parametrize(
        "arguments, message",
        [
            (("train", CONFIG, "--overrides", "{"), "the overrides '{' cannot be read"),
            (("train", CONFIG, "-s", "x", "-o", '{"modle": 1}'), "modle"),
            (("predict", "train.jsonl", "dev.jsonl"), "train.jsonl is not a model archive"),
            (("train", CONFIG, "--include-package", "pakcage"), "pakcage: there is no module 'pakcage'"),
        ],
    )
    def test_one_line_names_what_is_wrong(self, command, capsys, arguments, message):
        assert command(*arguments, *PACKAGES) == 1
        errors = [line for line in capsys.readouterr().err.splitlines() if "allennlp: error: " in line]
        assert len(errors) == 1 and message in errors[0]

    @pytest.mark.edit("plugins-when-needed")
    @pytest.mark.parametrize("requires", [True, False])
    def test_a_subcommand_of_an_included_package(self, folder, command, capsys, monkeypatch, requires):
        name = f"needs_{requires}".lower()
        (folder / f"{name}.py").write_text(SUBCOMMAND.format(name=name, requires=requires))
        monkeypatch.setattr("allennlp.commands.command_line.import_plugins", lambda: print("plugins"))
        assert command(name, "--include-package", name) == 0
        assert capsys.readouterr().out.split() == ["plugins"] * requires + ["done"]

    def test_what_a_package_imports_in_vain_keeps_its_traceback(self, folder, command):
        (folder / "other_package.py").write_text("import no_such_module_anywhere\n")
        with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
            command("train", CONFIG, "--include-package", "other_package")
