"""The real programs that rehearsals of a deployment and tests run: pinned, and got into a cache folder."""
