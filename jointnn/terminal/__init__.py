"""What a person sees of a run: what it will take, a live table or plain lines, how it ends. No torch."""
