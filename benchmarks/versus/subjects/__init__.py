"""One way to get an answer from two endpoints each."""
