"""Reports of runs: one self-contained page of HTML about one run or several."""
