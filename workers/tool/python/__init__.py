"""python_exec: programs run in a sandbox, or not at all.

`opening.open_python(settings, media, database, objects)` opens the tool: a bubblewrap on this machine, or a
SandboxFusion elsewhere. Where there is neither, its `off_reason` says why.
"""
