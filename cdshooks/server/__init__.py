"""The web edge: the only package that reads the clock, the environment and the disk while answering."""
