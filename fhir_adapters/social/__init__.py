"""The social normaliser: what a record says about each Gravity domain, as four separate facts.

Risk, need, desire and consent are never derived from one another: of those who screen positive only about half want help, and so do
some who screen negative. Answers, problems, goals, referrals and consents each make *statements*; the newest decides, of the newest
the most specific, and statements that disagree stay visible.
"""

from fhir_adapters.social.crosswalk import Aspect, Crosswalk, State, crosswalk
from fhir_adapters.social.normaliser import SocialFact, social_facts
from fhir_adapters.social.statements import Statement

__all__ = ["Aspect", "Crosswalk", "SocialFact", "State", "Statement", "crosswalk", "social_facts"]
