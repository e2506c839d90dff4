"""Lists of the topology file as tables, for spreadsheets: tags of a pipeline, alarm rules."""
