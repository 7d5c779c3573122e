"""One room for each kind of job: __main__ wires, handler listens, core decides, adapters reach outside."""
