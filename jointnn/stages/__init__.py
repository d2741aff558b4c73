"""The stages of the pipeline, one file each: read files, call the library, write files."""
