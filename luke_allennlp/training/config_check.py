"""
Checks a config against the constructors it configures, without constructing anything.

It follows `allennlp.common.from_params`, and accepts whatever that would accept: where a type is not one that
`from_params` constructs, or a class brings a `from_params` of its own, nothing is checked.
"""

import collections.abc
import inspect
from difflib import get_close_matches
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    List,
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

from luke_allennlp.training.config_mistakes import (
    NAMES_OF_SCALARS,
    Mistake,
    check_scalar,
    check_unknown_option,
    described,
    quoted,
    shown,
)
from luke_allennlp.training.constructors import (
    Others,
    accepted_options,
    keywords_of_construct,
    required_options,
)

# Names of arguments that come from the code and not from the config; `None` where they cannot be known.
Extras = Optional[FrozenSet[str]]

# `allennlp train` takes these out of the config before it constructs a `TrainModel` from the rest.
_SEEDS = ("random_seed", "numpy_seed", "pytorch_seed")
_TRAIN_BLOCKS = ("distributed", "evaluation", "include_in_archive", *_SEEDS)
_DISTRIBUTED_OPTIONS = ("cuda_devices", "num_nodes", "primary_address", "primary_port", "ddp_accelerator")
_TRAIN_EXTRAS = frozenset({"serialization_dir", "local_rank", "ddp_accelerator"})


class ConfiguredObject(NamedTuple):
    """
    One object of a config.

    # Parameters

    path : `str`
        Where it stands, its keys joined by dots; empty for the config itself.
    cls : `Any`
        What it will be.
    options : `Dict[str, Any]`
        What it is given, without `type`.
    """

    path: str
    cls: Any
    options: Dict[str, Any]


def check_config(params: Params, base_class: type = TrainModel) -> None:
    """
    Raises a `ConfigurationError` for the first mistake in the config that its constructors' signatures can
    show: an option that does not exist, a required one that is missing, a `type` that is not registered, a
    value of the wrong kind. It names the key and what was expected.

    # Parameters

    params : `Params`
        The config. It is not changed.
    base_class : `type`, optional (default = `TrainModel`)
        The class that the config configures. With `TrainModel` the keys that `allennlp train` itself reads
        (`distributed`, `evaluation`, the seeds) are checked too.
    """
    configured_objects(params, base_class)


def configured_objects(params: Params, base_class: type = TrainModel) -> List[ConfiguredObject]:
    """Does what `check_config` does, and returns all objects that the config describes, outer ones first."""
    walker = _Walker()
    config = dict(params.as_dict(quiet=True))
    try:
        if issubclass(base_class, TrainModel):
            blocks = {key: config.pop(key) for key in _TRAIN_BLOCKS if key in config}
            walker.check_object("", config, base_class, _TRAIN_EXTRAS, also=_TRAIN_BLOCKS)
            walker.check_train_blocks(blocks)
        else:
            walker.check_object("", config, base_class, None)
    except Mistake as mistake:
        raise ConfigurationError(mistake.message) from None
    return walker.objects


class _Walker:
    def __init__(self) -> None:
        self.objects: List[ConfiguredObject] = []

    def check_train_blocks(self, blocks: Dict[str, Any]) -> None:
        for seed in _SEEDS:
            try:
                int(blocks.get(seed) or 0)
            except (TypeError, ValueError):
                raise Mistake(seed, f"expected an integer, found {shown(blocks[seed])}.") from None
        if blocks.get("include_in_archive") is not None:
            self.check_value("include_in_archive", blocks["include_in_archive"], List[str], frozenset())
        if blocks.get("evaluation"):
            self.check_object("evaluation", blocks["evaluation"], Evaluator, frozenset({"cuda_device"}))
        if blocks.get("distributed") is not None:
            self._check_distributed(blocks["distributed"])

    def _check_distributed(self, block: Any) -> None:
        if not isinstance(block, collections.abc.Mapping):
            raise Mistake("distributed", f'expected an object with "cuda_devices", found {shown(block)}.')
        for key in block:
            if key not in _DISTRIBUTED_OPTIONS:
                check_unknown_option("distributed", key, "this block", _DISTRIBUTED_OPTIONS, ignored=True)
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
        elif annotation in NAMES_OF_SCALARS:
            check_scalar(path, value, annotation)
        elif origin == Union:
            self._check_union(path, value, annotation, extras)
        elif origin == Lazy:
            if hasattr(args[0], "from_params"):
                # `Lazy` takes whatever is empty for no options at all.
                self.check_value(path, value or {}, args[0], extras)
        elif args and _constructs(args if origin is tuple else args[-1:]):
            self._check_collection(path, value, origin, args, extras)

    def _check_collection(
        self, path: str, value: Any, origin: Any, args: Tuple[Any, ...], extras: Extras
    ) -> None:
        items: Iterable[Tuple[Any, Any, Any]]
        is_mapping = origin in (dict, collections.abc.Mapping) and len(args) == 2
        if is_mapping:
            if not isinstance(value, collections.abc.Mapping):
                raise Mistake(path, f"expected an object, found {shown(value)}.")
            items = [(key, item, args[1]) for key, item in value.items()]
        elif origin is tuple or (origin in (set, list, collections.abc.Iterable) and len(args) == 1):
            if not isinstance(value, collections.abc.Iterable):
                raise Mistake(path, f"expected a list, found {shown(value)}.")
            types = args if origin is tuple else [args[0]] * len(list(value))
            items = [
                (index, item, type_) for index, (item, type_) in enumerate(zip(value, types, strict=False))
            ]
        else:
            return
        try:
            for key, item, type_ in items:
                self.check_value(_join(path, key), item, type_, extras)
        except Mistake:
            # AllenNLP makes a list of a string's characters, or of an object's keys: it is an error only if
            # those are.
            if not isinstance(value, (list, tuple)) and not is_mapping:
                raise Mistake(path, f"expected a list, found {shown(value)}.") from None
            raise

    def _check_union(self, path: str, value: Any, annotation: Any, extras: Extras) -> None:
        mistakes: List[Mistake] = []
        seen = len(self.objects)
        for member in annotation.__args__:
            try:
                return self.check_value(path, value, member, extras)
            except Mistake as mistake:
                mistakes.append(mistake)
                del self.objects[seen:]
        best = max(mistakes, key=lambda mistake: mistake.depth)
        if best.depth > (len(path), 0):
            raise best
        expected = " or ".join(described(member) for member in annotation.__args__)
        raise Mistake(path, f"expected {expected}, found {shown(value)}.")

    def check_object(
        self, path: str, value: Any, cls: Any, extras: Extras, also: Tuple[str, ...] = ()
    ) -> None:
        """Mirrors `FromParams.from_params`; `also` are further options to name in messages."""
        type_path = _join(path, "type")
        if isinstance(value, str):
            value, type_path = {"type": value}, path
        if not isinstance(value, collections.abc.Mapping):
            raise Mistake(path, f"expected {described(cls)}, found {shown(value)}.")
        if _has_own_from_params(cls):
            return
        options = dict(value)
        constructor_name: Optional[str] = None
        # Not `list_available()` alone: looking a class up in the registry would enter it there.
        registered = Registrable._registry.get(cls)
        if registered is not None:
            cls, constructor_name = _resolve(type_path, (len(path), 1), options, cls)
        elif is_base_registrable(cls):
            raise Mistake(
                path,
                f"no {cls.__name__} is registered; name the package that has one with --include-package.",
            )
        self.objects.append(ConfiguredObject(path, cls, options))
        if _has_own_from_params(cls):
            return
        constructor = getattr(cls, constructor_name) if constructor_name else getattr(cls, "__init__", None)
        if not inspect.isclass(cls) or constructor is None:
            return
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
        for key in options:
            if accepted.others is Others.UNKNOWN or key in accepted.names:
                continue
            # Its own options come before those of its base classes.
            names = dict.fromkeys([*inspect.signature(constructor).parameters, *parameters])
            offered = [name for name in names if name in accepted.names and name not in (extras or ())]
            check_unknown_option(
                path, key, owner, [*offered, *also], ignored=accepted.others is Others.IGNORED
            )
        if not issubclass(cls, FromParams):
            return  # A bare torch module, such as an `Activation`: its options pass as they are.
        for name in required_options(cls, constructor):
            if extras is not None and name not in options and name not in extras:
                message = f"{owner} needs this option; give {described(parameters[name].annotation)}."
                raise Mistake(_join(path, name), message, depth=(len(path), 2))
        for name, parameter in parameters.items():
            if name not in options or name == "self" or parameter.kind is parameter.VAR_KEYWORD:
                continue
            inner = extras
            if "Lazy[" in str(parameter.annotation):
                keywords = keywords_of_construct(constructor, name)
                inner = None if extras is None or keywords is None else extras | keywords
            self.check_value(_join(path, name), options[name], parameter.annotation, inner)


def _resolve(
    where: str, depth: Tuple[int, int], options: Dict[str, Any], base: Any
) -> Tuple[Any, Optional[str]]:
    """Takes `type` out of `options` and returns the class and the name of its constructor."""
    available = base.list_available()
    name = options.pop("type", base.default_implementation)
    if not isinstance(name, str):
        found = "nothing" if name is None else shown(name)
        some = f", such as {quoted(sorted(available)[:8])}" if available else ""
        raise Mistake(where, f"expected the name of {described(base)}{some}; found {found}.", depth)
    if name not in available and "." not in name:
        close = get_close_matches(name, available, n=3, cutoff=0.6)
        if close:
            remedy = f"did you mean {quoted(close, ' or ')}?"
        else:
            remedy = "if it is in a package of its own, name that package with --include-package."
        raise Mistake(where, f'no {base.__name__} is registered as "{name}"; {remedy}', depth)
    try:
        return base.resolve_class_name(name)
    except (ConfigurationError, ImportError) as error:
        raise Mistake(where, f'"{name}" is not a class that can be imported ({error}).', depth) from None


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
