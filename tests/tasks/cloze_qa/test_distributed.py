"""Evaluation in two processes: the windows of a question fall onto both, the scores are those of one."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from allennlp.data import Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.models import Model

from luke_allennlp.data.word_tokenizer import WordTokenizer
from luke_allennlp.tasks.cloze_qa.model import ClozeQaModel
from luke_allennlp.tasks.cloze_qa.reader import MARKERS, ClozeQaReader
from luke_allennlp.token_embedders import LukeEmbedder


def evaluate(model: Model, tokenizer: WordTokenizer, path: str) -> List[Dict[str, Any]]:
    """The metadata of what this process sees, after which the model's metric has seen it."""
    reader = ClozeQaReader(tokenizer, max_length=48, stride=8, max_query_length=24)
    loader = MultiProcessDataLoader(reader, path, batch_size=3)
    loader.index_with(Vocabulary())
    seen: List[Dict[str, Any]] = []
    with torch.no_grad():
        for batch in loader:
            model(**batch)
            seen.extend(batch["metadata"])
    return seen


def evaluate_share(rank: int, model: Model, tokenizer: WordTokenizer, path: str, place: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{place}/meeting", rank=rank, world_size=2)
    seen = evaluate(model, tokenizer, path)
    alone = model.get_metrics()
    together = model.get_metrics(reset=True)
    dist.destroy_process_group()
    keys = [[data["key"], data["window"]] for data in seen]
    Path(place, f"{rank}.json").write_text(json.dumps({"keys": keys, "alone": alone, "together": together}))


@pytest.mark.slow
def test_scores_equal_those_of_one_process(fixtures_dir: Path, tmp_path: Path) -> None:
    name, path = str(fixtures_dir / "tiny-luke"), str(fixtures_dir / "data" / "record" / "dev.json")
    markers = dict(zip(MARKERS, ["@", "#", "*"], strict=True))
    embedder = LukeEmbedder(name, entities=["[PAD]", "[MASK]"], marker_tokens=markers)
    model = ClozeQaModel(Vocabulary(), embedder).eval()
    # Weights that do not depend on what was drawn before.
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    tokenizer = WordTokenizer(name, list(MARKERS))

    seen = evaluate(model, tokenizer, path)
    expected = model.get_metrics(reset=True)
    assert 0 < expected["em"] < 100 and min(data["num_windows"] for data in seen) > 2

    mp.start_processes(
        evaluate_share, args=(model, tokenizer, path, str(tmp_path)), nprocs=2, start_method="fork"
    )
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first["together"] == second["together"] == expected
    assert first["alone"] != expected or second["alone"] != expected
    # Every question has windows on both.
    questions = {data["key"] for data in seen}
    assert questions == {key for key, _ in first["keys"]} == {key for key, _ in second["keys"]}
    assert len(first["keys"]) == len(second["keys"])
