"""spotlib."""
