"""The figures of the steps of a run, a line of JSON each."""

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Union


class StepLog:
    """
    Appends to a file of JSON lines. What a run that was killed wrote after its last checkpoint is taken out
    when it goes on from there.

    # Parameters

    path : `Union[str, os.PathLike]`
    steps_completed : `int`
        Where the run starts: lines of later steps go, and so does a last line that is not whole.
    """

    def __init__(self, path: Union[str, os.PathLike], steps_completed: int) -> None:
        self._path = Path(path)
        if self._path.exists():
            kept = "".join(line for line in self._lines() if json.loads(line)["step"] <= steps_completed)
            temporary = self._path.with_name(self._path.name + ".tmp")
            temporary.write_text(kept, encoding="utf-8")
            os.replace(temporary, self._path)

    def _lines(self) -> List[str]:
        with self._path.open(encoding="utf-8") as file:
            return [line for line in file if line.endswith("\n")]

    def write(self, figures: Dict[str, Any]) -> None:
        """
        # Parameters

        figures : `Dict[str, Any]`
            With "step", the number of steps completed.
        """
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")
