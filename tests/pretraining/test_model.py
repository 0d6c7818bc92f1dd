import math
import re
from typing import Any, Dict

import pytest
import torch
import transformers
from allennlp.common.checks import ConfigurationError
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from tests.pretraining.archives import TITLES, config, make_model, write_vocabulary

Batch = Dict[str, Any]
STARTS = ("tiny-roberta", "tiny-bert", "tiny-luke")
NEW = re.compile(r"^(embedder\.luke\.entity_embeddings|entity_predictions)\.")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    return write_vocabulary(tmp_path_factory.mktemp("data") / "entity_vocab.jsonl")


def values_of(start, vocabulary, fixtures, **model):
    path = str(fixtures / start)
    embedder = {"hidden_dropout": 0.0, "attention_dropout": 0.0}
    return config(path, path if start == "tiny-luke" else str(vocabulary), model, embedder)


def batch(texts=3, words=12, entities=4, rows=7):
    """Padded, with three masked words and two masked entities."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.arange(words, words - texts, -1)
    word_mask = torch.arange(words) < lengths[:, None]
    entity_mask = torch.arange(entities) < torch.arange(entities, entities - texts, -1)[:, None]
    firsts = torch.randint(1, 5, (texts, entities), generator=generator)
    spans = torch.stack([firsts, firsts + 1], dim=-1).masked_fill(~entity_mask[..., None], -1)
    return {
        "words": {
            "token_ids": torch.randint(5, 700, (texts, words), generator=generator).where(
                word_mask, torch.tensor(1)
            ),
            "mask": word_mask,
            "type_ids": torch.zeros(texts, words, dtype=torch.long),
        },
        "entities": {
            "entity_ids": torch.randint(1, rows, (texts, entities), generator=generator) * entity_mask.long(),
            "entity_spans": spans,
            "entity_mask": entity_mask,
        },
        "masked_words": torch.tensor([1, words + 3, 2 * words + 5]),
        "word_targets": torch.tensor([17, 300, 4]),
        "masked_entities": torch.tensor([0, entities + 1]),
        "entity_targets": torch.tensor([3, 6]),
    }


def plain_loss(model, inputs):
    """All scores of all positions, and the cross entropy of those that are masked."""
    words, entities = inputs["words"], inputs["entities"]
    states = model.embedder.encode(**words, **entities)
    luke = model.embedder.luke
    word_scores = model.lm_head.scores(states.tokens, luke.embeddings.word_embeddings.weight)
    entity_scores = model.entity_predictions.scores(
        states.entities, luke.entity_embeddings.entity_embeddings.weight
    )
    return (
        F.cross_entropy(word_scores.flatten(0, 1)[inputs["masked_words"]], inputs["word_targets"]),
        F.cross_entropy(entity_scores.flatten(0, 1)[inputs["masked_entities"]], inputs["entity_targets"]),
    )


@pytest.mark.parametrize("chunk_size", [None, 3])
@pytest.mark.parametrize("start", STARTS)
def test_loss_and_gradients_are_those_of_all_scores(start, chunk_size, vocabulary, fixtures_dir):
    model = make_model(values_of(start, vocabulary, fixtures_dir, chunk_size=chunk_size)).train()
    inputs = batch()
    output = model(**inputs)
    words, entities = plain_loss(model, inputs)
    torch.testing.assert_close(output["loss"], words + entities, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(output["word_loss"], words.detach(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(output["entity_loss"], entities.detach(), rtol=1e-6, atol=1e-6)
    names, parameters = zip(*model.named_parameters(), strict=True)
    ours = torch.autograd.grad(output["loss"], parameters)
    theirs = torch.autograd.grad(words + entities, parameters)
    for name, one, other in zip(names, ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6, msg=lambda text, n=name: f"{n}: {text}")


def test_totals_divide_the_sums(vocabulary, fixtures_dir):
    model = make_model(values_of("tiny-roberta", vocabulary, fixtures_dir))
    inputs = batch()
    own = model(**inputs)
    for totals in ((30, 8), (torch.tensor(30), torch.tensor(8))):
        found = model(**inputs, word_total=totals[0], entity_total=totals[1])
        expected = own["word_loss"] * 3 / 30 + own["entity_loss"] * 2 / 8
        torch.testing.assert_close(found["loss"], expected)


@pytest.mark.parametrize("train_only_new", [False, True])
@pytest.mark.parametrize("entities", [4, 0])
def test_without_masked_positions_every_parameter_has_a_gradient(
    entities, train_only_new, vocabulary, fixtures_dir
):
    values = values_of("tiny-roberta", vocabulary, fixtures_dir, train_only_new=train_only_new)
    model = make_model(values).train()
    inputs = batch(entities=entities)
    for name in ("masked_words", "word_targets", "masked_entities", "entity_targets"):
        inputs[name] = inputs[name][:0]
    loss = model(**inputs)["loss"]
    assert loss.item() == 0
    loss.backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and not parameter.grad.any(), name
    loss = model(**inputs, word_total=torch.tensor(0), entity_total=0)["loss"]
    assert loss.item() == 0


def test_only_the_new_parameters_train(vocabulary, fixtures_dir):
    values = values_of("tiny-roberta", vocabulary, fixtures_dir, train_only_new=True)
    model = make_model(values).train()
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, _ in model.named_parameters() if NEW.match(name)}
    assert "embedder.luke.entity_embeddings.position_embeddings.weight" in trained
    model(**batch())["loss"].backward()
    full = make_model(values_of("tiny-roberta", vocabulary, fixtures_dir)).train()
    full(**batch())["loss"].backward()
    expected = dict(full.named_parameters())
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (name in trained)
        if name in trained:
            torch.testing.assert_close(parameter.grad, expected[name].grad)


def test_words_alone(vocabulary, fixtures_dir):
    values = values_of("tiny-roberta", vocabulary, fixtures_dir, entities=False)
    model = make_model(values, noise=0.0).train()
    inputs = batch()
    output = model(**inputs)
    theirs = transformers.RobertaForMaskedLM.from_pretrained(fixtures_dir / "tiny-roberta").eval()
    logits = theirs(inputs["words"]["token_ids"], inputs["words"]["mask"].long()).logits
    expected = F.cross_entropy(logits.flatten(0, 1)[inputs["masked_words"]], inputs["word_targets"])
    torch.testing.assert_close(output["loss"], expected, rtol=1e-5, atol=1e-5)
    output["loss"].backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad == ("entity" not in name), name
    assert set(model.get_metrics(reset=True)) == {
        f"masked_word_{n}" for n in ("loss", "accuracy", "perplexity")
    }
    inputs.pop("entities")
    torch.testing.assert_close(model(**inputs)["loss"], output["loss"])


def test_a_fresh_entity_side(vocabulary, fixtures_dir):
    model = make_model(values_of("tiny-roberta", vocabulary, fixtures_dir), noise=0.0)
    table = model.embedder.luke.entity_embeddings.entity_embeddings
    assert table.weight.shape == (len(TITLES), 32) and table.padding_idx == TITLES.index("[PAD]")
    assert not table.weight[0].any() and 0.015 < table.weight[1:].std() < 0.025
    dense = model.entity_predictions.transform.dense
    assert 0.015 < dense.weight.std() < 0.025 and not dense.bias.any()
    # The word head is RoBERTa's.
    stored = load_file(fixtures_dir / "tiny-roberta/model.safetensors")
    assert torch.equal(model.lm_head.dense.weight, stored["lm_head.dense.weight"])


def test_padding_is_found_by_name(tmp_path, fixtures_dir):
    titles = ["[MASK]", "[UNK]", "[PAD]", *TITLES[3:]]
    vocabulary = write_vocabulary(tmp_path / "entity_vocab.jsonl", titles)
    model = make_model(values_of("tiny-roberta", vocabulary, fixtures_dir))
    assert model.embedder.luke.entity_embeddings.entity_embeddings.padding_idx == 2


def test_the_size_of_fresh_entities(vocabulary, fixtures_dir):
    values = values_of("tiny-roberta", vocabulary, fixtures_dir)
    values["model"]["embedder"]["entity_emb_size"] = 8
    model = make_model(values)
    assert model.embedder.luke.entity_embeddings.entity_embeddings.weight.shape == (7, 8)
    assert model.embedder.luke.entity_embeddings.entity_embedding_dense.weight.shape == (32, 8)
    model(**batch())["loss"].backward()
    values = values_of("tiny-luke", vocabulary, fixtures_dir)
    values["model"]["embedder"]["entity_emb_size"] = 8
    with pytest.raises(ConfigurationError, match="entity_emb_size is 8.* have 32"):
        make_model(values)


@pytest.mark.parametrize("damage", ["missing", "shape"])
def test_a_head_that_does_not_fit(damage, vocabulary, fixtures_dir, tmp_path):
    start = tmp_path / "start"
    start.mkdir()
    for file in (fixtures_dir / "tiny-roberta").iterdir():
        (start / file.name).write_bytes(file.read_bytes())
    tensors = load_file(start / "model.safetensors")
    if damage == "missing":
        del tensors["lm_head.dense.bias"]
    else:
        tensors["lm_head.bias"] = tensors["lm_head.bias"][:-1].clone()
    save_file(tensors, start / "model.safetensors")
    message = "missing: lm_head.dense.bias" if damage == "missing" else r"shape \(1997,\), expected \(1998,\)"
    with pytest.raises(ConfigurationError, match=message):
        make_model(config(str(start), str(vocabulary)))


@pytest.mark.parametrize(
    "options, embedder, message",
    [
        ({}, {"entity_aware_attention": True}, "pretraining uses the ordinary one"),
        ({}, {"entity_vocabulary": None}, r"\[PAD\], \[MASK\] alone.*entity_vocabulary"),
        ({}, {"entities": ["[PAD]"]}, "both entities and an entity_vocabulary"),
        ({"train_only_new": True, "entities": False}, {}, "nothing is trained"),
        ({"chunk_size": 0}, {}, "chunk_size is 0"),
    ],
)
def test_what_is_refused(options, embedder, message, vocabulary, fixtures_dir):
    values = values_of("tiny-roberta", vocabulary, fixtures_dir, **options)
    values["model"]["embedder"].update(embedder)
    with pytest.raises(ConfigurationError, match=message):
        make_model(values)


def test_what_is_missing_is_said(vocabulary, fixtures_dir):
    model = make_model(values_of("tiny-roberta", vocabulary, fixtures_dir))
    inputs = batch()
    for name, message in (
        ("entities", "words came without entities"),
        ("word_targets", "masked words came without"),
        ("masked_entities", "masked entities came without"),
        ("entity_targets", "masked entities came without"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            model(**{key: value for key, value in inputs.items() if key != name})


def test_metrics(vocabulary, fixtures_dir):
    model = make_model(values_of("tiny-roberta", vocabulary, fixtures_dir)).train()
    inputs = batch()
    words, entities = plain_loss(model, inputs)
    model(**inputs)
    less = {**inputs, "masked_words": inputs["masked_words"][:1], "word_targets": inputs["word_targets"][:1]}
    first, _ = plain_loss(model, less)
    model(**less)
    assert model.get_metrics() == {}  # in training the device is not waited for
    found = model.get_metrics(reset=True)
    mean = (3 * words.item() + first.item()) / 4
    assert found["masked_word_loss"] == pytest.approx(mean, rel=1e-6)
    assert found["masked_word_perplexity"] == pytest.approx(math.exp(mean), rel=1e-5)
    assert found["masked_entity_loss"] == pytest.approx(entities.item(), rel=1e-6)
    assert set(found) == {
        f"masked_{task}_{name}" for task in ("word", "entity") for name in ("loss", "accuracy", "perplexity")
    }
    assert set(model.get_metrics(reset=True).values()) == {0.0}
    model.eval()
    model(**inputs)
    assert model.get_metrics() == model.get_metrics()


def test_mixed_precision(vocabulary, fixtures_dir):
    model = make_model(values_of("tiny-roberta", vocabulary, fixtures_dir)).train()
    inputs = batch()
    expected = model(**inputs)["loss"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(**inputs)["loss"]
    found.backward()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0)
    assert all(parameter.grad is not None for parameter in model.parameters())
