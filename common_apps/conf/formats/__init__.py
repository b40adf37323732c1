"""How pages write times, by language; Django looks for ``<language>/formats.py``."""
