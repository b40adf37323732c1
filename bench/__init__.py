"""The ratios behind `make bench`. A benchmark is never a test: it reports, and asserts only that it measured the
right thing.
"""
