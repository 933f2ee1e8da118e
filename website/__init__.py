"""The documentation site: pages that are made from the program, and what MkDocs needs to know of the others."""
