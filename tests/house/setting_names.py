"""The names under which the environment reaches the settings."""

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from infra.settings import Settings


def setting_names() -> set[str]:
    """Every name of every section, and of what belongs to none."""
    fields = Settings.model_fields.items()
    own = {str(field.validation_alias) for _, field in fields if field.validation_alias}
    sections = [section_of(field) for _, field in fields if not field.validation_alias]
    return own | {name_of(section, *item) for section in sections for item in section.model_fields.items()}


def section_of(field: FieldInfo) -> type[BaseSettings]:
    section = field.annotation
    assert isinstance(section, type)
    assert issubclass(section, BaseSettings)
    return section


def name_of(section: type[BaseSettings], name: str, field: FieldInfo) -> str:
    return str(field.validation_alias or section.model_config["env_prefix"] + name.upper())
