"""What runs ironstream beside other programs."""
