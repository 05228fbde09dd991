"""What test/bench/run measures, a module for each subject."""
