"""The closed loop: a need becomes a referral, an agency answers, and what came of it comes back."""
