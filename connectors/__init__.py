"""Who speaks and who listens: one folder for each agency."""
