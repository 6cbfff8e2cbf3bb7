"""What staff see beyond plain admin lists."""
