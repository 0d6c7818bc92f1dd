"""From the scores of candidate spans to entities (Yamada et al., EMNLP 2020, section 4.3)."""

from typing import List, NamedTuple, Sequence, Tuple

import torch
from torch import Tensor


class PredictedCandidate(NamedTuple):
    """
    A candidate span that is classified as an entity.

    # Parameters

    candidate : `int`
        Its index among the candidates of its instance.
    label : `int`
        The index of its best label.
    logit : `float`
        The score of that label, by which overlapping candidates are ranked.
    probability : `float`
        The same after the softmax.
    """

    candidate: int
    label: int
    logit: float
    probability: float


def non_overlapping(spans: Sequence[Tuple[int, int]], scores: Sequence[float]) -> List[int]:
    """
    Chooses spans greedily by descending score: a span is accepted if all its words are still free. Of equal
    scores, the earlier span in `spans` wins.

    # Parameters

    spans : `Sequence[Tuple[int, int]]`
        First word of each span, and the word after its last.
    scores : `Sequence[float]`
        The original system ranks by the raw logit, not by the probability.

    # Returns

    `List[int]`
        The indices of the accepted spans, ordered by position in the sentence.
    """
    taken = bytearray(max((end for _, end in spans), default=0))
    accepted = []
    for index in sorted(range(len(spans)), key=lambda index: -scores[index]):
        start, end = spans[index]
        if not any(taken[start:end]):
            taken[start:end] = b"\x01" * (end - start)
            accepted.append(index)
    return sorted(accepted, key=lambda index: spans[index])


@torch.no_grad()
def predicted_candidates(logits: Tensor, mask: Tensor, nil_index: int) -> List[List[PredictedCandidate]]:
    """
    The candidates of a batch whose best label is not NIL. Only these leave the device, in one transfer.

    # Parameters

    logits : `Tensor`
        Of any floating type. Shape: (batch, candidates, labels).
    mask : `Tensor`
        False for padding. Shape: (batch, candidates).
    nil_index : `int`
        The label of a span that is no entity.

    # Returns

    `List[List[PredictedCandidate]]`
        For each instance of the batch, in ascending order.
    """
    scores = logits.float()
    # Shape (both): (batch, candidates)
    best, labels = scores.max(dim=-1)
    probabilities = (best - scores.logsumexp(dim=-1)).exp()
    # Shape (both): (predicted,)
    instances, candidates = torch.nonzero(mask.bool() & (labels != nil_index), as_tuple=True)
    chosen = (instances, candidates)
    # Indices can travel with the scores: float32 holds integers up to 2^24 exactly.
    columns = [instances.float(), candidates.float(), labels[chosen].float()]
    # Shape: (predicted, 5)
    rows = torch.stack([*columns, best[chosen], probabilities[chosen]], dim=-1).cpu()
    predicted: List[List[PredictedCandidate]] = [[] for _ in range(logits.size(0))]
    for instance, candidate, label, logit, probability in rows.tolist():
        predicted[int(instance)].append(PredictedCandidate(int(candidate), int(label), logit, probability))
    return predicted
