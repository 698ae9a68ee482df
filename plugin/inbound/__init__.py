"""Referrals to us: by partner agencies, and by people themselves. Who somebody is, staff decide; what came of it, the agency hears."""
