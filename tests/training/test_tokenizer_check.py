"""Tokenizers and embedders must have the same words: in a config to train, and in an archive."""

import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

import luke_allennlp  # noqa: F401
from luke_allennlp.training import tokenizer_check
from luke_allennlp.training.config_check import check_config
from luke_allennlp.training.tokenizer_check import check_tokenizers

FIXTURES = Path(__file__).parents[2] / "fixtures"
LUKE, ROBERTA, BERT = (str(FIXTURES / f"tiny-{name}") for name in ("luke", "roberta", "bert"))
READER, EMBEDDER = "dataset_reader.tokenizer", "model.embedder"


def check(tokenizer: str, embedder: str, markers: Any = None, embedder_markers: Any = None) -> Optional[str]:
    """The error's message, if there is one."""
    config: Dict[str, Any] = {
        "dataset_reader": {"type": "luke_ner", "tokenizer": {"type": "luke", "model_name": tokenizer}},
        "train_data_path": "train.conll",
        "model": {"type": "luke_ner", "embedder": {"type": "luke", "model_name": embedder}},
        "data_loader": {"batch_size": 1},
        "trainer": {},
    }
    if markers is not None:
        config["dataset_reader"]["tokenizer"]["marker_tokens"] = markers
    if embedder_markers is not None:
        config["model"]["embedder"]["marker_tokens"] = embedder_markers
    return message_of(config)


def message_of(config: Dict[str, Any]) -> Optional[str]:
    try:
        check_tokenizers(check_config(Params(config)))
    except ConfigurationError as error:
        return error.message
    return None


@pytest.fixture
def copy(tmp_path: Path) -> Callable[..., str]:
    """A copy of a checkpoint, without its weights, with other content of some files."""

    def copy(source: str, **contents: Any) -> str:
        target = tmp_path / f"copy{len(list(tmp_path.iterdir()))}"
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("model.*"))
        for name, content in contents.items():
            path = target / f"{name}.json"
            if content is None:
                path.unlink()
            else:
                path.write_text(json.dumps({**json.loads(path.read_text()), **content}))
        return str(target)

    return copy


class TestCheckpoints:
    def test_the_same_name_reads_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            tokenizer_check,
            "WordTokenizer",
            type("Unread", (tokenizer_check.WordTokenizer,), {"__init__": pytest.fail}),
        )
        assert check("studio-ousia/luke-large", "studio-ousia/luke-large") is None

    def test_the_same_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "link").symlink_to(LUKE)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(tokenizer_check, "read_config", pytest.fail)
        assert check(LUKE, "./link") is None

    def test_a_copy(self, copy: Callable) -> None:
        assert check(LUKE, copy(LUKE)) is None
        assert check(copy(BERT), BERT) is None

    def test_another_size(self) -> None:
        message = check(ROBERTA, LUKE)
        assert message == (
            f"{READER}.model_name is {ROBERTA!r} and {EMBEDDER}.model_name is {LUKE!r}, which have different "
            "vocabularies: the first has a table of 1,998, the second one of 2,000; give both the "
            "same checkpoint."
        )
        assert "have different vocabularies: the first has a table of 2,000, the second one of 800" in (
            check(LUKE, BERT) or ""
        )

    def test_other_special_tokens(self, copy: Callable) -> None:
        vocabulary = json.loads(Path(LUKE, "vocab.json").read_text())
        swapped = {"<pad>": vocabulary["<mask>"], "<mask>": vocabulary["<pad>"]}
        message = check(copy(LUKE, vocab=swapped), LUKE) or ""
        assert (
            f"the id of the token for masked words is 1 in the first and {vocabulary['<mask>']} in the "
            "second (one of 2 that differ)" in message
        )

    def test_another_entry(self, copy: Callable) -> None:
        vocabulary = json.loads(Path(LUKE, "vocab.json").read_text())
        first, second = sorted((name for name in vocabulary if name.isalpha()), key=vocabulary.get)[-2:]
        swapped = {first: vocabulary[second], second: vocabulary[first]}
        message = check(LUKE, copy(LUKE, vocab=swapped)) or ""
        assert (
            f"the id of {first!r} is {vocabulary[first]} in the first and {vocabulary[second]} in the"
            in message
        )
        message = check(copy(LUKE, added_tokens={"<new>": 1999}), LUKE) or ""
        assert "the id of '<new>' is 1999 in the first and none in the second; give" in message

    def test_an_embedder_without_a_tokenizer(self, copy: Callable) -> None:
        bare = copy(LUKE, vocab=None)
        assert check(LUKE, bare) is None
        assert "a table of 1,998, the second one of 2,000" in (check(ROBERTA, bare) or "")
        other = copy(LUKE, vocab=None, config={"pad_token_id": 0})
        assert "the id of padding is 1 in the first and 0 in the second" in (check(LUKE, other) or "")

    def test_a_tokenizer_without_a_config(self, copy: Callable) -> None:
        bare = copy(ROBERTA, config=None)
        assert check(bare, ROBERTA) is None
        bare = copy(LUKE, config=None)
        assert check(bare, LUKE) is None
        # Markers would follow its own entries.
        assert "different vocabularies" in (check(bare, LUKE, ["[A]"], {"[A]": "@"}) or "")


class TestMarkers:
    @pytest.mark.parametrize(
        "embedder",
        [[["[A]", "@"], ["[B]", "#"]], {"[A]": "@", "[B]": "#"}, [["[A]", "@"], ["[B]", "#"], ["[C]", "*"]]],
    )
    def test_the_same(self, embedder: Any) -> None:
        assert check(LUKE, LUKE, ["[A]", "[B]"], embedder) is None
        assert check(LUKE, LUKE, None, embedder) is None

    @pytest.mark.parametrize("embedder", [[["[B]", "#"], ["[A]", "@"]], {"[A]": "@"}, None])
    def test_others(self, embedder: Any) -> None:
        message = check(LUKE, LUKE, ["[A]", "[B]"], embedder) or ""
        assert message.startswith(f"{READER}.marker_tokens are ['[A]', '[B]'] and {EMBEDDER}.marker_tokens [")
        assert message.endswith("which gives them different ids; give both the same, in the same order.")


class TestFields:
    def config(self, indexers: Dict[str, str], embedders: Dict[str, str]) -> Dict[str, Any]:
        def objects(names: Dict[str, str]) -> Dict[str, Any]:
            return {key: {"type": "luke", "model_name": name} for key, name in names.items()}

        return {
            "dataset_reader": {"type": "sequence_tagging", "token_indexers": objects(indexers)},
            "train_data_path": "train.tsv",
            "model": {
                "type": "simple_tagger",
                "text_field_embedder": {"token_embedders": objects(embedders)},
                "encoder": {"type": "pass_through", "input_dim": 64},
            },
            "data_loader": {"batch_size": 1},
            "trainer": {},
        }

    def test_each_indexer_belongs_to_an_embedder(self) -> None:
        both = {"one": LUKE, "two": BERT}
        assert message_of(self.config(both, both)) is None
        message = message_of(self.config(both, {"one": BERT, "two": LUKE})) or ""
        assert message.startswith(
            f"dataset_reader.token_indexers.one.model_name is {LUKE!r} and "
            f"model.text_field_embedder.token_embedders.one.model_name is {BERT!r}, which have"
        )


def test_before_training(workplace: Path, allennlp: Callable) -> None:
    overrides = json.dumps({"dataset_reader.tokenizer.model_name": ROBERTA})
    finished = allennlp("train", "training_configs/ner/demo.jsonnet", "-s", "runs/mixed", "-o", overrides)
    assert finished.status == 1
    assert finished.error.startswith(
        f"allennlp: error: {READER}.model_name is {ROBERTA!r} and {EMBEDDER}.model_name"
    )
    assert not (workplace / "runs/mixed").exists()


class TestArchive:
    @pytest.fixture(scope="class")
    def archive(self, workplace: Path, request: pytest.FixtureRequest) -> str:
        run: Callable = request.getfixturevalue("allennlp_process")
        overrides = {"trainer.num_epochs": 1, "train_data_path": "fixtures/ner/dev.conll"}
        arguments = ("-s", "runs/model", "-o", json.dumps(overrides), "--include-package", "luke_allennlp")
        finished = run("train", "training_configs/ner/demo.jsonnet", *arguments)
        assert finished.status == 0, finished.err
        return "runs/model/model.tar.gz"

    def overrides(self, tokenizer: Optional[str] = None, embedder: Optional[str] = None) -> Dict[str, str]:
        names = {f"{READER}.model_name": tokenizer, f"{EMBEDDER}.model_name": embedder}
        return {key: name for key, name in names.items() if name is not None}

    @pytest.mark.slow
    def test_another_place_of_the_same_checkpoint(
        self, archive: str, allennlp: Callable, copy: Callable, workplace: Path
    ) -> None:
        moved = copy(LUKE)
        for names in ((moved, moved), (moved, None), (None, moved)):
            load_archive(archive, overrides=self.overrides(*names))

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "tokenizer, embedder, parts",
        [
            (ROBERTA, None, (READER, EMBEDDER, "a table of 1,998, the second one of 2,000")),
            (None, ROBERTA, (ROBERTA, "word_embeddings.weight is 2,000 x 64, and by the", " 1,998 x 32;")),
            (BERT, BERT, (BERT, "word_embeddings.weight is 2,000 x 64, and by the", " 800 x 32;")),
        ],
    )
    def test_another_checkpoint(
        self,
        archive: str,
        allennlp: Callable,
        tokenizer: Optional[str],
        embedder: Optional[str],
        parts: List[str],
    ) -> None:
        overrides = self.overrides(tokenizer, embedder)
        for command in (
            ("evaluate", archive, "fixtures/ner/dev.conll"),
            ("predict", archive, "fixtures/ner/sentences.jsonl"),
        ):
            finished = allennlp(*command, "-o", json.dumps(overrides))
            assert finished.status == 1
            assert finished.error.startswith("allennlp: error: ") and "Traceback" not in finished.err
            assert [part for part in parts if part not in finished.error] == []
        with pytest.raises(ConfigurationError):
            Predictor.from_path(archive, overrides=overrides)
