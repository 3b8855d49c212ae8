"""Swindon's children's social care: keeps the case records, and tells of flags, adoptions, children and care."""
