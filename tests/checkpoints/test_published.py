"""The published pretrained models give the states that the converters of others are tested with."""

from pathlib import Path
from typing import List, Tuple

import pytest
import torch
from transformers import LukeTokenizer

from luke_allennlp.checkpoints import model_files
from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.token_embedders.encoder_loading import load_encoder

TEXT = (
    "Top seed Ana Ivanovic said on Thursday she could hardly believe her luck as a fortuitous netcord helped "
    "the new world number one avoid a humiliating second- round exit at Wimbledon ."
)
SPAN = (39, 42)
HIDDEN = {"base": 768, "large": 1024}
# The first three numbers of the first three words, and of the entity.
WORDS = {
    "base": [[0.0037, 0.1368, -0.0091], [0.1099, 0.3329, -0.1095], [0.0765, 0.5335, 0.1179]],
    "large": [[0.0133, 0.0865, 0.0095], [0.3093, -0.2576, -0.7418], [-0.1720, -0.2117, -0.2869]],
}
ENTITY = {"base": [0.1457, 0.1044, 0.0174], "large": [0.0466, -0.0106, -0.0179]}


def classification_input(tokenizer: WordTokenizer) -> Tuple[List[int], List[int]]:
    """Tokens with `<ent>` around the entity, each part as if it followed a space, and the entity's span."""
    start, end = SPAN
    marker = [tokenizer.token_id("<ent>")]
    parts = (TEXT[:start], TEXT[start:end], TEXT[end:])
    before, mention, after = (tokenizer.encode(part).ids for part in parts)
    first = 1 + len(before)
    words = [tokenizer.start_id, *before, *marker, *mention, *marker, *after, tokenizer.end_id]
    return words, [first, first + len(mention) + 1]


def test_input_is_that_of_transformers(fixtures_dir: Path) -> None:
    directory = str(fixtures_dir / "tiny-luke")
    theirs = LukeTokenizer.from_pretrained(directory, task="entity_classification")(
        TEXT, entity_spans=[SPAN], add_prefix_space=True
    )
    words, span = classification_input(WordTokenizer(directory))
    assert words == theirs["input_ids"]
    positions = [position for position in theirs["entity_position_ids"][0] if position >= 0]
    assert positions == list(range(span[0], span[1] + 1))


@pytest.mark.hub
@pytest.mark.slow
@pytest.mark.parametrize("size", ["base", "large"])
def test_states(size: str) -> None:
    if not model_files._hub_is_reachable():
        pytest.skip("the hub of Hugging Face cannot be reached")
    name = f"studio-ousia/luke-{size}"
    words, span = classification_input(WordTokenizer(name))
    encoder = load_encoder(name, entities=["[PAD]", "[MASK]"]).eval()
    with torch.no_grad():
        states = encoder(
            torch.tensor([words]), entity_ids=torch.tensor([[1]]), entity_spans=torch.tensor([[span]])
        )
    assert states.tokens.shape == (1, 42, HIDDEN[size])
    assert states.entities.shape == (1, 1, HIDDEN[size])
    assert torch.allclose(states.tokens[0, :3, :3], torch.tensor(WORDS[size]), atol=1e-4)
    assert torch.allclose(states.entities[0, 0, :3], torch.tensor(ENTITY[size]), atol=1e-4)
