"""What all API views share.

One module each, since REST framework loads them by name and in its own order.
"""
