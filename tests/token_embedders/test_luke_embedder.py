import shutil
from pathlib import Path
from typing import Any, Dict, List
from unittest import mock

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, DatasetReader, Instance, Token, Vocabulary
from allennlp.data.data_loaders import SimpleDataLoader
from allennlp.data.fields import TextField
from allennlp.models import Model, archive_model, load_archive
from allennlp.modules.token_embedders import TokenEmbedder
from allennlp_models import tagging  # noqa: F401 (registers crf_tagger)
from torch import Tensor
from transformers import BertModel, LukeModel, RobertaModel

from luke_allennlp.data.token_indexer import LukeTokenIndexer
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.modules import encoder as encoder_module
from luke_allennlp.modules import layer as layer_module
from luke_allennlp.token_embedders import LukeEmbedder

ROOT = Path(__file__).resolve().parent.parent.parent
LUKE, ROBERTA, BERT = (str(ROOT / "fixtures" / name) for name in ("tiny-luke", "tiny-roberta", "tiny-bert"))
TEXTS = [
    ["The", "Brackwater", "Herald", "'s", "Drumochter", "Ōtaka", "\u00a0", "won", "."],
    ["Ōtaka"],
    ["a", "pub", "!"],
]
IOB1 = ROOT / "fixtures/ner/schemes/iob1.conll"
TOLERANCE = 1e-5


def embedder(model_name: str = LUKE, **options: Any) -> LukeEmbedder:
    return LukeEmbedder(model_name, **options).eval()


def text_tensors(texts: List[List[str]], model_name: str = LUKE) -> Dict[str, Tensor]:
    indexers = {"tokens": LukeTokenIndexer(model_name)}
    batch = Batch([Instance({"text": TextField([Token(word) for word in text], indexers)}) for text in texts])
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()["text"]["tokens"]


def random_words(model_name: str, batch: int = 4, length: int = 19, seed: int = 0) -> Dict[str, Tensor]:
    """Tokens, padded on the right."""
    tokenizer = WordTokenizer(model_name)
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, length, (batch,), generator=generator)
    lengths[0] = length
    mask = torch.arange(length) < lengths[:, None]
    ids = torch.randint(5, 700, (batch, length), generator=generator)
    types = torch.randint(0, 2, (batch, length), generator=generator)
    return {
        "token_ids": ids.masked_fill(~mask, tokenizer.pad_id),
        "mask": mask,
        "type_ids": types.masked_fill(~mask, 0),
    }


def assert_close(left: Tensor, right: Tensor) -> None:
    assert left.shape == right.shape
    torch.testing.assert_close(left, right, atol=TOLERANCE, rtol=0)


class TestAgainstTransformers:
    @pytest.mark.parametrize("name, reference", [(ROBERTA, RobertaModel), (BERT, BertModel)])
    def test_backbones(self, name: str, reference: type) -> None:
        inputs = random_words(name)
        types = inputs["type_ids"] if name == BERT else torch.zeros_like(inputs["type_ids"])
        theirs = reference.from_pretrained(name, add_pooling_layer=False).eval()  # type: ignore[attr-defined]
        output = theirs(inputs["token_ids"], inputs["mask"].long(), token_type_ids=types)
        expected = output.last_hidden_state
        states = embedder(name)(**inputs)
        assert states.std() > 0.1
        assert_close(states[inputs["mask"]], expected[inputs["mask"]])

    @pytest.mark.parametrize("entity_aware_attention", [True, False])
    def test_luke_with_entities(self, entity_aware_attention: bool) -> None:
        words = random_words(LUKE)
        ours = embedder(entity_aware_attention=entity_aware_attention)
        reference = LukeModel.from_pretrained(LUKE, use_entity_aware_attention=entity_aware_attention).eval()
        # Hugging Face draws the queries at random that the file lacks.
        reference.load_state_dict(ours.luke.state_dict(), strict=False)
        ids = torch.tensor([[2, 5, 63]]).expand(4, 3)
        spans = torch.tensor([[[1, 2], [0, 0], [1, 1]]]).expand(4, 3, 2)
        positions = torch.tensor([[[1, 2], [0, -1], [1, -1]]]).expand(4, 3, 2)
        mask = torch.tensor([[True, True, False]]).expand(4, 3)
        output = ours.encode(
            words["token_ids"], words["mask"], entity_ids=ids, entity_spans=spans, entity_mask=mask
        )
        expected = reference(
            words["token_ids"],
            words["mask"].long(),
            entity_ids=ids,
            entity_position_ids=positions,
            entity_attention_mask=mask.long(),
        )
        assert_close(output.tokens[words["mask"]], expected.last_hidden_state[words["mask"]])
        assert_close(output.entities[:, :2], expected.entity_last_hidden_state[:, :2])


class TestForward:
    @pytest.mark.parametrize("mode", ["avg", "first"])
    @pytest.mark.parametrize("name", [LUKE, ROBERTA, BERT])
    def test_pools_the_tokens_of_each_word(self, mode: str, name: str) -> None:
        tensors = text_tensors(TEXTS, name)
        model = embedder(name, sub_token_mode=mode)
        states = model.encode(tensors["token_ids"], tensors["wordpiece_mask"]).tokens
        vectors = model(**tensors)
        assert vectors.shape == (3, 9, model.get_output_dim())
        lengths = set()
        tokenizer = WordTokenizer(name)
        for row, words in enumerate(TEXTS):
            position = 1
            for column, pieces in enumerate(tokenizer.encode_words(words)):
                word = states[row, position : position + len(pieces)]
                assert_close(vectors[row, column], word.mean(dim=0) if mode == "avg" else word[0])
                position += len(pieces)
                lengths.add(len(pieces))
        assert min(lengths) == 1 and max(lengths) > 2

    @pytest.mark.parametrize("name, mode", [(LUKE, "avg"), (ROBERTA, "first"), (BERT, "avg")])
    def test_does_not_depend_on_the_batch(self, mode: str, name: str) -> None:
        model = embedder(name, sub_token_mode=mode)
        together = model(**text_tensors(TEXTS, name))
        if mode == "avg":
            assert together[1, 1:].eq(0).all() and together[2, 3:].eq(0).all()
        for row, words in enumerate(TEXTS):
            alone = model(**text_tensors([words, []], name))
            assert_close(together[row, : len(words)], alone[0])
        assert model(**text_tensors([[], []], name)).shape == (2, 0, model.get_output_dim())

    @pytest.mark.parametrize("name", [LUKE, BERT])
    def test_of_as_long_a_text_as_there_are_positions(self, name: str) -> None:
        model, limit = embedder(name), 512
        ids = torch.full((1, limit + 1), 9)
        mask = torch.ones_like(ids).bool()
        assert model(ids[:, 1:], mask[:, 1:]).shape == (1, limit, model.get_output_dim())
        with pytest.raises(ConfigurationError, match="text of 513 tokens is longer than the 512 that"):
            model(ids, mask)

    def test_needs_the_indexer_s_masks(self) -> None:
        tensors = text_tensors(TEXTS)
        states = embedder().encode(tensors["token_ids"], tensors["wordpiece_mask"]).tokens
        assert torch.equal(embedder()(tensors["token_ids"], tensors.pop("wordpiece_mask")), states)
        with pytest.raises(ConfigurationError, match="offsets came without wordpiece_mask; use the token"):
            embedder()(**tensors)


class TestOptions:
    def test_sizes(self) -> None:
        model = embedder(BERT)
        assert (model.get_output_dim(), model.dropout) == (32, 0.1)
        assert embedder(hidden_dropout=0.25).dropout == 0.25
        with pytest.raises(ConfigurationError, match="sub_token_mode is 'last'; expected 'avg' or 'first'"):
            embedder(sub_token_mode="last")

    def test_what_is_trained(self) -> None:
        def frozen(**options: Any) -> set:
            model = embedder(**options)
            return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}

        assert frozen() == set()
        assert frozen(freeze_entity_table=True) == {"luke.entity_embeddings.entity_embeddings.weight"}
        assert frozen(train_parameters=False) == {name for name, _ in embedder().named_parameters()}

    def test_no_entities_are_not_trained(self) -> None:
        model = embedder(entities=[])
        model(**text_tensors(TEXTS)).sum().backward()
        assert all(
            (parameter.grad is not None) == parameter.requires_grad for parameter in model.parameters()
        )
        assert not any(parameter.requires_grad for parameter in model.luke.entity_embeddings.parameters())

    @pytest.mark.parametrize("eval_mode", [True, False])
    def test_eval_mode(self, eval_mode: bool) -> None:
        model = LukeEmbedder(LUKE, eval_mode=eval_mode).train()
        tensors = text_tensors(TEXTS)
        assert model.training and model.luke.training != eval_mode
        assert torch.equal(model(**tensors), model(**tensors)) == eval_mode

    def test_gradient_checkpointing_keeps_dropout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        spy = mock.Mock(wraps=encoder_module.checkpoint)
        monkeypatch.setattr(encoder_module, "checkpoint", spy)
        tensors = text_tensors(TEXTS)
        losses = []
        for checkpointing in (False, True):
            model = LukeEmbedder(LUKE, gradient_checkpointing=checkpointing, hidden_dropout=0.5).train()
            torch.manual_seed(4)
            loss = model(**tensors).pow(2).sum()
            loss.backward()
            losses.append((loss.item(), model.luke.embeddings.LayerNorm.weight.grad))
            assert spy.call_count == (2 if checkpointing else 0)
        assert losses[0][0] == pytest.approx(losses[1][0], abs=1e-3)
        torch.testing.assert_close(losses[0][1], losses[1][1], atol=1e-4, rtol=1e-4)

    @pytest.mark.parametrize("name", [LUKE, BERT])
    def test_marker_tokens(self, name: str) -> None:
        tokenizer = WordTokenizer(name, ["[HEAD]", "[TAIL]"])
        model = embedder(name, marker_tokens={"[HEAD]": "(", "[TAIL]": ","})
        table = model.luke.embeddings.word_embeddings.weight
        head, tail = (tokenizer.token_id(token) for token in ("[HEAD]", "[TAIL]"))
        assert (head, tail) == (len(table) - 2, len(table) - 1)
        for marker, start in ((head, "("), (tail, ",")):
            assert torch.equal(table[marker], table[tokenizer.token_id(start)])
        assert torch.equal(table[:head], embedder(name).luke.embeddings.word_embeddings.weight)

    def test_marker_tokens_in_an_order_of_their_own(self) -> None:
        # Jsonnet would sort the keys of an object.
        pairs = [["[TAIL]", ","], ["[HEAD]", "("]]
        params = {"type": "luke", "model_name": LUKE, "marker_tokens": pairs, "load_weights": True}
        model = TokenEmbedder.from_params(Params(params))
        table = model.luke.embeddings.word_embeddings.weight
        tokenizer = WordTokenizer(LUKE, ["[TAIL]", "[HEAD]"])
        for marker, source in pairs:
            assert torch.equal(table[tokenizer.token_id(marker)], table[tokenizer.token_id(source)])

    def test_override_weights_file(self, tmp_path: Path) -> None:
        trained = embedder(entities=["[PAD]", "[MASK]"])
        with torch.no_grad():
            trained.luke.embeddings.LayerNorm.bias.add_(1.0)
        path = tmp_path / "best.th"
        torch.save({f"embedder.{name}": value for name, value in trained.state_dict().items()}, path)
        options = {"override_weights_file": str(path), "override_weights_strip_prefix": "embedder.luke."}
        loaded = embedder(entities=["[PAD]", "[MASK]"], **options)
        for name, value in trained.state_dict().items():
            assert torch.equal(value, loaded.state_dict()[name]), name

    def test_load_weights(self, tmp_path: Path) -> None:
        directory = tmp_path / "luke"
        shutil.copytree(LUKE, directory)
        (directory / "model.safetensors").write_bytes(b"damaged")
        model = embedder(str(directory), load_weights=False)
        shapes = {name: value.shape for name, value in model.state_dict().items()}
        assert shapes == {name: value.shape for name, value in embedder().state_dict().items()}
        with pytest.raises(ConfigurationError, match="model.safetensors cannot be read, the file is damaged"):
            embedder(str(directory))
        # A run's directory is no archive.
        with pytest.raises(ConfigurationError, match="the file is damaged"):
            embedder(str(directory), serialization_dir=tmp_path)


def archived(run: Path, directory: Path, **options: Any) -> Model:
    """A run's directory and its archive, as the trainer leaves them."""
    params = crf_tagger_params(directory, **options)
    run.mkdir()
    params.to_file(str(run / "config.json"))
    reader = DatasetReader.from_params(params.duplicate().pop("dataset_reader"))
    vocabulary = Vocabulary.from_instances(reader.read(IOB1))
    vocabulary.save_to_files(str(run / "vocabulary"))
    model = Model.from_params(params.duplicate().pop("model"), vocab=vocabulary)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    torch.save(model.state_dict(), run / "best.th")
    archive_model(run)
    return model.eval()


def outputs(model: Model, reader: DatasetReader) -> Tensor:
    loader = SimpleDataLoader(list(reader.read(IOB1)), 100, vocab=model.vocab)
    return model.eval()(**next(iter(loader)))["logits"]


@pytest.mark.parametrize("overriding", [False, True])
def test_an_archive_brings_its_weights(tmp_path: Path, overriding: bool) -> None:
    directory, run, weights = tmp_path / "luke", tmp_path / "run", tmp_path / "luke/model.safetensors"
    shutil.copytree(LUKE, directory)
    options = {}
    if overriding:
        weights = weights.rename(tmp_path / "weights.safetensors")
        options["override_weights_file"] = str(weights)
    model = archived(run, directory, **options)
    reader = DatasetReader.from_params(crf_tagger_params(Path(LUKE)).pop("dataset_reader"))
    expected = outputs(model, reader)
    # A run's directory: best.th over the checkpoint's weights.
    assert torch.equal(outputs(load_archive(run).model, reader), expected)
    weights.write_bytes(b"damaged")
    loaded = load_archive(run / "model.tar.gz")
    assert torch.equal(outputs(loaded.model, loaded.validation_dataset_reader), expected)
    weights.unlink()
    assert torch.equal(outputs(load_archive(run / "model.tar.gz").model, reader), expected)


def crf_tagger_params(directory: Path, **options: Any) -> Params:
    luke: Dict[str, Any] = {"type": "luke", "model_name": str(directory)}
    model = {
        "type": "crf_tagger",
        "label_encoding": "IOB1",
        "text_field_embedder": {"token_embedders": {"tokens": {**luke, **options}}},
        "encoder": {"type": "pass_through", "input_dim": 64},
    }
    reader = {"type": "conll2003", "token_indexers": {"tokens": luke}}
    return Params({"dataset_reader": reader, "model": model})


def test_crf_tagger_reads_the_entities_that_luke_ner_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    params = Params.from_file("training_configs/ner/crf_tagger.jsonnet")
    corpus = params["train_data_path"]
    reader = DatasetReader.from_params(params.pop("dataset_reader"))
    tagged = [tuple(instance["tags"].labels) for instance in reader.read(corpus)]
    tokenizer = {"type": "luke", "model_name": LUKE}
    ours = DatasetReader.from_params(Params({"type": "luke_ner", "tokenizer": tokenizer}))
    sentences = [instance["metadata"].metadata for instance in ours.read(corpus)]
    sentences = [sentence for sentence in sentences if sentence["chunk"] == 0]
    assert len(tagged) == len(sentences) > 250
    for tags, sentence in zip(tagged, sentences, strict=True):
        assert len(tags) == len(sentence["words"])
        starts = {(place, tag[2:]) for place, tag in enumerate(tags) if tag[0] in "BU"}
        assert starts == {(span.start, span.label) for span in sentence["gold"]}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_dtype(dtype: str) -> None:
    exact, rough = (LukeEmbedder(model_name=LUKE, dtype=name).eval() for name in (None, dtype))
    ids = torch.randint(5, 2000, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        states = [embedder(ids, torch.ones_like(ids, dtype=torch.bool)) for embedder in (exact, rough)]
    assert states[1].dtype == torch.float32
    assert 0 < (states[0] - states[1]).abs().max() < 0.1
    assert {str(parameter.dtype) for parameter in rough.luke.parameters()} == {f"torch.{dtype}"}
    with pytest.raises(ConfigurationError, match="is for evaluation and prediction"):
        rough.train()(ids, torch.ones_like(ids, dtype=torch.bool))
    with pytest.raises(ConfigurationError, match="dtype is 'bf16'; expected one of bfloat16, float16"):
        LukeEmbedder(model_name=LUKE, dtype="bf16")


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = type("TritonMissing", (type("TorchDynamoException", (RuntimeError,), {}),), {})

    def fail() -> None:
        raise failure("no g++\nand more")

    monkeypatch.setattr(layer_module, "_compiled_rest", fail)
    with pytest.raises(ConfigurationError, match=r"torch.compile failed \(no g\+\+\); install a C"):
        embedder(compile=True)(**random_words(LUKE))
    assert embedder()(**random_words(LUKE)).isfinite().all()
