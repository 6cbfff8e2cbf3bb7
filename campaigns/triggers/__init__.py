"""What starts a campaign. Documents are tagged by ``kind``, so that other kinds can be added."""
