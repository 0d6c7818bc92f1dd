"""Atomic files, JSON records, text lines and optional requirements, shared by all parts."""
