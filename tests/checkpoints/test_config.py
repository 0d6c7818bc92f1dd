import json
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError
from transformers import CONFIG_MAPPING, LukeConfig

from luke_allennlp.checkpoints.config import WORD_KEYS, read_config


class TestReadConfig:
    def test_of_luke(self, fixtures_dir: Path) -> None:
        directory = fixtures_dir / "tiny-luke"
        config = read_config(str(directory))
        for key, value in json.loads((directory / "config.json").read_text()).items():
            assert getattr(config, key) == value, key
        assert not hasattr(config, "position_start")

    @pytest.mark.parametrize("directory, position_start", [("tiny-roberta", None), ("tiny-bert", 0)])
    def test_of_backbones(self, fixtures_dir: Path, directory: str, position_start: int) -> None:
        config = read_config(str(fixtures_dir / directory))
        raw = json.loads((fixtures_dir / directory / "config.json").read_text())
        for key in set(raw) - {"model_type", "architectures", "bos_token_id", "eos_token_id"}:
            assert getattr(config, key) == raw[key], key
        assert config.entity_vocab_size == 0
        assert config.entity_emb_size == 32  # no wider than the words
        assert config.use_entity_aware_attention
        assert config.position_start == position_start
        assert config.word_model_type == raw["model_type"]

    @pytest.mark.parametrize("kind", ["luke", "bert", "roberta", "xlm-roberta", "camembert"])
    def test_defaults_are_those_of_hugging_face(self, kind: str, tmp_path: Path) -> None:
        raw = {"model_type": kind, "vocab_size": 9, "hidden_size": 16, "entity_vocab_size": 3}
        (tmp_path / "config.json").write_text(json.dumps(raw))
        config = read_config(str(tmp_path))
        theirs = CONFIG_MAPPING[kind].from_dict(raw)
        for key in WORD_KEYS:
            assert getattr(config, key) == getattr(theirs, key), key
        if kind == "luke":
            for key in ("entity_vocab_size", "entity_emb_size", "use_entity_aware_attention"):
                assert getattr(config, key) == getattr(theirs, key), key
            assert LukeConfig.from_dict(config.to_dict()).to_dict() == theirs.to_dict()

    @pytest.mark.parametrize("kind", ["t5", None])
    def test_names_the_kind_it_cannot_take(self, tmp_path: Path, kind: object) -> None:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": kind, "vocab_size": 9}))
        with pytest.raises(
            ConfigurationError, match=f"model_type {kind!r}; expected 'luke'.*bert, .*xlm-roberta"
        ):
            read_config(str(tmp_path))
