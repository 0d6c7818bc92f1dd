"""
What do the scores of masked entities against the whole table cost, all at once and in chunks?

    python benchmarks/entity_scores.py [--positions 64 512] [--entities 500000] [--size 256] [--chunk ROWS]
                                       [--precision float32|bfloat16] [--device cpu|cuda]

Each way makes loss and gradients of states, table and bias in a process of its own. Printed are the time of a
step (the fastest of a few) and the peak of memory beyond states, table, bias and their gradients; and the
chunks' figures as a part of those of the plain way. Bounds: a quarter of the memory at 512 positions, and
twice the time.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List

import torch
from torch import Tensor
from torch.nn import functional as F

MEMORY_BOUND, TIME_BOUND = 0.25, 2.0
MEGABYTE = 1 << 20
Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--positions", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--entities", type=int, default=500_000)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--chunk", type=int, help="rows of a chunk; by default about 64 MB of them")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("WAY", "POSITIONS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        way, positions = arguments.child
        print(json.dumps(measure(WAYS[way](arguments), int(positions), arguments)))
        return

    print(f"{arguments.entities} entities of {arguments.size}, {arguments.precision}, {arguments.device}")
    print(f"{'positions':>9}{'':>10}{'seconds':>10}{'MB':>8}{'time':>8}{'memory':>8}{'loss':>12}")
    within = True
    for positions in arguments.positions:
        plain, chunked = (child(way, positions) for way in ("plain", "chunked"))
        for way, found in (("plain", plain), ("chunked", chunked)):
            ratios = [found[key] / plain[key] for key in ("seconds", "megabytes")]
            print(
                f"{positions:>9}{way:>10}{found['seconds']:>10.3f}{found['megabytes']:>8.0f}"
                f"{ratios[0]:>8.2f}{ratios[1]:>8.2f}{found['loss']:>12.5f}"
            )
        within &= chunked["seconds"] <= TIME_BOUND * plain["seconds"]
        if positions >= 512:
            within &= chunked["megabytes"] <= MEMORY_BOUND * plain["megabytes"]
    sys.exit(0 if within else "beyond the bounds")


def child(way: str, positions: int) -> Dict[str, float]:
    command = [sys.executable, *sys.argv, "--child", way, str(positions)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(loss: Loss, positions: int, arguments: Any) -> Dict[str, float]:
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    inputs = [
        torch.randn(positions, arguments.size, device=device),
        torch.randn(arguments.entities, arguments.size, device=device).mul_(0.02),
        torch.zeros(arguments.entities, device=device),
    ]
    for tensor in inputs:
        tensor.requires_grad_()
    targets = torch.randint(arguments.entities, (positions,), device=device)
    before = peak(device)
    seconds: List[float] = []
    for _ in range(arguments.repeats):
        synchronise(device)
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=arguments.precision == "bfloat16"):
            found = loss(*inputs, targets)
        grads = torch.autograd.grad(found, inputs)
        synchronise(device)
        seconds.append(time.perf_counter() - start)
        del grads
    # The gradients are there in either way.
    gradients = sum(tensor.numel() * 4 for tensor in inputs)
    return {
        "seconds": min(seconds),
        "megabytes": max(peak(device) - before - gradients, 1) / MEGABYTE,
        "loss": found.item() / positions,
    }


def plain_loss(arguments: Any) -> Loss:
    return lambda hidden, table, bias, targets: F.cross_entropy(
        F.linear(hidden, table, bias), targets, reduction="sum"
    )


def chunked_loss(arguments: Any) -> Loss:
    from luke_allennlp.modules.chunked_cross_entropy import chunked_cross_entropy

    return lambda *inputs: chunked_cross_entropy(*inputs, arguments.chunk).loss


WAYS = {"plain": plain_loss, "chunked": chunked_loss}


def peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
