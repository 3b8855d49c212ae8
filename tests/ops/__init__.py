"""The page of ops: every page for every role as HTML, and in a real browser."""
