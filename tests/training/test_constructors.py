"""The check against classes made for it, compared with what AllenNLP's `from_params` really accepts."""

import copy
import re
from typing import Any, Dict, Iterable, List, Mapping, Optional, Set, Tuple, Union

import pytest
import torch
from allennlp.commands.train import TrainModel
from allennlp.common import FromParams, Lazy, Params, Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.training import GradientDescentTrainer
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from luke_allennlp.training.config_check import check_config, find_mistakes
from luke_allennlp.training.constructors import Others, accepted_options, keywords_of_construct


class Part(Registrable):
    default_implementation = "plain"


@Part.register("plain")
class PlainPart(Part):
    def __init__(self, size: int = 1, ratio: float = 0.5) -> None:
        self.size = size


@Part.register("named")
class NamedPart(Part):
    def __init__(self, name: str, inner: Optional[Part] = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)


@Part.register("made", constructor="make")
class MadePart(PlainPart):
    @classmethod
    def make(cls, extra: Union[int, List[str]], **kwargs: Any) -> "MadePart":
        return cls(**kwargs)


@Part.register("passing")
class PassingPart(PlainPart):
    def __init__(self, flag: bool = False, **kwargs: Any) -> None:
        if "old" in kwargs:
            flag = kwargs.pop("old")
        super().__init__(**kwargs)
        self.flag = flag


@Part.register("keeping")
class KeepingPart(Part):
    def __init__(self, **kwargs: Any) -> None:
        self.everything = kwargs


@Part.register("own")
class OwnPart(Part):
    @classmethod
    def from_params(cls, params: Params, **extras: Any) -> "OwnPart":  # type: ignore[override]
        return cls()


class Module(torch.nn.Module, Registrable):
    pass


@Module.register("plain")
class PlainModule(Module):
    def __init__(self, size: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class Settings(FromParams):
    def __init__(self, size: int, part: Part = None) -> None:  # type: ignore[assignment]
        pass


class Whole(Registrable):
    default_implementation = "whole"


@Whole.register("whole")
class RealWhole(Whole):
    def __init__(
        self,
        part: Part,
        parts: List[Part] = None,  # type: ignore[assignment]
        named: Dict[str, Part] = None,  # type: ignore[assignment]
        mapped: Mapping[str, Union[int, Part]] = None,  # type: ignore[assignment]
        pair: Tuple[str, Part] = None,  # type: ignore[assignment]
        pairs: List[Tuple[str, int]] = None,  # type: ignore[assignment]
        names: Set[str] = None,  # type: ignore[assignment]
        some: Iterable[float] = None,  # type: ignore[assignment]
        either: Union[str, List[Part], Settings] = "a",
        lazy: Lazy[Part] = Lazy(PlainPart),  # noqa: B008
        lazies: List[Lazy[Part]] = None,  # type: ignore[assignment]
        settings: Optional[Settings] = None,
        anything: Any = None,
        bare: List = None,  # type: ignore[assignment]
        optionals: List[Optional[int]] = None,  # type: ignore[assignment]
        number: Union[int, float, None] = None,
        module: Module = None,  # type: ignore[assignment]
        text: str = "x",
        flag: bool = False,
        size: int = 1,
    ) -> None:
        for item in [lazy, *(lazies or [])]:
            item.construct()


scalars = st.sampled_from(
    [None, 0, 1, 2.5, True, "x", "3", "None", "plain", "named", "made", "", "own", "whole"]
)
part_keys = st.sampled_from(
    ["type", "size", "ratio", "name", "inner", "extra", "flag", "old", "part", "other"]
)
types = st.sampled_from(
    ["plain", "named", "made", "passing", "keeping", "own", "none", f"{__name__}.PlainPart"]
)


def _objects(inner: st.SearchStrategy) -> st.SearchStrategy:
    return st.builds(
        lambda options, type_: {**options, **({"type": type_} if type_ else {})},
        st.dictionaries(part_keys, inner, max_size=2),
        st.none() | types,
    )


values = st.recursive(
    scalars | _objects(scalars),
    lambda inner: (
        _objects(inner)
        | st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    ),
    max_leaves=6,
)
whole_keys = st.sampled_from(["lpart", *accepted_options(RealWhole, RealWhole.__init__).names])
good_parts = st.sampled_from(
    ["plain", {}, {"size": 2}, {"type": "passing", "old": True}, {"type": "keeping", "a": 1}]
)


NONSENSE = re.compile(
    r"found (null|true|false)\b|^laz(y|ies\.\d+): expected a Part object, found (0|\"\"|''|the list \[\])\.$"
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(whole_keys, values, min_size=1, max_size=2), good_parts)
def test_refuses_only_nonsense_that_from_params_accepts(options: Dict[str, Any], part: Any) -> None:
    config = {"part": part, **options}
    try:
        Whole.from_params(Params(copy.deepcopy(config)))
    except Exception:
        event("refused")
        return
    event("accepted")
    _, mistakes = find_mistakes(Params(copy.deepcopy(config)), base_class=Whole)
    for mistake in mistakes:
        event("nonsense")
        assert NONSENSE.search(mistake.message), mistake


@pytest.mark.parametrize(
    "config, message",
    [
        ({"part": {"sise": 1}}, 'part: no option "sise" for PlainPart; did you mean "size"?'),
        (
            {"part": {"type": "passing", "flags": 1}},
            'part: no option "flags" for PassingPart; did you mean "flag"?',
        ),
        ({"part": {"type": "made", "extra": 1, "sise": 1}}, 'part: no option "sise" for MadePart'),
        (
            {"part": {"type": "made", "extra": 2.5}},
            "part.extra: expected an integer or a list, found 2.5.",
        ),
        ({"part": {"type": "named", "name": "a", "x": 1}}, 'part: no option "x" for NamedPart.'),
        ({"part": {}, "either": {"sise": 1}}, 'either: no option "sise" for Settings'),
        (
            {"part": {}, "either": {"size": 1, "part": {"sise": 1}}},
            'either.part: no option "sise" for PlainPart',
        ),
        ({"part": {}, "either": [{"type": "nmed"}]}, "either.0.type: no Part is registered"),
        ({"part": {}, "lazy": {"sise": 1}}, 'lazy: no option "sise"'),
        ({"part": {}, "mapped": {"a": "b"}}, 'mapped.a: no Part is registered as "b"'),
        ({"part": {}, "pair": ["a", {"sise": 1}]}, "pair.1: no option"),
        ({"part": {}, "names": [1]}, "names.0: expected a string, found 1."),
        ({"part": {}, "settings": {"part": {}}}, None),
        ({"part": {}, "module": {"type": "plain", "sise": 1}}, 'module: no option "sise" for PlainModule'),
        ({"part": {"type": "own", "whatever": 1}, "anything": {"b": 1}, "bare": [{}]}, None),
        ({"part": {"type": "keeping", "whatever": 1}}, None),
        ({"part": {"type": "passing", "old": True}}, None),
    ],
)
def test_kinds_of_annotations(config: Dict[str, Any], message: Optional[str]) -> None:
    if message is None:
        check_config(Params(config), base_class=Whole)
        return
    with pytest.raises(ConfigurationError) as raised:
        check_config(Params(config), base_class=Whole)
    assert str(raised.value).startswith(message)


class TestConstructors:
    def test_kwargs_are_followed(self) -> None:
        assert accepted_options(PassingPart, PassingPart.__init__).names == {"flag", "old", "size", "ratio"}
        assert accepted_options(MadePart, MadePart.make).names >= {"extra", "size", "ratio"}
        assert accepted_options(MadePart, MadePart.make).others is Others.REFUSED
        assert accepted_options(KeepingPart, KeepingPart.__init__).others is Others.UNKNOWN
        assert accepted_options(PlainModule, PlainModule.__init__).names == {"size"}
        assert accepted_options(Part, Part.__init__).others is Others.REFUSED

    def test_keywords_of_construct(self) -> None:
        constructor = TrainModel.from_partial_objects
        assert keywords_of_construct(constructor, "data_loader") == {"reader", "data_path"}
        assert keywords_of_construct(constructor, "vocabulary") == {"instances"}
        # Constructed in a loop, under another name.
        assert keywords_of_construct(GradientDescentTrainer.from_partial_objects, "callbacks") is None
