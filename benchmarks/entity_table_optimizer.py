"""
How should the optimizer treat the entity table: every row, the rows that were touched, or a share in each
process?

    python benchmarks/entity_table_optimizer.py [--rows 500000] [--others 48] [--processes 2] [--runs 3]

First: how many rows have a gradient after a step, by how entities are scored. Then the time of an update and
the memory for it, in fresh processes of one thread each, of the table (rows x 256) and of `--others` further
matrices of 768 x 3072 numbers (48 of them and the table are about a luke-base). The exchange of gradients is
not in it: it is the same for all. Of several processes, the slowest one's time and the largest memory count.
"""

import argparse
import os
import statistics
import tempfile
import time
from typing import Any, Dict, List, Tuple

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from allennlp.training.optimizers import HuggingfaceAdamWOptimizer

from luke_allennlp.modules.chunked_cross_entropy import chunked_cross_entropy
from luke_allennlp.training.optimizers import FusedAdamW, ZeroAdamW

SIZE = 256
OPTIONS: Dict[str, Any] = {"lr": 1e-5, "betas": (0.9, 0.999), "eps": 1e-6}
DECAY: Dict[str, Any] = {"weight_decay": 0.01, "correct_bias": False}
METHODS = (
    ("every row, huggingface_adamw", 1),
    ("every row, fused_adamw", 1),
    ("touched rows only, SparseAdam", 1),
    ("every row, fused_adamw", 0),
    ("shared out, zero_adamw", 0),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--others", type=int, default=48)
    parser.add_argument("--touched", type=int, default=20_000, help="rows in the input of a step")
    parser.add_argument("--masked", type=int, default=200, help="scored positions, in the first table")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    print_touched_rows(arguments)
    print_updates(arguments)


def print_touched_rows(arguments: argparse.Namespace) -> None:
    generator = torch.Generator().manual_seed(0)
    rows, masked = arguments.rows, arguments.masked
    table = (0.02 * torch.randn(rows, SIZE, generator=generator)).requires_grad_()
    states = torch.randn(masked, SIZE, generator=generator)
    inputs = torch.randint(rows, (arguments.touched,), generator=generator)
    targets = torch.randint(rows, (masked,), generator=generator)
    negatives = torch.cat([torch.randint(rows, (8192,), generator=generator), targets]).unique()

    looked_up = torch.nn.functional.embedding(inputs, table).sum()
    scored = chunked_cross_entropy(states, table, torch.zeros(rows), targets).loss / masked
    places = torch.searchsorted(negatives, targets)
    sampled = torch.nn.functional.cross_entropy(states @ table[negatives].T, places)
    print(f"Rows with a gradient, of {rows:,}")
    for name, loss in (
        (f"input alone, {arguments.touched:,} entities", looked_up),
        (f"input and all rows scored, {masked} masked entities", looked_up + scored),
        (f"input and {len(negatives):,} sampled rows scored", looked_up + sampled),
    ):
        (gradient,) = torch.autograd.grad(loss, table, retain_graph=True)
        share = (gradient != 0).any(dim=1).double().mean().item()
        print(f"{name:56}{share:8.2%}")


def print_updates(arguments: argparse.Namespace) -> None:
    numbers = arguments.rows * SIZE + arguments.others * 768 * 3072
    print(f"\nAn update of {numbers / 1e6:.0f} million numbers, median of {arguments.runs}")
    print(f"{'':44}{'processes':>10}{'seconds':>10}{'ratio':>8}{'averages, MB':>14}{'peak, MB':>10}")
    first = None
    for method, processes in METHODS:
        processes = processes or arguments.processes
        with tempfile.TemporaryDirectory() as directory:
            mp.spawn(measure, (method, processes, directory, arguments), nprocs=processes)
            found = [torch.load(os.path.join(directory, f"{rank}")) for rank in range(processes)]
        seconds, averages, peak = (max(values) for values in zip(*found, strict=True))
        first = first or seconds
        print(f"{method:44}{processes:10}{seconds:10.2f}{seconds / first:8.2f}{averages:14.0f}{peak:10.0f}")
    print("Averages: what the optimizer keeps. Peak: what the process takes beyond weights and gradients.")


def measure(rank: int, method: str, processes: int, directory: str, arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if processes > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{directory}/store", world_size=processes, rank=rank
        )
    parameters = [
        (f"matrix{number}", torch.nn.Parameter(torch.full((3072, 768), 0.02)))
        for number in range(arguments.others)
    ]
    parameters.append(("table", torch.nn.Parameter(torch.full((arguments.rows, SIZE), 0.02))))
    for _, parameter in parameters:
        parameter.grad = torch.full_like(parameter, 1e-3)
    if "SparseAdam" in method:
        table = parameters[-1][1]
        rows = torch.randperm(arguments.rows)[: arguments.touched].sort().values
        values = torch.full((len(rows), SIZE), 1e-3)
        table.grad = torch.sparse_coo_tensor(
            rows[None], values, table.shape, is_coalesced=True, check_invariants=False
        )
    before = memory("VmRSS")
    optimizers = make_optimizers(method, parameters)
    seconds: List[float] = []
    for _ in range(arguments.runs + 1):
        if processes > 1:
            dist.barrier()
        start = time.perf_counter()
        for optimizer in optimizers:
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    averages = sum(map(size_of_averages, optimizers))
    # The first update makes the averages.
    result = (statistics.median(seconds[1:]), averages / 1e6, memory("VmHWM") - before)
    torch.save(result, os.path.join(directory, f"{rank}"))
    if processes > 1:
        dist.barrier()
        dist.destroy_process_group()


def make_optimizers(
    method: str, parameters: List[Tuple[str, torch.nn.Parameter]]
) -> List[torch.optim.Optimizer]:
    if "huggingface" in method:
        return [HuggingfaceAdamWOptimizer(parameters, **OPTIONS, **DECAY)]
    if "fused" in method:
        return [FusedAdamW(parameters, **OPTIONS, **DECAY)]
    if "zero" in method:
        return [ZeroAdamW.of_process_group(parameters, **OPTIONS, **DECAY)]
    sparse = torch.optim.SparseAdam([parameters[-1][1]], **OPTIONS)
    return [sparse, FusedAdamW(parameters[:-1], **OPTIONS, **DECAY)] if parameters[:-1] else [sparse]


def size_of_averages(optimizer: torch.optim.Optimizer) -> int:
    """In bytes."""
    state = getattr(optimizer, "optim", optimizer).state
    tensors = [value for values in state.values() for value in values.values() if torch.is_tensor(value)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def memory(field: str) -> float:
    """Of this process, in megabytes."""
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines[field].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    main()
