"""The contract between control plane and engine shims: messages, framing, versions."""
