"""What everybody calls a model, whatever its provider calls it: `<vendor>/<slug>`, in lower case."""

import re

MOST = 256
"""Characters of an id."""
_VENDORS = (
    ("openai", r"gpt-|chatgpt|o[1-9](-|$)|text-embedding-|davinci|babbage|whisper|tts-|dall-e|gpt-oss"),
    ("anthropic", r"claude"),
    ("google", r"gemini|gemma|palm"),
    ("mistral", r"mistral|mixtral|ministral|codestral|pixtral|magistral|devstral"),
    ("meta", r"llama|codellama|meta-llama"),
    ("qwen", r"qwen|qwq"),
    ("deepseek", r"deepseek"),
    ("cohere", r"command|c4ai"),
    ("xai", r"grok"),
    ("microsoft", r"phi-?\d|wizardlm"),
    ("jan", r"jan-"),
)
_PATTERNS = tuple((vendor, re.compile(pattern)) for vendor, pattern in _VENDORS)
_ALIASES = {"meta-llama": "meta", "mistralai": "mistral", "x-ai": "xai", "deepseek-ai": "deepseek"}
_UNFIT = re.compile(r"[^a-z0-9._:@+-]+")


def catalog_id_of(original_id: str, vendor: str) -> str:
    """The catalog that a provider's model belongs to; `vendor`: whose models those are that don't say so.

    A vendor that stands before a slash is kept, families that everybody knows have theirs.
    """
    named, _, slug = original_id.lower().rpartition("/")
    slug = _fit(slug) or "model"
    if named:
        owner = _fit(named.rpartition("/")[2])
        return f"{_ALIASES.get(owner, owner) or vendor}/{slug}"[:MOST]
    family = next((name for name, pattern in _PATTERNS if pattern.match(slug)), None)
    return f"{family or vendor}/{slug}"[:MOST]


def _fit(text: str) -> str:
    return _UNFIT.sub("-", text).strip("-")
