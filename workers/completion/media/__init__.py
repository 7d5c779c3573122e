"""Media that chats refer to, made readable for providers."""

from workers.completion.media.stored import StoredMedia

__all__ = ["StoredMedia"]
