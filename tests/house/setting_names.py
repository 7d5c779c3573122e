"""The names under which the environment reaches the settings."""

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from infra.settings import Settings


def setting_names() -> set[str]:
    """Every name of every section."""
    sections = [section_of(field) for field in Settings.model_fields.values()]
    return {name_of(section, *item) for section in sections for item in section.model_fields.items()}


def section_of(field: FieldInfo) -> type[BaseSettings]:
    section = field.annotation
    assert isinstance(section, type)
    assert issubclass(section, BaseSettings)
    return section


def name_of(section: type[BaseSettings], name: str, field: FieldInfo) -> str:
    return str(field.validation_alias or section.model_config["env_prefix"] + name.upper())
