"""What the room decides, without any I/O."""
