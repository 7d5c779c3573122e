"""What crosses a process boundary: messages, topics, frames, events, errors and the public wire shapes."""
