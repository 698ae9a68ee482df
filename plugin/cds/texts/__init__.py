"""What cards say in the service's own words, in every language that it speaks: one YAML file each, with the same keys in all."""

from plugin.cds.texts.catalogue import Texts, known_languages, texts

__all__ = ["Texts", "known_languages", "texts"]
