"""Tests that start a real pip in throw-away environments made from the built wheel."""
