"""Charts in repositories and archives, and what raising the hub's chart does: `invoke bump-daskhub`."""
