"""What authors need: one source, from which stubs, notebooks and the students' tree are made."""
