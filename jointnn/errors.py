"""Mistakes that a user can mend: printed as one sentence, without a traceback."""


class UserError(Exception):
    """What is wrong with the value found, and what to do. `__main__` prints it and exits with 1."""


class DivergedError(UserError):
    """A loss became NaN or exploded: names the method, the dataset and the step, and gives advice."""
