"""Live views for a terminal.

What is shown is a pure function of a picture and a canvas (`frame.py`); what happens meanwhile is
folded into a state by another pure function (`state.py`). `live.py` is the only loop, `screen.py`
the only file that touches the terminal.
"""
