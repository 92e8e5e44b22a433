"""Decisions: pure functions over frozen values. No Context, no subprocess, no clock, no file."""
