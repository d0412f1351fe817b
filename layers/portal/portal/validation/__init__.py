"""Request bodies and the field types that every function shares: what is asked for, and the words when it is wrong."""
