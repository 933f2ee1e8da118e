"""Networks of the ranking benchmark: three of the published table, and tickgraph's own."""
