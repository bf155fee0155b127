"""Which replica answers a request, and what a request does until one can.

`pick` decides (pure), `endpoints` keeps a session to every engine, `admission` holds the requests
that must wait, and `router` carries one request through all of it, across engine deaths.
"""
