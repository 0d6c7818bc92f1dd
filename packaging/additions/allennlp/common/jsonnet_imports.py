"""Imports of Jsonnet files by other ones, also from installed Python packages."""

import os
from importlib.util import find_spec
from typing import Iterator, Tuple


def import_file(directory: str, name: str) -> Tuple[str, bytes]:
    """
    The path and the content of what a Jsonnet file imports: the `import_callback` of `_jsonnet`. A relative
    path is looked for in the importing file's directory, then in the Python package that its first part
    names, so that `import 'package/lib/task.libsonnet'` means the same everywhere. The package is not
    imported.

    # Parameters

    directory : `str`
        Of the importing file, ending with a slash; empty for the working directory.
    name : `str`
        What it imports.

    # Raises

    `RuntimeError`
        There is no such file. Jsonnet adds its name, and where the import is.
    """
    for path in (os.path.join(directory, name), *_in_package(name)):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                return path, file.read()
    raise RuntimeError("no match in the folder of the importing file, nor in a Python package.")


def _in_package(name: str) -> Iterator[str]:
    package, _, rest = name.partition("/")
    if rest and package.isidentifier():
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            yield os.path.join(folder, rest)
