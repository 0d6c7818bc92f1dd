"""What no part of the package owns: files, JSON lines, optional requirements."""
