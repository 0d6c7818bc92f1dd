import math
import re
import shutil

import pytest
import torch
import transformers
from allennlp.common.checks import ConfigurationError
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from tests.pretraining.archives import TITLES, config, make_model, write_vocabulary

NEW = re.compile(r"^(embedder\.luke\.entity_embeddings|entity_predictions)\.")


@pytest.fixture(scope="module")
def values_of(tmp_path_factory, fixtures_dir):
    """Makes a config, with these options of the model."""
    vocabulary = write_vocabulary(tmp_path_factory.mktemp("data") / "entity_vocab.jsonl")

    def values_of(start="tiny-roberta", **model):
        path = str(fixtures_dir / start)
        embedder = {"hidden_dropout": 0.0, "attention_dropout": 0.0}
        return config(path, path if start == "tiny-luke" else str(vocabulary), model, embedder)

    return values_of


def batch(texts=3, words=12, entities=4):
    """Padded, with three masked words and two masked entities."""
    generator = torch.Generator().manual_seed(1)
    word_mask = torch.arange(words) < torch.arange(words, words - texts, -1)[:, None]
    entity_mask = torch.arange(entities) < torch.arange(entities, entities - texts, -1)[:, None]
    firsts = torch.randint(1, 5, (texts, entities), generator=generator)
    spans = torch.stack([firsts, firsts + 1], dim=-1).masked_fill(~entity_mask[..., None], -1)
    token_ids = torch.randint(5, 700, (texts, words), generator=generator).where(word_mask, torch.tensor(1))
    entity_ids = torch.randint(1, 7, (texts, entities), generator=generator) * entity_mask.long()
    return {
        "words": {"token_ids": token_ids, "mask": word_mask, "type_ids": torch.zeros_like(token_ids)},
        "entities": {"entity_ids": entity_ids, "entity_spans": spans, "entity_mask": entity_mask},
        "masked_words": torch.tensor([1, words + 3, 2 * words + 5]),
        "word_targets": torch.tensor([17, 300, 4]),
        "masked_entities": torch.tensor([0, entities + 1]),
        "entity_targets": torch.tensor([3, 6]),
    }


def plain_loss(model, inputs):
    """All scores of all positions, and the cross entropy of those that are masked."""
    words, entities = model.embedder.encode(**inputs["words"], **inputs["entities"])
    luke = model.embedder.luke
    word_scores = model.lm_head.scores(words, luke.embeddings.word_embeddings.weight)
    table = luke.entity_embeddings.entity_embeddings.weight
    entity_scores = model.entity_predictions.scores(entities, table)
    return (
        F.cross_entropy(word_scores.flatten(0, 1)[inputs["masked_words"]], inputs["word_targets"]),
        F.cross_entropy(entity_scores.flatten(0, 1)[inputs["masked_entities"]], inputs["entity_targets"]),
    )


@pytest.mark.parametrize("chunk_size", [None, 3])
@pytest.mark.parametrize("start", ["tiny-roberta", "tiny-bert", "tiny-luke"])
def test_loss_and_gradients_are_those_of_all_scores(start, chunk_size, values_of):
    model = make_model(values_of(start, chunk_size=chunk_size)).train()
    inputs = batch()
    output = model(**inputs)
    words, entities = plain_loss(model, inputs)
    losses = [output[f"{kind}loss"] for kind in ("", "word_", "entity_")]
    for one, other in zip(losses, (words + entities, words, entities), strict=True):
        torch.testing.assert_close(one.detach(), other.detach(), rtol=1e-6, atol=1e-6)
    names, parameters = zip(*model.named_parameters(), strict=True)
    ours = torch.autograd.grad(output["loss"], parameters)
    theirs = torch.autograd.grad(words + entities, parameters)
    for name, one, other in zip(names, ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6, msg=lambda text, n=name: f"{n}: {text}")


def test_totals_divide_the_sums(values_of):
    model = make_model(values_of())
    own = model(**batch())
    expected = own["word_loss"] * 3 / 30 + own["entity_loss"] * 2 / 8
    for totals in ((30, 8), (torch.tensor(30), torch.tensor(8))):
        found = model(**batch(), word_total=totals[0], entity_total=totals[1])
        torch.testing.assert_close(found["loss"], expected)


@pytest.mark.parametrize("train_only_new", [False, True])
@pytest.mark.parametrize("entities", [4, 0])
def test_without_masked_positions_every_parameter_has_a_gradient(entities, train_only_new, values_of):
    model = make_model(values_of(train_only_new=train_only_new)).train()
    inputs = batch(entities=entities)
    for name in ("masked_words", "word_targets", "masked_entities", "entity_targets"):
        inputs[name] = inputs[name][:0]
    loss = model(**inputs)["loss"]
    loss.backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and not parameter.grad.any(), name
    assert loss.item() == model(**inputs, word_total=torch.tensor(0), entity_total=0)["loss"].item() == 0


def test_only_the_new_parameters_train(values_of):
    model = make_model(values_of(train_only_new=True)).train()
    model(**batch())["loss"].backward()
    full = make_model(values_of()).train()
    full(**batch())["loss"].backward()
    expected = dict(full.named_parameters())
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == (parameter.grad is not None) == bool(NEW.match(name)), name
        if parameter.requires_grad:
            torch.testing.assert_close(parameter.grad, expected[name].grad)


def test_words_alone(values_of, fixtures_dir):
    model = make_model(values_of(entities=False), noise=0.0).train()
    inputs = batch()
    output = model(**inputs)
    theirs = transformers.RobertaForMaskedLM.from_pretrained(fixtures_dir / "tiny-roberta").eval()
    logits = theirs(inputs["words"]["token_ids"], inputs["words"]["mask"].long()).logits
    expected = F.cross_entropy(logits.flatten(0, 1)[inputs["masked_words"]], inputs["word_targets"])
    torch.testing.assert_close(output["loss"], expected, rtol=1e-5, atol=1e-5)
    output["loss"].backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad == ("entity" not in name), name
    assert not any("entity" in name for name in model.get_metrics(reset=True))
    inputs.pop("entities")
    torch.testing.assert_close(model(**inputs)["loss"], output["loss"])


def test_a_fresh_entity_side(values_of, fixtures_dir):
    model = make_model(values_of(), noise=0.0)
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
    model = make_model(config(str(fixtures_dir / "tiny-roberta"), str(vocabulary)))
    assert model.embedder.luke.entity_embeddings.entity_embeddings.padding_idx == 2


def test_the_size_of_fresh_entities(values_of):
    values = values_of()
    values["model"]["embedder"]["entity_emb_size"] = 8
    model = make_model(values)
    assert model.embedder.luke.entity_embeddings.entity_embeddings.weight.shape == (7, 8)
    assert model.embedder.luke.entity_embeddings.entity_embedding_dense.weight.shape == (32, 8)
    model(**batch())["loss"].backward()


@pytest.mark.parametrize(
    "name, message",
    [
        ("lm_head.dense.bias", "missing: lm_head.dense.bias"),
        ("lm_head.bias", r"shape \(1997,\), expected \(1998,\)"),
    ],
)
def test_a_head_that_does_not_fit(name, message, fixtures_dir, tmp_path):
    start = shutil.copytree(fixtures_dir / "tiny-roberta", tmp_path / "start")
    tensors = load_file(start / "model.safetensors")
    tensor = tensors.pop(name)
    if "missing" not in message:
        tensors[name] = tensor[:-1].clone()
    save_file(tensors, start / "model.safetensors")
    with pytest.raises(ConfigurationError, match=message):
        make_model(config(str(start), None, {"entities": False}))


@pytest.mark.parametrize(
    "start, options, embedder, message",
    [
        ("tiny-roberta", {}, {"entity_aware_attention": True}, "pretraining uses the ordinary one"),
        ("tiny-roberta", {}, {"entity_vocabulary": None}, r"\[PAD\], \[MASK\] alone.*entity_vocabulary"),
        ("tiny-roberta", {}, {"entities": ["[PAD]"]}, "both entities and an entity_vocabulary"),
        ("tiny-roberta", {"train_only_new": True, "entities": False}, {}, "nothing is trained"),
        ("tiny-roberta", {"chunk_size": 0}, {}, "chunk_size is 0"),
        ("tiny-luke", {}, {"entity_emb_size": 8}, "entity_emb_size is 8.* have 32"),
    ],
)
def test_what_is_refused(start, options, embedder, message, values_of):
    values = values_of(start, **options)
    values["model"]["embedder"].update(embedder)
    with pytest.raises(ConfigurationError, match=message):
        make_model(values)


@pytest.mark.parametrize(
    "name, message",
    [
        ("entities", "words came without entities"),
        ("word_targets", "masked words came without"),
        ("masked_entities", "masked entities came without"),
    ],
)
def test_what_is_missing_is_said(name, message, values_of):
    inputs = batch()
    del inputs[name]
    with pytest.raises(ConfigurationError, match=message):
        make_model(values_of())(**inputs)


def test_metrics(values_of):
    model = make_model(values_of()).train()
    inputs = batch()
    less = {**inputs, "masked_words": inputs["masked_words"][:1], "word_targets": inputs["word_targets"][:1]}
    (words, entities), (first, _) = plain_loss(model, inputs), plain_loss(model, less)
    model(**inputs)
    model(**less)
    assert model.get_metrics() == {}  # in training the device is not waited for
    found = model.get_metrics(reset=True)
    mean = (3 * words.item() + first.item()) / 4
    assert found["masked_word_loss"] == pytest.approx(mean, rel=1e-6)
    assert found["masked_word_perplexity"] == pytest.approx(math.exp(mean), rel=1e-5)
    assert found["masked_entity_loss"] == pytest.approx(entities.item(), rel=1e-6)
    assert 0 <= found["masked_word_accuracy"] <= 1 and len(found) == 6
    assert set(model.get_metrics(reset=True).values()) == {0.0}
    model.eval()
    model(**inputs)
    assert model.get_metrics() == model.get_metrics()


def test_precision(values_of):
    model = make_model(values_of()).train()
    expected = model(**batch())["loss"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(**batch())["loss"]
    found.backward()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0)
    assert all(parameter.grad is not None for parameter in model.parameters())
