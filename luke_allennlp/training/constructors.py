"""The options that a constructor takes, from its signature and, for `**kwargs` and `Lazy`, its source."""

import ast
import inspect
import textwrap
from enum import Enum
from functools import cache
from typing import Any, Callable, FrozenSet, List, NamedTuple, Optional, Set

import torch
from allennlp.common.from_params import infer_params


class Others(Enum):
    """What happens to keywords without a parameter."""

    REFUSED = 1
    IGNORED = 2
    UNKNOWN = 3


class Accepted(NamedTuple):
    """The options that a constructor accepts, and what happens to others."""

    names: FrozenSet[str]
    others: Others


_UNKNOWN = Accepted(frozenset(), Others.UNKNOWN)


def accepted_options(cls: type, constructor: Callable) -> Accepted:
    """
    The options that `constructor` of `cls` accepts from a config.

    AllenNLP's `from_params` passes every unknown key to a constructor with `**kwargs`, which refuses it,
    after everything else is constructed, or ignores it, like AllenNLP's trainer. So `**kwargs` is followed
    through `super().__init__(..., **kwargs)` and a classmethod's `cls(..., **kwargs)`.

    # Parameters

    cls : `type`
    constructor : `Callable`
        Its `__init__`, or the bound classmethod registered as its constructor.
    """
    if constructor is object.__init__:
        return Accepted(frozenset(), Others.REFUSED)
    parameters = infer_params(cls, constructor)
    rest = {name for name, parameter in parameters.items() if parameter.kind is parameter.VAR_KEYWORD}
    names = frozenset(parameters) - rest - {"self"}
    if not rest:
        return Accepted(names, Others.REFUSED)
    taken = _taken_keywords(cls, constructor)
    return Accepted((names | taken.names) - {"self"}, taken.others)


def required_options(cls: type, constructor: Callable) -> List[str]:
    """The names that `constructor` of `cls` must be given, in the order of its signature."""
    return [
        name
        for name, parameter in infer_params(cls, constructor).items()
        if name != "self"
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


def keywords_of_construct(constructor: Callable, parameter: str) -> Optional[FrozenSet[str]]:
    """
    The keywords with which `constructor` calls `parameter.construct(...)` on its own `Lazy` parameter: the
    config need not give them. `None` if the `Lazy` object is also used in another way.
    """
    tree = _syntax_tree(inspect.unwrap(constructor))
    if tree is None:
        return None
    keywords: Set[str] = set()
    uses = {id(node) for node in ast.walk(tree) if _is_load_of(node, parameter)}
    understood: Set[int] = set()
    constructed = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_method_of(node.func, parameter, ("construct",)):
            constructed = True
            if any(keyword.arg is None for keyword in node.keywords):
                return None
            keywords.update(keyword.arg for keyword in node.keywords if keyword.arg)
            understood.add(id(node.func.value))  # type: ignore[attr-defined]
        elif isinstance(node, ast.Compare):
            understood |= {id(side) for side in (node.left, *node.comparators)}
        elif isinstance(node, (ast.If, ast.IfExp)):
            understood.add(id(node.test))
        elif isinstance(node, (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)):
            targets = [name for part in node.generators for name in ast.walk(part.target)]
            if any(isinstance(name, ast.Name) and name.id == parameter for name in targets):
                understood |= {id(name) for name in ast.walk(node)}  # another variable of the same name
    return frozenset(keywords) if constructed and uses <= understood else None


def _taken_keywords(cls: type, function: Callable) -> Accepted:
    """The keywords that a call of `function` takes, `**kwargs` followed."""
    # The signature of torch's has `**kwargs`, and its body raises if there are any.
    is_torchs = function is torch.nn.Module.__init__ and not getattr(cls, "call_super_init", False)
    if function is object.__init__ or is_torchs:
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
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = _follow(cls, function, parameter.name)
            return Accepted(own | rest.names, rest.others)
    return Accepted(own, Others.REFUSED)


def _follow(cls: type, function: Callable, rest: str) -> Accepted:
    """The keywords of `**rest` that the body of `function` reads or passes on."""
    tree = _syntax_tree(inspect.unwrap(getattr(function, "__func__", function)))
    if tree is None:
        return _UNKNOWN
    names: Set[str] = set()
    others: Optional[Others] = None
    understood = copies = 0
    for node in ast.walk(tree):
        key: Optional[ast.AST] = None
        if isinstance(node, ast.Call) and _is_method_of(node.func, rest, ("get", "pop", "setdefault")):
            key = node.args[0] if node.args else None
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            key = node.left if _is_load_of(node.comparators[0], rest) else None
        elif isinstance(node, ast.Subscript) and _is_load_of(node.value, rest):
            key = node.slice
        elif isinstance(node, ast.Call) and any(
            _is_load_of(keyword.value, rest) for keyword in node.keywords
        ):
            receiver = _receiver(cls, function, node.func)
            if receiver is not None:
                understood += 1
                taken = _taken_keywords(cls, receiver)
                names |= taken.names
                others = taken.others
        elif isinstance(node, ast.Call) and any(_is_load_of(argument, rest) for argument in node.args):
            # AllenNLP's readers keep their parameters by `update(kwargs)`.
            copies += isinstance(node.func, ast.Attribute) and node.func.attr == "update"
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            names.add(key.value)
            understood += 1
    uses = sum(_is_load_of(node, rest) for node in ast.walk(tree))
    if uses != understood + copies or (copies and others is None):
        return _UNKNOWN
    return Accepted(frozenset(names), others or Others.IGNORED)


def _receiver(cls: type, function: Callable, callee: ast.AST) -> Optional[Callable]:
    """What `super().__init__(...)` in an `__init__`, or `cls(...)` in a classmethod, calls."""
    raw = inspect.unwrap(getattr(function, "__func__", function))
    if inspect.ismethod(function) and inspect.isclass(function.__self__):
        first = next(iter(inspect.signature(raw).parameters), None)
        is_class_call = isinstance(callee, ast.Name) and callee.id == first
        return cls.__init__ if is_class_call else None  # type: ignore[misc]
    if not (isinstance(callee, ast.Attribute) and ast.unparse(callee) == "super().__init__"):
        return None
    classes = [ancestor for ancestor in cls.__mro__ if "__init__" in vars(ancestor)]
    inits: List[Any] = [vars(ancestor)["__init__"] for ancestor in classes]
    return inits[[inspect.unwrap(init) for init in inits].index(raw) + 1]


@cache
def _syntax_tree(function: Callable) -> Optional[ast.AST]:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


def _is_load_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)


def _is_method_of(node: ast.AST, name: str, methods: Any) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in methods and _is_load_of(node.value, name)
