"""The edge's job flow: follow the job, produce it, and hand its frames to the client."""
