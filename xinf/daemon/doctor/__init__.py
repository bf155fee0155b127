"""`xinf doctor`: what is amiss on this machine, what that means, and what to do about it.

    gather    looks, for a bounded time each, and only reads: facts
    examine   decides: facts become findings, by one file of checks for each theme

The checks are functions of values, so every one of them is tested without the machine that it is
about.
"""
