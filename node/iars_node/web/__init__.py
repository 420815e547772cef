"""The case workers' pages: server-rendered, without a script needed, in the reader's language."""
