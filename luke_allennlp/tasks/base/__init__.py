"""What all tasks share: reader, model, predictor and metric."""
