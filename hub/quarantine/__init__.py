"""Quarantine: what could not be read, understood or carried, sealed until a person decides; nothing leaves here."""
