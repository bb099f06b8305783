"""Commands of the command line, one a file; `spotlib.cli` gathers them."""
