"""Independent spans: held against `LukeModel` with a mask that says who attends to whom."""

from typing import Any, Dict

import pytest
import torch
from torch import Tensor
from transformers import LukeModel

from luke_allennlp.modules import varlen_attention
from luke_allennlp.modules.grouped_attention import GroupedAttention
from luke_allennlp.modules.packed_attention import PackedAttention
from luke_allennlp.modules.packing import Packing
from luke_allennlp.modules.padded_attention import padded_independent_attention
from luke_allennlp.modules.varlen_attention import VarlenAttention
from tests.modules.test_encoder import (
    assert_close,
    attention,
    make_config,
    make_inputs,
    make_pair,
    reference_forward,
)
from tests.modules.test_varlen_attention import Plain

__all__ = ["attention"]  # a fixture


def visible(self: LukeModel, word_mask: Tensor, entity_mask: Tensor) -> Tensor:
    """In place of `get_extended_attention_mask`. Shape: (batch, 1, rows, rows)."""
    words, entities = word_mask.bool(), entity_mask.bool()
    batch, number = words.size(0), words.size(1) + entities.size(1)
    mask = torch.zeros(batch, number, number, dtype=torch.bool)
    mask[:, :, : words.size(1)] = words[:, None]
    mask |= torch.diag(torch.arange(number) >= words.size(1))
    return torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)[:, None]


@pytest.mark.usefixtures("attention")
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("entity_aware", [True, False], ids=["entity-aware", "original attention"])
def test_equals_hugging_face(monkeypatch: pytest.MonkeyPatch, entity_aware: bool, seed: int) -> None:
    monkeypatch.setattr(LukeModel, "get_extended_attention_mask", visible)
    config = make_config(entity_aware, span_attention="independent")
    reference, encoder = make_pair(config, seed)
    inputs = make_inputs(config, seed)
    words, entities = reference_forward(reference, inputs)
    assert entities is not None
    output = encoder(**inputs)
    words, entities = words * inputs["token_mask"][..., None], entities * inputs["entity_mask"][..., None]
    assert_close(output.tokens, words)
    assert_close(output.entities, entities)

    generator = torch.Generator().manual_seed(seed)
    weights = [torch.randn(states.shape, generator=generator) for states in (words, entities)]
    for states in ((words, entities), output):
        sum((a * b).mean() for a, b in zip(states, weights, strict=True)).backward()  # type: ignore[union-attr]
    expected = {name: parameter.grad for name, parameter in reference.named_parameters()}
    for name, parameter in encoder.named_parameters():
        if "w2e_query" in name:
            assert not parameter.requires_grad and parameter.grad is None
            assert expected[name] is None or not expected[name].abs().max() > 1e-12
        else:
            assert_close(parameter.grad, expected[name], name)


def separate(inputs: Dict[str, Tensor], indices: Tensor) -> Dict[str, Tensor]:
    """With a text for each row of entities."""
    return {name: tensor[indices] if name.startswith("token") else tensor for name, tensor in inputs.items()}


@pytest.mark.usefixtures("attention")
def test_rows_of_entities_share_a_text() -> None:
    config = make_config(span_attention="independent")
    encoder = make_pair(config)[1]
    # A text without entities, and two with several rows of them, in no order.
    indices = torch.tensor([2, 0, 2, 0, 2])
    inputs = make_inputs(config, 1, batch=5)
    shared = {name: tensor[:3] if "token" in name else tensor for name, tensor in inputs.items()}
    lengths = shared["token_mask"].sum(1)[indices]
    spans = shared["entity_spans"]
    shared["entity_spans"] = torch.minimum(spans, lengths[:, None, None] - 1)
    states = encoder(**shared, text_indices=indices)
    apart = encoder(**separate(shared, indices))
    assert states.tokens.shape[0] == 3 and states.entities.shape[0] == 5
    torch.testing.assert_close(states.tokens[indices], apart.tokens, rtol=0, atol=1e-6)
    torch.testing.assert_close(states.entities, apart.entities, rtol=0, atol=1e-6)


def test_only_independent_spans_share_texts() -> None:
    config = make_config()
    inputs = make_inputs(config, 0)
    with pytest.raises(ValueError, match="span_attention 'independent'"):
        make_pair(config)[1](**inputs, text_indices=torch.arange(3))
    with pytest.raises(ValueError, match="expected one of full, independent"):
        make_pair(make_config(span_attention="none"))


def rows_and_packing(columns: int) -> Any:
    indices = torch.tensor([1, 3, 1, 0])
    lengths = torch.tensor([[5], [7], [2], [7]]), torch.tensor([[3], [0], [2], [1]])
    masks = torch.arange(7) < lengths[0], torch.arange(3) < lengths[1]
    packing = Packing(*masks, text_indices=indices)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(packing.num_tokens, 3, 2, 8, generator=generator)
    return tokens, torch.randn(packing.num_entities, columns, 2, 8, generator=generator), packing


@pytest.mark.parametrize("columns", [4, 3])
@pytest.mark.parametrize("kind", [GroupedAttention, VarlenAttention])
def test_equals_padded_attention(monkeypatch: pytest.MonkeyPatch, kind: Any, columns: int) -> None:
    if kind is VarlenAttention:
        monkeypatch.setattr(varlen_attention.torch.ops, "aten", Plain)
    *rows, packing = rows_and_packing(columns)
    gradient = torch.randn(sum(map(len, rows)), 2, 8, generator=torch.Generator().manual_seed(1))
    results = []
    for packed in (True, False):
        inputs = [row.clone().requires_grad_() for row in rows]
        if packed:
            output = PackedAttention.apply(*inputs, packing, kind(0.0), 0.3, True)
        else:
            output = padded_independent_attention(inputs[0], inputs[1], packing, 0.0, 0.3)
        results.append([output, *torch.autograd.grad(output, inputs, gradient)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_dropout_is_unbiased() -> None:
    # The mean over many draws is the context without dropout, and so are the gradients of a linear function.
    *rows, packing = rows_and_packing(4)
    torch.manual_seed(0)
    gradient = torch.randn(sum(map(len, rows)), 2, 8)
    means = []
    for dropout, draws in ((0.0, 1), (0.2, 4000)):
        total = torch.zeros_like(gradient)
        for _ in range(draws):
            total += PackedAttention.apply(*rows, packing, GroupedAttention(dropout), 0.3, True)
        means.append(total / draws)
    assert (means[0] - means[1]).abs().max() < 0.1
    assert (means[0] - means[1]).abs().mean() < 0.01


def test_gradients_with_dropout() -> None:
    # By differences, with the same draws.
    *rows, packing = rows_and_packing(4)
    weights = torch.randn(sum(map(len, rows)), 2, 8, generator=torch.Generator().manual_seed(1)).double()

    def value(*inputs: Tensor) -> Tensor:
        torch.manual_seed(0)
        return (
            PackedAttention.apply(*inputs, packing, GroupedAttention(0.3), 0.3, True).double() * weights
        ).sum()

    inputs = [row.clone().requires_grad_() for row in rows]
    gradients = torch.autograd.grad(value(*inputs), inputs)
    generator = torch.Generator().manual_seed(2)
    for place in (0, 1):
        direction = torch.randn(rows[place].shape, generator=generator)
        moved = [[*rows], [*rows]]
        for side, step in ((0, 1e-2), (1, -1e-2)):
            moved[side][place] = rows[place] + step * direction
        difference = (value(*moved[0]) - value(*moved[1])) / 2e-2
        assert difference.item() == pytest.approx((gradients[place] * direction).sum().item(), rel=2e-3)
