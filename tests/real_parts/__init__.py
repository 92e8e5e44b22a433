"""Tests that run real programs on loopback: `invoke parts` gets them."""
