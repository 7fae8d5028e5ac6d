"""The rooms that decide; no socket, clock, randomness, pip or urllib3 is in them."""
