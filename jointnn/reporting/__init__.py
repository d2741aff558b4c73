"""Tables, figures, results pages and MLflow, from the files that jobs leave. No torch here."""
