"""Errors that the user can fix."""


class UserError(Exception):
    """Invalid argument, flag or file; the command line prints it and exits with status 2."""
