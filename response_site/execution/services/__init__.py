"""What is done with requests that came across."""
