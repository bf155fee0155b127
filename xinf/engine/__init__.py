"""The control plane's side of one engine: its channel, the session on it, what can be observed.

`channel` asks and commands; `session` carries requests, all of them over one stream. Whatever goes
wrong with one request is an EngineFailure; whatever goes wrong with a command is an XinfError.
"""
