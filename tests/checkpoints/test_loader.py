import json
import logging
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from safetensors.torch import load_file, save_file
from torch import Tensor

from luke_allennlp.checkpoints.names import ENTITY_TABLE, EXTRA_QUERY, WORD_TABLE, encoder_name
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.entity_vocabulary import EntityVocabulary
from luke_allennlp.modules import LukeEncoder
from luke_allennlp.token_embedders.encoder_loading import load_encoder

QUERY = "encoder.layer.1.attention.self.query.weight"
MULTILINGUAL = {"[MASK]": 0, "[UNK]": 1, "[PAD]": 2, "[MASK2]": 3}
SPECIALS = ["[PAD]", "[MASK]"]
State = Dict[str, Tensor]
Make = Callable[..., Path]


@pytest.fixture(scope="session")
def luke(fixtures_dir: Path) -> str:
    return str(fixtures_dir / "tiny-luke")


@pytest.fixture(scope="session")
def stored(luke: str) -> State:
    return {encoder_name(name): tensor for name, tensor in load_file(f"{luke}/model.safetensors").items()}


def without(*names: str) -> Callable[[State], State]:
    return lambda state: {name: tensor for name, tensor in state.items() if encoder_name(name) not in names}


def extra_queries(state: State) -> State:
    """What a fine-tuned model has beside the word-to-word queries."""
    return {
        name.replace(".query.", f".{part}_query."): torch.full_like(tensor, 0.5)
        for name, tensor in state.items()
        if ".query." in name
        for part in ("w2e", "e2w", "e2e")
    }


def assert_equal_states(left: LukeEncoder, right: LukeEncoder) -> None:
    assert left.state_dict().keys() == right.state_dict().keys()
    for name, tensor in left.state_dict().items():
        assert torch.equal(tensor, right.state_dict()[name]), name


class TestWeights:
    def test_are_those_of_the_file(self, luke: str, stored: State) -> None:
        state = load_encoder(luke).state_dict()
        copies = [name for name in state if EXTRA_QUERY.search(name)]
        assert set(state) - set(copies) == {name for name in stored if not name.startswith("pooler.")}
        for name, tensor in state.items():
            # Missing queries are copies to the last bit.
            assert torch.equal(tensor, stored[EXTRA_QUERY.sub(".attention.self.query.", name)]), name
        assert len(copies) == 12

    def test_of_half_precision(self, make_checkpoint: Make) -> None:
        directory = make_checkpoint(change=lambda state: {name: state[name].bfloat16() for name in state})
        halves = load_file(directory / "model.safetensors")
        state = load_encoder(str(directory), entities=SPECIALS, marker_rows=[5]).state_dict()
        assert {tensor.dtype for tensor in state.values()} == {torch.float32}
        assert torch.equal(state[QUERY], {encoder_name(name): halves[name] for name in halves}[QUERY].float())

    def test_queries_of_a_fine_tuned_model_are_its_own(self, make_checkpoint: Make) -> None:
        directory = make_checkpoint(change=lambda state: {**state, **extra_queries(state)})
        state = load_encoder(str(directory)).state_dict()
        extra = [name for name in state if EXTRA_QUERY.search(name)]
        assert len(extra) == 12 and all(state[name].eq(0.5).all() for name in extra)

    def test_without_entity_aware_attention(self, luke: str, make_checkpoint: Make) -> None:
        extra = QUERY.replace("query", "w2e_query")
        fine_tuned = make_checkpoint(change=lambda state: {**state, extra: torch.zeros(64, 64)})
        unaware = str(make_checkpoint(name="config", use_entity_aware_attention=False))
        for encoder in (
            load_encoder(luke, entity_aware_attention=False),
            load_encoder(str(fine_tuned), entity_aware_attention=False),
            load_encoder(unaware),
        ):
            assert not any(EXTRA_QUERY.search(name) for name in encoder.state_dict())
            assert not encoder.encoder.layer[0].attention.self.entity_aware
        state = load_encoder(unaware, entity_aware_attention=True).state_dict()
        assert torch.equal(state[QUERY.replace("query", "e2e_query")], state[QUERY])

    def test_under_the_names_of_heads_and_of_old_versions(self, luke: str, make_checkpoint: Make) -> None:
        heads = ("lm_head.bias", "entity_predictions.transform.dense.weight", "classifier.weight", "cls.a")

        def rename(state: State) -> State:
            old = {}
            for name, value in state.items():
                name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("Norm.bias", "Norm.beta")
                old[f"luke.{name}"] = value
            assert sum(name.endswith(("gamma", "beta")) for name in old) == 12
            old["luke.embeddings.position_ids"] = torch.arange(514)[None]
            return {**old, **{name: torch.zeros(2) for name in heads}}

        assert_equal_states(load_encoder(str(make_checkpoint(change=rename))), load_encoder(luke))

    def test_are_random_without_loading(self, luke: str, make_checkpoint: Make) -> None:
        directory = make_checkpoint()
        (directory / "model.safetensors").write_bytes(b"must not be read")
        options: Dict[str, Any] = {"entities": SPECIALS, "marker_rows": [5]}
        fresh = load_encoder(str(directory), load_weights=False, **options).state_dict()
        loaded = load_encoder(luke, **options).state_dict()
        assert {name: fresh[name].shape for name in fresh} == {name: loaded[name].shape for name in loaded}
        assert not torch.equal(fresh[QUERY], loaded[QUERY])


class TestEntities:
    def test_rows_are_chosen_by_name(self, luke: str, stored: State) -> None:
        titles = json.loads(Path(luke, "entity_vocab.json").read_text())
        title = list(titles)[17]
        encoder = load_encoder(luke, entities=["[PAD]", title, "[MASK]", "[MASK]"])
        table = encoder.entity_embeddings.entity_embeddings
        assert torch.equal(table.weight, stored[ENTITY_TABLE][[0, titles[title], 2, 2]])
        assert encoder.config.entity_vocab_size == 4 and table.padding_idx == 0

    @pytest.mark.parametrize(
        "vocabulary, padding", [({"[PAD]": 0, "[MASK]": 2}, 0), (MULTILINGUAL, 2), ({"a": 0}, None)]
    )
    def test_all_rows_but_padding_learn(
        self, vocabulary: Dict[str, int], padding: int, make_checkpoint: Make
    ) -> None:
        encoder = load_encoder(str(make_checkpoint(entities=vocabulary)))
        spans = torch.ones(1, 4, 2, dtype=torch.long)
        output = encoder(torch.tensor([[0, 9, 2]]), None, torch.arange(4)[None], spans)
        output.entities.pow(2).sum().backward()
        gradient = encoder.entity_embeddings.entity_embeddings.weight.grad
        assert gradient is not None
        assert gradient[:4].ne(0).any(dim=1).tolist() == [row != padding for row in range(4)]

    def test_all_rows_without_a_vocabulary(self, stored: State, make_checkpoint: Make) -> None:
        directory = make_checkpoint()
        (directory / "entity_vocab.json").unlink()
        encoder = load_encoder(str(directory))
        assert torch.equal(encoder.entity_embeddings.entity_embeddings.weight, stored[ENTITY_TABLE])
        with pytest.raises(ConfigurationError, match="has no entity_vocab.json"):
            load_encoder(str(directory), entities=["[PAD]"])

    def test_no_rows(self, luke: str) -> None:
        encoder = load_encoder(luke, entities=[])
        assert encoder.entity_embeddings.entity_embeddings.weight.shape == (0, 32)
        words = torch.tensor([[0, 9, 11, 2]])
        assert torch.equal(encoder.eval()(words).tokens, load_encoder(luke).eval()(words).tokens)
        encoder(words).tokens.sum().backward()
        for name, parameter in encoder.named_parameters():
            assert parameter.requires_grad == (parameter.grad is not None), name

    def test_that_are_not_there(self, luke: str, make_checkpoint: Make) -> None:
        with pytest.raises(ConfigurationError, match="no entity 'Nowhere' in .*tiny-luke"):
            load_encoder(luke, entities=["[PAD]", "Nowhere"])
        for row, expected in (
            (64, r"entity '\[MASK\]' of .* has the row 64 in .* of the 64"),
            (-1, "entity_vocab.json, entry 2: found the id -1"),
        ):
            directory = make_checkpoint(entities={"[PAD]": 0, "[MASK]": row}, name=f"{row}")
            with pytest.raises(ConfigurationError, match=expected):
                load_encoder(str(directory), entities=SPECIALS)


def test_rows_of_markers_are_copies(luke: str, stored: State) -> None:
    encoder = load_encoder(luke, marker_rows=[40, 40, 7])
    table = encoder.embeddings.word_embeddings.weight
    assert encoder.config.vocab_size == 2003
    assert torch.equal(table, torch.cat([stored[WORD_TABLE], stored[WORD_TABLE][[40, 40, 7]]]))


class TestBackbones:
    @pytest.mark.parametrize("directory", ["tiny-roberta", "tiny-bert"])
    def test_entity_side_is_fresh(
        self, directory: str, fixtures_dir: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            encoder = load_encoder(str(fixtures_dir / directory))
        table = encoder.entity_embeddings.entity_embeddings
        assert table.weight.shape == (2, 32) and table.padding_idx == 0
        assert "has no entities: masked entities start as its masked words" in caplog.text
        file = load_file(fixtures_dir / directory / "model.safetensors")
        expected = {encoder_name(name): tensor for name, tensor in file.items()}
        for name, tensor in encoder.state_dict().items():
            if not name.startswith("entity_embeddings."):
                source = EXTRA_QUERY.sub(".attention.self.query.", name)
                assert torch.equal(tensor, expected[source]), name

    @pytest.mark.parametrize("size", [32, 16])
    @pytest.mark.parametrize("directory", ["tiny-roberta", "tiny-bert"])
    def test_masked_entities_start_as_masked_words(
        self, directory: str, size: int, fixtures_dir: Path
    ) -> None:
        source = str(fixtures_dir / directory)
        titles = ["[PAD]", "[MASK]", "Marlow", "[MASK]"]
        encoder = load_encoder(source, entities=titles, entity_emb_size=size).eval()
        words = torch.full((5,), WordTokenizer(source).mask_id)
        first = 0 if encoder.embeddings.position_start == 0 else encoder.embeddings.padding_id + 1
        positions = torch.arange(5)
        spans = positions[:, None].expand(-1, 2)
        expected = encoder.embeddings(words, positions + first, None)
        for row in (1, 3):
            found = encoder.entity_embeddings(torch.full((5,), row), spans)
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
        assert not torch.allclose(encoder.entity_embeddings(torch.full((5,), 2), spans), expected, atol=0.1)

    def test_tables_for_pretraining_start_as_in_the_original(
        self, fixtures_dir: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        vocabulary = EntityVocabulary.from_checkpoint(str(fixtures_dir / "tiny-luke"))
        with caplog.at_level(logging.INFO):
            encoder = load_encoder(str(fixtures_dir / "tiny-roberta"), entity_vocabulary=vocabulary)
        assert "the entity embeddings start from random values" in caplog.text
        positions = encoder.embeddings.position_embeddings.weight
        assert not torch.equal(encoder.entity_embeddings.position_embeddings.weight[:5], positions[2:7])


class TestStrictness:
    def test_all_that_does_not_fit_is_listed(self, make_checkpoint: Make) -> None:
        def spoil(state: State) -> State:
            state = without("encoder.layer.0.output.dense.bias", "embeddings.LayerNorm.weight")(state)
            state["encoder.layer.2.output.dense.bias"] = torch.zeros(64)
            state["adapter.weight"] = torch.zeros(1)
            name = next(name for name in state if name.endswith("embeddings.token_type_embeddings.weight"))
            return {**state, name: torch.zeros(2, 64)}

        directory = make_checkpoint(change=spoil)
        with pytest.raises(ConfigurationError) as error:
            load_encoder(str(directory))
        missing, unexpected, misshapen = str(error.value).split("; ")[1:]
        assert str(directory / "model.safetensors") in str(error.value)
        assert missing == "missing: embeddings.LayerNorm.weight, encoder.layer.0.output.dense.bias"
        assert unexpected == "unexpected: adapter.weight, encoder.layer.2.output.dense.bias"
        assert misshapen.startswith("of another shape: ")
        assert misshapen.endswith("token_type_embeddings.weight has shape (2, 64), expected (1, 64).")

    @pytest.mark.parametrize("part", ["embeddings.position_embeddings.weight", ENTITY_TABLE, WORD_TABLE])
    def test_tables_of_other_sizes(self, part: str, make_checkpoint: Make) -> None:
        def cut(state: State) -> State:
            return {name: value[:2] if encoder_name(name) == part else value for name, value in state.items()}

        expected = rf"of another shape: {part} has shape \(2, \d\d\), expected"
        with pytest.raises(ConfigurationError, match=expected):
            load_encoder(str(make_checkpoint(change=cut)), entities=SPECIALS, marker_rows=[0])


class TestWeightsFile:
    OPTIONS: Dict[str, Any] = {"entities": [*SPECIALS, "[MASK]"], "marker_rows": [5]}

    def trained(self, luke: str, path: Path, prefix: str = "", **options: Any) -> LukeEncoder:
        """An encoder with changed weights, saved as part of a model."""
        encoder = load_encoder(luke, **options)
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.add_(torch.randn_like(parameter))
        state = {f"{prefix}{name}": tensor for name, tensor in encoder.state_dict().items()}
        if prefix:
            state["head.weight"] = torch.zeros(3)
        (save_file if path.suffix == ".safetensors" else torch.save)(state, path)
        return encoder

    @pytest.mark.parametrize("name", ["weights.th", "weights.safetensors"])
    def test_replaces_the_checkpoint_s(
        self, name: str, luke: str, tmp_path: Path, make_checkpoint: Make
    ) -> None:
        expected = self.trained(luke, tmp_path / name)
        directory = make_checkpoint()
        (directory / "model.safetensors").unlink()
        assert_equal_states(load_encoder(str(directory), weights_file=str(tmp_path / name)), expected)

    def test_prefix_is_taken_off(self, luke: str, tmp_path: Path) -> None:
        path = tmp_path / "weights.th"
        expected = self.trained(luke, path, prefix="embedder.luke.")
        encoder = load_encoder(luke, weights_file=str(path), strip_prefix="embedder.luke.")
        assert_equal_states(encoder, expected)
        with pytest.raises(ConfigurationError, match="unexpected: .*head.weight"):
            load_encoder(luke, weights_file=str(path))
        with pytest.raises(ConfigurationError, match="missing: "):
            load_encoder(luke, weights_file=str(path), strip_prefix="embeder.")

    def test_tables_may_be_those_of_a_trained_model(self, luke: str, tmp_path: Path) -> None:
        path = tmp_path / "weights.th"
        expected = self.trained(luke, path, **self.OPTIONS)
        assert_equal_states(load_encoder(luke, weights_file=str(path), **self.OPTIONS), expected)
        with pytest.raises(ConfigurationError, match=r"has shape \(3, 32\), expected \(64, 32\)"):
            load_encoder(luke, weights_file=str(path), entities=SPECIALS, marker_rows=[5])

    def test_tables_may_be_those_of_the_checkpoint(self, luke: str, tmp_path: Path) -> None:
        path = tmp_path / "weights.th"
        full = self.trained(luke, path).state_dict()
        state = load_encoder(luke, weights_file=str(path), **self.OPTIONS).state_dict()
        assert torch.equal(state[ENTITY_TABLE], full[ENTITY_TABLE][[0, 2, 2]])
        assert torch.equal(state[WORD_TABLE], torch.cat([full[WORD_TABLE], full[WORD_TABLE][[5]]]))

    def test_entities_trained_on_a_backbone_without_them(self, fixtures_dir: Path, tmp_path: Path) -> None:
        path, roberta = tmp_path / "weights.th", str(fixtures_dir / "tiny-roberta")
        expected = self.trained(roberta, path)
        assert_equal_states(load_encoder(roberta, weights_file=str(path)), expected)


def test_dropout(luke: str) -> None:
    encoder = load_encoder(luke, hidden_dropout=0.25, attention_dropout=0.5)
    rates = {module.p for module in encoder.modules() if isinstance(module, torch.nn.Dropout)}
    assert rates == {0.25}
    assert {layer.attention.self.dropout for layer in encoder.encoder.layer} == {0.5}
    encoder = load_encoder(luke, hidden_dropout=0.0, attention_dropout=0.0).train()
    words = torch.tensor([[0, 9, 11, 2]])
    assert torch.equal(encoder(words).tokens, encoder.eval()(words).tokens)
