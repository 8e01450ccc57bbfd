"""Mistakes of a user, each told in one line that names the argument and the remedy."""


class UserError(Exception):
    """Wrong use of an argument, a flag or a file; the command line exits with status 2."""
