"""How long each topic is kept, and why: keeping.yaml by hand, the rest derived."""
