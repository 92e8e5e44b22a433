"""Speed, as ratios to something measured in the same minute on the same machine: reported, never asserted."""
