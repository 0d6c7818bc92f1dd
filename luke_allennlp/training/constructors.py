"""
What a constructor takes, read from its signature and, where it passes `**kwargs` on or constructs a `Lazy`,
from its source. Nothing is constructed.
"""

import ast
import inspect
import textwrap
from enum import Enum
from functools import cache
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, Set

import torch
from allennlp.common.from_params import infer_params


class Others(Enum):
    """What a constructor does with keywords that it has no name for."""

    REFUSED = 1
    IGNORED = 2
    UNKNOWN = 3


class Accepted(NamedTuple):
    """
    The options that a constructor accepts.

    # Parameters

    others : `Others`
        What happens to options of other names.
    """

    names: FrozenSet[str]
    others: Others


_UNKNOWN = Accepted(frozenset(), Others.UNKNOWN)


def accepted_options(cls: type, constructor: Callable) -> Accepted:
    """
    The options which `constructor` of `cls` accepts from a config.

    AllenNLP's `from_params` hands every unknown key to a constructor with `**kwargs`. There it is either
    refused, when everything else is already constructed, or ignored without a word, as by AllenNLP's trainer.
    So `**kwargs` is followed here to where it ends: through `super().__init__(..., **kwargs)`, and
    `cls(..., **kwargs)` in a classmethod.

    # Parameters

    cls : `type`
        The class that is constructed.
    constructor : `Callable`
        Its `__init__`, or the bound classmethod registered as its constructor.
    """
    if constructor is object.__init__:
        return Accepted(frozenset(), Others.REFUSED)
    parameters = infer_params(cls, constructor)
    names = frozenset(
        name for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD
    )
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return Accepted(names - {"self"}, Others.REFUSED)
    taken = _taken_keywords(cls, constructor)
    return Accepted((names | taken.names) - {"self"}, taken.others)


def required_options(cls: type, constructor: Callable) -> List[str]:
    """The names which `constructor` of `cls` must be given, in the order of its signature."""
    return [
        name
        for name, parameter in infer_params(cls, constructor).items()
        if name != "self"
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


def keywords_of_construct(constructor: Callable, parameter: str) -> Optional[FrozenSet[str]]:
    """
    The keywords with which `constructor` calls `parameter.construct(...)` on a `Lazy` parameter of its own:
    what the config need not give. `None` if that cannot be told, because the `Lazy` object is also kept or
    handed on.
    """
    tree = _syntax_tree(inspect.unwrap(constructor))
    if tree is None:
        return None
    uses = {id(node) for node in ast.walk(tree) if _is_load_of(node, parameter)}
    keywords: Set[str] = set()
    constructed = False
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "construct"
        ):
            if _is_load_of(node.func.value, parameter):
                constructed = True
                uses.discard(id(node.func.value))
                if any(keyword.arg is None for keyword in node.keywords):
                    return None
                keywords.update(keyword.arg for keyword in node.keywords if keyword.arg)
        elif isinstance(node, ast.Compare):
            uses -= {id(side) for side in [node.left, *node.comparators]}
        elif isinstance(node, (ast.If, ast.IfExp)):
            uses.discard(id(node.test))
        elif isinstance(node, (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)):
            targets = [name for part in node.generators for name in ast.walk(part.target)]
            if any(isinstance(name, ast.Name) and name.id == parameter for name in targets):
                uses -= {id(name) for name in ast.walk(node)}  # another variable of the same name
    return frozenset(keywords) if constructed and not uses else None


def _taken_keywords(cls: type, function: Callable) -> Accepted:
    """The keywords a plain call of `function` takes, `**kwargs` followed."""
    if function is object.__init__:
        return Accepted(frozenset(), Others.REFUSED)
    if function is torch.nn.Module.__init__ and not getattr(cls, "call_super_init", False):
        # Its signature has `**kwargs`, and its body raises if there are any.
        return Accepted(frozenset(), Others.REFUSED)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return _UNKNOWN
    own = frozenset(
        parameter.name
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    )
    rest_name = next(
        (parameter.name for parameter in parameters if parameter.kind is parameter.VAR_KEYWORD), None
    )
    if rest_name is None:
        return Accepted(own, Others.REFUSED)
    rest = _follow(cls, function, rest_name)
    return Accepted(own | rest.names, rest.others)


def _follow(cls: type, function: Callable, rest_name: str) -> Accepted:
    """Follows `**rest_name` through the body of `function`."""
    tree = _syntax_tree(inspect.unwrap(getattr(function, "__func__", function)))
    if tree is None:
        return _UNKNOWN
    parents: Dict[ast.AST, ast.AST] = {
        child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)
    }
    names: Set[str] = set()
    receivers: List[Callable] = []
    copied = False
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or node.id != rest_name:
            continue
        parent = parents[node]
        outer = parents[parent]
        literal = _literal_key(node, parent, outer)
        if literal is not None:
            names.add(literal)
        elif isinstance(parent, ast.keyword) and isinstance(outer, ast.Call):
            receiver = _receiver(cls, function, outer.func)
            copied = copied or receiver is None
            receivers += [receiver] if receiver else []
        elif _only_copies(node, parent):
            copied = True
        else:
            return _UNKNOWN
    if not receivers:
        return _UNKNOWN if copied else Accepted(frozenset(names), Others.IGNORED)
    taken = [_taken_keywords(cls, receiver) for receiver in receivers]
    others = max((accepted.others for accepted in taken), key=lambda others: others.value)
    return Accepted(frozenset(names).union(*(accepted.names for accepted in taken)), others)


def _literal_key(node: ast.Name, parent: ast.AST, outer: ast.AST) -> Optional[str]:
    """The one key that is meant in `"x" in kwargs`, `kwargs["x"]`, `kwargs.pop("x")` and the like."""
    key: Optional[ast.AST] = None
    if isinstance(parent, ast.Compare) and isinstance(parent.ops[0], (ast.In, ast.NotIn)):
        key = parent.left
    elif isinstance(parent, ast.Subscript) and parent.value is node:
        key = parent.slice
    elif isinstance(parent, ast.Attribute) and parent.attr in ("get", "pop", "setdefault"):
        key = outer.args[0] if isinstance(outer, ast.Call) and outer.args else None
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def _only_copies(node: ast.Name, parent: ast.AST) -> bool:
    if isinstance(parent, ast.Attribute):
        return parent.attr in ("items", "keys", "values", "copy")
    if isinstance(parent, ast.Call):
        return isinstance(parent.func, ast.Attribute) and parent.func.attr == "update" and node in parent.args
    return isinstance(parent, ast.Dict) or (isinstance(parent, ast.Assign) and parent.value is node)


def _receiver(cls: type, function: Callable, callee: ast.AST) -> Optional[Callable]:
    """What is called by `super().__init__(...)` in an `__init__`, and by `cls(...)` in a classmethod."""
    raw = inspect.unwrap(getattr(function, "__func__", function))
    if inspect.ismethod(function) and inspect.isclass(function.__self__):
        first = next(iter(inspect.signature(raw).parameters), None)
        is_class_call = isinstance(callee, ast.Name) and callee.id == first
        return cls.__init__ if is_class_call else None  # type: ignore[misc]
    if isinstance(callee, ast.Attribute) and callee.attr == "__init__" and isinstance(callee.value, ast.Call):
        is_super = isinstance(callee.value.func, ast.Name) and callee.value.func.id == "super"
        return _next_init(cls, raw) if is_super and not callee.value.args else None
    return None


def _next_init(cls: type, function: Callable) -> Optional[Callable]:
    """The `__init__` that `super().__init__` means inside `function`, for an object of type `cls`."""
    found = False
    for ancestor in cls.__mro__:
        init: Any = ancestor.__dict__.get("__init__")
        if init is None:
            continue
        if found:
            return init
        found = inspect.unwrap(init) is function
    return None


@cache
def _syntax_tree(function: Callable) -> Optional[ast.AST]:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


def _is_load_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
