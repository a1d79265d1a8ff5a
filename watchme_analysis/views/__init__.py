"""Views: figures and tables for a reader; nothing is computed here."""
