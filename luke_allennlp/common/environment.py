"""What a run ran on: machine, versions, command."""

import datetime
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Dict, List, Optional

ENVIRONMENT_FILE = "environment.json"
_PACKAGES = ("torch", "transformers", "allennlp", "luke-allennlp")


def environment() -> Dict[str, Any]:
    """
    # Returns

    `Dict[str, Any]`
        `python` and `platform`; `cpu`, its model, and `cpu_count`, of the cores that this process may use;
        `gpus`, each with `name` and `memory_gb` (GiB); `versions` of packages, by name; `command`, the
        command line; `started`, the time as ISO 8601 with its zone; `git_commit` of the working directory,
        with `-dirty` if it has changes, or `None` outside a repository.
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_model(),
        "cpu_count": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpus": _gpus(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
        "command": list(sys.argv),
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "git_commit": _git_commit(),
    }


def cpu_model() -> str:
    """Such as "AMD EPYC 7B13"; what the architecture is called where the system does not say it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip().lower() in ("model name", "hardware", "cpu model") and value.strip():
                return value.strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _gpus() -> List[Dict[str, Any]]:
    import torch

    found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return [{"name": gpu.name, "memory_gb": round(gpu.total_memory / 2**30, 1)} for gpu in found]


def _version(package: str) -> Optional[str]:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit() -> Optional[str]:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
