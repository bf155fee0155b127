"""The control plane's side of one engine: channel, session, observation."""
