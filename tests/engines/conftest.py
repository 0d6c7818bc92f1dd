"""A Slurm of one node, and a Ray, for these tests."""

import getpass
import importlib.util
import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Iterator, List, NamedTuple

import pytest

# `cred_expire`: a requeued job waits for so many seconds, by default 120, before it starts again.
# `config_overrides`: the node is as it is described here, whatever the hardware.
SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={directory}/munge.socket,cred_expire=10
StateSaveLocation={directory}/slurmctld
SlurmdSpoolDir={directory}/slurmd
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
KillWait=10
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=16000
PartitionName=cpu Nodes={host} Default=YES
"""


def free_ports(number: int) -> List[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited for {what}, {seconds:g} seconds"
        time.sleep(0.2)


class Slurm(NamedTuple):
    """A running one-node cluster with the partition `cpu`, whose commands find it by `SLURM_CONF`."""

    directory: Path

    @property
    def conf(self) -> str:
        return str(self.directory / "slurm.conf")

    def run(self, *command: str, **options: Any) -> str:
        """The output of one of Slurm's commands, which must succeed."""
        finished = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
        assert finished.returncode == 0, f"{command}: {finished.stderr}"
        return finished.stdout

    def job(self, number: str, field: str) -> str:
        fields = self.run("scontrol", "show", "job", "--oneliner", number).split()
        return next(text.split("=", 1)[1] for text in fields if text.startswith(f"{field}="))

    def wait_for_all(self, seconds: float) -> None:
        wait_for(lambda: not self.run("squeue", "--noheader"), seconds, "the end of all jobs")


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """As root, and without cgroups, so that it runs in a container."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    missing = [name for name in ("munged", "slurmctld", "slurmd") if not shutil.which(name, path=path)]
    if missing:
        pytest.skip(f"{missing[0]} is not installed: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("only root can start slurmd")
    directory = tmp_path_factory.mktemp("slurm")
    for name in ("slurmctld", "slurmd"):
        (directory / name).mkdir()
    key = directory / "munge.key-file"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    conf = SLURM_CONF.format(
        host=socket.gethostname().split(".")[0],
        ports=free_ports(2),
        user=getpass.getuser(),
        directory=directory,
    )
    cluster = Slurm(directory)
    Path(cluster.conf).write_text(conf)
    # Not those of the system.
    options = [
        f"--{name}={directory}/munge.{name}" for name in ("key-file", "socket", "pid-file", "seed-file")
    ]
    daemons = (["munged", "--foreground", "--force", *options], ["slurmctld", "-D"], ["slurmd", "-D"])
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("SLURM_CONF", cluster.conf)
        for name, *arguments in daemons:
            log = stack.enter_context(open(directory / f"{name}.log", "w"))
            program = str(shutil.which(name, path=path))
            process = subprocess.Popen([program, *arguments], stdout=log, stderr=log, start_new_session=True)
            stack.callback(process.wait, timeout=60)
            stack.callback(process.terminate)
            if name == "munged":
                wait_for((directory / "munge.socket").exists, 30, "munged")
        wait_for(lambda: is_idle(cluster), 60, f"Slurm, whose logs are in {directory}")
        try:
            yield cluster
        finally:
            cluster.run("scancel", "--partition", "cpu")
            cluster.wait_for_all(60)


def is_idle(cluster: Slurm) -> bool:
    finished = subprocess.run(["sinfo", "--noheader", "--format=%t"], capture_output=True, text=True)
    return finished.stdout.strip() == "idle"


@pytest.fixture(scope="session")
def ray() -> None:
    """A command starts a Ray of its own."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install ray")
