import warnings
from pathlib import Path
from typing import Any, Optional, Tuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import BertForMaskedLM, LukeConfig, LukeForMaskedLM, RobertaForMaskedLM

from luke_allennlp.checkpoints.config import read_config
from luke_allennlp.checkpoints.tensors import WeightsSource
from luke_allennlp.modules.chunked_cross_entropy import chunked_cross_entropy
from luke_allennlp.modules.pretraining_heads import EntityHead, WordHead
from luke_allennlp.pretraining.load_heads import load_heads


def problem(
    positions: int = 13, rows: int = 101, size: int = 8, dtype: torch.dtype = torch.float32
) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()

    tensors = draw(positions, size), draw(rows, size), draw(rows)
    return (*tensors, torch.randint(rows, (positions,), generator=generator))


def plain(hidden: Tensor, table: Tensor, bias: Tensor, targets: Tensor) -> Tuple[Tensor, Tensor]:
    scores = F.linear(hidden, table, bias)
    return F.cross_entropy(scores, targets, reduction="sum"), (scores.argmax(dim=1) == targets).sum()


@pytest.mark.parametrize("chunk_size", [1, 7, 101, 500, None])
def test_the_loss_and_its_gradients_are_those_of_the_whole_table(chunk_size: Optional[int]) -> None:
    hidden, table, bias, targets = problem()
    with torch.no_grad():
        hidden[:4] = 2 * table[targets[:4]]  # some are right
    inputs = (hidden, table, bias)
    expected, expected_correct = plain(hidden, table, bias, targets)
    loss, correct = chunked_cross_entropy(hidden, table, bias, targets, chunk_size)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-6)
    assert correct.item() == expected_correct.item() >= 1
    for ours, theirs in zip(
        torch.autograd.grad(loss * 0.7, inputs), torch.autograd.grad(expected * 0.7, inputs), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_only_what_trains_gets_a_gradient() -> None:
    hidden, table, bias, targets = problem()
    table.requires_grad_(False)
    bias.requires_grad_(False)
    loss = chunked_cross_entropy(hidden, table, bias, targets, 9).loss
    expected, _ = plain(hidden, table, bias, targets)
    loss.backward()
    assert table.grad is None and bias.grad is None
    (theirs,) = torch.autograd.grad(expected, hidden)
    torch.testing.assert_close(hidden.grad, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_mixed_precision(dtype: torch.dtype) -> None:
    hidden, table, bias, targets = problem(40, 300, 16)
    with torch.autocast("cpu", dtype=dtype):
        loss, _ = chunked_cross_entropy(hidden, table, bias, targets, 64)
    assert loss.dtype == torch.float32
    # Products of rounded numbers, but nothing else is rounded: not the sum over the table.
    rounded = [tensor.detach().to(dtype).float() for tensor in (hidden, table)]
    scores = (rounded[0] @ rounded[1].T).to(dtype).float() + bias
    expected = F.cross_entropy(scores, targets, reduction="sum")
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    scale = 1024.0
    loss.mul(scale).backward()
    exact, _ = plain(hidden, table, bias, targets)
    for ours, theirs in zip(
        (hidden.grad, table.grad, bias.grad), torch.autograd.grad(exact, (hidden, table, bias)), strict=True
    ):
        assert ours is not None and ours.dtype == torch.float32
        assert (ours / scale - theirs).norm() < 0.02 * theirs.norm()


def test_without_positions_all_is_zero_and_connected() -> None:
    hidden, table, bias, _ = problem()
    none = torch.zeros(0, dtype=torch.long)
    loss, correct = chunked_cross_entropy(hidden[:0], table, bias, none, 10)
    assert loss.item() == 0 and correct.item() == 0
    loss.backward()
    for tensor in (hidden, table, bias):
        assert tensor.grad is not None and not tensor.grad.any()


def luke_config(**options: Any) -> LukeConfig:
    sizes = dict(vocab_size=50, entity_vocab_size=30, hidden_size=16, entity_emb_size=8, intermediate_size=16)
    return LukeConfig(**sizes, num_hidden_layers=1, num_attention_heads=2, **options)


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_heads_against_transformers(activation: str) -> None:
    config = luke_config(hidden_act=activation)
    theirs = LukeForMaskedLM(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(std=0.3)
    states = torch.randn(7, 16)
    words, entities = WordHead(config), EntityHead(config)
    # Their names are the same; what is tied is not ours.
    for ours, head in ((words, theirs.lm_head), (entities, theirs.entity_predictions)):
        left = ours.load_state_dict(head.state_dict(), strict=False)
        assert not left.missing_keys and all(name.startswith("decoder.") for name in left.unexpected_keys)
    torch.testing.assert_close(words.scores(states, theirs.lm_head.decoder.weight), theirs.lm_head(states))
    table = theirs.entity_predictions.decoder.weight
    torch.testing.assert_close(entities.scores(states, table), theirs.entity_predictions(states))
    targets = torch.arange(7)
    torch.testing.assert_close(
        entities.loss(states, table, targets, 4).loss,
        F.cross_entropy(theirs.entity_predictions(states), targets, reduction="sum"),
    )


@pytest.mark.parametrize("name, reference", [("roberta", RobertaForMaskedLM), ("bert", BertForMaskedLM)])
def test_the_word_head_of_a_backbone(name: str, reference: Any, fixtures_dir: Path) -> None:
    directory = str(fixtures_dir / f"tiny-{name}")
    head = WordHead(read_config(directory))
    load_heads({"lm_head": head}, WeightsSource(directory))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = reference.from_pretrained(directory).eval()
    states = torch.randn(5, 32)
    their_head = theirs.lm_head if name == "roberta" else theirs.cls
    table = theirs.get_input_embeddings().weight
    torch.testing.assert_close(head.scores(states, table), their_head(states))


def test_heads_as_the_original_release_has_them(tmp_path: Path) -> None:
    """With the tied tables, and in some files the bias under its other name."""
    config = luke_config()
    theirs = LukeForMaskedLM(config)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_()
    state = theirs.state_dict()
    state["lm_head.decoder.bias"] = state.pop("lm_head.bias")
    torch.save({name.removeprefix("luke."): tensor for name, tensor in state.items()}, tmp_path / "luke.bin")
    words, entities = WordHead(config), EntityHead(config)
    source = WeightsSource("no directory", str(tmp_path / "luke.bin"))
    load_heads({"lm_head": words, "entity_predictions": entities}, source)
    for ours, head in ((words, theirs.lm_head), (entities, theirs.entity_predictions)):
        expected = head.state_dict()
        for name, parameter in ours.named_parameters():
            assert torch.equal(parameter, expected[name])
