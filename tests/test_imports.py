"""The plan of the package: who imports whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import luke_allennlp

PACKAGE = Path(luke_allennlp.__file__).parent
NAME = "luke_allennlp"

LAYERS = (
    "common",
    "modules",
    "checkpoints",
    "entity_vocabulary",
    "data",
    "linking",
    "token_embedders",
    "tasks",
    "training",
    "pretraining",
    "wikipedia",
    "exchange",
    "commands",
    "components",
)
"""Each imports only those before it."""


def imports_of(path):
    """The lines and dotted names of a file's imports of this package, wherever in the file they are."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}, line {node.lineno}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == NAME)


def files():
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)


def test_layers_are_complete():
    found = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in PACKAGE.rglob("*.py")}
    assert found == {*LAYERS, "__init__"}


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_only_from_below(layer):
    allowed = {*LAYERS[: LAYERS.index(layer) + 1], "__version__"}
    wrong = [
        f"{path.relative_to(PACKAGE)}, line {line}: {name}"
        for path in files()
        if path.relative_to(PACKAGE).parts[0] == layer
        for line, name in imports_of(path)
        if name.split(".")[1] not in allowed
    ]
    assert not wrong


def test_tasks_import_only_what_they_share():
    wrong = []
    for path in files():
        parts = path.relative_to(PACKAGE).parts
        if parts[0] == "tasks" and len(parts) > 2:
            for line, name in imports_of(path):
                target = name.split(".")[1:]
                if target[0] == "tasks" and target[1] not in ("base", parts[1]):
                    wrong.append(f"{path}, line {line}: {name}")
    assert not wrong


def test_modules_import_torch_alone():
    allowed = {"torch", NAME, *sys.stdlib_module_names}
    # The class of its config.
    allowed.add("transformers")
    for path in (PACKAGE / "modules").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert {name.split(".")[0] for name in names} <= allowed, path


def test_no_cycles_between_modules():
    """Of modules too, not of packages alone. What functions import when they are called does not count."""
    graph = {}
    modules = {_dotted(path): path for path in PACKAGE.rglob("*.py")}
    for module, path in modules.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(NAME):
                for alias in node.names:
                    name = f"{node.module}.{alias.name}"
                    target = name if name in modules else str(node.module)
                    # A package's own __init__ collects its modules.
                    if target in modules and not module.startswith(f"{target}."):
                        graph.setdefault(module, set()).add(target)
    done = set()

    def visit(module, above):
        assert module not in above, " -> ".join([*above[above.index(module) :], module])
        if module not in done:
            for target in sorted(graph.get(module, ())):
                visit(target, (*above, module))
            done.add(module)

    for module in sorted(modules):
        visit(module, ())


def _dotted(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_public_names():
    for name in luke_allennlp.__all__:
        assert getattr(luke_allennlp, name).__name__ == name
    assert set(luke_allennlp.__all__) <= set(dir(luke_allennlp))
    with pytest.raises(AttributeError, match="'Luke'"):
        luke_allennlp.Luke  # noqa: B018


@pytest.mark.slow
def test_registers_when_asked_for():
    """Public names do not import the tasks; a name of the registry does."""
    script = f"""
import sys
from {NAME} import EntityVocabulary, LukeEncoder, load_encoder
assert "{NAME}.tasks" not in sys.modules
from allennlp.models import Model
assert Model.by_name("luke_ner").__name__ == "NerModel"
assert "{NAME}.tasks.cloze_qa.model" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=PACKAGE.parent)
