"""
From the scores of starts and ends to answers (the procedure of the original system, which is that of BERT's
and XLNet's releases).
"""

from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from luke_allennlp.tasks.base.model import in_float32


class BestSpans(NamedTuple):
    """
    # Parameters

    scores : `Tensor`
        Start plus end logit, descending; minus infinity where there is no such span. The last one is the best
        span of all, however low its ends rank: it is there for questions that have no other.
        Shape: (batch, spans).
    starts, ends : `Tensor`
        First and last position, inclusive. Shape: (batch, spans).
    """

    scores: Tensor
    starts: Tensor
    ends: Tensor


@torch.no_grad()
def best_spans(
    start_logits: Tensor,
    end_logits: Tensor,
    mask: Tensor,
    limits: Tensor,
    n_best: int = 20,
    max_answer_length: int = 30,
) -> BestSpans:
    """
    The best answers of each window: pairs of one of the `n_best` best starts and one of the `n_best` best
    ends among all its positions, those of the question too; of these pairs, what can be an answer.

    # Parameters

    start_logits, end_logits : `Tensor`
        Shape: (batch, words).
    mask : `Tensor`
        False for padding. Shape: (batch, words).
    limits : `Tensor`
        First position of the passage and the one after its last, and the same of those where an answer of
        this window may begin. Shape: (batch, 4).
    n_best : `int`, optional (default = `20`)
    max_answer_length : `int`, optional (default = `30`)
        In sub-words.

    # Returns

    `BestSpans`
        Up to `n_best` spans, equal ones in the order of their starts' and ends' ranks, and the last one.
    """
    start_scores = in_float32(start_logits).masked_fill(~mask, -torch.inf)
    end_scores = in_float32(end_logits).masked_fill(~mask, -torch.inf)
    words = mask.size(1)
    first, behind, first_start, behind_starts = limits.unsqueeze(-1).unbind(1)  # Shape of each: (batch, 1)

    # Stable sorting, unlike topk, puts the earlier position first among equals, on any device.
    # Shape: (batch, starts), (batch, ends)
    starts = start_scores.sort(dim=-1, descending=True, stable=True).indices[:, :n_best]
    ends = end_scores.sort(dim=-1, descending=True, stable=True).indices[:, :n_best]
    start_allowed = (starts >= first_start) & (starts < behind_starts)
    end_allowed = (ends >= first) & (ends < behind)
    # Shape: (batch, starts, ends)
    lengths = ends.unsqueeze(1) - starts.unsqueeze(2) + 1
    allowed = start_allowed.unsqueeze(2) & end_allowed.unsqueeze(1)
    allowed &= (lengths >= 1) & (lengths <= max_answer_length)
    scores = start_scores.gather(1, starts).unsqueeze(2) + end_scores.gather(1, ends).unsqueeze(1)
    scores = scores.masked_fill(~allowed, -torch.inf).flatten(1)
    ranked, pairs = (part[:, :n_best] for part in scores.sort(dim=-1, descending=True, stable=True))
    ranked_starts = starts.gather(1, pairs.div(ends.size(1), rounding_mode="floor"))
    ranked_ends = ends.gather(1, pairs.remainder(ends.size(1)))

    positions = torch.arange(words, device=mask.device)
    inside = (positions >= first) & (positions < behind)
    # The best end of each start. Shape: (batch, words, max_answer_length)
    following = F.pad(
        end_scores.masked_fill(~inside, -torch.inf), (0, max_answer_length - 1), value=-torch.inf
    )
    end_of_start = following.unfold(1, max_answer_length, 1).max(dim=-1)
    may_start = (positions >= first_start) & (positions < behind_starts)
    best = (start_scores + end_of_start.values).masked_fill(~may_start, -torch.inf).max(dim=-1, keepdim=True)
    return BestSpans(
        torch.cat([ranked, best.values], dim=1),
        torch.cat([ranked_starts, best.indices], dim=1),
        torch.cat([ranked_ends, best.indices + end_of_start.indices.gather(1, best.indices)], dim=1),
    )


class Candidate(NamedTuple):
    """
    A possible answer. Of two, the greater one is the better.

    # Parameters

    is_ranked : `bool`
        False for the one that a window names for want of others.
    score : `float`
    window : `int`
        Minus the number of its window, so that the earlier one wins.
    rank : `int`
        Minus its rank there.
    start, end : `int`
        Characters of the passage, the end exclusive.
    """

    is_ranked: bool
    score: float
    window: int
    rank: int
    start: int
    end: int


def candidates_of(spans: BestSpans, metadata: List[Dict[str, Any]]) -> List[List[Candidate]]:
    """
    # Parameters

    spans : `BestSpans`
    metadata : `List[Dict[str, Any]]`
        Of the reader.

    # Returns

    `List[List[Candidate]]`
        Those of each window, the best first.
    """
    all_scores = spans.scores.tolist()
    # Shape: (batch, spans)
    all_starts, all_ends = torch.stack([spans.starts, spans.ends]).cpu().numpy()
    found = []
    for data, scores, starts, ends in zip(metadata, all_scores, all_starts, all_ends, strict=True):
        number = sum(score > -np.inf for score in scores[:-1])
        # Where nothing is ranked the last is all there is, if there is any.
        chosen = range(number) if number else [len(scores) - 1] if scores[-1] > -np.inf else []
        offsets, shift = data["passage"].offsets, data["window_start"] - data["first_position"]
        found.append(
            [
                Candidate(
                    is_ranked=number > 0,
                    score=scores[index],
                    window=-data["window"],
                    rank=-rank,
                    start=int(offsets[starts[index] + shift, 0]),
                    end=int(offsets[ends[index] + shift, 1]),
                )
                for rank, index in enumerate(chosen)
            ]
        )
    return found


class ScoredAnswer(NamedTuple):
    """
    # Parameters

    text : `str`
        Empty if the passage has no answer.
    start, end : `int`, optional
        Its characters in the passage.
    score : `float`
        Start plus end logit.
    """

    text: str
    start: Optional[int]
    end: Optional[int]
    score: float


def n_best_answers(
    candidates: Iterable[Candidate], text_of: Callable[[int, int], str], n_best: int = 20
) -> List[ScoredAnswer]:
    """
    The best answers to a question, of which no two have the same text.

    # Parameters

    candidates : `Iterable[Candidate]`
        Of all its windows.
    text_of : `Callable[[int, int], str]`
        The text of an answer from its first character and the one after its last.
    n_best : `int`, optional (default = `20`)

    # Returns

    `List[ScoredAnswer]`
        The best first; empty if the passage has no sub-words.
    """
    ordered = sorted(candidates, reverse=True)
    answers: Dict[str, ScoredAnswer] = {}
    for candidate in ordered:
        if len(answers) == n_best or candidate.is_ranked != ordered[0].is_ranked:
            break
        text = text_of(candidate.start, candidate.end)
        answers.setdefault(text, ScoredAnswer(text, candidate.start, candidate.end, candidate.score))
    return list(answers.values())


def probabilities(scores: List[float]) -> List[float]:
    """
    The softmax of the scores of n-best answers.

    # Parameters

    scores : `List[float]`

    # Returns

    `List[float]`
    """
    if not scores:
        return []
    exponentials = np.exp(np.array(scores) - max(scores))
    return (exponentials / exponentials.sum()).tolist()
