"""The commands of `iars`, one file for each command or group.

A file here offers `register(app)`, which adds its commands to the command line; nothing else lists them.
"""
