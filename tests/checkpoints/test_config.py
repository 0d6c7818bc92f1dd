import json
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError
from transformers import LukeConfig

from luke_allennlp.checkpoints.config import read_config


class TestReadConfig:
    def test_of_luke(self, fixtures_dir: Path) -> None:
        directory = fixtures_dir / "tiny-luke"
        config = read_config(str(directory))
        assert isinstance(config, LukeConfig)
        for key, value in json.loads((directory / "config.json").read_text()).items():
            assert getattr(config, key) == value, key
        assert not hasattr(config, "position_start")

    @pytest.mark.parametrize("directory, position_start", [("tiny-roberta", None), ("tiny-bert", 0)])
    def test_of_backbones(self, fixtures_dir: Path, directory: str, position_start: int) -> None:
        config = read_config(str(fixtures_dir / directory))
        raw = json.loads((fixtures_dir / directory / "config.json").read_text())
        assert isinstance(config, LukeConfig)
        for key in set(raw) - {"model_type", "architectures", "bos_token_id", "eos_token_id"}:
            assert getattr(config, key) == raw[key], key
        assert config.entity_vocab_size == 0
        assert config.entity_emb_size == 32  # no wider than the words
        assert config.use_entity_aware_attention
        assert config.position_start == position_start
        assert config.word_model_type == raw["model_type"]

    def test_of_multilingual_backbones(self, tmp_path: Path) -> None:
        config = {"model_type": "xlm-roberta", "vocab_size": 99, "hidden_size": 512, "num_attention_heads": 8}
        (tmp_path / "config.json").write_text(
            json.dumps({**config, "pad_token_id": 1, "layer_norm_eps": 1e-5})
        )
        read = read_config(str(tmp_path))
        assert (read.vocab_size, read.hidden_size, read.entity_emb_size) == (99, 512, 256)
        assert read.layer_norm_eps == 1e-5
        assert read.position_start is None

    @pytest.mark.parametrize("kind", ["t5", None])
    def test_names_the_kind_it_cannot_take(self, tmp_path: Path, kind: object) -> None:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": kind, "vocab_size": 9}))
        with pytest.raises(
            ConfigurationError, match=f"model_type {kind!r}; expected 'luke'.*bert, .*xlm-roberta"
        ):
            read_config(str(tmp_path))

    @pytest.mark.parametrize("key", ["vocab_size", "entity_vocab_size", "hidden_size"])
    def test_names_the_key_that_is_missing(self, tmp_path: Path, fixtures_dir: Path, key: str) -> None:
        raw = json.loads((fixtures_dir / "tiny-luke" / "config.json").read_text())
        raw.pop(key)
        (tmp_path / "config.json").write_text(json.dumps(raw))
        with pytest.raises(ConfigurationError, match=f"{key!r} = .*; expected a whole number"):
            read_config(str(tmp_path))
