"""Which job comes after which, what each may know, and which is out of date. No torch here."""
