"""What a try's outcome means, and how what is sent is signed."""
