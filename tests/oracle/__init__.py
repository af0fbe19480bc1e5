"""The first judge of every kernel: the same answers, found slowly, in code that a reader can check against the definition."""
