"""The command line: arguments in, findings out as text or JSON."""
