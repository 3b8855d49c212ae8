"""How things are carried: names no agency and no stream; finds both by name, at load, and imports neither."""

__version__ = "0.1.0"
