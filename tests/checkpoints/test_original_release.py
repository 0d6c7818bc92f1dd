"""The original release: its directory, its tarball, and that it is the same model."""

import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List
from unittest import mock

import huggingface_hub
import pytest
import torch
from allennlp.common.checks import ConfigurationError

from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.names import WORD_TABLE
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.modules import LukeEncoder
from luke_allennlp.token_embedders.encoder_loading import load_encoder

OPTIONS: Dict[str, Any] = {"entities": ["[PAD]", "[MASK]", "[MASK]"], "marker_rows": [5, 7]}
WHOLE = "a whole number above 0"


@pytest.fixture(autouse=True)
def no_hub(hub_fails: Callable) -> None:
    hub_fails("LocalEntryNotFoundError")


def assert_same_model(encoder: LukeEncoder, fixtures_dir: Path, **options: Any) -> None:
    expected = load_encoder(str(fixtures_dir / "tiny-luke"), **options).state_dict()
    kept = [*range(1998), *range(2000, len(expected[WORD_TABLE]))]
    expected[WORD_TABLE] = expected[WORD_TABLE][kept]
    state = encoder.state_dict()
    assert state.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(state[name], tensor), name


class TestWeights:
    @pytest.mark.parametrize("weights", ["luke.bin", "pytorch_model.bin"])
    @pytest.mark.parametrize("options", [OPTIONS, {}])
    def test_of_a_directory(
        self, weights: str, options: Dict[str, Any], make_original: Callable, fixtures_dir: Path
    ) -> None:
        encoder = load_encoder(str(make_original(weights=weights)), **options)
        assert_same_model(encoder, fixtures_dir, **options)
        assert encoder.entity_embeddings.entity_embeddings.padding_idx == 0

    @pytest.mark.parametrize(
        "top, suffix",
        [("", ".tar.gz"), ("./", ".tar"), ("model/", ".tgz"), ("./luke_large_500k/", ".download")],
    )
    def test_of_a_tarball(
        self, top: str, suffix: str, make_original: Callable, tar: Callable, fixtures_dir: Path
    ) -> None:
        path = tar(make_original(), top, suffix)
        assert_same_model(load_encoder(str(path), **OPTIONS), fixtures_dir, **OPTIONS)


class TestConfig:
    def test_values(self, make_original: Callable) -> None:
        config = read_config(str(make_original()))
        assert config.vocab_size == 1998 and config.entity_vocab_size == 64 and config.entity_emb_size == 32
        assert config.hidden_size == 64 and config.num_hidden_layers == 2 and config.layer_norm_eps == 1e-5
        assert config.pad_token_id == 1  # whatever the file says
        assert config.use_entity_aware_attention
        assert config.bert_model_name == "roberta-base"
        assert not hasattr(config, "position_start")

    def test_defaults(self, make_original: Callable) -> None:
        assert read_config(str(make_original(entity_emb_size=None))).entity_emb_size == 64
        config = read_config(
            str(make_original(name="bert", bert_model_name="bert-large-cased", pad_token_id=0))
        )
        assert config.position_start == 0 and config.pad_token_id == 0

    @pytest.mark.parametrize(
        "key, values, expected",
        [
            ("vocab_size", ["many", True, 0], WHOLE),
            ("entity_vocab_size", [5.5, None], WHOLE),
            ("num_hidden_layers", [[2]], WHOLE),
            ("hidden_dropout_prob", [1.5, "0.1"], "a number from 0 to below 1"),
            ("layer_norm_eps", [float("nan")], "a number above 0"),
            ("hidden_act", [{"a": 1}], "the name of a function"),
            ("use_entity_aware_attention", ["yes"], "true or false"),
            ("pad_token_id", ["<pad>"], "a whole number"),
        ],
    )
    def test_of_another_type(
        self, key: str, values: List[Any], expected: str, make_original: Callable, make_checkpoint: Callable
    ) -> None:
        for number, value in enumerate(values):
            make = make_checkpoint if number else make_original
            where = "config" if number else "'model_config' in metadata.json"
            with pytest.raises(
                ConfigurationError, match=f"{where} of .* has '{key}' = .*; expected {expected}"
            ):
                read_config(str(make(name=f"{number}", **{key: value})))

    @pytest.mark.parametrize("name", [None, "../roberta", "/etc", "a/b/c", "roberta base", "", "a/.."])
    def test_of_a_backbone_without_a_name(self, name: Any, make_original: Callable) -> None:
        with pytest.raises(ConfigurationError, match="has 'bert_model_name' = .*; expected the hub id"):
            read_config(str(make_original(bert_model_name=name)))

    @pytest.mark.parametrize(
        "content, expected",
        [
            *((content, "of the type .*; expected an object") for content in ({}, {"model_config": [1]})),
            ({"model_config": {"bert_model_name": "roberta-base"}}, "lacks vocab_size, entity_vocab_size, "),
        ],
    )
    def test_with_parts_missing(self, content: Any, expected: str, make_original: Callable) -> None:
        directory = make_original()
        (directory / "metadata.json").write_text(json.dumps(content))
        with pytest.raises(ConfigurationError, match=f"'model_config' .*{expected}"):
            read_config(str(directory))


class TestTokenizer:
    TEXT = "The pub in Tovik, and no more."

    @pytest.fixture
    def expected(self, fixtures_dir: Path) -> list:
        return WordTokenizer(str(fixtures_dir / "tiny-luke")).encode(self.TEXT).ids

    @pytest.fixture
    def put(self, fixtures_dir: Path) -> Callable[[Path], None]:
        def make(directory: Path) -> None:
            directory.mkdir(parents=True)
            for name in ("vocab.json", "merges.txt"):
                shutil.copyfile(fixtures_dir / "tiny-luke" / name, directory / name)

        return make

    def test_of_the_directory_itself(self, make_original: Callable, expected: list) -> None:
        tokenizer = WordTokenizer(str(make_original()), marker_tokens=["[ENTITY]"])
        assert tokenizer.encode(self.TEXT).ids == expected
        assert tokenizer.marker_ids == {"[ENTITY]": 1998}  # behind the word table

    @pytest.mark.parametrize("is_inside, is_packed", [(False, False), (True, False), (False, True)])
    def test_of_a_directory_named_as_the_backbone(
        self,
        is_inside: bool,
        is_packed: bool,
        make_original: Callable,
        tar: Callable,
        put: Callable,
        tmp_path: Path,
        expected: list,
    ) -> None:
        directory = make_original(tokenizer=False)
        path = tar(directory) if is_packed else directory
        put((directory if is_inside else tmp_path) / "roberta-base")
        assert WordTokenizer(str(path)).encode(self.TEXT).ids == expected

    def test_of_the_hub(
        self,
        make_original: Callable,
        put: Callable,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        expected: list,
    ) -> None:
        put(tmp_path / "snapshot")
        download = mock.Mock(return_value=str(tmp_path / "snapshot"))
        monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
        directory = make_original(tokenizer=False, bert_model_name="FacebookAI/roberta-tiny")
        assert WordTokenizer(str(directory)).encode(self.TEXT).ids == expected
        assert [call.args for call in download.call_args_list] == [("FacebookAI/roberta-tiny",)]

    @pytest.mark.parametrize(
        "name, is_packed, expected",
        [
            ("roberta-base", False, "put vocab.json and merges.txt into its directory"),
            ("roberta-base", True, "put vocab.json and merges.txt into a directory 'roberta-base' beside it"),
            ("bert-base-cased", False, "put vocab.txt into its directory"),
        ],
    )
    def test_of_nowhere(
        self, name: str, is_packed: bool, expected: str, make_original: Callable, tar: Callable
    ) -> None:
        directory = make_original(tokenizer=False, bert_model_name=name)
        path = tar(directory) if is_packed else directory
        with pytest.raises(ConfigurationError, match=f"contains no tokenizer.*{expected}"):
            WordTokenizer(str(path))

    @pytest.mark.parametrize("name, cased", [("bert-large-cased", True), ("bert-large-uncased", False)])
    def test_case_of_bert(self, name: str, cased: bool, make_original: Callable, fixtures_dir: Path) -> None:
        directory = make_original(tokenizer=False, bert_model_name=name)
        shutil.copyfile(fixtures_dir / "tiny-bert" / "vocab.txt", directory / "vocab.txt")
        tokenizer = WordTokenizer(str(directory))
        assert (tokenizer.encode("The").ids != tokenizer.encode("the").ids) == cased
