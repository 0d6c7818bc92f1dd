"""
Configurations that come with a model, and run no code of their author's choosing.

AllenNLP imports and calls whatever a `type` with a dot in it names. In a config that the user wrote this is
a feature; in one that an archive brings along, `{"type": "subprocess.Popen", "args": [...]}` is a command on
the machine of whoever loads it. So the config of an archive is read as JSON by `read_config`, and marked:

1. `Params.origin` says which archive they are from, as do all `Params` taken out of them, however much later.
2. While an object is built from such `Params` (or, by `load_archive`, from such a config), `building` holds
   the origin, so that strings and plain dicts deeper down, where `Params` end, are covered too.
3. `Registrable.resolve_class_name`, through which all names go, then accepts registered names and, of others,
   only names in trusted packages, before anything is imported, and only of a class that is defined there and
   is what the place takes.

Trusted are AllenNLP, allennlp-models, luke-allennlp, and the packages that the user has had imported:
`--include-package`, `.allennlp_plugins`, `import_module_and_submodules`. Names in the user's own overrides
are the user's.
"""

import functools
import json
import os
import re
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, Iterator, NamedTuple, Optional, Set, Tuple, Union

from allennlp.common.checks import ConfigurationError
from allennlp.common.params import Params, parse_overrides, with_overrides

_CONFIG = "config.json"
_trusted: Set[str] = {"allennlp", "allennlp_models", "luke_allennlp"}
# What `from_params` is given by AllenNLP itself, which takes a name for an object without options.
_OBJECTS = (
    *("dataset_reader", "validation_dataset_reader", "model", "vocabulary"),
    *("data_loader", "validation_data_loader", "evaluation"),
)
# Options that make a library run what lies elsewhere: code in a model's repository, a pickle, a compiled
# kernel, a program to score with. Each with what is harmless.
_RUN_CODE: Dict[str, Callable[[Any], bool]] = {
    "trust_remote_code": lambda value: value is False,
    "weights_only": lambda value: value is True,
    "use_kernels": lambda value: value is False,
    "attn_implementation": lambda value: "/" not in json.dumps(value),
    "evalb_directory_path": lambda value: False,
    "srl_eval_path": lambda value: False,
}


class UntrustedConfigError(ConfigurationError):
    """The config of an archive could run code."""


class Origin(NamedTuple):
    """
    The archive that a config is from.

    # Parameters

    archive : `str`
        What messages call it.
    config : `Dict[str, Any]`
        All of it, to find the place of a name.
    overridden : `Dict[str, Any]`
        What the user sets in it.
    """

    archive: str
    config: Dict[str, Any]
    overridden: Dict[str, Any]

    def __deepcopy__(self, memo: Dict[int, Any]) -> "Origin":
        return self

    def refuse(self, name: str, problem: str) -> UntrustedConfigError:
        """The error about a name in the config."""
        found = (key for key, value in _walk(self.config) if value == name)
        return UntrustedConfigError(
            f"{self.archive}: {next(found, 'a type')} in {_CONFIG} is {name!r}, {problem}; this could run "
            "code, and is not loaded."
        )


_origin: ContextVar[Optional[Origin]] = ContextVar("origin", default=None)


def trust(package: str) -> None:
    """
    Lets the configs of archives name classes of a package.

    # Parameters

    package : `str`
    """
    _trusted.add(package)


def is_trusted(name: str) -> bool:
    """
    Whether a dotted name lies in a trusted package.

    # Parameters

    name : `str`
    """
    parts = name.split(".")
    return any(".".join(parts[:count]) in _trusted for count in range(1, len(parts) + 1))


def current() -> Optional[Origin]:
    """The archive from whose config an object is being built, if there is one."""
    return _origin.get()


@contextmanager
def building(origin: Optional[Origin]) -> Iterator[None]:
    """
    Names that are resolved within are those of an archive's config.

    # Parameters

    origin : `Origin`, optional
        If `None`, this changes nothing: what an archive's config builds may build more by itself.
    """
    if origin is None:
        yield
        return
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def builds_marked(from_params: Callable) -> Callable:
    """Decorates `from_params`: it is within `building` where its `Params` are an archive's."""

    @functools.wraps(from_params)
    def wrapper(cls: type, params: Any, *args: Any, **kwargs: Any) -> Any:
        with building(getattr(params, "origin", None)):
            return from_params(cls, params, *args, **kwargs)

    return wrapper


def check_name(name: str) -> None:
    """
    To be called before anything is imported for a dotted name.

    # Parameters

    name : `str`

    # Raises

    `UntrustedConfigError`
        It is from an archive's config, and in no trusted package.
    """
    origin = _origin.get()
    if origin is None or name in _names(origin.overridden):
        return
    if not is_trusted(name) or not all(part.isidentifier() for part in name.split(".")):
        raise origin.refuse(name, _unknown(name))


def check_class(found: Any, base: type, name: str) -> None:
    """
    To be called with what a dotted name stands for.

    # Parameters

    found : `Any`
    base : `type`
        What the place takes.
    name : `str`

    # Raises

    `UntrustedConfigError`
        The name is from an archive's config, and stands for something else than a subclass of `base` that a
        trusted package defines: a function, say, or what a module has imported.
    """
    origin = _origin.get()
    if origin is None or name in _names(origin.overridden):
        return
    if not (isinstance(found, type) and issubclass(found, base) and is_trusted(found.__module__)):
        raise origin.refuse(name, f"which is not a class of kind {base.__name__} in a trusted package")


def check_pipeline(name: str) -> None:
    """
    To be called with the name of a pipeline, before spaCy imports the package of this name.

    # Parameters

    name : `str`
        A package, or a directory, which spaCy only reads.

    # Raises

    `UntrustedConfigError`
        It is from an archive's config, and not named as pipelines are (`en_core_web_sm`).
    """
    origin = _origin.get()
    if origin is None or name in _names(origin.overridden):
        return
    if "/" not in name and os.sep not in name and not re.fullmatch(r"[a-z]{2,3}_\w+", name):
        raise origin.refuse(name, "which is not named as a pipeline of spaCy is, such as 'en_core_web_sm'")


def read_config(
    directory: Union[str, os.PathLike],
    overrides: Union[str, Dict[str, Any]] = "",
    archive: Optional[Union[str, os.PathLike]] = None,
    trusted: bool = False,
) -> Params:
    """
    The config of a model that is loaded, as JSON: Jsonnet could read other files.

    # Parameters

    directory : `Union[str, os.PathLike]`
        Where the archive was unpacked, or a run's directory.
    overrides : `Union[str, Dict[str, Any]]`, optional (default = `""`)
        The user's own, in Jsonnet.
    archive : `Union[str, os.PathLike]`, optional (default = `directory`)
        What messages call it.
    trusted : `bool`, optional (default = `False`)
        If true, the config is the user's own, and may name anything.

    # Returns

    `Params`
        Marked as the archive's, unless `trusted`.

    # Raises

    `ConfigurationError`
        There is no config, it is not JSON, or lacks the objects that a model is made from.
    `UntrustedConfigError`
        It could run code.
    """
    archive = os.fspath(archive or directory)
    overridden = _read_overrides(overrides)
    try:
        config = _read(Path(directory) / _CONFIG, archive)
        if overridden:
            config = with_overrides(config, overridden)
        _expect_objects(config, archive)
        params = Params(config)
        if not trusted:
            params.origin = origin = Origin(archive, config, overridden)
            _check(origin)
    except RecursionError:
        raise ConfigurationError(f"{archive}: {_CONFIG} is nested too deeply to be a model's.") from None
    return params


@contextmanager
def naming(archive: Union[str, os.PathLike], directory: Union[str, os.PathLike], part: str) -> Iterator[None]:
    """
    Makes whatever goes wrong when a model is loaded a sentence that names the archive.

    # Parameters

    archive : `Union[str, os.PathLike]`
    directory : `Union[str, os.PathLike]`
        Where it is unpacked, which nobody knows.
    part : `str`
        What is loaded.
    """
    archive, directory = os.fspath(archive), os.fspath(directory)
    try:
        yield
    except ConfigurationError as error:
        message = _refusal(error) or str(error)
        if directory != archive:
            message = message.replace(directory + os.sep, "")
        if archive in message:
            raise ConfigurationError(message) from error
        raise ConfigurationError(f"{archive}: {part} cannot be loaded: {message}") from error
    except Exception as error:  # an archive may be wrong in any way
        message = " ".join(str(error).split())
        if directory != archive:
            message = message.replace(directory + os.sep, "")
        raise ConfigurationError(
            f"{archive}: {part} cannot be loaded ({type(error).__name__}: {message}); the archive may be "
            "damaged or incomplete, or made for other versions or another machine."
        ) from error


def _refusal(error: BaseException) -> Optional[str]:
    """The refusal behind an error: AllenNLP tries what a place may hold one after the other."""
    seen: Optional[BaseException] = error
    while seen is not None:
        if isinstance(seen, UntrustedConfigError):
            return seen.message
        seen = seen.__cause__ or seen.__context__
    return None


def _read(path: Path, archive: str) -> Dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{archive}: has no {_CONFIG}, so that it is no archive of a model, nor the directory of a run."
        ) from None
    except (OSError, ValueError, RecursionError) as error:  # of encoding, JSON or bounds
        raise ConfigurationError(
            f"{archive}: {_CONFIG} is not JSON ({error}); the archive is damaged, or is none of AllenNLP's."
        ) from None
    if not isinstance(config, dict):
        raise ConfigurationError(
            f"{archive}: {_CONFIG} holds a JSON {type(config).__name__}; expected an object."
        )
    return config


def _expect_objects(config: Dict[str, Any], archive: str) -> None:
    for key in _OBJECTS:
        value = config.get(key)
        if isinstance(value, str):
            config[key] = {"type": value}
        elif not isinstance(value, dict) and (value is not None or key in ("dataset_reader", "model")):
            raise ConfigurationError(f"{archive}: {key} in {_CONFIG} is {value!r}; expected an object.")


def _read_overrides(overrides: Union[str, Dict[str, Any]]) -> Dict[str, Any]:
    if isinstance(overrides, dict):
        return overrides
    try:
        read = parse_overrides(overrides)
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"the overrides {overrides!r} cannot be read: {str(error).strip()}"
        ) from None
    if not isinstance(read, dict):
        raise ConfigurationError(f"the overrides {overrides!r} are no object")
    return read


def _check(origin: Origin) -> None:
    """
    Looks through the config before anything is built. Names are checked again where they are resolved; here
    the message has the key, and nothing has been loaded.
    """
    # The registry knows the names; it is not imported at the top, since it imports this.
    from allennlp.common.registrable import Registrable

    registered = {name for names in Registrable._registry.values() for name in names}
    overridden = _names(origin.overridden)
    for key, value in _walk(origin.config):
        name = key.rpartition(".")[2]
        if name == "type" and isinstance(value, str) and key.partition(".")[0] in _OBJECTS:
            if "." in value and value not in registered | overridden and not is_trusted(value):
                raise origin.refuse(value, _unknown(value))
        elif name in _RUN_CODE and not (value is None or _RUN_CODE[name](value)):
            if not any(f"{key}.".startswith(f"{other}.") for other in origin.overridden):
                raise UntrustedConfigError(
                    f"{origin.archive}: {key} in {_CONFIG} is {value!r}, which makes a library run code that "
                    "lies elsewhere, and is not loaded. If you trust it, set it yourself: -o "
                    f"'{json.dumps({key: value})}'."
                )


def _unknown(name: str) -> str:
    return (
        "which is neither a registered name nor in a trusted package (AllenNLP, allennlp-models, "
        f"luke-allennlp, and those of --include-package; {name.partition('.')[0]!r} is none)"
    )


def _names(overridden: Dict[str, Any]) -> FrozenSet[str]:
    """What the user's own overrides may name."""
    return frozenset(value for _, value in _walk(overridden) if isinstance(value, str))


def _walk(value: Any, key: str = "") -> Iterator[Tuple[str, Any]]:
    """All that a config holds, with its place, as overrides spell it."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for name, item in items:
        place = f"{key}.{name}" if key else str(name)
        yield place, item
        yield from _walk(item, place)
