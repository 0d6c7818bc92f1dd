"""Files of weights: where they are found, what is in them, and what their parameters are called."""
