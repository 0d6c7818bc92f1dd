"""What `allennlp train` finds out before it reads or writes anything."""

import copy
import logging
import tarfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import torch
from allennlp.commands import train
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

import luke_allennlp  # noqa: F401
from luke_allennlp.tasks.ner.reader import NerReader
from luke_allennlp.training.preflight import preflight

TINY = str(Path(__file__).parents[2] / "fixtures" / "tiny-luke")


@pytest.fixture
def config(tmp_path: Path) -> Dict[str, Any]:
    """A tagger with LUKE as its embedder, and data for it."""
    data = tmp_path / "train.tsv"
    data.write_text("Mira###N sleeps###V\nTovik###N runs###V\n")
    return {
        "dataset_reader": {
            "type": "sequence_tagging",
            "token_indexers": {"tokens": {"type": "luke", "model_name": TINY}},
        },
        "train_data_path": str(data),
        "validation_data_path": str(data),
        "model": {
            "type": "simple_tagger",
            "text_field_embedder": {"token_embedders": {"tokens": {"type": "luke", "model_name": TINY}}},
            "encoder": {"type": "pass_through", "input_dim": 64},
        },
        "data_loader": {"batch_size": 2},
        "trainer": {"optimizer": {"type": "adam", "lr": 0.001}, "num_epochs": 1, "cuda_device": -1},
    }


def error_of(config: Dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as raised:
        preflight(Params(copy.deepcopy(config)))
    return str(raised.value)


def test_a_good_config_passes(config: Dict[str, Any]) -> None:
    preflight(Params(config))


class TestData:
    @pytest.mark.parametrize("key", ["train_data_path", "validation_data_path", "test_data_path"])
    def test_missing_file(self, config: Dict[str, Any], key: str) -> None:
        config[key] = "no-such-data/eng.train"
        message = error_of(config)
        assert message.startswith(
            f'{key}: no file "no-such-data/eng.train" in "{Path.cwd()}"; correct the path, or set'
        )

    def test_inside_lists_and_objects(self, config: Dict[str, Any], tmp_path: Path) -> None:
        good = str(tmp_path)
        config["test_data_path"] = {"first": good, "second": [good, "no/data"]}
        assert error_of(config).startswith('test_data_path.second.1: no file "no/data"')

    @pytest.mark.parametrize(
        "path",
        [
            "https://example.org/data/train.conll",
            "hf://some/data",
            "s3://bucket/train.conll",
            "data/part-*.conll",
            "a/train.conll,b/train.conll",
            "{tmp}/train.tsv!inside.txt",
            "balanced_real_train",
            "balanced_real_val[1000:]",
        ],
    )
    def test_what_is_left_to_the_reader(self, config: Dict[str, Any], tmp_path: Path, path: str) -> None:
        config["test_data_path"] = path.replace("{tmp}", str(tmp_path))
        preflight(Params(config))


class TestModels:
    @pytest.mark.parametrize("name", ["./no-model", "/no/model", "~/no-model", "a/b/c", "fixtures/no-model"])
    def test_missing_directory(
        self, config: Dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        (tmp_path / "fixtures").mkdir()
        monkeypatch.chdir(tmp_path)
        config["model"]["text_field_embedder"]["token_embedders"]["tokens"]["model_name"] = name
        message = error_of(config)
        assert message.startswith("model.text_field_embedder.token_embedders.tokens.model_name: ")
        assert name in message and "LUKE_MODEL" in message

    def test_weights(self, config: Dict[str, Any], tmp_path: Path) -> None:
        for file in Path(TINY).iterdir():
            if file.name != "model.safetensors":
                (tmp_path / file.name).write_bytes(file.read_bytes())
        embedder = config["model"]["text_field_embedder"]["token_embedders"]["tokens"]
        config["dataset_reader"]["token_indexers"]["tokens"]["model_name"] = str(tmp_path)
        preflight(Params(copy.deepcopy(config)))  # an indexer needs none
        embedder["model_name"] = str(tmp_path)
        message = error_of(config)
        assert message.startswith("model.text_field_embedder.token_embedders.tokens.model_name: ")
        assert "has no weights" in message
        embedder["load_weights"] = False
        preflight(Params(copy.deepcopy(config)))
        (tmp_path / "model.safetensors").write_bytes(b"damaged")
        embedder["load_weights"] = True
        assert "cannot be read" in error_of(config)

    def test_tarball(self, config: Dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LUKE_CACHE", str(tmp_path / "cache"))
        path = tmp_path / "luke.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            archive.add(TINY, "luke")
        embedder = config["model"]["text_field_embedder"]["token_embedders"]["tokens"]
        embedder["model_name"] = str(path)
        preflight(Params(copy.deepcopy(config)))
        path.write_bytes(path.read_bytes()[:-100])
        message = error_of(config)
        assert message.startswith("model.text_field_embedder.token_embedders.tokens.model_name: The tarball ")
        assert "is damaged or no tarball" in message


class TestReaders:
    """Readers that can look through their files are asked to."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> List[Tuple[str, str]]:
        calls: List[Tuple[str, str]] = []

        def check_file(reader: NerReader, path: str, training: bool = False) -> None:
            logging.getLogger("luke_allennlp").error("this is said later")
            calls.append((reader._reading.tag_scheme, path))

        monkeypatch.setattr(NerReader, "check_file", check_file)
        return calls

    @pytest.fixture
    def ner(self, config: Dict[str, Any]) -> Dict[str, Any]:
        reader = {"type": "luke_ner", "tokenizer": {"type": "luke", "model_name": TINY}}
        return {**config, "dataset_reader": reader, "test_data_path": config["train_data_path"]}

    def test_each_file_once_and_in_silence(
        self, ner: Dict[str, Any], asked: List[Tuple[str, str]], caplog: pytest.LogCaptureFixture
    ) -> None:
        before = logging.root.manager.disable
        preflight(Params(copy.deepcopy(ner)))
        assert asked == [("auto", ner["train_data_path"])]
        assert "this is said later" not in caplog.text
        assert logging.root.manager.disable == before

    def test_the_reader_of_validation(self, ner: Dict[str, Any], asked: List[Tuple[str, str]]) -> None:
        ner["validation_dataset_reader"] = {**ner["dataset_reader"], "tag_scheme": "IOB2"}
        preflight(Params(copy.deepcopy(ner)))
        assert asked == [("auto", ner["train_data_path"]), ("IOB2", ner["train_data_path"])]

    def test_what_is_wrong(self, ner: Dict[str, Any]) -> None:
        Path(ner["train_data_path"]).write_text("Mira B-PER\nruns\n")
        assert error_of(ner).startswith(f"{ner['train_data_path']}, line 2: found 1 columns, expected 2")
        ner["dataset_reader"]["context"] = "page"
        assert error_of(ner).startswith("dataset_reader: context is 'page'")


class TestTrain:
    @pytest.mark.parametrize(
        "change, message",
        [
            ({"trainer": {"num_epoch": 1}}, 'trainer: no option "num_epoch"'),
            ({"train_data_path": "no/data"}, 'train_data_path: no file "no/data"'),
            pytest.param(
                {"trainer": {"num_epochs": 1, "use_amp": True}},
                "trainer.use_amp: float16 needs a GPU, and torch sees none here",
                marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
            ),
            (
                {"vocabulary": {"type": "from_flies"}},
                'vocabulary.type: no Vocabulary is registered as "from_flies"',
            ),
        ],
    )
    def test_nothing_is_written(
        self, config: Dict[str, Any], tmp_path: Path, change: Dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            train.train_model(Params({**config, **change}), serialization_dir=str(tmp_path / "run"))
        assert not (tmp_path / "run").exists()
