"""
The factories that spaCy finds by entry points. spaCy imports this module whenever a pipeline is made, in
whatever project: what the components need is imported when one of them is added.
"""

from typing import TYPE_CHECKING, Any, Dict, Optional

from spacy.language import Language

if TYPE_CHECKING:
    from luke_allennlp.spacy_components.entities import LukeEntities
    from luke_allennlp.spacy_components.entity_types import LukeTypes
    from luke_allennlp.spacy_components.relations import LukeRelations

_MODEL: Dict[str, Any] = {"device": None, "max_tokens": None}


@Language.factory(
    "luke_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc._.luke_entities", "span._.luke_score"],
    default_config={"spans_key": None, "overwrite_ents": False, "threshold": 0.0, **_MODEL},
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_ner(
    nlp: Language,
    name: str,
    model: str,
    spans_key: Optional[str],
    overwrite_ents: bool,
    threshold: float,
    device: Optional[str],
    max_tokens: Optional[int],
) -> "LukeEntities":
    from luke_allennlp.spacy_components.entities import LukeEntities

    return LukeEntities(
        model,
        name=name,
        spans_key=spans_key,
        overwrite_ents=overwrite_ents,
        threshold=threshold,
        device=device,
        max_tokens=max_tokens,
    )


@Language.factory(
    "luke_types",
    requires=["doc.ents"],
    assigns=["span._.luke_types"],
    default_config={"spans_key": None, "threshold": 0.5, **_MODEL},
)
def make_types(
    nlp: Language,
    name: str,
    model: str,
    spans_key: Optional[str],
    threshold: float,
    device: Optional[str],
    max_tokens: Optional[int],
) -> "LukeTypes":
    from luke_allennlp.spacy_components.entity_types import LukeTypes

    return LukeTypes(
        model, name=name, spans_key=spans_key, threshold=threshold, device=device, max_tokens=max_tokens
    )


@Language.factory(
    "luke_relations",
    requires=["doc.ents"],
    assigns=["doc._.luke_relations"],
    default_config={
        "spans_key": None,
        "order": "both",
        "max_distance": None,
        "threshold": 0.0,
        **_MODEL,
    },
)
def make_relations(
    nlp: Language,
    name: str,
    model: str,
    spans_key: Optional[str],
    order: str,
    max_distance: Optional[int],
    threshold: float,
    device: Optional[str],
    max_tokens: Optional[int],
) -> "LukeRelations":
    from luke_allennlp.spacy_components.relations import LukeRelations

    return LukeRelations(
        model,
        name=name,
        spans_key=spans_key,
        order=order,
        max_distance=max_distance,
        threshold=threshold,
        device=device,
        max_tokens=max_tokens,
    )
