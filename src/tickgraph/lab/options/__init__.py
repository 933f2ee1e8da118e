"""Whether what is said of options comes true."""
