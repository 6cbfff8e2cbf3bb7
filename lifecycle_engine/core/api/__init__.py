"""What all API views share. One module each: REST framework loads them by name, in its own order."""
