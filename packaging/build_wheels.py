#!/usr/bin/env python3
"""
Rebuilds the wheels of AllenNLP 2.10.1 and allennlp-models 2.10.1 for today's Python, torch and transformers.

    python packaging/build_wheels.py [--output build/wheels]

Takes the two original wheels from the package index by their hashes (`requirements.txt`), replaces the
requirements in their metadata (`requirements_of.py`), adds the modules under `additions/`, applies the
edits of `edits/`, and writes `allennlp-2.10.1+modern.1` and `allennlp_models-2.10.1+modern.1`. The same
inputs give the same bytes, whatever the machine and the Python. What is up to date already is left alone.

Needs the standard library and pip, nothing else.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from edits import EDITS, Edit
from requirements_of import REQUIREMENTS, Requirements

HERE = Path(__file__).resolve().parent
VERSION = "2.10.1"
LOCAL_VERSION = "2.10.1+modern.1"

# Zip entries carry a time; this is the earliest a zip file can hold.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BuildError(Exception):
    """What the user has to know, in a sentence."""


class Original(NamedTuple):
    """A wheel as the package index has it."""

    name: str  # As the index spells it, `allennlp-models`.
    sha256: str

    @property
    def distribution(self) -> str:
        """The name as wheels and imports spell it."""
        return self.name.replace("-", "_")

    @property
    def filename(self) -> str:
        return f"{self.distribution}-{VERSION}-py3-none-any.whl"

    @property
    def rebuilt_filename(self) -> str:
        return f"{self.distribution}-{LOCAL_VERSION}-py3-none-any.whl"


def read_originals(path: Path = HERE / "requirements.txt") -> List[Original]:
    """The wheels named in a requirements file with hashes."""
    pattern = re.compile(r"^([\w-]+)==(\S+) --hash=sha256:([0-9a-f]{64})$", re.MULTILINE)
    return [Original(name, sha256) for name, _, sha256 in pattern.findall(path.read_text("utf-8"))]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch_originals(folder: Path) -> Dict[str, Path]:
    """
    Makes sure that the original wheels are in `folder`, and returns their paths by distribution. Files
    that are there already are taken if their hash is right; the rest comes from the package index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    originals = read_originals()
    paths = {original.distribution: folder / original.filename for original in originals}

    def is_missing(original: Original) -> bool:
        path = paths[original.distribution]
        return not path.is_file() or _sha256(path) != original.sha256

    for original in originals:
        if is_missing(original):
            # A wrong file under the right name would make pip stop with a message about itself.
            paths[original.distribution].unlink(missing_ok=True)
    if any(map(is_missing, originals)):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
        command += ["--dest", str(folder), "--requirement", str(HERE / "requirements.txt")]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            if "DO NOT MATCH THE HASHES" in result.stdout:
                raise BuildError(
                    "The package index offers wheels of AllenNLP whose hashes are not those in"
                    f" packaging/requirements.txt; nothing was built. pip said:\n{result.stdout.strip()}"
                )
            raise BuildError(
                "The original wheels of AllenNLP could not be fetched from the package index. Check the"
                f" network, or put {' and '.join(o.filename for o in originals)} into {folder}, and try"
                f" again. pip said:\n{result.stdout.strip()}"
            )
    for original in originals:
        path = paths[original.distribution]
        if is_missing(original):
            found = _sha256(path) if path.is_file() else "no file"
            raise BuildError(f"{path} should have the SHA-256 {original.sha256}, but there is {found}.")
    return paths


def apply_edit(edit: Edit, source: str) -> str:
    """The source with one edit made, which has to match exactly as often as it says."""
    found = source.count(edit.old)
    if found != edit.matches:
        raise BuildError(
            f"Edit {edit.name!r} should match {edit.matches} time(s) in {edit.file}, but matches {found}:"
            f" {edit.old.strip().splitlines()[0]!r}"
        )
    return source.replace(edit.old, edit.new)


def relax_metadata(metadata: str, requirements: Requirements) -> str:
    """The METADATA file with the version of the rebuilt wheel and the given requirements."""
    header, separator, description = metadata.partition("\n\n")
    replaced = ("Version:", "Requires-Python:", "Requires-Dist:", "Provides-Extra:")
    lines = []
    for line in header.split("\n"):
        if line.startswith("Version:"):
            lines.append(f"Version: {LOCAL_VERSION}")
        if not line.startswith(replaced):
            lines.append(line)
    lines.append("Requires-Python: >=3.10")
    lines += [f"Requires-Dist: {requirement}" for requirement in requirements.always]
    for extra, needed in requirements.extras.items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f'Requires-Dist: {requirement} ; extra == "{extra}"' for requirement in needed]
    return "\n".join(lines) + separator + description


def _record(files: Dict[str, bytes], record_name: str) -> bytes:
    lines = []
    for name in sorted(files):
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(files[name])}")
    return "\n".join([*lines, f"{record_name},,", ""]).encode()


def rebuild(original: Path, distribution: str, edits: Sequence[Edit] = EDITS) -> bytes:
    """The bytes of the rebuilt wheel of one distribution."""
    old_info, new_info = (f"{distribution}-{version}.dist-info/" for version in (VERSION, LOCAL_VERSION))
    with zipfile.ZipFile(original) as wheel:
        files = {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}

    for edit in edits:
        if edit.file.split("/", 1)[0] != distribution:
            continue
        if edit.file not in files:
            raise BuildError(f"Edit {edit.name!r} is for {edit.file}, which is not in {original.name}.")
        files[edit.file] = apply_edit(edit, files[edit.file].decode("utf-8")).encode("utf-8")
    for name, path in additions(distribution).items():
        if name in files:
            raise BuildError(f"packaging/additions/{name} is in {original.name} already.")
        files[name] = path.read_bytes()

    metadata = files[old_info + "METADATA"].decode("utf-8")
    files[old_info + "METADATA"] = relax_metadata(metadata, REQUIREMENTS[distribution]).encode("utf-8")
    del files[old_info + "RECORD"]
    files = {re.sub(f"^{re.escape(old_info)}", new_info, name): data for name, data in files.items()}
    files[new_info + "RECORD"] = _record(files, new_info + "RECORD")

    buffer = io.BytesIO()
    # Stored, not deflated: what zlib makes of the same bytes differs between its versions and forks.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as wheel:
        # Installers want the metadata last.
        for name in sorted(files, key=lambda name: (name.startswith(new_info), name)):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, also where this runs on Windows.
            entry.external_attr = 0o100644 << 16
            wheel.writestr(entry, files[name])
    return buffer.getvalue()


def additions(distribution: str) -> Dict[str, Path]:
    """The modules this project adds to a distribution, by their names in the wheel."""
    root = HERE / "additions"
    paths = sorted((root / distribution).rglob("*.py"))
    return {path.relative_to(root).as_posix(): path for path in paths}


def inputs_digest() -> str:
    """A hash over everything the rebuilt wheels depend on."""
    digest = hashlib.sha256()
    paths = [HERE / name for name in ("build_wheels.py", "requirements_of.py", "requirements.txt")]
    paths += sorted((HERE / "edits").glob("*.py"))
    paths += [path for original in read_originals() for path in additions(original.distribution).values()]
    for path in paths:
        # Line ends aside, so that a checkout with others than these builds the same.
        data = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(HERE).as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Writes a file in one go: who looks at the path sees the old file or the new one, never a part."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as handle:
        try:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
            os.chmod(handle.name, 0o644)
            os.replace(handle.name, path)
        except BaseException:
            os.unlink(handle.name)
            raise


def build(output: Path) -> bool:
    """Writes the rebuilt wheels to a folder. Returns whether there was anything to do."""
    originals = read_originals()
    stamp = output / "built.json"
    state: Dict[str, object] = {"inputs": inputs_digest()}
    if stamp.is_file():
        built = json.loads(stamp.read_text("utf-8"))
        wheels = {o.rebuilt_filename: output / o.rebuilt_filename for o in originals}
        if built.get("inputs") == state["inputs"] and all(
            path.is_file() and _sha256(path) == built.get("wheels", {}).get(name)
            for name, path in wheels.items()
        ):
            return False

    paths = fetch_originals(output / "originals")
    # Both before either is written: an edit that does not fit leaves what was there.
    rebuilt = {o.rebuilt_filename: rebuild(paths[o.distribution], o.distribution) for o in originals}
    for name, data in rebuilt.items():
        _write(output / name, data)
    state["wheels"] = {name: hashlib.sha256(data).hexdigest() for name, data in rebuilt.items()}
    _write(stamp, (json.dumps(state, indent=2, sort_keys=True) + "\n").encode())
    return True


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, default=HERE.parent / "build" / "wheels", help="folder to write to"
    )
    output: Path = parser.parse_args(arguments).output
    try:
        done = build(output)
    except (BuildError, OSError) as error:
        print(f"build_wheels: error: {error}", file=sys.stderr)
        return 1
    for original in read_originals():
        print(f"{'built' if done else 'up to date:'} {output / original.rebuilt_filename}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
