"""Offers, coupons, redemption."""
