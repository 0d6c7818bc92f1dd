"""The tasks that LUKE is fine-tuned for, a folder each."""
