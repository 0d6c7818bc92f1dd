"""Experiments: what data is like, and the config that it calls for."""
