"""Tools, as edges and workers know them: what there is, for whom, and the sessions of who calls."""
