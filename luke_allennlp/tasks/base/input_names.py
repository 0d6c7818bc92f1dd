"""What a predictor calls its inputs in an error."""

from typing import List, Sequence, Sized


class InputNames:
    """
    What predictors of records share: the names of their inputs, which are those that `allennlp predict` gives
    them (`sentences.jsonl, line 3`), else their count (`input 3`).
    """

    input_names: Sequence[str] = ()
    """Of the inputs of the next call, set by the caller."""

    _inputs = 0

    def names_of(self, inputs: Sized) -> List[str]:
        """
        # Parameters

        inputs : `Sized`
            All of one call.

        # Returns

        `List[str]`
            One each.
        """
        names, self.input_names = list(self.input_names), ()
        first = self._inputs + 1
        self._inputs += len(inputs)
        if len(names) == len(inputs):
            return names
        return [f"input {number}" for number in range(first, first + len(inputs))]
