"""Exact match and F1 of an answer's text, as SQuAD's official scorers compute them."""

from functools import lru_cache
from typing import Tuple


@lru_cache(maxsize=100_000)
def exact_match_and_f1(text: str, gold: Tuple[str, ...], may_be_none: bool = False) -> Tuple[float, float]:
    """
    Compares texts without case, punctuation, articles and surplus whitespace, and returns the scores of the
    best gold answer, from 0 to 1. `may_be_none` says whether an empty answer may be right, as in
    `evaluate-v2.0.py`; `evaluate-v1.1.py`, and ReCoRD's scorer, give no F1 to an answer that normalization
    leaves empty.
    """
    # Imported here, as it loads all of allennlp-models' reading comprehension.
    from allennlp_models.rc.tools.squad import get_metric_score, get_tokens, normalize_answer

    if may_be_none:
        gold = tuple(answer for answer in gold if normalize_answer(answer))
    em, f1 = get_metric_score(text, gold or ("",))
    return float(em), f1 if may_be_none or get_tokens(text) else 0.0
