"""The web page of ops: what the picture says, for people; who looks, and who may see it, is decided elsewhere."""
