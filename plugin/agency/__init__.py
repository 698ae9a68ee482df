"""What people at a partner agency see: their own referrals, in plain words, with no more than they need."""
