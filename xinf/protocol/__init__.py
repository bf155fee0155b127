"""The contract between control plane and engine shims: messages, framing, versions.

This folder is copied beside the shim into interpreters with other versions of grpcio and protobuf:
it may import the standard library, grpc and google.protobuf, and nothing else.
"""
