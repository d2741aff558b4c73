"""The view of a run in a terminal: its plan, a live table or plain lines, its end. No torch."""
