"""The wire protocol: bytes in, verified objects out; no input or output, no clock, no database."""
