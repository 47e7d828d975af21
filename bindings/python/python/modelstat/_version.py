"""The version of the package; the wheel takes its own from the crate, and a test compares the two."""

__version__ = "0.2.0"
