"""The job summary of GitHub Actions: Markdown that its page shows of a job."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def append_to_job_summary(text: str) -> None:
    """text: Markdown, with all its line ends. Nothing happens where there is no such summary, or it can't be written:
    it never makes a run fail.
    """
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with suppress(OSError), Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)
