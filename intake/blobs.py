"""Bytes -> digest, durably: content-addressed files named by their sha256.

Order of a batch: stage everything (no fsync), flush once (fsync files, rename, fsync folders),
and only then commit the transaction that refers to it.
"""
