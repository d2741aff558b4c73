"""Every method as a plan of phases, and the settings that it reads. No torch here."""
