"""The hub on the cluster: its release, what it is made from, and how it gets there."""
