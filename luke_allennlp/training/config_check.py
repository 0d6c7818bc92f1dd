"""
Checks a config against the constructors that it configures, without constructing anything.

It follows `allennlp.common.from_params` and accepts whatever that accepts: types that `from_params` does not
construct, and classes with a `from_params` of their own, are not checked. It refuses three things that
`from_params` lets pass: `null` for a needed option, `true` and `false` for numbers, and an empty list, 0 or
an empty string for an object that is constructed later.
"""

import collections.abc
import inspect
import json
import logging
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Union,
)

from allennlp.commands.train import TrainModel
from allennlp.common import FromParams, Lazy, Params, Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.common.from_params import (
    can_construct_from_params,
    infer_params,
    is_base_registrable,
    remove_optional,
)
from allennlp.evaluation import Evaluator
from allennlp.nn.parallel import DdpAccelerator

from luke_allennlp.training.constructors import (
    Others,
    accepted_options,
    keywords_of_construct,
    required_options,
)
from luke_allennlp.training.mistakes import Mistake, raise_mistakes

logger = logging.getLogger(__name__)

# Arguments that the code passes, and not the config; `None` where they cannot be known.
Extras = Optional[FrozenSet[str]]

# `allennlp train` takes these out of the config before it constructs a `TrainModel` from the rest.
_SEEDS = ("random_seed", "numpy_seed", "pytorch_seed")
_TRAIN_BLOCKS = ("distributed", "evaluation", "include_in_archive", *_SEEDS)
_DISTRIBUTED_OPTIONS = ("cuda_devices", "num_nodes", "primary_address", "primary_port", "ddp_accelerator")
_TRAIN_EXTRAS = frozenset({"serialization_dir", "local_rank", "ddp_accelerator"})
_SCALARS = {int: "an integer", bool: "true or false", float: "a number", str: "a string"}
_ACCEPTED: Dict[type, Tuple[type, ...]] = {int: (int,), bool: (int, bool), float: (int, float), str: ()}


class ConfiguredObject(NamedTuple):
    """
    One object of a config.

    # Parameters

    path : `str`
        Its keys joined by dots; empty for the config itself.
    cls : `Any`
        Its class.
    options : `Dict[str, Any]`
        Without `type`.
    """

    path: str
    cls: Any
    options: Dict[str, Any]


class _Wrong(ConfigurationError):
    """
    # Parameters

    path : `str`
    message : `str`
        What was found and what was expected.
    key : `str`, optional (default = `path`)
        The path of what is wrong, where `path` is that of the object it is in.
    depth : `int`, optional (default = `len(path)`)
        Of the errors for the members of a `Union`, the deepest says most about what was meant.
    """

    def __init__(self, path: str, message: str, key: str = "", depth: Optional[int] = None) -> None:
        super().__init__(f"{path or 'config'}: {message}")
        self.key = key or path
        self.depth = len(path) if depth is None else depth


def check_config(params: Params, base_class: type = TrainModel) -> List[ConfiguredObject]:
    """
    # Parameters

    params : `Params`
        The config. It is not changed.
    base_class : `type`, optional (default = `TrainModel`)
        The class that the config configures. With `TrainModel`, the keys that `allennlp train` itself reads
        (`distributed`, `evaluation`, the seeds) are checked too.

    # Returns

    `List[ConfiguredObject]`
        All objects that the config describes, outer ones first.

    # Raises

    `ConfigMistakes`
        For all mistakes that the constructors' signatures show: unknown options, missing ones, a `type` that
        is not registered, values of the wrong kind. They name the key and what was expected.
    """
    objects, mistakes = find_mistakes(params, base_class)
    raise_mistakes(mistakes)
    return objects


def find_mistakes(
    params: Params, base_class: type = TrainModel
) -> Tuple[List[ConfiguredObject], List[Mistake]]:
    """As `check_config`, but returns the mistakes. What is inside of a wrong object is not checked."""
    walker = _Walker()
    config = dict(params.as_dict(quiet=True))
    if issubclass(base_class, TrainModel):
        blocks = {key: config.pop(key) for key in _TRAIN_BLOCKS if key in config}
        walker.attempt(walker.check_object, "", config, base_class, _TRAIN_EXTRAS, _TRAIN_BLOCKS)
        walker.check_train_blocks(blocks)
    else:
        walker.attempt(walker.check_object, "", config, base_class, None)
    return walker.objects, walker.mistakes


class _Walker:
    def __init__(self) -> None:
        self.objects: List[ConfiguredObject] = []
        self.mistakes: List[Mistake] = []
        # Where alternatives are tried, the first mistake decides about one.
        self._trying = False

    def attempt(self, check: Callable, *arguments: Any) -> None:
        """Checks, and takes down what is wrong."""
        try:
            check(*arguments)
        except _Wrong as wrong:
            if self._trying:
                raise
            self.mistakes.append(Mistake(wrong.key, wrong.message))

    @contextmanager
    def _alternatives(self) -> Iterator[None]:
        before, self._trying = self._trying, True
        try:
            yield
        finally:
            self._trying = before

    def check_train_blocks(self, blocks: Dict[str, Any]) -> None:
        for seed in _SEEDS:
            self.attempt(_check_seed, seed, blocks.get(seed))
        included = blocks.get("include_in_archive")
        self.attempt(self.check_value, "include_in_archive", included, List[str], frozenset())
        if blocks.get("evaluation"):
            extras = frozenset({"cuda_device"})
            self.attempt(self.check_object, "evaluation", blocks["evaluation"], Evaluator, extras)
        if blocks.get("distributed") is not None:
            self.attempt(self._check_distributed, blocks["distributed"])

    def _check_distributed(self, block: Any) -> None:
        if not isinstance(block, collections.abc.Mapping):
            raise _Wrong("distributed", f'expected an object with "cuda_devices", found {_shown(block)}.')
        for key in block:
            if key not in _DISTRIBUTED_OPTIONS:
                self.attempt(
                    _check_unknown_option, "distributed", key, "this block", _DISTRIBUTED_OPTIONS, True
                )
        if block.get("ddp_accelerator") is not None:
            extras = frozenset({"local_rank", "world_size", "cuda_device"})
            self.check_object("distributed.ddp_accelerator", block["ddp_accelerator"], DdpAccelerator, extras)

    def check_value(self, path: str, value: Any, annotation: Any, extras: Extras) -> None:
        """Mirrors `construct_arg`: the branches and their order are the same."""
        if value is None or (isinstance(value, collections.abc.Mapping) and "_pretrained" in value):
            return
        annotation = remove_optional(annotation)
        origin = getattr(annotation, "__origin__", None)
        args: Tuple[Any, ...] = getattr(annotation, "__args__", ())
        if hasattr(annotation, "from_params"):
            self.check_object(path, value, annotation if inspect.isclass(annotation) else origin, extras)
        elif annotation in _SCALARS:
            _check_scalar(path, value, annotation)
        elif origin == Union:
            self._check_union(path, value, annotation, extras)
        elif origin == Lazy:
            if hasattr(args[0], "from_params"):
                self.check_value(path, value, args[0], extras)
        elif args and _constructs(args if origin is tuple else args[-1:]):
            self._check_collection(path, value, origin, args, extras)

    def _check_collection(
        self, path: str, value: Any, origin: Any, args: Tuple[Any, ...], extras: Extras
    ) -> None:
        items: Iterable[Tuple[Any, Any, Any]]
        is_mapping = origin in (dict, collections.abc.Mapping) and len(args) == 2
        if is_mapping:
            if not isinstance(value, collections.abc.Mapping):
                raise _Wrong(path, f"expected an object, found {_shown(value)}.")
            items = [(key, item, args[1]) for key, item in value.items()]
        elif origin is tuple or (origin in (set, list, collections.abc.Iterable) and len(args) == 1):
            if not isinstance(value, collections.abc.Iterable):
                raise _Wrong(path, f"expected a list, found {_shown(value)}.")
            types = args if origin is tuple else [args[0]] * len(list(value))
            items = [
                (index, item, type_) for index, (item, type_) in enumerate(zip(value, types, strict=False))
            ]
        else:
            return
        if isinstance(value, (list, tuple)) or is_mapping:
            for key, item, type_ in items:
                self.attempt(self.check_value, _join(path, key), item, type_, extras)
            return
        try:
            with self._alternatives():
                for key, item, type_ in items:
                    self.check_value(_join(path, key), item, type_, extras)
        except _Wrong:
            # AllenNLP makes a list of a string's characters or an object's keys: an error only if those are.
            raise _Wrong(path, f"expected a list, found {_shown(value)}.") from None

    def _check_union(self, path: str, value: Any, annotation: Any, extras: Extras) -> None:
        wrongs: List[_Wrong] = []
        seen = len(self.objects)
        for member in annotation.__args__:
            try:
                with self._alternatives():
                    return self.check_value(path, value, member, extras)
            except _Wrong as wrong:
                wrongs.append(wrong)
                del self.objects[seen:]
        best = max(wrongs, key=lambda wrong: wrong.depth)
        if best.depth > len(path):
            raise best
        raise _Wrong(path, f"expected {_described(annotation)}, found {_shown(value)}.")

    def check_object(
        self, path: str, value: Any, cls: Any, extras: Extras, also: Tuple[str, ...] = ()
    ) -> None:
        """Mirrors `FromParams.from_params`; `also` are further options to name in messages."""
        type_path = _join(path, "type")
        if isinstance(value, str):
            value, type_path = {"type": value}, path
        if not isinstance(value, collections.abc.Mapping):
            raise _Wrong(path, f"expected {_described(cls)}, found {_shown(value)}.")
        if _has_own_from_params(cls):
            return
        options = dict(value)
        constructor_name: Optional[str] = None
        # Not `list_available()` alone: looking a class up in the registry would add it.
        if Registrable._registry.get(cls) is not None:
            cls, constructor_name = _resolve(type_path, options, cls)
        elif is_base_registrable(cls):
            raise _Wrong(
                path,
                f"no {cls.__name__} is registered; name the package that has one with --include-package.",
            )
        self.objects.append(ConfiguredObject(path, cls, options))
        if not _has_own_from_params(cls) and inspect.isclass(cls):
            constructor = getattr(cls, constructor_name or "__init__")
            self._check_options(path, options, cls, constructor, extras, also)

    def _check_options(
        self,
        path: str,
        options: Dict[str, Any],
        cls: type,
        constructor: Callable,
        extras: Extras,
        also: Tuple[str, ...],
    ) -> None:
        try:
            accepted = accepted_options(cls, constructor)
            parameters = infer_params(cls, constructor)
        except (TypeError, ValueError):
            return  # A constructor written in C, without a signature.
        owner = cls.__name__ if path else "the config"
        if accepted.others is not Others.UNKNOWN:
            # Its own options come before those of its base classes.
            names = dict.fromkeys([*inspect.signature(constructor).parameters, *parameters])
            offered = [name for name in names if name in accepted.names and name not in (extras or ())]
            for key in options:
                if key not in accepted.names:
                    is_ignored = accepted.others is Others.IGNORED
                    self.attempt(_check_unknown_option, path, key, owner, [*offered, *also], is_ignored)
        if not issubclass(cls, FromParams):
            return  # A bare torch module, such as an `Activation`: its options are passed unchanged.
        for name in required_options(cls, constructor):
            annotation = parameters[name].annotation
            is_null = name in options and options[name] is None and not _takes_none(annotation)
            if is_null or extras is not None and name not in options and name not in extras:
                found = ", found null" if is_null else ""
                expected = f"{owner} needs this option{found}; give {_described(annotation)}."
                self.attempt(_missing, path, name, expected)
        for name, parameter in parameters.items():
            if name not in options or name == "self" or parameter.kind is parameter.VAR_KEYWORD:
                continue
            inner = extras
            if "Lazy[" in str(parameter.annotation):
                keywords = keywords_of_construct(constructor, name)
                inner = None if extras is None or keywords is None else extras | keywords
            self.attempt(self.check_value, _join(path, name), options[name], parameter.annotation, inner)


def _takes_none(annotation: Any) -> bool:
    return annotation in (Any, None) or type(None) in getattr(annotation, "__args__", ())


def _check_seed(path: str, value: Any) -> None:
    try:
        int(value or 0)
    except (TypeError, ValueError):
        raise _Wrong(path, f"expected an integer, found {_shown(value)}.") from None


def _missing(path: str, name: str, message: str) -> None:
    raise _Wrong(_join(path, name), message, path)


def _resolve(where: str, options: Dict[str, Any], base: Any) -> Tuple[Any, Optional[str]]:
    """Takes `type` out of `options` and returns the class and the name of its constructor."""
    name = options.pop("type", base.default_implementation)
    # All names only where they are needed: it takes seconds to import what has them.
    is_known = isinstance(name, str) and ("." in name or name in Registrable._registry[base])
    available = [] if is_known else base.list_available()
    if not isinstance(name, str):
        found = "nothing" if name is None else _shown(name)
        some = f", such as {_quoted(sorted(available)[:8])}" if available else ""
        raise _Wrong(where, f"expected the name of {_described(base)}{some}; found {found}.")
    if not is_known and name not in available:
        close = get_close_matches(name, available, n=3, cutoff=0.6)
        remedy = (
            f"did you mean {_quoted(close, ' or ')}?"
            if close
            else "if it is in a package of its own, name that package with --include-package."
        )
        message = f'no {base.__name__} is registered as "{name}"; {remedy}'
        raise _Wrong(where, message, depth=len(where) + 1)
    try:
        return base.resolve_class_name(name)
    except (ConfigurationError, ImportError) as error:
        raise _Wrong(where, f'"{name}" is not a class that can be imported ({error}).') from None


def _check_unknown_option(path: str, key: str, owner: str, options: Iterable[str], ignored: bool) -> None:
    """One that AllenNLP ignores, as in configs of older releases, is an error only if it looks misspelt."""
    names = list(options)
    close = get_close_matches(key, names, n=1, cutoff=0.75 if ignored else 0.6)
    if ignored and not close:
        logger.warning('%s: %s has no option "%s"; AllenNLP ignores it.', path or "config", owner, key)
        return
    hint = f'; did you mean "{close[0]}"?' if close else "."
    listed = f" Its options are: {', '.join(names)}." if names else " It has no options."
    raise _Wrong(path, f'no option "{key}" for {owner}{hint}{listed}', _join(path, key), len(path) + 1)


def _check_scalar(path: str, value: Any, annotation: Any) -> None:
    """Accepts what `construct_arg` takes for this type: strings are not converted."""
    accepted = _ACCEPTED[annotation]
    if type(value) in accepted or (annotation is str and isinstance(value, (str, Path))):
        return
    hint = ""
    if isinstance(value, str):
        with suppress(ValueError):
            hint = "; write it without quotes" if type(json.loads(value)) in accepted else ""
    raise _Wrong(path, f"expected {_SCALARS[annotation]}, found {_shown(value)}{hint}.")


def _constructs(types: Iterable[Any]) -> bool:
    try:
        return all(can_construct_from_params(type_) for type_ in types)
    except AttributeError:  # A bare `Dict` or `List` inside another type.
        return False


def _has_own_from_params(cls: Any) -> bool:
    method = getattr(cls, "from_params", None)
    automatic = vars(FromParams)["from_params"].__func__
    return method is not None and getattr(method, "__func__", None) is not automatic


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _quoted(names: Iterable[str], separator: str = ", ") -> str:
    return separator.join(f'"{name}"' for name in names)


def _described(annotation: Any) -> str:
    """What is expected for an annotation, with an article."""
    annotation = remove_optional(annotation)
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin = getattr(annotation, "__origin__", None)
    if origin == Union:
        return " or ".join(_described(member) for member in annotation.__args__)
    if origin == Lazy:
        return _described(annotation.__args__[0])
    if origin in (list, set, tuple, collections.abc.Iterable):
        return "a list"
    if origin in (dict, collections.abc.Mapping):
        return "an object"
    if hasattr(annotation, "from_params") and inspect.isclass(annotation):
        name = annotation.__name__
        return f"{'an' if name[0] in 'AEIOU' else 'a'} {name} object"
    return "a value"


def _shown(value: Any) -> str:
    """A value found in a config, shortened."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    text = text if len(text) <= 60 else text[:57] + "..."
    kinds = ((str, "the string "), (Mapping, "the object "), (list, "the list "))
    return next((kind for type_, kind in kinds if isinstance(value, type_)), "") + text
