"""
How long does the encoder take, against `transformers.LukeModel` on the same weights and inputs?

    python benchmarks/encoder.py [--size base|large|tiny] [--batch 2] [--words 512] [--entities 128]
                                 [--span 3] [--runs 7] [--device cpu]

Checks that both give the same states, then times them in turns, forward alone (evaluation) and forward with
backward (training, with dropout), and prints medians in milliseconds and the ratio, pair by pair.
"""

import argparse
import statistics
import time
from typing import Callable, Dict, List

import torch
from transformers import LukeConfig, LukeModel

from luke_allennlp.modules import LukeEncoder

SIZES: Dict[str, Dict[str, int]] = {
    "tiny": dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128),
    "base": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072),
    "large": dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096),
}
TOLERANCE = 1e-3  # of states of unit variance, after up to 24 layers of float32 sums in different orders


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=sorted(SIZES), default="base")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--words", type=int, default=512)
    parser.add_argument("--entities", type=int, default=128)
    parser.add_argument("--span", type=int, default=3, help="words of each entity")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()

    torch.manual_seed(0)
    config = LukeConfig(
        vocab_size=50267,
        entity_vocab_size=2,
        entity_emb_size=256,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        **SIZES[arguments.size],
    )
    theirs = LukeModel(config, add_pooling_layer=False).to(arguments.device)
    ours = LukeEncoder(config).to(arguments.device)
    ours.load_state_dict(theirs.state_dict())

    shape = (arguments.batch, arguments.words)
    word_ids = torch.randint(5, 50000, shape, device=arguments.device)
    entity_ids = torch.ones(arguments.batch, arguments.entities, dtype=torch.long, device=arguments.device)
    first = torch.randint(1, arguments.words - arguments.span, entity_ids.shape, device=arguments.device)
    spans = torch.stack([first, first + arguments.span - 1], dim=-1)
    # Hugging Face's form of the spans, as long as its tokenizer makes it. Shape: (batch, entities, 30)
    lists = torch.full((*entity_ids.shape, 30), -1, device=arguments.device)
    lists[..., : arguments.span] = first[..., None] + torch.arange(arguments.span, device=arguments.device)

    def run_theirs() -> List[torch.Tensor]:
        output = theirs(word_ids, entity_ids=entity_ids, entity_position_ids=lists)
        return [output.last_hidden_state, output.entity_last_hidden_state]

    def run_ours() -> List[torch.Tensor]:
        return list(ours(word_ids, entity_ids=entity_ids, entity_spans=spans))

    theirs.eval(), ours.eval()
    with torch.no_grad():
        difference = max((a - b).abs().max().item() for a, b in zip(run_ours(), run_theirs(), strict=True))
    print(f"largest difference of a state: {difference:.1e}")
    if not difference < TOLERANCE:
        raise SystemExit(f"the states differ by more than {TOLERANCE}: there is nothing to compare")

    def step(run: Callable[[], List[torch.Tensor]]) -> None:
        sum(states.float().pow(2).mean() for states in run()).backward()

    threads = torch.get_num_threads()
    print(
        f"{arguments.size}, {arguments.device}, {threads} threads: milliseconds, median of {arguments.runs}"
    )
    print(f"{'':24}{'transformers':>14}{'ours':>10}{'ratio':>8}")
    with torch.no_grad():
        report("forward", run_theirs, run_ours, arguments)
    theirs.train(), ours.train()
    report("forward and backward", lambda: step(run_theirs), lambda: step(run_ours), arguments)


def report(
    name: str, first: Callable[[], object], second: Callable[[], object], arguments: argparse.Namespace
) -> None:
    times: List[List[float]] = [[], []]
    for run in range(arguments.runs + 1):
        for function, kept in zip((first, second), times, strict=True):
            start = time.perf_counter()
            function()
            if arguments.device.startswith("cuda"):
                torch.cuda.synchronize()
            if run:  # the first is for warming up
                kept.append((time.perf_counter() - start) * 1000)
    ratios = [a / b for a, b in zip(*times, strict=True)]
    a, b = (statistics.median(kept) for kept in times)
    print(f"{name:24}{a:14.0f}{b:10.0f}{statistics.median(ratios):8.2f}")


if __name__ == "__main__":
    main()
