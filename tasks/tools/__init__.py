"""One module per program: command lines are built and answers parsed here, and nothing is run."""
