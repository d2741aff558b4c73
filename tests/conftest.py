"""For all tests."""

import signal

# A shell that starts the tests in the background ignores Ctrl-C, and with it would every process that a
# test starts to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)
