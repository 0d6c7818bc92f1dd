"""From start and end logits to answers, as in the original system and BERT's and XLNet's releases."""

from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from luke_allennlp.tasks.base.model import in_float32


class BestSpans(NamedTuple):
    """
    Spans of each window, with their first and last position, inclusive. All shapes: (batch, spans).

    Scores are start plus end logit, descending; minus infinity where there is no such span. The last span is
    the best of all, however low its ends rank, for questions that have no other.
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
    The best answers of each window: the valid pairs of one of the `n_best` best starts and one of the
    `n_best` best ends among all its positions, the question's included.

    # Parameters

    start_logits, end_logits : `Tensor`
        Shape: (batch, tokens).
    mask : `Tensor`
        False for padding. Shape: (batch, tokens).
    limits : `Tensor`
        First position of the passage and the one after its last, and the same for positions where an answer
        of this window may start. Shape: (batch, 4).
    max_answer_length : `int`, optional (default = `30`)
        In tokens.

    # Returns

    `BestSpans`
        Up to `n_best` spans, equal ones in the order of their starts' and ends' ranks, and the best of all.
    """
    start_scores = in_float32(start_logits).masked_fill(~mask, -torch.inf)
    end_scores = in_float32(end_logits).masked_fill(~mask, -torch.inf)
    first, behind, first_start, behind_starts = limits.unsqueeze(-1).unbind(1)  # Shape of each: (batch, 1)

    # Stable sorting, unlike topk, puts the earlier of equal positions first on any device.
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

    positions = torch.arange(mask.size(1), device=mask.device)
    inside = (positions >= first) & (positions < behind)
    # The best end of each start. Shape: (batch, tokens, max_answer_length)
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
    """A possible answer; greater is better."""

    is_ranked: bool  # false for the fallback of a window without ranked spans
    score: float
    window: int  # negated number of its window, so that the earlier one wins
    rank: int  # negated rank in its window
    # Characters of the passage, end exclusive.
    start: int
    end: int


def candidates_of(spans: BestSpans, metadata: List[Dict[str, Any]]) -> List[List[Candidate]]:
    """The candidates of each window, best first."""
    all_scores = spans.scores.tolist()
    # Shape: (batch, spans)
    all_starts, all_ends = torch.stack([spans.starts, spans.ends]).cpu().numpy()
    found = []
    for data, scores, starts, ends in zip(metadata, all_scores, all_starts, all_ends, strict=True):
        number = sum(score > -np.inf for score in scores[:-1])
        # Without ranked spans the last one is the only one, if any.
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
    """An answer with its characters in the passage; no answer has an empty text."""

    text: str
    start: Optional[int]
    end: Optional[int]
    score: float  # start plus end logit


def n_best_answers(
    candidates: Iterable[Candidate], text_of: Callable[[int, int], str], n_best: int = 20
) -> List[ScoredAnswer]:
    """
    The best answers to a question with distinct texts, best first, from the candidates of all its windows;
    empty if the passage has no tokens. `text_of` returns the text of an answer from its first character and
    the one after its last.
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
    """The softmax of the scores of n-best answers."""
    if not scores:
        return []
    exponentials = np.exp(np.array(scores) - max(scores))
    return (exponentials / exponentials.sum()).tolist()
