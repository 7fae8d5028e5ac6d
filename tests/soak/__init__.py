"""Does anything go wrong in an hour of random installs through random faults?

`python -m tests.soak --seconds 3600` plays scenes, one after the other: a world
of indexes, mirrors and packages (`worlds`), one to three acts in it, each some
pips with random options (`acts`) while random troubles happen (`troubles`). The
rule: everything drawn follows from the seed and the number of the scene, so
`--seed N --only K` plays scene K again alone; and after each act a judge
(`judge`) holds what is there against what the world defined.
"""
