"""The rooms that know other sources: their pages, and what may be believed of them; no I/O."""
