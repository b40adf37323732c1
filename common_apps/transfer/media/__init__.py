"""Sticks: finding the one that is plugged in, reading it without following anything, and writing it so that it lasts.

Plain Python: what is on a stick and what has to go is the services' matter.
"""
