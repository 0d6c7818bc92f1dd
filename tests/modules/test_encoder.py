"""The encoder is held against `transformers.LukeModel` on the same random weights and inputs."""

from typing import Dict, Optional, Tuple

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel, LukeConfig, LukeModel, RobertaConfig, RobertaModel

from luke_allennlp.modules import LukeEncoder, layer

TOLERANCE = 1e-5
SIZES = {
    **dict(vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48),
    "initializer_range": 0.2,
}


def make_config(entity_aware: bool = True, entity_emb_size: int = 12, **changes: object) -> LukeConfig:
    settings: Dict[str, object] = {
        **SIZES,
        **dict(num_hidden_layers=3, entity_vocab_size=23, entity_emb_size=entity_emb_size),
        **dict(max_position_embeddings=70, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5),
        "use_entity_aware_attention": entity_aware,
    }
    return LukeConfig(**{**settings, **changes})


def make_pair(config: LukeConfig, seed: int = 0) -> Tuple[LukeModel, LukeEncoder]:
    torch.manual_seed(seed)
    reference = LukeModel(config).eval()
    with torch.no_grad():
        for parameter in reference.parameters():  # biases and norms too must differ from their neutral values
            parameter.add_(torch.randn_like(parameter) * 0.1)
    encoder = LukeEncoder(config).eval()
    encoder.load_state_dict(reference.state_dict())
    return reference, encoder


def assert_close(ours: Tensor, theirs: Tensor, name: str = "") -> None:
    torch.testing.assert_close(
        ours, theirs, atol=TOLERANCE, rtol=TOLERANCE, msg=lambda message: f"{name}: {message}"
    )


def ready(seed: int, **changes: object) -> Tuple[LukeEncoder, Dict[str, Tensor]]:
    config = make_config(**changes)  # type: ignore[arg-type]
    return make_pair(config)[1], make_inputs(config, seed)


def make_inputs(
    config: LukeConfig, seed: int, batch: int = 3, words: int = 21, entities: int = 6
) -> Dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def draw(low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high, shape, generator=generator)

    token_mask = torch.arange(words) < draw(5, words + 1, batch, 1)
    token_ids = draw(2, config.vocab_size, batch, words).masked_fill(~token_mask, config.pad_token_id)
    entity_mask = torch.arange(entities) < draw(1, entities + 1, batch, 1)
    first = draw(0, 5, batch, entities)
    last = torch.minimum(first + draw(0, 6, batch, entities), token_mask.sum(1, keepdim=True) - 1)
    spans = torch.stack([first, last], dim=-1).masked_fill(~entity_mask[..., None], -1)
    entity_ids = draw(1, config.entity_vocab_size, batch, entities).masked_fill(~entity_mask, 0)
    entities_ = dict(entity_ids=entity_ids, entity_spans=spans, entity_mask=entity_mask)
    return dict(token_ids=token_ids, token_mask=token_mask, **entities_)


def position_lists(spans: Tensor, length: int = 30) -> Tensor:
    """Spans as Hugging Face takes them. Shape: (batch, entities, length)."""
    positions = spans[..., :1] + torch.arange(length, device=spans.device)
    return positions.masked_fill((positions > spans[..., 1:]) | (spans[..., :1] < 0), -1)


def reference_forward(reference: LukeModel, inputs: Dict[str, Tensor]) -> Tuple[Tensor, Optional[Tensor]]:
    arguments = dict(input_ids=inputs["token_ids"], attention_mask=inputs["token_mask"].long())
    if "entity_ids" in inputs:
        arguments.update(
            entity_ids=inputs["entity_ids"],
            entity_attention_mask=inputs["entity_mask"].long(),
            entity_position_ids=position_lists(inputs["entity_spans"]),
        )
    output = reference(**arguments)
    return output.last_hidden_state, output.entity_last_hidden_state


@pytest.fixture(params=["packed", "padded"])
def attention(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """As where there is no kernel for packed batches, too."""
    if request.param == "padded":
        monkeypatch.setattr(layer, "is_flash_available", lambda dtype: False)
    return request.param


@pytest.mark.usefixtures("attention")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("with_entities", [True, False], ids=["entities", "words only"])
@pytest.mark.parametrize("entity_aware", [True, False], ids=["entity-aware", "original attention"])
@pytest.mark.parametrize("entity_emb_size", [12, 32], ids=["lifted table", "table of hidden size"])
def test_equals_hugging_face(
    entity_aware: bool, with_entities: bool, entity_emb_size: int, seed: int
) -> None:
    config = make_config(entity_aware, entity_emb_size)
    reference, encoder = make_pair(config, seed)
    inputs = make_inputs(config, seed)
    if not with_entities:
        inputs = {name: inputs[name] for name in ("token_ids", "token_mask")}

    words, entities = reference_forward(reference, inputs)
    output = encoder(**inputs)
    # Of padding, theirs has states, and ours zeros.
    words = words * inputs["token_mask"][..., None]
    assert_close(output.tokens, words)
    if with_entities:
        entities = entities * inputs["entity_mask"][..., None]
        assert_close(output.entities, entities)
    else:
        assert output.entities.shape == (3, 0, config.hidden_size)

    # Random weights on the states: every coordinate of the output takes part in the gradient.
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(words.shape, generator=generator)
    (words * weights).mean().backward(retain_graph=with_entities)
    (output.tokens * weights).mean().backward(retain_graph=with_entities)
    if with_entities:
        weights = torch.randn(entities.shape, generator=generator)
        (entities * weights).mean().backward()
        (output.entities * weights).mean().backward()
    expected = {
        name: parameter.grad for name, parameter in reference.named_parameters() if "pooler" not in name
    }
    actual = {name: parameter.grad for name, parameter in encoder.named_parameters()}
    assert set(actual) == set(expected)
    for name, gradient in expected.items():
        if gradient is None:
            assert actual[name] is None or not actual[name].any(), name
            assert not with_entities or "entity" not in name
        else:
            assert_close(actual[name], gradient, name)


needs_gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")]


@pytest.mark.parametrize("entity_aware", [pytest.param(value, marks=needs_gpu) for value in (True, False)])
def test_equals_hugging_face_on_a_gpu(entity_aware: bool) -> None:
    config = make_config(entity_aware)
    reference, encoder = make_pair(config)
    reference, encoder = reference.cuda(), encoder.cuda()
    inputs = {name: tensor.cuda() for name, tensor in make_inputs(config, 0).items()}
    words, entities = (states.cuda() for states in reference_forward(reference, inputs))
    output = encoder(**inputs)
    assert_close(output.tokens, words * inputs["token_mask"][..., None])
    assert_close(output.entities, entities * inputs["entity_mask"][..., None])


@pytest.mark.parametrize(
    "device, dtype",
    [
        ("cpu", torch.bfloat16),
        pytest.param("cuda", torch.bfloat16, marks=needs_gpu),
        pytest.param("cuda", torch.float16, marks=needs_gpu),
    ],
)
def test_autocast_stays_close(device: str, dtype: torch.dtype) -> None:
    encoder, inputs = ready(0, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    encoder = encoder.to(device).train()
    inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
    exact = encoder(**inputs)
    with torch.autocast(device, dtype=dtype):
        rough = encoder(**inputs)
    for left, right in zip(exact, rough, strict=True):
        # 8 bits of mantissa through three layers of unit-variance states.
        assert (left - right).abs().max() < 0.15
    sum(states.float().mean() for states in rough).backward()
    assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters())


def test_padding_changes_nothing() -> None:
    encoder, inputs = ready(2)
    row = int(inputs["entity_mask"].sum(dim=1).argmin())
    inputs = {name: tensor[row : row + 1] for name, tensor in inputs.items()}
    num_words, num_entities = int(inputs["token_mask"].sum()), int(inputs["entity_mask"].sum())
    padded = encoder(**inputs)
    # Without masks, everything counts.
    alone = encoder(
        inputs["token_ids"][:, :num_words],
        entity_ids=inputs["entity_ids"][:, :num_entities],
        entity_spans=inputs["entity_spans"][:, :num_entities],
    )
    assert num_words < 21 or num_entities < 6
    assert_close(padded.tokens[:, :num_words], alone.tokens)
    assert_close(padded.entities[:, :num_entities], alone.entities)


@pytest.mark.parametrize("span_attention", ["full", "independent"])
def test_states_do_not_depend_on_the_batch(span_attention: str) -> None:
    encoder, inputs = ready(seed=4, span_attention=span_attention)
    states = encoder(**inputs)
    for row in range(3):
        lengths = [int(inputs[f"{kind}_mask"][row].sum()) for kind in ("token", "entity")]
        alone = {
            name: tensor[row : row + 1, : lengths[name.startswith("entity")]]
            for name, tensor in inputs.items()
        }
        for kind, (one, other) in enumerate(zip(states, encoder(**alone), strict=True)):
            difference = (one[row, : lengths[kind]] - other[0]).abs().max()
            assert difference < 1e-6 * other.abs().max()


def test_a_row_of_padding_alone_gives_numbers() -> None:
    encoder, inputs = ready(3)
    inputs["token_mask"][1] = False
    inputs["entity_mask"][1] = False
    assert all(states.isfinite().all() for states in encoder(**inputs))


def test_gradient_checkpointing_gives_the_same_gradients() -> None:
    encoder, inputs = ready(4, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    gradients = []
    for checkpointing in (False, True):
        encoder.train()
        encoder.gradient_checkpointing = checkpointing
        encoder.zero_grad()
        output = encoder(**inputs)
        (output.tokens.sum() + output.entities.pow(2).sum()).backward()
        gradients.append([parameter.grad.clone() for parameter in encoder.parameters()])
    for kept, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(kept, recomputed)


def test_equals_roberta_and_bert_on_words() -> None:
    ids = torch.randint(2, 97, (2, 17), generator=torch.Generator().manual_seed(0))
    types = (torch.arange(17) > 8).long().expand(2, -1)

    roberta_config = RobertaConfig(
        **SIZES, max_position_embeddings=70, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5
    )
    roberta = RobertaModel(roberta_config, add_pooling_layer=False).eval()
    encoder = LukeEncoder(make_config(**SIZES)).eval()
    assert not encoder.load_state_dict(roberta.state_dict(), strict=False).unexpected_keys
    assert_close(encoder(ids).tokens, roberta(ids).last_hidden_state)

    bert_config = BertConfig(**SIZES, max_position_embeddings=70)
    bert = BertModel(bert_config, add_pooling_layer=False).eval()
    config = make_config(
        **SIZES, pad_token_id=0, type_vocab_size=2, layer_norm_eps=bert_config.layer_norm_eps
    )
    config.position_start = 0
    encoder = LukeEncoder(config).eval()
    assert not encoder.load_state_dict(bert.state_dict(), strict=False).unexpected_keys
    assert_close(encoder(ids, token_type_ids=types).tokens, bert(ids, token_type_ids=types).last_hidden_state)


def test_the_pooler_alone_is_left_out() -> None:
    config = make_config()
    reference, encoder = make_pair(config)
    state = reference.state_dict()
    encoder.load_state_dict(state)
    assert any(name.startswith("pooler.") for name in state), "the caller's dict is not touched"
    with pytest.raises(RuntimeError, match="stranger"):
        encoder.load_state_dict(dict(state, stranger=torch.zeros(1)))


def test_wrong_use_is_said_clearly() -> None:
    encoder = LukeEncoder(make_config())
    with pytest.raises(ValueError, match="entity_spans"):
        encoder(torch.tensor([[0, 5, 2]]), entity_ids=torch.tensor([[2]]))
    with pytest.raises(ValueError, match="hidden_size 30 is not a multiple of num_attention_heads 4"):
        LukeEncoder(make_config(hidden_size=30))
    with pytest.raises(ValueError, match="'glu'"):
        LukeEncoder(make_config(hidden_act="glu"))


@pytest.mark.slow  # the compiler takes a minute
def test_compiled_layers_equal_hugging_face() -> None:
    from torch._dynamo.utils import counters

    config = make_config()
    reference, encoder = make_pair(config)
    encoder.compile_layers()
    torch._dynamo.reset()  # what other tests compiled
    counters.clear()
    for seed, words in ((0, 21), (1, 30), (2, 11)):
        inputs = make_inputs(config, seed, words=words)
        states, entities = reference_forward(reference, inputs)
        output = encoder(**inputs)
        assert_close(output.tokens, states * inputs["token_mask"][..., None])
        for model, found in ((reference, states), (encoder, output.tokens)):
            model.zero_grad()
            (found * inputs["token_mask"][..., None]).sin().mean().backward()
        expected = dict(reference.named_parameters())
        for name, parameter in encoder.named_parameters():
            if expected[name].grad is not None:
                assert_close(parameter.grad, expected[name].grad, name)
    # One graph for three layers and three batches of other lengths, and none is broken.
    assert counters["stats"]["unique_graphs"] == 1 and not counters["graph_break"]
    encoder.train()
    encoder.gradient_checkpointing = True
    encoder(**make_inputs(config, 3)).tokens.sin().mean().backward()
    assert counters["stats"]["unique_graphs"] == 2
