"""A second opinion: what the gate should decide, worked out again in another way and by another hand."""
