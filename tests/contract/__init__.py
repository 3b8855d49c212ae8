"""Promises kept by every stream and agency, found by walking the catalog."""
