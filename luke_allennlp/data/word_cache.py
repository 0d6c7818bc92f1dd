"""What was made of words that come again and again."""

from typing import Any, Callable, Dict, Generic, List, Sequence, TypeVar

T = TypeVar("T")

_MAX_WORDS = 1_000_000
_MAX_CHARACTERS = 5_000_000


class WordCache(Generic[T]):
    """
    Results of a function of words, bounded in number and in characters: a process that predicts for weeks
    does not grow, nor one that reads words of any length. Where the bound is reached it begins anew.

    # Parameters

    function : `Callable[[List[str]], List[T]]`
        Takes words, each once, and gives one result a word.
    """

    def __init__(self, function: Callable[[List[str]], List[T]]) -> None:
        self._function = function
        self._results: Dict[str, T] = {}
        self._characters = 0

    def __len__(self) -> int:
        return len(self._results)

    @property
    def characters(self) -> int:
        """Of all words in it."""
        return self._characters

    def __call__(self, words: Sequence[str]) -> List[T]:
        """
        # Parameters

        words : `Sequence[str]`

        # Returns

        `List[T]`
            One a word.
        """
        known = self._results
        missing = list({word for word in words if word not in known})
        if not missing:
            return [known[word] for word in words]
        new = dict(zip(missing, self._function(missing), strict=True))
        results = [new[word] if word in new else known[word] for word in words]
        self._add(new)
        return results

    def _add(self, new: Dict[str, T]) -> None:
        characters = sum(map(len, new))
        if len(new) > _MAX_WORDS or characters > _MAX_CHARACTERS:
            return
        if len(self) + len(new) > _MAX_WORDS or self._characters + characters > _MAX_CHARACTERS:
            self._results, self._characters = {}, 0
        self._results.update(new)
        self._characters += characters

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_results": {}, "_characters": 0}
