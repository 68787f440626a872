"""Tables and views as files that every tool reads, with a manifest beside them. Changes nothing in the warehouse."""
