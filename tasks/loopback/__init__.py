"""The practice data centre: real programs on this machine's loopback, and nothing beyond it."""
