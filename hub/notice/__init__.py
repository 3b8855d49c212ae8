"""The notice: what the policies, taken together, tell the public; derived, never written by hand."""
